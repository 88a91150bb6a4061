/* A small step by hand: two alike blocks of a network, its loss, the gradient and the update of the weights; four
 * stages, of which one has no effect. vitc.fixture() gives a fresh object of format "vitc-step-1". */
'use strict';

vitc.fixture = function () {
    var strings = [''], index = new Map([['', 0]]);
    function s(text) {
        if (!index.has(text)) {
            index.set(text, strings.length);
            strings.push(text);
        }
        return index.get(text);
    }
    function columns(names, rows, marked) {
        var made = {};
        names.forEach(function (name, c) {
            made[name] = rows.map(function (row) {
                return marked.indexOf(name) >= 0 ? s(row[c]) : row[c];
            });
        });
        return made;
    }
    function flatten(made, rows, c, end, flat) {
        made[end] = [];
        made[flat] = [];
        rows.forEach(function (row) {
            made[flat] = made[flat].concat(row[c]);
            made[end].push(made[flat].length);
        });
    }

    var ops = ['matmul', 'add', 'gelu', 'mul', 'mean', 'sub', 'constant', 'grad', 'gelu_grad'];
    var classes = ['product', 'elementwise', 'elementwise', 'elementwise', 'reduce', 'elementwise', 'source', 'other',
        'elementwise'];
    var x = -1, w0 = -2, b0 = -3, w1 = -4, b1 = -5; /* sources 0 … 4 */
    var t = 'f32[8x16]', w = 'f32[16x16]';
    /*   number, first, last, op, type, attrs, scope, file, line, col, origin, phase, flops, bytes, operands */
    var rows = [
        [0, 0, 3, 0, t, '{tb = true}', 'net.blocks.0.fc', 1, 7, 9, -1, 0, 4096, 512, [x, w0]],
        [1, 0, 3, 1, t, '', 'net.blocks.0.fc', 1, 8, 9, -1, 0, 128, 512, [0, b0]],
        [2, 0, 3, 2, t, '', 'net.blocks.0', 1, 12, 9, -1, 0, 1024, 512, [1]],
        [3, 0, 3, 0, t, '{tb = true}', 'net.blocks.1.fc', 1, 7, 9, -1, 0, 4096, 512, [2, w1]],
        [4, 0, 3, 1, t, '', 'net.blocks.1.fc', 1, 8, 9, -1, 0, 128, 512, [3, b1]],
        [5, 0, 3, 2, t, '', 'net.blocks.1', 1, 12, 9, -1, 0, 1024, 512, [4]],
        [6, 0, 0, 6, 'f32', '{value = 1}', '', 0, 5, 9, -1, 0, 0, 4, []],
        [7, 0, 0, 3, t, '', '', 0, 5, 12, -1, 0, 128, 512, [5, 6]],
        [8, 0, 0, 3, t, '', '', 0, 5, 16, -1, 0, 128, 512, [7, 7]],
        [8, 1, 3, 3, t, '', '', 0, 5, 16, -1, 0, 128, 512, [5, 5]],
        [9, 0, 3, 4, 'f32', '{axes = [0, 1]}', '', 0, 6, 7, -1, 0, 128, 4, [8]],
        [10, 0, 1, 7, w, '', 'net.blocks.0.fc', 0, 9, 3, 0, 1, 0, 1024, [9]],
        [11, 0, 1, 7, w, '', 'net.blocks.1.fc', 0, 9, 3, 3, 1, 0, 1024, [9]],
        [12, 2, 3, 3, t, '', '', 0, 5, 16, 8, 1, 128, 512, [5, 9]],
        [13, 2, 3, 8, t, '', 'net.blocks.1', 1, 12, 9, 5, 1, 1024, 512, [4, 12]],
        [11, 2, 3, 0, w, '{ta = true}', 'net.blocks.1.fc', 1, 7, 9, 3, 1, 4096, 1024, [13, 2]],
        [14, 2, 3, 0, t, '', 'net.blocks.1.fc', 1, 7, 9, 3, 1, 4096, 512, [13, w1]],
        [15, 2, 3, 8, t, '', 'net.blocks.0', 1, 12, 9, 2, 1, 1024, 512, [1, 14]],
        [10, 2, 3, 0, w, '{ta = true}', 'net.blocks.0.fc', 1, 7, 9, 0, 1, 4096, 1024, [15, x]],
        [16, 0, 3, 5, w, '', 'net.blocks.0.fc.weight', 2, 3, 5, -1, 2, 256, 1024, [w0, 10]],
        [17, 0, 3, 5, w, '', 'net.blocks.1.fc.weight', 2, 3, 5, -1, 2, 256, 1024, [w1, 11]]
    ];
    var nodes = columns(['number', 'first', 'last', 'op', 'type', 'attrs', 'scope', 'file', 'line', 'col', 'origin',
        'phase', 'flops', 'bytes'], rows, ['type', 'attrs', 'scope']);
    flatten(nodes, rows, 14, 'operand_end', 'operands');

    /*   name, kind, code, flops, bytes, seconds, limit, chain, barrier, again, single, values, reads, stores */
    var kernelRows = [
        ['matmul_0', 'product', 0, 5248, 2624, 2e-6, 'compute', -1, 0, 0, 0, [0, 1, 2], [], [2, 1]],
        ['matmul_1', 'product', 0, 5248, 2624, 2e-6, 'compute', -1, 1, 0, 0, [3, 4, 5], [2], [5, 4]],
        ['mean_2', 'reduce', 1, 256, 516, 1e-6, 'memory', -1, 1, 0, 1, [8, 9], [5], [9]],
        ['gelu_grad_3', 'loops', 2, 1152, 1540, 1e-6, 'memory', -1, 1, 0, 0, [12, 13], [5, 9, 4], [13]],
        ['matmul_4', 'product', 3, 4352, 3072, 2e-6, 'compute', -1, 1, 0, 0, [11, 17], [13, 2], [w1]],
        ['matmul_5', 'product', 3, 5120, 3072, 2e-6, 'compute', -1, 1, 0, 0, [14, 15], [13, 1], [15]],
        ['matmul_6', 'product', 3, 4352, 3072, 2e-6, 'compute', -1, 1, 0, 0, [10, 16], [15], [w0]]
    ];
    var kernels = columns(['name', 'kind', 'code', 'flops', 'bytes', 'seconds', 'limit', 'chain', 'barrier', 'again',
        'single'], kernelRows, ['name', 'kind', 'limit']);
    flatten(kernels, kernelRows, 11, 'value_end', 'values');
    flatten(kernels, kernelRows, 12, 'read_end', 'reads');
    flatten(kernels, kernelRows, 13, 'store_end', 'stores');

    return {
        format: 'vitc-step-1',
        about: {recipe: 'small.yaml', function: 'step', target: 'x86-64-v3', precision: 'fp32', batch: 8,
            version: '0.1.0', parameters: 544, state_bytes: 2176, flops: 26000, folded: ''},
        files: [
            {name: 'small.yaml', own: true, text: '# two blocks\nmodel: small\nnet: blocks(2)\nloss:\n' +
                '  y = net(x) * 1; z = y * y\n  l = mean(z)\ntrain:\n  optimizer: sgd\n  lr: 0.1\n'},
            {name: 'lib/nn.yaml', own: false, text: '# layers\n\nlinear:\n  params:\n    weight: normal\n  forward:\n' +
                '    y = x @ T(weight)\n    y + bias\n\nblock:\n  forward:\n    gelu(fc(x))\n'},
            {name: 'lib/optimizers.yaml', own: false, text: 'sgd:\n  update:\n    weight - lr * gradient\n'}
        ],
        stages: [
            {label: 'frontend', doc: 'what the recipe says', seconds: 0, nodes: 14, changed: true},
            {label: 'simplify', doc: 'folds and merges', seconds: 1e-4, nodes: 12, changed: true},
            {label: 'autodiff', doc: 'gradients', seconds: 2e-4, nodes: 16, changed: true},
            {label: 'attention', doc: 'finds attention', seconds: 1e-5, nodes: 16, changed: false}
        ],
        rules: [{name: 'made', outcome: 'done', text: 'made for {other}'},
            {name: 'dropped', outcome: 'done', text: 'gone: nothing uses it'}],
        ops: ops.map(function (name, i) {
            return {name: name, class: classes[i], doc: name + ' of its operands'};
        }),
        sources: columns(['kind', 'name', 'type', 'bytes', 'role'], [
            [0, 'x', t, 512, ''], [1, 'net.blocks.0.fc.weight', w, 1024, 'param'],
            [1, 'net.blocks.0.fc.bias', 'f32[16]', 64, 'param'], [1, 'net.blocks.1.fc.weight', w, 1024, 'param'],
            [1, 'net.blocks.1.fc.bias', 'f32[16]', 64, 'param']], ['name', 'type', 'role']),
        nodes: nodes,
        results: [{name: 'loss', role: 'loss', number: 9}, {name: 'net.blocks.0.fc.weight', role: 'update', number: 16},
            {name: 'net.blocks.1.fc.weight', role: 'update', number: 17}],
        alike: [0, 1, 2, 3].map(function () {
            return [[s('net.blocks.0'), s('net.blocks.1'), 2]];
        }),
        kernels: kernels,
        places: columns(['number', 'place', 'offset', 'bytes', 'born', 'died', 'use'], [
            [2, 'arena', 0, 512, 0, 4, 'stored'], [1, 'arena', 512, 512, 0, 5, 'stored'],
            [5, 'arena', 1024, 512, 1, 3, 'stored'], [4, 'arena', 1536, 512, 1, 3, 'stored'],
            [9, 'arena', 2048, 4, 2, 3, 'stored'], [13, 'arena', 2112, 512, 3, 5, 'stored'],
            [15, 'arena', 0, 512, 5, 6, 'stored'], [16, 'state(net.blocks.0.fc.weight)', -1, 1024, 6, 6, 'updated'],
            [17, 'state(net.blocks.1.fc.weight)', -1, 1024, 4, 4, 'updated']], ['place', 'use']),
        memory: {arena: 2624, most_live: 2564, peak: 3, live: [1024, 2048, 2052, 2564, 1536, 1536, 512], blocks: 0,
            stage: 0, states: 2176},
        roofline: {flops: 1e11, bytes: 2e10, assumed: true},
        chains: [],
        remarks: columns(['rule', 'pass', 'value', 'other', 'a', 'b', 'text'], [
            [1, 1, 7, -1, 0, 0, ''], [1, 1, 6, -1, 0, 0, ''], [0, 2, 12, 8, 0, 0, ''], [0, 2, 13, 5, 0, 0, '']],
                ['text']),
        profile: null,
        strings: strings
    };
};
