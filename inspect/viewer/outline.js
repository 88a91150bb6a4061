/* The outline of a step: its values in groups by module path, forward and gradient in one tree, the update in another;
 * which siblings are alike; and the items that a group consists of. Linear in the values times the depth of their
 * paths.
 *
 *   vitc.outline(model, stage)   of one stage; vitc.outline(model, from, to): of all values of any stage between
 *     .groups    [{id, name, path, parent, depth, update, children, own: numbers, counts: by phase, flops, run}]
 *     .main, .update    ids of the roots          .groupOf[number]   id, -1: the value is not in this outline
 *     .sorted           the numbers, operands before their users (where the graph has no circle)
 *     .order[number]    the place of a number in it
 *     .find(path)       id or -1; paths of the update begin with "update:"
 *     .items(id)        what a group consists of, where nothing is open: [{kind: "value"|"group"|"run", …}]
 *     .inline(number)   a constant, which is written where it is read */
'use strict';

(function () {
    var FORWARD = 0, GRADIENT = 1, UPDATE = 2;
    vitc.phase = {FORWARD: FORWARD, GRADIENT: GRADIENT, UPDATE: UPDATE};

    /* Operands before users: a depth-first walk from each value to what it reads, in the order of numbers. */
    function topological(model, entries) {
        var order = new Int32Array(model.limit).fill(-1), state = new Uint8Array(model.limit), next = 0;
        var stack = [], at = [];
        function push(number) {
            state[number] = 1;
            stack.push(number);
            at.push(0);
        }
        for (var i = 0; i < model.count; i++) {
            var root = model.numbers[i];
            if (entries[root] < 0 || state[root]) continue;
            push(root);
            while (stack.length) {
                var top = stack.length - 1, operands = model.operands(entries[stack[top]]);
                if (at[top] < operands.length) {
                    var operand = operands[at[top]++];
                    if (operand >= 0 && operand < model.limit && entries[operand] >= 0 && !state[operand])
                        push(operand);
                } else {
                    order[stack.pop()] = next++;
                    at.pop();
                }
            }
        }
        return order;
    }

    function sortedBy(model, order) {
        var sorted = new Int32Array(model.count), n = 0;
        for (var i = 0; i < model.count; i++) {
            if (order[model.numbers[i]] < 0) continue;
            sorted[order[model.numbers[i]]] = model.numbers[i];
            n++;
        }
        return sorted.subarray(0, n);
    }

    /* The version of each value that the outline is of, its last one; -1: none. */
    function entriesOf(model, from, to) {
        var entries = new Int32Array(model.limit).fill(-1), nodes = model.nodes;
        for (var i = 0; i < nodes.count; i++) {
            if (nodes.first[i] > to || nodes.last[i] < from) continue;
            var before = entries[nodes.number[i]];
            if (before < 0 || nodes.last[i] > nodes.last[before]) entries[nodes.number[i]] = i;
        }
        return entries;
    }

    function splitPath(path) {
        return path[0] === '@' ? [path] : path.split('.');
    }

    function Outline(model, from, to) {
        this.model = model;
        this.from = from;
        this.to = to;
        this.groups = [];
        this.byPath = new Map();
        this.entries = entriesOf(model, from, to);
        this.order = topological(model, this.entries);
        this.groupOf = new Int32Array(model.limit).fill(-1);
        this.main = this.add('', '', -1, false);
        this.update = this.add('', 'update:', -1, true);
        this.sorted = sortedBy(model, this.order);
        this.fill(vitc.pathsOf(model, this.entries, this.sorted));
        this.findRuns(vitc.alikeSiblings(model, from, to));
    }

    Outline.prototype.add = function (name, path, parent, update) {
        var id = this.groups.length;
        var above = parent < 0 ? null : this.groups[parent];
        this.groups.push({id: id, name: name, path: path, parent: parent, depth: above ? above.depth + 1 : 0,
            update: update, children: [], own: [], counts: [0, 0, 0], flops: 0, run: null});
        this.byPath.set(path, id);
        if (above) above.children.push(id);
        return id;
    };

    Outline.prototype.groupAt = function (path, update) {
        var key = update ? 'update:' + path : path, id = this.byPath.get(key);
        if (id !== undefined) return id;
        var names = splitPath(path), at = update ? this.update : this.main, prefix = update ? 'update:' : '';
        for (var i = 0; i < names.length; i++) {
            var here = prefix + (i ? names.slice(0, i + 1).join('.') : names[0]), next = this.byPath.get(here);
            at = next === undefined ? this.add(names[i], here, at, update) : next;
        }
        return at;
    };

    Outline.prototype.fill = function (paths) {
        var nodes = this.model.nodes, sorted = this.sorted;
        for (var i = 0; i < sorted.length; i++) {
            var number = sorted[i], entry = this.entries[number], phase = nodes.phase[entry];
            var id = this.groupAt(paths[number], phase === UPDATE);
            this.groups[id].own.push(number);
            this.groupOf[number] = id;
            for (; id >= 0; id = this.groups[id].parent) {
                var group = this.groups[id];
                group.counts[phase]++;
                group.flops += nodes.flops[entry];
            }
        }
    };

    Outline.prototype.size = function (id) {
        var counts = this.groups[id].counts;
        return counts[0] + counts[1] + counts[2];
    };

    Outline.prototype.find = function (path) {
        var id = this.byPath.get(path);
        if (id === undefined) id = this.byPath.get('update:' + path);
        return id === undefined ? -1 : id;
    };

    /* joined: the set of paths whose group is alike to the sibling before it. A run is of two siblings or more that
     * follow each other. */
    Outline.prototype.findRuns = function (joined) {
        var outline = this;
        this.groups.forEach(function (group) {
            var run = null;
            group.children.forEach(function (id, i) {
                var child = outline.groups[id], path = child.path.replace(/^update:/, '');
                if (i && joined.has(path)) {
                    var before = outline.groups[group.children[i - 1]];
                    if (!run) run = before.run = {first: before.id, members: [before.id]};
                    run.members.push(id);
                    child.run = run;
                } else
                    run = null;
            });
        });
    };

    /* A group that holds nothing but one group is drawn as that one: "patch_embed.proj". */
    Outline.prototype.inner = function (id) {
        var group = this.groups[id];
        while (group.children.length === 1 && !group.own.length && !this.groups[group.children[0]].run) {
            id = group.children[0];
            group = this.groups[id];
        }
        return id;
    };

    Outline.prototype.onlyRun = function (group) {
        if (group.own.length || group.children.length < 2) return null;
        var run = this.groups[group.children[0]].run;
        return run && run.members.length === group.children.length ? run : null;
    };

    Outline.prototype.childItem = function (id) {
        var group = this.groups[this.inner(id)], from = this.groups[id], run = this.onlyRun(group);
        var label = group.path.slice(from.path.length - from.name.length);
        if (run) return {kind: 'run', id: group.id, members: run.members, label: label, key: 'run:' + group.path};
        if (this.size(group.id) === 1 && group.own.length === 1)
            return {kind: 'value', number: group.own[0], label: label, key: '%' + group.own[0]};
        return {kind: 'group', id: group.id, label: label, key: group.path};
    };

    /* Name of a run: "0 … 11", "layer0 … layer3". */
    Outline.prototype.runLabel = function (members) {
        return this.groups[members[0]].name + ' … ' + this.groups[members[members.length - 1]].name;
    };

    Outline.prototype.inline = function (number) {
        var model = this.model, entry = this.entries[number];
        return entry >= 0 && model.ops[model.nodes.op[entry]].class === 'source' && !model.operands(entry).length;
    };

    /* Few values without a path need no box. */
    Outline.prototype.isLoose = function (id) {
        return this.groups[id].name[0] === '@' && this.size(id) <= 3;
    };

    Outline.prototype.items = function (id, isAll) {
        var group = this.groups[id], items = [], outline = this;
        function own(number) {
            if (!outline.inline(number)) items.push({kind: 'value', number: number, label: '', key: '%' + number});
        }
        group.own.forEach(own);
        group.children.forEach(function (child) {
            var run = outline.groups[child].run;
            if (outline.isLoose(child)) {
                outline.groups[child].own.forEach(own);
            } else if (!run || (isAll && isAll(outline.runKey(run)))) {
                items.push(outline.childItem(child));
            } else if (run.first === child) {
                var name = outline.runLabel(run.members);
                items.push({kind: 'run', id: -1, members: run.members, label: name, key: outline.runKey(run)});
            }
        });
        return items;
    };

    /* A run that is all of a group is known by that group. */
    Outline.prototype.runKey = function (run) {
        var parent = this.groups[this.groups[run.first].parent];
        return 'run:' + (this.onlyRun(parent) ? parent.path : this.groups[run.first].path);
    };

    /* All numbers of a group and of those within. */
    Outline.prototype.each = function (id, f) {
        var group = this.groups[id], i;
        for (i = 0; i < group.own.length; i++) f(group.own[i]);
        for (i = 0; i < group.children.length; i++) this.each(group.children[i], f);
    };

    /* Which groups are alike to the sibling before them, in each of the stages. */
    vitc.alikeSiblings = function (model, from, to) {
        var all = null;
        for (var s = from; s <= to; s++) {
            if (model.stages[s].kept === false) continue;
            var here = new Set();
            (model.alike[s] || []).forEach(function (run) {
                vitc.runMembers(model, run).forEach(function (path, i) {
                    if (i) here.add(path);
                });
            });
            all = !all ? here : new Set(Array.from(all).filter(function (path) {
                return here.has(path);
            }));
        }
        return all || new Set();
    };

    /* The paths of a run [first scope, last scope, count]: siblings whose names end in numbers that ascend. */
    vitc.runMembers = function (model, run) {
        var first = model.string(run[0]), last = model.string(run[1]), paths = [];
        var a = /^(.*?)(\d+)$/.exec(first), b = /^(.*?)(\d+)$/.exec(last);
        if (!a || !b || a[1] !== b[1] || b[2] - a[2] !== run[2] - 1) return run[2] === 2 ? [first, last] : [];
        for (var i = Number(a[2]); i <= Number(b[2]); i++) paths.push(a[1] + i);
        return paths;
    };

    /* The stages that are drawn with the same places: [from, to] of each stage. A pass that replaces most values begins
     * anew: what is there before it and what is there behind it have little in common, and each would stand in a graph
     * full of holes. */
    vitc.eras = function (model) {
        var nodes = model.nodes, count = new Float64Array(model.lastStage + 2),
            gone = new Float64Array(model.lastStage + 2);
        for (var i = 0; i < nodes.count; i++) {
            count[nodes.first[i]]++;
            count[nodes.last[i] + 1]--;
            if (model.entry(nodes.number[i], nodes.last[i] + 1) < 0) gone[nodes.last[i]]++;
        }
        var eras = [], here = 0, from = 0;
        for (var s = 0; s <= model.lastStage; s++) {
            here += count[s];
            if (s < model.lastStage && gone[s] < 0.4 * here) continue;
            if (s < model.lastStage && model.stages[s].kept === false) continue;
            for (var at = from; at <= s; at++) eras.push([from, s]);
            from = s + 1;
        }
        return eras;
    };

    vitc.outline = function (model, from, to) {
        return new Outline(model, from, to === undefined ? from : to);
    };
})();
