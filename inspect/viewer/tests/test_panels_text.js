/* Tests of what panels write: quantities, sentences of remarks, colours of code. */
'use strict';

(function () {
    const {units} = vitc;

    vitc.test('units: three digits and a unit, as in the text', check => {
        const cases = [
            [units.bytes, [[0, '0 B'], [1, '1 byte'], [999, '999 B'], [999.6, '1.00 KB'], [1000, '1.00 KB'],
                [67829760, '67.8 MB'],
                [8.72e9, '8.72 GB']]],
            [units.flops, [[0, '0 FLOP'], [41, '41 FLOP'], [7363583960442, '7.36 TFLOP'], [52.2e9, '52.2 GFLOP']]],
            [units.seconds, [[0, '0 s'], [38.6, '38.6 s'], [0.261, '261 ms'], [9.68e-5, '96.8 µs'], [1e-9, '1 ns'],
                [0.9996, '1.00 s']]],
            [units.percent, [[0, '0.0 %'], [0.0004, 'below 0.1 %'], [0.835, '83.5 %'], [1, '100.0 %']]],
            [units.count, [[7, '7'], [1191, '1\u202f191'], [1234567, '1\u202f234\u202f567']]],
            [units.many, [[544, '544'], [44017792, '44.0 M']]],
            [units.byteRate, [[2e10, '20.0 GB/s']]],
            [units.flopRate, [[2e11, '200 GFLOP/s']]],
        ];
        for (const [show, list] of cases)
            for (const [x, text] of list) check.equal(show(x), text, show.name + ' of ' + x);
        for (const show of [units.bytes, units.flops, units.seconds, units.percent, units.count])
            check.equal(show(NaN), '–', show.name + ' of what is no number');
    });

    vitc.test('units: labels of axes have no zeros behind the point', check => {
        check.equal(units.tick(units.flopRate, 1e10), '10 GFLOP/s');
        check.equal(units.tick(units.bytes, 2.5e9), '2.5 GB');
        check.equal(units.tick(units.seconds, 20), '20 s');
        check.equal(units.tick(units.seconds, 0), '0 s');
    });

    vitc.test('units: one and more', check => {
        check.equal(units.plural(1, 'kernel'), '1 kernel');
        check.equal(units.plural(12, 'kernel'), '12 kernels');
        check.equal(units.plural(2, 'entry', 'entries'), '2 entries');
    });

    vitc.test('sentences: what stands in braces is filled in', check => {
        const remark = {value: 3, other: 12, a: 262144, b: 2, text: 'it is a reduction'};
        const cases = [
            ['gone: nothing uses it', 'gone: nothing uses it'],
            ['computed in the kernel of {other}, its only reader: {a:bytes} never reach memory',
                'computed in the kernel of %12, its only reader: 262 KB never reach memory'],
            ['stored because {b:count} kernels read it: {text}', 'stored because 2 kernels read it: it is a reduction'],
            ['{a:seconds} and {a:flops} and {b}', '262144 s and 262 KFLOP and 2'],
            ['{value} keeps {unknown}', '%3 keeps {unknown}'],
        ];
        for (const [text, wanted] of cases) check.equal(vitc.sentenceText(text, remark), wanted);
    });

    vitc.test('sentences: of an input or a state the text is the name', check => {
        const remark = {value: 3, other: -1, a: 0, b: 0, text: 'student.norm.weight'};
        check.equal(vitc.sentenceText('the gradient of {other}', remark), 'the gradient of student.norm.weight');
        check.equal(vitc.sentenceText('made for {other}', Object.assign({}, remark, {text: ''})), 'made for nothing');
    });

    vitc.test('sentences: values are links', check => {
        const place = document.createElement('p');
        vitc.state.model = vitc.model(vitc.fixture());
        place.append(...vitc.sentenceNodes('made for {other}', {other: 8, text: ''}, ref => '%' + ref.id + ' mul'));
        check.equal(place.textContent, 'made for %8 mul');
        check.equal(place.querySelectorAll('a').length, 1, 'links');
    });

    vitc.test('colouring: tokens put together are the text', check => {
        const lines = {
            recipe: ['  student(x, drop=0.0): |',
                "    assert width % heads == 0, 'width {width} is no multiple'  # why",
                '  image: {default: 224, type: int, alias: "a#b"}', '      - blur: {p: "$(0.5 if blur else 0.0)"}',
                    '\t"', ''],
            ir: ['%12 = matmul %11, %a.b.weight {tb = true} : f32[64x384] at arena(0)  // student (nn.yaml:10:11)'],
            llvm: ['  %9 = load <16 x float>, ptr %in, align 4, !tbaa !3', 'define void @"a b"(ptr %0) #0 {',
                'row:   ; preds = %a'],
            asm: ['\tvmovaps\t64(%rdi), %zmm0  # imm = 0x6280', '.LBB3_1:', '\tldr\tx0, [x1, #16] // load',
                '\t.quad\t0x12'],
        };
        for (const language of Object.keys(lines))
            for (const line of lines[language])
                check.equal(vitc.tokens(language, line).map(token => token[1]).join(''), line, language);
    });

    vitc.test('colouring: kinds of tokens', check => {
        const kind = (language, line, text) => (vitc.tokens(language, line).find(token => token[1].trim() === text) ||
            ['none'])[0];
        check.equal(kind('recipe', '  lr: warmup_cosine(base_lr * 2, 0.1)  # a rate', 'lr'), 'key');
        check.equal(kind('recipe', '  lr: warmup_cosine(base_lr * 2, 0.1)  # a rate', 'warmup_cosine'), 'call');
        check.equal(kind('recipe', '  lr: warmup_cosine(base_lr * 2, 0.1)  # a rate', '0.1'), 'number');
        check.equal(kind('recipe', '  lr: warmup_cosine(base_lr * 2, 0.1)  # a rate', '# a rate'), 'comment');
        check.equal(kind('recipe', '    tokens = backbone: vit(x)', 'backbone'), 'label');
        check.equal(kind('recipe', '    a = "x # y"', '"x # y"'), 'string');
        check.equal(kind('llvm', '  %9 = fmul fast float %a, %b', 'fmul'), 'call');
        check.equal(kind('asm', '\tvmovaps\t64(%rdi), %zmm0', 'vmovaps'), 'call');
        check.equal(kind('asm', '.LBB3_1:  # %row', '.LBB3_1:'), 'label');
    });

    vitc.test('colouring: a long line is quick, and stays plain', check => {
        const line = '  ' + 'a, '.repeat(100000), from = performance.now();
        check.equal(vitc.coloured('recipe', line).length, 1);
        check.below(performance.now() - from, 50, 'milliseconds');
        const spaces = ' '.repeat(1900) + 'x', start = performance.now();
        vitc.coloured('recipe', spaces);
        check.below(performance.now() - start, 200, 'milliseconds of many spaces');
    });

    vitc.test('a recipe with HTML in it shows as text', check => {
        const data = vitc.fixture(), evil = '<script>window.evil = 1</' +
            'script><img src=x onerror="window.evil = 1"><b>';
        data.files[0].text = 'recipe: ' + evil + '\n' + evil + '\n';
        const place = document.createElement('div'), panel = vitc.panels.find(one => one.name === 'recipe');
        document.body.append(place);
        vitc.state.model = vitc.model(data);
        vitc.state.selected = null;
        panel.mount(place, vitc.state.model);
        const lines = [...place.querySelectorAll('.code-line code')].map(code => code.textContent);
        check.equal(lines, ['recipe: ' + evil, evil]);
        check.equal(place.querySelectorAll('.recipe-body script, .recipe-body img, .recipe-body b').length, 0,
            'elements made of text');
        check.ok(window.evil === undefined, 'nothing of it ran: that');
        place.remove();
    });

    vitc.test('code: positions are lines of the recipe', check => {
        const model = vitc.model(vitc.fixture());
        check.equal(vitc.positionRef(model, '  ; nn.yaml:7:9').ref, {kind: 'line', id: '1:7'});
        check.equal(vitc.positionRef(model, '\t# small.yaml:5:12').ref, {kind: 'line', id: '0:5'});
        check.equal(vitc.positionRef(model, '; lib/optimizers.yaml:3:5').ref.id, '2:3');
        check.equal(vitc.positionRef(model, '; other.yaml:3:5'), null);
        check.equal(vitc.positionRef(model, '  %1 = add i64 %2, 3'), null);
    });
})();
