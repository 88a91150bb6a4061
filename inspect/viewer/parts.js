/* Where values without a module path are drawn: in parts named after the lines of the recipe that they come from,
 * "@dino.yaml:78–95".
 *
 * A value's level is how often the way to it enters or leaves modules; a part holds what hangs together on one level,
 * so that parts and modules never depend on each other in a circle. Many parts of one level and file are drawn as one.
 *
 *   vitc.pathsOf(model, entries, sorted) → by number: its module path, or the path of its part */
'use strict';

(function () {
    var MANY = 3;

    function find(up, a) {
        while (up[a] !== a) a = up[a] = up[up[a]];
        return a;
    }

    function isConstant(model, entry) {
        return model.ops[model.nodes.op[entry]].class === 'source' && !model.operands(entry).length;
    }

    /* Levels, and which values hang together: up[number] leads to one that stands for all of them. */
    function connect(model, entries, sorted, paths) {
        var nodes = model.nodes, level = new Int32Array(model.limit), up = new Int32Array(model.limit);
        for (var i = 0; i < sorted.length; i++) {
            var number = sorted[i], entry = entries[number], loose = paths[number] === undefined, most = 0, o;
            var operands = model.operands(entry);
            up[number] = number;
            for (o = 0; o < operands.length; o++) {
                var operand = operands[o];
                if (operand < 0 || entries[operand] < 0 ||
                    nodes.phase[entries[operand]] !== nodes.phase[entry]) continue;
                var crosses = (paths[operand] === undefined) !== loose && !isConstant(model, entries[operand]);
                most = Math.max(most, level[operand] + (crosses ? 1 : 0));
            }
            level[number] = most;
            if (!loose) continue;
            for (o = 0; o < operands.length; o++) {
                operand = operands[o];
                if (operand < 0 || entries[operand] < 0 || paths[operand] !== undefined ||
                    level[operand] !== most) continue;
                if (nodes.phase[entries[operand]] !== nodes.phase[entry]) continue;
                if (isConstant(model, entries[operand])) continue;
                up[find(up, number)] = find(up, operand);
            }
        }
        return {level: level, up: up};
    }

    /* The file that most of the values come from, and its lines from the first to the last. */
    function place(model, entries, numbers) {
        var nodes = model.nodes, counts = new Map(), best = -1, low = Infinity, high = 0;
        numbers.forEach(function (number) {
            var file = nodes.file[entries[number]];
            counts.set(file, (counts.get(file) || 0) + 1);
        });
        counts.forEach(function (count, file) {
            if (file >= 0 && (best < 0 || count > counts.get(best))) best = file;
        });
        numbers.forEach(function (number) {
            var entry = entries[number];
            if (nodes.file[entry] !== best || best < 0) return;
            low = Math.min(low, nodes.line[entry]);
            high = Math.max(high, nodes.line[entry]);
        });
        return {file: best, low: low, high: high};
    }

    function nameOf(model, at) {
        if (at.file < 0) return '@step';
        var name = model.files[at.file].name;
        name = '@' + name.slice(name.lastIndexOf('/') + 1) + ':' + at.low;
        return at.high > at.low ? name + '–' + at.high : name;
    }

    function nameParts(model, entries, parts, paths) {
        var kinds = new Map(), used = new Map();
        parts.forEach(function (part) { /* of one phase, level and file */
            part.at = place(model, entries, part.numbers);
            var key = part.phase + ' ' + part.level + ' ' + part.at.file, kind = kinds.get(key);
            if (!kind) kinds.set(key, (kind = []));
            kind.push(part);
        });
        kinds.forEach(function (kind) {
            if (kind.length > MANY) {
                var all = {phase: kind[0].phase, numbers: []};
                kind.forEach(function (part) {
                    part.numbers.forEach(function (number) {
                        all.numbers.push(number);
                    });
                });
                all.at = place(model, entries, all.numbers);
                kind = [all];
            }
            kind.forEach(function (part) {
                var name = nameOf(model, part.at), update = part.phase === vitc.phase.UPDATE ? 'u' : '';
                var count = (used.get(update + name) || 0) + 1;
                used.set(update + name, count);
                if (count > 1) name += ' · ' + count;
                part.numbers.forEach(function (number) {
                    paths[number] = name;
                });
            });
        });
    }

    vitc.pathsOf = function (model, entries, sorted) {
        var nodes = model.nodes, paths = new Array(model.limit), parts = new Map(), i, number;
        for (i = 0; i < sorted.length; i++) {
            var scope = model.string(nodes.scope[entries[sorted[i]]]);
            if (scope) paths[sorted[i]] = scope;
        }
        function beside(number) { /* a gradient belongs where its forward value does */
            var partner = nodes.phase[entries[number]] === vitc.phase.GRADIENT ? model.partnerOf(number) : -1;
            return partner >= 0 && entries[partner] >= 0 ? partner : -1;
        }
        for (i = 0; i < sorted.length; i++) {
            number = sorted[i];
            if (paths[number] === undefined && beside(number) >= 0) paths[number] = paths[beside(number)] || '?';
        }
        var joined = connect(model, entries, sorted, paths);
        for (i = 0; i < sorted.length; i++) {
            number = sorted[i];
            if (paths[number] !== undefined) continue;
            var root = find(joined.up, number), part = parts.get(root);
            if (!part) parts.set(root, (part = {phase: nodes.phase[entries[number]], level: joined.level[number],
                numbers: []}));
            part.numbers.push(number);
        }
        nameParts(model, entries, parts, paths);
        for (i = 0; i < sorted.length; i++)
            if (paths[sorted[i]] === '?') paths[sorted[i]] = paths[beside(sorted[i])];
        return paths;
    };
})();
