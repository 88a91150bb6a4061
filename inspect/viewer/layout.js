/* Where everything lies: items (values, closed groups, open groups with a box of their own) in lines by depth, forward
 * and gradient beside each other, the update apart.
 *
 * An open group is a box, laid out by itself. A forward item lies one row below the last item of its box that it
 * depends on; items of a row are in the order in which they first appear, and no crossing is searched for, so that the
 * time is linear in values and edges, and what was laid out stays where it is when more is added behind it. A gradient
 * lies in the row of the forward value to which it belongs, above the gradients of that row that it depends on: forward
 * goes down, gradient up. The two parts of a group have one height and so stand beside each other at any depth.
 *
 *   vitc.layout(model, outline, {expanded, lane, measure}) → scene
 *     expanded   Map of an item's key: true (a group), or of a run: the path of the member to show, or "all"
 *     measure    (text, font) → width; fonts are "title", "mono", "small"
 *     scene.items    [{kind, key, label, number|id, members, box, inner, x, y, w, h, gx, gw, …}], places absolute;
 *                    x and w are of the forward (or update) part, gx and gw of the gradient's; a width of 0: no part
 *     scene.boxes    [{id, owner (an item, -1), update, items, lines, edges}]
 *     scene.holder[number]   the item in which a value lies; -1: in none
 *     scene.lanes    [{name, x, y, w}], scene.width, scene.height */
'use strict';

(function () {
    var S = vitc.sizes = {
        column: 20, row: 30, pad: 14, header: 26, lane: 90, track: 7, tracks: 14, line: 1500,
        value: 38, chips: 15, group: 46, least: 104, most: 236,
        scalar: 8 /* bytes */
    };

    function approximate(text, font) {
        return text.length * (font === 'title' ? 6.9 : 6.1);
    }

    function clamp(width) {
        return Math.round(Math.max(S.least, Math.min(S.most, width)));
    }

    /* ---- which items and boxes there are */

    function Scene(model, outline, options) {
        this.model = model;
        this.outline = outline;
        this.lane = options.lane || 'side';
        this.expanded = options.expanded || new Map();
        this.measure = options.measure || approximate;
        this.items = [];
        this.boxes = [];
        this.byKey = new Map();
        this.holder = new Int32Array(model.limit).fill(-1);
        this.work = 0; /* steps of the loops over values and edges, for a test that they stay linear */
        this.main = this.addBox(outline.main, -1, false);
        this.update = this.addBox(outline.update, -1, true);
        this.order();
    }

    Scene.prototype.isAll = function (key) {
        return this.expanded.get(key) === 'all';
    };

    Scene.prototype.addBox = function (group, owner, update) {
        var box = {id: this.boxes.length, group: group, owner: owner, update: update, items: [], main: [], grads: [],
            lines: [], edges: [], byEdge: new Map(), depth: owner < 0 ? 0 : this.boxes[this.items[owner].box].depth + 1,
            w: 0, gw: 0, h: 0};
        this.boxes.push(box);
        var scene = this;
        this.outline.items(group, function (key) {
            return scene.isAll(key);
        }).forEach(function (made) {
            scene.addItem(box, made);
        });
        return box;
    };

    Scene.prototype.addItem = function (box, item) {
        var open = item.kind === 'value' ? undefined : this.expanded.get(item.key), outline = this.outline,
            scene = this;
        item.index = this.items.length;
        item.box = box.id;
        item.inner = -1;
        item.has = [0, 0]; /* values of the part forward or update, and of the gradient */
        item.x = item.y = item.w = item.h = item.gx = item.gw = 0;
        item.depth = item.sub = 0;
        this.items.push(item);
        this.byKey.set(item.key, item);
        box.items.push(item);
        if (item.kind === 'value') {
            this.holder[item.number] = item.index;
            return;
        }
        var groups = item.kind === 'run' ? item.members : [item.id];
        groups.forEach(function (group) {
            outline.each(group, function (number) {
                scene.holder[number] = item.index;
            });
        });
        if (!open) return;
        if (item.kind === 'group') item.inner = this.addBox(item.id, item.index, box.update).id;
        else if (open === 'all') item.inner = this.addBox(item.id, item.index, box.update).id;
        else item.inner = this.addBox(this.shown(item), item.index, box.update).id;
    };

    /* The member of a run that its drawing shows. */
    Scene.prototype.shown = function (item) {
        var path = this.expanded.get(item.key), groups = this.outline.groups;
        var found = item.members.find(function (id) {
            return groups[id].path === path;
        });
        return found === undefined ? item.members[0] : found;
    };

    /* Lists of each box in the order in which items first appear, of each part. */
    Scene.prototype.order = function () {
        var nodes = this.model.nodes, sorted = this.outline.sorted, entries = this.outline.entries;
        for (var i = 0; i < sorted.length; i++) {
            var at = this.holder[sorted[i]], part = nodes.phase[entries[sorted[i]]] === vitc.phase.GRADIENT ? 1 : 0;
            if (this.outline.inline(sorted[i])) continue;
            while (at >= 0) {
                this.work++;
                var item = this.items[at], box = this.boxes[item.box];
                if (!item.has[part]++) {
                    (part ? box.grads : box.main).push(item);
                    if (part) item.firstGradient = i;
                }
                at = box.owner;
            }
        }
    };

    /* The items of one box in which two items lie; null: it is the same one. */
    Scene.prototype.lift = function (a, b) {
        var items = this.items, boxes = this.boxes;
        var da = boxes[items[a].box].depth, db = boxes[items[b].box].depth;
        while (da > db) {
            a = boxes[items[a].box].owner;
            da--;
        }
        while (db > da) {
            b = boxes[items[b].box].owner;
            db--;
        }
        while (a !== b && items[a].box !== items[b].box) {
            this.work++;
            a = boxes[items[a].box].owner;
            b = boxes[items[b].box].owner;
            if (a < 0 || b < 0) return null; /* one of them is of the update */
        }
        return a === b ? null : [a, b];
    };

    /* An item's ancestor (or itself) in a box; -1: it lies elsewhere. */
    Scene.prototype.within = function (at, box) {
        while (at >= 0 && this.items[at].box !== box.id) at = this.boxes[this.items[at].box].owner;
        return at;
    };

    /* ---- how large they are */

    Scene.prototype.chips = function (number) {
        return vitc.chips(this.model, this.outline.entries[number]);
    };

    Scene.prototype.sizeValue = function (item) {
        var model = this.model, nodes = model.nodes, entry = this.outline.entries[item.number];
        var title = model.ops[nodes.op[entry]].name + '  %' + item.number, chips = this.chips(item.number);
        var width = Math.max(this.measure(title, 'title'), this.measure(model.string(nodes.type[entry]), 'mono'));
        if (chips.length) width = Math.max(width, this.measure(chips.join('  '), 'small') + 8);
        item.h = S.value + (chips.length ? S.chips : 0);
        width = clamp(width + 24);
        if (item.has[1]) item.gw = width;
        else item.w = width;
    };

    Scene.prototype.sizeClosed = function (item) {
        var count = item.members ? item.members.length : 1, label = item.label + (count > 1 ? '  ×' + count : '');
        var least = this.measure('0000 values · 000 MFLOP', 'small');
        var width = clamp(Math.max(this.measure(label, 'title'), least) + 46);
        item.h = S.group;
        item.w = item.has[0] ? width : 0;
        item.gw = item.has[1] ? width : 0;
        this.overlaid(item);
    };

    Scene.prototype.sizeOpen = function (item) {
        var box = this.boxes[item.inner], least = clamp(this.measure(item.label, 'title') + 90);
        this.layoutBox(box);
        item.h = box.h;
        item.w = item.has[0] ? Math.max(least, box.w) : 0;
        item.gw = item.has[1] ? Math.max(least, box.gw) : 0;
        if (this.lane === 'overlay' && item.has[0] && item.has[1]) {
            item.shift = box.w + S.column;
            item.w = Math.max(least, box.w + S.column + box.gw);
        }
        this.overlaid(item);
    };

    /* Overlaid, both parts of a group are one drawing. */
    Scene.prototype.overlaid = function (item) {
        if (this.lane === 'overlay' && item.has[0] && item.has[1]) item.gw = 0;
    };

    /* ---- rows, lines, columns of a box */

    function isModule(item) {
        return item.label[0] !== '@';
    }

    /* Numbers the items of a lane so that operands come before their readers: a walk from each item, in the order in
     * which they first appear, to what it depends on. Two groups that depend on each other stand side by side, as far
     * as nothing else parts them, and so do modules that share nothing but scalars, such as a rate; of a longer circle
     * the edge that closes it goes back. */
    Scene.prototype.sequence = function (box, list, lane) {
        var scene = this, items = this.items, before = new Map(), state = new Map(), made = [], stack = [], at = [];
        list.forEach(function (item) {
            before.set(item, []);
        });
        box.edges.forEach(function (edge) {
            if (edge.lane !== lane || edge.from < 0 || edge.to < 0) return;
            var from = items[edge.from], to = items[edge.to], groups = from.kind !== 'value' && to.kind !== 'value';
            if (groups && isModule(from) && isModule(to) && !edge.heavy) return;
            if (!groups || !box.byEdge.has(vitc.edgeKey(edge.to, edge.from, lane, null))) before.get(to).push(from);
        });
        list.forEach(function (root) {
            if (state.has(root)) return;
            state.set(root, 1);
            stack.push(root);
            at.push(0);
            while (stack.length) {
                scene.work++;
                var top = stack[stack.length - 1], operands = before.get(top), next = operands[at[at.length - 1]++];
                if (next === undefined) {
                    made.push(stack.pop());
                    at.pop();
                } else if (!state.has(next)) {
                    state.set(next, 1);
                    stack.push(next);
                    at.push(0);
                }
            }
        });
        made.forEach(function (item, i) {
            if (lane) item.turnGradient = i;
            else item.turn = i;
        });
        return {items: made, before: before};
    };

    /* Rows of the forward part: longest paths over edges that do not go back. */
    Scene.prototype.depths = function (box) {
        var sequence = this.sequence(box, box.main, 0), reader = new Map(), i;
        sequence.items.forEach(function (item) {
            item.first = true; /* depends on nothing */
            sequence.before.get(item).forEach(function (from) {
                if (from.turn >= item.turn) return;
                item.depth = Math.max(item.depth, from.depth + 1);
                item.first = false;
            });
        });
        for (i = sequence.items.length - 1; i >= 0; i--) { /* what depends on nothing stands before its first reader */
            var item = sequence.items[i];
            if (item.first && reader.has(item)) item.depth = Math.max(0, reader.get(item) - 1);
            sequence.before.get(item).forEach(function (from) {
                if (from.turn >= item.turn) return;
                reader.set(from, Math.min(item.depth, reader.has(from) ? reader.get(from) : Infinity));
            });
        }
    };

    Scene.prototype.anchor = function (item, box) {
        var model = this.model, number = item.number, at;
        if (item.kind !== 'value') { /* a group without forward values: where the first of its values belongs */
            number = this.outline.sorted[item.firstGradient];
        }
        at = model.partnerOf(number);
        at = at < 0 || this.holder[at] < 0 ? -1 : this.within(this.holder[at], box);
        return at >= 0 && this.items[at].has[0] ? this.items[at].depth : -1;
    };

    /* Rows of gradients, and in a row how many gradients lie below. */
    Scene.prototype.gradientRows = function (box, rows) {
        var scene = this, sequence = this.sequence(box, box.grads, 1);
        sequence.items.forEach(function (item) {
            var preceding = sequence.before.get(item).filter(function (other) {
                return other.turnGradient < item.turnGradient;
            });
            if (!item.has[0]) {
                var anchor = scene.anchor(item, box);
                item.depth = anchor >= 0 ? anchor : preceding.reduce(function (row, other) {
                    return Math.min(row, other.depth);
                }, rows - 1);
            }
            preceding.forEach(function (other) {
                if (other.depth === item.depth) item.sub = Math.max(item.sub, other.sub + 1);
            });
        });
    };

    /* Lines from the top: those of a row, its last gradients first; too wide ones are several. */
    Scene.prototype.lines = function (box) {
        var rows = box.main.reduce(function (most, item) {
            return Math.max(most, item.depth + 1);
        }, 1);
        this.gradientRows(box, rows);
        var made = [];
        for (var r = 0; r < rows; r++) made.push([]);
        function put(item) {
            var row = made[item.depth];
            while (row.length <= item.sub) row.push([]);
            row[item.sub].push(item);
        }
        box.grads.forEach(function (item) {
            if (!item.has[0]) put(item);
        });
        box.main.forEach(function (item) {
            if (!item.has[1]) item.sub = Math.max(0, made[item.depth].length - 1);
        });
        box.main.forEach(put);
        made.forEach(function (row) {
            for (var s = row.length - 1; s >= 0; s--) wrap(box, row[s]);
        });
    };

    function wrap(box, items) {
        var line = null, main = 0, gradient = 0;
        items.forEach(function (item) {
            if (!line || main + item.w > S.line || gradient + item.gw > S.line) {
                line = {items: [], y: 0, h: 0};
                box.lines.push(line);
                main = gradient = 0;
            }
            item.line = box.lines.length - 1;
            line.items.push(item);
            line.h = Math.max(line.h, item.h);
            main += item.w ? item.w + S.column : 0;
            gradient += item.gw ? item.gw + S.column : 0;
        });
    }

    /* Columns of one lane: each line as close below its operands as it can be without overlap. `x` and `w` name the
     * fields of the lane; lines are gone through in the direction in which values flow. */
    Scene.prototype.columns = function (box, lane, x, w) {
        var scene = this, pull = new Map(), least = 0, most = 0;
        box.edges.forEach(function (edge) {
            if (edge.lane !== lane || edge.from < 0 || edge.to < 0) return;
            var list = pull.get(edge.to);
            if (!list) pull.set(edge.to, (list = []));
            list.push(scene.items[edge.from]);
        });
        var lines = box.lines.slice();
        if (lane) lines.reverse();
        var placed = new Set();
        lines.forEach(function (line) {
            var items = line.items.filter(function (item) {
                return item[w];
            });
            var right = -Infinity, off = 0;
            items.forEach(function (item) {
                var sum = 0, n = 0;
                (pull.get(item.index) || []).forEach(function (from) {
                    scene.work++;
                    if (!placed.has(from) || !from[w]) return;
                    sum += from[x] + from[w] / 2;
                    n++;
                });
                var wish = (n ? sum / n : 0) - item[w] / 2;
                item[x] = Math.max(wish, right);
                right = item[x] + item[w] + S.column;
                off += item[x] - wish;
            });
            off = items.length ? Math.round(off / items.length) : 0;
            items.forEach(function (item) {
                item[x] = Math.round(item[x] - off);
                placed.add(item);
                least = Math.min(least, item[x]);
                most = Math.max(most, item[x] + item[w]);
            });
        });
        box.lines.forEach(function (line) {
            line.items.forEach(function (item) {
                if (item[w]) item[x] += S.pad - least;
            });
        });
        return most - least;
    };

    Scene.prototype.layoutBox = function (box) {
        var scene = this;
        box.items.forEach(function (item) {
            if (item.kind === 'value') scene.sizeValue(item);
            else if (item.inner < 0) scene.sizeClosed(item);
            else scene.sizeOpen(item);
        });
        this.depths(box);
        this.lines(box);
        var y = box.owner < 0 ? S.pad : S.header + S.row / 2;
        box.lines.forEach(function (line) {
            line.y = y;
            line.items.forEach(function (item) {
                item.y = y;
            });
            y += line.h + S.row;
        });
        box.h = y - S.row / 2 + S.pad / 2;
        var main = this.columns(box, 0, 'x', 'w'), gradient = this.columns(box, 1, 'gx', 'gw');
        box.tracks = [vitc.assignTracks(this, box, 0), vitc.assignTracks(this, box, 1)];
        box.w = main ? main + 2 * S.pad + box.tracks[0] * S.track : 0;
        box.gw = gradient ? gradient + 2 * S.pad + box.tracks[1] * S.track : 0;
    };

    /* Places become absolute. x0: of the forward part's content, x1: of the gradient's. */
    Scene.prototype.place = function (box, x0, x1, y) {
        var scene = this;
        box.x0 = x0;
        box.x1 = x1;
        box.y = y;
        box.items.forEach(function (item) {
            item.x += x0;
            item.gx += x1;
            item.y += y;
            if (item.inner < 0) return;
            var both = scene.lane === 'overlay' && item.has[0] && item.has[1];
            scene.place(scene.boxes[item.inner], item.x, both ? item.x + item.shift : item.gx, item.y);
        });
    };

    vitc.layout = function (model, outline, options) {
        var scene = new Scene(model, outline, options || {});
        vitc.liftEdges(scene);
        scene.layoutBox(scene.main);
        scene.layoutBox(scene.update);
        var main = scene.main, update = scene.update, gap = scene.lane === 'side' ? S.lane : S.column;
        var x1 = main.w + (main.gw && main.w ? gap : 0), below = main.items.length ? main.h + S.lane : 0;
        scene.place(main, 0, x1, 0);
        scene.place(update, 0, 0, below);
        scene.lanes = [{name: 'forward', x: 0, w: main.w, y: 0}, {name: 'gradient', x: x1, w: main.gw, y: 0},
            {name: 'update', x: 0, w: update.w, y: below}];
        scene.width = Math.max(x1 + main.gw, update.w);
        scene.height = below + update.h;
        return scene;
    };

    /* What a value is a result as, and what it reads of sources and constants, written on its card: "→ loss",
     * "qkv.weight", "0.5". */
    vitc.chips = function (model, entry) {
        var chips = [], scope = entry < 0 ? '' : model.string(model.nodes.scope[entry]);
        if (entry < 0) return chips;
        (model.resultsOf.get(model.nodes.number[entry]) || []).forEach(function (result) {
            chips.push('→ ' + result.name.split('.').slice(-2).join('.'));
        });
        model.operands(entry).forEach(function (operand) {
            var text = vitc.chip(model, operand, model.nodes.first[entry], scope);
            if (text && chips.indexOf(text) < 0) chips.push(text);
        });
        return chips;
    };

    vitc.chip = function (model, operand, stage, scope) {
        if (operand < 0) {
            var name = model.sourceName(operand < 0 ? -1 - operand : 0);
            if (scope && name.slice(0, scope.length + 1) === scope + '.') return name.slice(scope.length + 1);
            return name.split('.').slice(-2).join('.');
        }
        var entry = model.entry(operand, stage);
        if (entry < 0) entry = model.lastEntry(operand);
        if (entry < 0) return '';
        if (model.ops[model.nodes.op[entry]].class !== 'source' || model.operands(entry).length) return '';
        var value = /value = ([^,}]+)/.exec(model.string(model.nodes.attrs[entry]));
        return value ? shorten(value[1]) : model.ops[model.nodes.op[entry]].name;
    };

    function shorten(number) {
        return number.length > 8 && !isNaN(Number(number)) ? String(Number(Number(number).toPrecision(5))) : number;
    }
})();
