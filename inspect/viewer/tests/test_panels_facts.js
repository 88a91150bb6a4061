/* Tests of the numbers that panels show, by the fixture's small step: what lines, groups and kernels take. */
'use strict';

(function () {
    const near = (check, got, wanted, what) => check.below(Math.abs(got - wanted), 1e-9 * Math.max(1,
        Math.abs(wanted)) + 1e-15, what +
        ' (' + got + ', not ' + wanted + ')');

    function facts(change) {
        const data = vitc.fixture();
        if (change) change(data);
        vitc.state.model = vitc.model(data);
        vitc.state.profile = Boolean(data.profile);
        vitc.state.selected = null;
        vitc.state.stage = vitc.state.model.lastStage;
        return vitc.facts(vitc.state.model);
    }

    /* A profile in which kernel k takes k + 1 ms, in two calls. */
    function profile(data) {
        const kernel = [0, 1, 2, 3, 4, 5, 6, 0], seconds = [0.0005, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.0005];
        const half = seconds.map(of => of / 2);
        data.profile = {source: 'small.json', steps: 3, threads: 2, seconds: 0.04,
            calls: {kernel, seconds, thread_seconds: [seconds, half]}};
    }

    vitc.test('facts: times of kernels are divided among their values, and nothing is lost', check => {
        const of = facts(), time = of.time();
        near(check, time.whole, 12e-6, 'the step');
        near(check, time.byEntry.reduce((a, b) => a + b, 0), time.whole, 'the sum of all values');
        near(check, time.byEntry[of.model.lastEntry(0)], 2e-6 * 4096 / 5248, 'a product of a kernel of three values');
    });

    vitc.test('facts: shares of lines, by phase', check => {
        const of = facts(), line = of.line('1:7');
        const forward = 2 * 2e-6 * 4096 / 5248, gradient = 2e-6 * (2 * 4096 / 4352 + 4096 / 5120);
        near(check, line.own.seconds, forward + gradient, 'y = x @ T(weight)');
        near(check, line.own.phases[0], forward, 'forward');
        near(check, line.own.phases[1], gradient, 'gradient');
        near(check, line.own.phases[2], 0, 'update');
        check.equal(of.slowest(1)[0], line, 'the line that costs most');
        const all = of.lines().flatMap(lines => [...lines.values()]).reduce((sum, one) => sum + one.own.seconds, 0);
        near(check, all, of.time().whole, 'all lines');
    });

    vitc.test('facts: a line answers for what it calls', check => {
        const of = facts(data => {
            data.sites = {file: [-1, 0, 1], line: [0, 3, 12], col: [0, 1, 1], caller: [0, 0, 1]};
            data.nodes.site = data.nodes.number.map(n => n <= 1 ? 2 : n === 2 ? 1 : 0);
        });
        near(check, of.line('0:3').all.seconds, 2e-6, 'net: blocks(2), with a kernel of its three values');
        near(check, of.line('0:3').own.seconds, 0, 'of its own');
        near(check, of.line('1:12').all.seconds - of.line('1:12').own.seconds, 2e-6 * 4224 / 5248, 'a call in a call');
        check.equal(of.slowest(1, 0)[0].line, 3, 'the line of the recipe that costs most, with what it calls');
        check.equal(of.model.linesOf('0:3'), [0, 1, 2], 'its values');
        check.equal(vitc.callingLines(of.model, [0]), ['1:12', '0:3'], 'calls around a value, the innermost first');
    });

    vitc.test('facts: groups have the time of all in them', check => {
        const of = facts(), groups = of.groups();
        near(check, groups.get('').seconds, of.time().whole, 'the whole step');
        near(check, groups.get('net').seconds, groups.get('net.blocks.0').seconds + groups.get('net.blocks.1').seconds,
            'net');
        check.equal([...groups.get('net.blocks').children].sort(), ['net.blocks.0', 'net.blocks.1'], 'children');
    });

    vitc.test('facts: numbers of a profile are those of the profile', check => {
        const of = facts(profile);
        check.ok(of.measured(), 'measured');
        near(check, of.kernelSeconds(0), 0.001, 'two calls of a kernel');
        near(check, of.kernelSeconds(6), 0.007, 'the last kernel');
        near(check, of.time().step, 0.04, 'the step as it was measured, with what is between kernels');
        near(check, of.time().whole, 0.028, 'all kernels: what shares are of');
        near(check, of.share(of.kernelSeconds(6)), 0.25, 'a share');
        check.ok(of.timesFrom().startsWith('measured (small.json, 3 steps, 2 threads)'), of.timesFrom());
        vitc.state.profile = false;
        near(check, of.kernelSeconds(0), 2e-6, 'and of the cost model, when the profile is not shown');
        check.ok(of.timesFrom().startsWith('estimated by the cost model'), of.timesFrom());
    });

    vitc.test('facts: estimates say that they are', check => {
        const of = facts(), place = document.createElement('div');
        for (const ref of [['value', 0], ['kernel', 1], ['group', 'net'], ['line', '1:7'], ['op', 0], ['step', null],
            ['pass', 2]]) {
            vitc.replace(place, vitc.detailsOf[ref[0]](of, ref[1], of.last));
            check.ok(place.textContent.includes('estimated by the cost model, not timed; peaks of the machine assumed'),
                'that details of a ' + ref[0] + ' say so');
        }
        const measured = facts(profile);
        vitc.replace(place, vitc.detailsOf.kernel(measured, 1));
        check.ok(place.textContent.includes('measured (small.json') && place.textContent.includes('2.00 ms'),
            'a measured kernel');
    });

    vitc.test('facts: what a pass made, with what became of it', check => {
        const of = facts(), owed = of.entriesOwedTo(2).map(entry => of.model.nodes.number[entry]).sort((a, b) => a - b);
        check.equal(owed, [10, 11, 12, 13, 14, 15], 'autodiff: gradients, and the grad nodes that became products');
        check.ok(of.becameAt(10, 2) && !of.becameAt(0, 2), 'which values it made');
    });

    vitc.test('details: of every value, kernel, source, group, line, operator and pass', check => {
        const of = facts(), {model} = of, place = document.createElement('div');
        const show = (kind, id) => {
            for (let stage = 0; stage <= model.lastStage; stage++) {
                vitc.replace(place, vitc.detailsOf[kind](of, id, stage));
                vitc.replace(place, vitc.explanation(model, {kind, id}));
            }
        };
        model.numbers.forEach(number => show('value', number));
        for (let k = 0; k < model.kernels.count; k++) show('kernel', k);
        for (let i = 0; i < model.sources.count; i++) show('source', i);
        for (const path of of.groups().keys()) show('group', path);
        for (const id of ['0:5', '1:7', '2:3', '0:1', '0:99']) show('line', id);
        model.ops.forEach((_, i) => show('op', i));
        model.stages.forEach((_, i) => show('pass', i));
        vitc.replace(place, vitc.detailsOf.value(of, 12345, 0));
        check.ok(place.textContent.includes('No value %12345'), 'a value that is not there');
    });

    vitc.test('details: a value says where it lies, and links to what reads it', check => {
        const of = facts(), place = document.createElement('div');
        vitc.replace(place, vitc.detailsOf.value(of, 5, of.last));
        const text = place.textContent;
        check.ok(text.includes('arena, 512 B at offset 1.02 KB, from kernel 2 to kernel 4 (3 kernels of 7)'), text);
        check.ok(text.includes('lib/nn.yaml:12') && text.includes('gelu(fc(x))'), 'its line');
        check.ok([...place.querySelectorAll('a')].some(a => a.textContent === '%13 gelu_grad'),
            'a link to its gradient');
    });

    vitc.test('why: the life of a value through the stages', check => {
        const of = facts(), life = vitc.life(of.model, 8);
        check.equal(life.events.map(event => event.pass), [0, 1], 'stages in which something happened');
        check.equal(life.events[1].parts, ['it reads ', {kind: 'value', id: 5}, ', ', {kind: 'value', id: 5}, ' now'],
            'what simplify changed');
        const gone = vitc.life(of.model, 7);
        check.equal(gone.events[gone.events.length - 1].pass, 1, 'the pass that took it away');
    });

    vitc.test('why: what stands for a value that is gone, what it stands for, copies, for whose sake', check => {
        const of = facts(data => {
            data.rules.push({name: 'became', outcome: 'done', text: 'gone: {other} stands for it'},
                {name: 'copied', outcome: 'done', text: 'another of {other}, for a reader of its own'},
                {name: 'kept', outcome: 'missed', text: 'kept: {text}'});
            const add = row => Object.keys(row).forEach(key => data.remarks[key].push(row[key]));
            add({rule: 2, pass: 1, value: 7, other: 8, a: 0, b: 0, text: 0});
            add({rule: 3, pass: 2, value: 15, other: 2, a: 0, b: 0, text: 0});
            for (const other of [1, 2, 3]) add({rule: 4, pass: 3, value: 5, other, a: 0, b: 0, text: 0});
        });
        check.equal(vitc.life(of.model, 7).heir, 8, 'heir');
        check.equal(vitc.life(of.model, 8).merged, [7], 'merged');
        check.equal(vitc.life(of.model, 2).copies, [15], 'copies');
        check.equal(vitc.life(of.model, 13).madeFor, [5], 'for whose sake');
        const missed = vitc.life(of.model, 5).missed;
        check.equal(missed.map(event => event.count), [3], 'equal remarks are counted');
        const place = document.createElement('div');
        vitc.replace(place, vitc.explanation(of.model, {kind: 'value', id: 5}));
        check.ok(place.querySelector('.missed').textContent.startsWith('Why not'), 'missed decisions are set apart');
        check.ok(place.querySelector('.missed').textContent.includes('3× kept'), 'and counted');
    });

    vitc.test('charts: dots and items are those of the kernels', check => {
        const of = facts(), items = vitc.timelineItems(of).items;
        near(check, items[items.length - 1].from + items[items.length - 1].seconds, of.time().whole,
            'the end of the timeline');
        check.equal(vitc.timelineItems(of).rows, ['forward', 'gradient', 'update'], 'rows');
        const dots = vitc.rooflineDots(of);
        near(check, dots.reduce((sum, dot) => sum + dot.seconds, 0), of.time().whole, 'time of all dots');
        for (const dot of dots) check.ok(dot.rate > 0 && dot.intensity > 0, 'a place of each dot');
        check.equal(vitc.arenaItems(of.model).length, 7, 'values of the arena alone');
    });

    vitc.test('charts: a profile has a row for each thread', check => {
        const of = facts(profile), {rows, items} = vitc.timelineItems(of);
        check.equal(rows, ['forward', 'gradient', 'update', 'thread 1', 'thread 2']);
        const last = items.filter(item => item.kernel === 6);
        check.equal(last.map(item => [item.row, item.part]), [[of.kernelPhase(6), 1], [3, 1], [4, 0.5]],
            'the last kernel');
    });

    vitc.test('roofs: assumed ones give way to what a profile reaches', check => {
        check.equal(facts().roofs(), {flops: 1e11, bytes: 2e10, from: 'assumed'});
        const of = facts(profile);
        near(check, of.roofs().flops, 5248 / 0.001, 'FLOPs of the fastest kernel');
        check.equal(of.roofs().from, 'the fastest kernel');
        check.equal(of.limit(0), 'compute', 'what limits it');
        check.equal(facts(data => { data.roofline.assumed = false; }).roofs().from, 'as given or measured');
    });

    vitc.test('charts: round numbers at the axes', check => {
        check.equal(vitc.ticks(0, 10, 5), [0, 2, 4, 6, 8, 10]);
        check.equal(vitc.ticks(0, 1191, 12).slice(0, 3), [0, 100, 200]);
        check.equal(vitc.ticks(1, 1, 5), []);
    });
})();
