/* vitc.largeStep(blocks, changes): data of a step as large as one likes: a network "net.blocks.0 …" with residual sums,
 * its gradient and an update of every weight. changes.late: a pass that adds a value to each block, in a stage of its
 * own. */
'use strict';

vitc.largeStep = function (blocks, changes) {
    var data = vitc.fixture(), strings = [''], rows = [], stages = 3, late = changes && changes.late;
    function s(text) {
        var at = strings.indexOf(text, Math.max(0, strings.length - 40));
        if (at < 0) at = strings.push(text) - 1;
        return at;
    }
    function add(first, op, type, scope, origin, phase, operands) {
        rows.push({number: rows.length, first: first, last: stages - 1, op: op, type: s(type), attrs: 0,
            scope: s(scope), file: 0,
            line: 5 + rows.length % 4, col: 1, origin: origin, phase: phase, flops: 100, bytes: 400,
                operands: operands});
        return rows.length - 1;
    }
    var x = -1, forward = [], t = 'f32[8x16]', i;
    for (i = 0; i < blocks; i++) {
        var b = 'net.blocks.' + i, fc = add(0, 0, t, b + '.fc', -1, 0, [x, -2]), bias = add(0, 1, t, b + '.fc', -1, 0,
            [fc, -3]);
        var gelu = add(0, 2, t, b + '.act', -1, 0, [bias]), scaled = late ? add(1, 3, t, b, gelu, 0, [gelu, -3]) : gelu;
        var sum = add(0, 1, t, b, -1, 0, [scaled].concat(x >= 0 ? [x] : []));
        forward.push({fc: fc, gelu: gelu, sum: sum, scope: b});
        x = sum;
    }
    var loss = add(0, 4, 'f32', '', -1, 0, [x]), d = add(1, 3, t, '', loss, 1, [loss]);
    for (i = blocks - 1; i >= 0; i--) {
        var f = forward[i], g = add(1, 8, t, f.scope + '.act', f.gelu, 1, [d, f.gelu]);
        var w = add(1, 0, 'f32[16x16]', f.scope + '.fc', f.fc, 1, [g, f.fc]);
        d = add(1, 1, t, f.scope, f.sum, 1, [d, g]);
        add(1, 5, 'f32[16x16]', f.scope + '.fc.weight', -1, 2, [w, -2]);
    }
    var nodes = {};
    Object.keys(rows[0]).forEach(function (key) {
        if (key !== 'operands') nodes[key] = rows.map(function (row) {
            return row[key];
        });
    });
    nodes.operands = [];
    nodes.operand_end = rows.map(function (row) {
        nodes.operands = row.operands.reduce(function (all, operand) {
            all.push(operand);
            return all;
        }, nodes.operands);
        return nodes.operands.length;
    });
    data.nodes = nodes;
    data.strings = strings.concat(data.strings.slice(1)); /* those of sources and kernels lie behind */
    var shift = strings.length - 1;
    ['name', 'type', 'role'].forEach(function (key) {
        data.sources[key] = data.sources[key].map(function (at) {
            return at ? at + shift : 0;
        });
    });
    ['name', 'kind', 'limit'].forEach(function (key) {
        data.kernels[key] = data.kernels[key].map(function (at) {
            return at ? at + shift : 0;
        });
    });
    data.stages = data.stages.slice(0, stages);
    var first = data.strings.push('net.blocks.1') - 1, last = data.strings.push('net.blocks.' + (blocks - 1)) - 1;
    data.alike = [0, 1, 2].map(function () {
        return [[first, last, blocks - 1]];
    });
    return data;
};
