/* Paints a scene on a canvas: what lies outside of what is seen is left out, text that would be too small to read too.
 * Everything of one colour or font is drawn together, since changing them is what takes time.
 *
 *   vitc.paint(context, scene, view, ratio)   view: {x, y, k, w, h}: a point p of the scene is at p * k + (x, y) in CSS
 *                                             pixels of a canvas of w by h; ratio: device pixels in one
 *   vitc.buttons(scene, item, gradient)       what can be pressed on a group's heading: [{x, y, w, h, name, label}] */
'use strict';

(function () {
    var SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
    var MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';
    vitc.fonts = {title: '600 12.5px ' + SANS, plain: '12px ' + SANS, mono: '10.5px ' + MONO, small: '10.5px ' + SANS,
        lane: '600 15px ' + SANS};

    vitc.readColors = function () {
        var style = getComputedStyle(document.documentElement), colors = {};
        ['bg', 'card', 'box', 'box2', 'line', 'edge', 'edge-gradient', 'edge-update', 'text', 'dim', 'accent',
            'operand', 'reader', 'new', 'gone', 'changed', 'product', 'elementwise', 'reduce', 'row', 'move',
                'source', 'other',
            'time', 'selected'].forEach(function (name) {
            colors[name] = style.getPropertyValue('--' + name).trim();
        });
        vitc.colors = colors;
    };

    /* ---- text that fits */

    var widths = new Map();
    vitc.measureText = function (text, font) {
        var key = font + text, width = widths.get(key);
        if (width === undefined) {
            var context = vitc.measuring || (vitc.measuring = document.createElement('canvas').getContext('2d'));
            context.font = vitc.fonts[font];
            width = context.measureText(text).width;
            widths.set(key, width);
        }
        return width;
    };

    function fit(text, font, room) {
        if (!text || vitc.measureText(text, font) <= room) return text;
        var low = 0, high = text.length;
        while (low < high) {
            var middle = (low + high + 1) >> 1;
            if (vitc.measureText(text.slice(0, middle) + '…', font) <= room) low = middle;
            else high = middle - 1;
        }
        return low ? text.slice(0, low) + '…' : '';
    }

    /* The lines of a card, cut to its width; made once a stage. */
    function linesOf(scene, item, gradient, width) {
        var key = vitc.state.stage + (gradient ? 'g' : '') + width;
        if (item.text && item.text[key]) return item.text[key];
        var lines = item.kind === 'value' ? valueLines(scene, item, width) : groupLines(scene, item, gradient, width);
        item.text = item.text || {};
        item.text[key] = lines;
        return lines;
    }

    function valueLines(scene, item, width) {
        var model = scene.model, nodes = model.nodes, entry = model.entry(item.number, vitc.state.stage);
        if (entry < 0) entry = model.lastEntry(item.number);
        var number = '%' + item.number, room = width - 22;
        var title = fit(model.ops[nodes.op[entry]].name, 'title', room - vitc.measureText(number, 'small') - 6);
        return {title: title, right: number, mono: fit(model.string(nodes.type[entry]), 'mono', room),
            chips: fit(vitc.chips(model, entry).join('   '), 'small', room), kind: model.ops[nodes.op[entry]].class,
            share: model.seconds ? item.seconds / model.seconds : 0};
    }

    function groupLines(scene, item, gradient, width) {
        var model = scene.model, many = item.kind === 'run' ? item.members.length : 1, both = !gradient && !item.gw;
        var n = gradient ? item.present[1] : item.present[0] + (both ? item.present[1] : 0);
        if (many > 1) n = Math.round(n / many);
        var times = many > 1 ? '×' + many : '', room = width - 44;
        var text = vitc.units.plural(n, 'value') + (many > 1 ? ' each' : '');
        if (!gradient && item.seconds) text += ' · ' + vitc.units.seconds(item.seconds);
        else if (!gradient && item.flops) text += ' · ' + vitc.units.flops(item.flops);
        return {title: fit(item.label.replace(/^@/, ''), 'title', room - vitc.measureText(times, 'title')),
            right: times,
            small: fit(text, 'small', width - 24), share: model.seconds ? item.seconds / model.seconds : 0};
    }

    /* ---- buttons on headings */

    vitc.buttons = function (scene, item, gradient) {
        var rect = vitc.rect(scene, item, gradient), list = [];
        if (!rect || item.kind === 'value') return list;
        var open = item.inner >= 0, y = rect[1], h = open ? vitc.sizes.header : item.h;
        list.push({x: rect[0], y: y, w: 22, h: h, name: 'toggle', label: open ? '▾' : '▸'});
        if (gradient && item.has[0]) return list;
        if (item.kind === 'run' && open) {
            var x = rect[0] + rect[2] - 4, all = scene.isAll(item.key);
            list.push({x: (x -= 34), y: y, w: 34, h: h, name: all ? 'one' : 'all', label: all ? 'one' : 'all'});
            if (!all) {
                list.push({x: (x -= 18), y: y, w: 18, h: h, name: 'next', label: '›'});
                list.push({x: (x -= 18), y: y, w: 18, h: h, name: 'before', label: '‹'});
            }
        } else if (item.fold)
            list.push({x: rect[0] + rect[2] - 34, y: y, w: 34, h: vitc.sizes.header, name: 'fold', label: 'fold'});
        return list;
    };

    /* ---- the painter: what is to be drawn, by colour and font */

    function Painter(context, scene, view, ratio) {
        this.context = context;
        this.scene = scene;
        this.k = view.k;
        this.left = -view.x / view.k - 20;
        this.top = -view.y / view.k - 20;
        this.right = (view.w - view.x) / view.k + 20;
        this.bottom = (view.h - view.y) / view.k + 20;
        this.stuck = [];
        this.labels = [];
        this.texts = new Map(); /* "font|colour" → [text, x, y, …] */
        this.far = view.k < 0.5; /* too small for all but names */
        this.coarse = view.k < 0.34;
        this.tiny = view.k < 0.16;
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.fillStyle = vitc.colors.bg;
        context.fillRect(0, 0, view.w, view.h);
        context.setTransform(view.k * ratio, 0, 0, view.k * ratio, Math.round(view.x * ratio),
            Math.round(view.y * ratio));
    }

    Painter.prototype.sees = function (x, y, w, h) {
        return x < this.right && x + w > this.left && y < this.bottom && y + h > this.top;
    };

    Painter.prototype.text = function (font, color, text, x, y) {
        if (!text) return;
        var key = font + '|' + color, list = this.texts.get(key);
        if (!list) this.texts.set(key, (list = []));
        list.push(text, x, y);
    };

    Painter.prototype.flushText = function () {
        var context = this.context;
        context.textBaseline = 'alphabetic';
        this.texts.forEach(function (list, key) {
            var cut = key.indexOf('|');
            context.font = vitc.fonts[key.slice(0, cut)];
            context.fillStyle = vitc.colors[key.slice(cut + 1)];
            for (var i = 0; i < list.length; i += 3) context.fillText(list[i], list[i + 1], list[i + 2]);
        });
        this.texts.clear();
    };

    Painter.prototype.rounded = function (x, y, w, h, r) {
        if (this.coarse) this.context.rect(x, y, w, h);
        else this.context.roundRect(x, y, w, h, r);
    };

    /* ---- edges */

    function bounds(points) {
        var b = [Infinity, Infinity, -Infinity, -Infinity];
        for (var i = 0; i < points.length; i += 2) {
            b[0] = Math.min(b[0], points[i]);
            b[1] = Math.min(b[1], points[i + 1]);
            b[2] = Math.max(b[2], points[i]);
            b[3] = Math.max(b[3], points[i + 1]);
        }
        return b;
    }

    Painter.prototype.polyline = function (p) {
        var context = this.context, n = p.length;
        context.moveTo(p[0], p[1]);
        for (var i = 2; i < n - 2; i += 2) {
            var ax = p[i] - p[i - 2], ay = p[i + 1] - p[i - 1], bx = p[i + 2] - p[i], by = p[i + 3] - p[i + 1];
            var a = Math.abs(ax) + Math.abs(ay), b = Math.abs(bx) + Math.abs(by), r = Math.min(6, a / 2, b / 2);
            if (this.coarse || r < 1) {
                context.lineTo(p[i], p[i + 1]);
                continue;
            }
            context.lineTo(p[i] - ax / a * r, p[i + 1] - ay / a * r);
            context.quadraticCurveTo(p[i], p[i + 1], p[i] + bx / b * r, p[i + 1] + by / b * r);
        }
        context.lineTo(p[n - 2], p[n - 1]);
    };

    Painter.prototype.arrow = function (p) {
        var context = this.context, n = p.length, x = p[n - 2], y = p[n - 1], up = p[n - 3] > y ? 1 : -1;
        context.moveTo(x, y);
        context.lineTo(x - 3.2, y + up * 6);
        context.lineTo(x + 3.2, y + up * 6);
    };

    function edgeColor(box, edge) {
        return box.update ? 'edge-update' : edge.lane ? 'edge-gradient' : 'edge';
    }

    Painter.prototype.edges = function (box) {
        var context = this.context, self = this, heads = [], lists = new Map();
        if (this.tiny && box.edges.length > 400) return;
        box.edges.forEach(function (edge) {
            if (!edge.live || !edge.points || edge.spilled) return;
            var b = edge.bounds || (edge.bounds = bounds(edge.points));
            if (!self.sees(b[0], b[1], b[2] - b[0], b[3] - b[1])) return;
            var color = edgeColor(box, edge), list = lists.get(color);
            if (!list) lists.set(color, (list = []));
            list.push(edge);
        });
        lists.forEach(function (list, color) {
            context.strokeStyle = vitc.colors[color];
            context.lineWidth = Math.max(1.3, 0.7 / self.k);
            context.beginPath();
            list.forEach(function (edge) {
                self.polyline(edge.points);
                if (edge.to >= 0) heads.push(edge);
            });
            context.stroke();
            if (self.coarse) return;
            context.fillStyle = vitc.colors[color];
            context.beginPath();
            heads.forEach(function (edge) {
                self.arrow(edge.points);
            });
            context.fill();
            heads = [];
        });
    };

    /* ---- cards and boxes */

    function outlineColor(item) {
        var M = vitc.mark;
        return item.mark === M.NEW ? 'new' : item.mark === M.GONE ? 'gone' : item.mark === M.CHANGED ? 'changed' : '';
    }

    function isAbsent(item, gradient) {
        if (item.kind === 'value' || item.mark === vitc.mark.GONE) return item.mark === vitc.mark.ABSENT;
        return !(gradient ? item.present[1] : item.present[0] + (item.gw ? 0 : item.present[1]));
    }

    Painter.prototype.card = function (item, gradient) {
        var rect = vitc.rect(this.scene, item, gradient);
        if (!rect || !this.sees(rect[0], rect[1], rect[2], rect[3])) return;
        var x = rect[0], y = rect[1], w = rect[2], h = rect[3], context = this.context, colors = vitc.colors;
        var absent = isAbsent(item, gradient), gone = item.mark === vitc.mark.GONE;
        var lines = linesOf(this.scene, item, gradient, w);
        context.globalAlpha = absent ? (vitc.restless ? 0.3 : 0.12) : (item.alpha === undefined ? 1 : item.alpha);
        if (item.kind === 'run' && !this.tiny) { /* a stack */
            context.fillStyle = colors.card;
            context.strokeStyle = colors.line;
            context.lineWidth = 1;
            for (var s = 2; s > 0; s--) {
                context.beginPath();
                this.rounded(x + s * 4, y + s * 4, w, h, 6);
                context.fill();
                context.stroke();
            }
        }
        context.beginPath();
        this.rounded(x, y, w, h, item.kind === 'value' ? 5 : 7);
        context.fillStyle = this.tiny && lines.kind ? colors[lines.kind] : colors.card;
        if (!absent) context.fill();
        var mark = outlineColor(item);
        context.strokeStyle = mark ? colors[mark] : colors.line;
        context.lineWidth = mark ? 2 : 1;
        if (absent || gone) context.setLineDash([4, 3]);
        if (!this.tiny || mark || absent) context.stroke();
        if (absent || gone) context.setLineDash([]);
        if (lines.kind && !this.tiny && !absent) {
            context.fillStyle = colors[lines.kind];
            context.beginPath();
            if (this.coarse) context.rect(x, y, 5, h);
            else context.roundRect(x, y, 5, h, [5, 0, 0, 5]);
            context.fill();
        }
        context.globalAlpha = 1;
        if (this.far) return this.farLabel(item, x, y, w, h, lines);
        if (absent && !vitc.restless) return;
        if (item.kind === 'value') this.valueText(lines, x, y, w, h, gone || absent);
        else this.groupText(item, lines, x, y, w, h, gradient);
    };

    /* From afar cards keep names that can be read, as large as they fit. */
    Painter.prototype.farLabel = function (item, x, y, w, h, lines) {
        var value = item.kind === 'value', size = Math.min(12 / this.k, value ? 22 : h * 0.6);
        if (value && (this.tiny || item.mark === vitc.mark.ABSENT || this.labels.length > 1500)) return;
        this.label(lines.title, x + (value ? 12 : 8), y + h / 2, w - 16, size, false);
    };

    Painter.prototype.label = function (text, x, y, room, size, halo) {
        size = Math.max(Math.min(size, 8 / this.k), Math.min(size, room / (0.6 * text.length)));
        var most = Math.floor(room / (size * 0.6));
        if (size * this.k < 6 || most < 3) return;
        if (halo) /* those of groups around it stand above */
            this.labels.slice(-8).forEach(function (label) {
                if (label.halo && Math.abs(label.x - x) < 30 * size / 11 && Math.abs(label.y - y) < size * 1.15)
                    y = label.y + size * 1.2;
            });
        this.labels.push({text: text.length > most ? text.slice(0, most - 1) + '…' : text, x: x, y: y, size: size,
            halo: halo});
    };

    Painter.prototype.flushLabels = function () {
        var context = this.context, colors = vitc.colors;
        context.textBaseline = 'middle';
        context.lineJoin = 'round';
        var size = 0;
        this.labels.forEach(function (label) {
            if (label.size !== size) context.font = '600 ' + label.size + 'px ' + SANS;
            size = label.size;
            context.lineWidth = label.size / 3;
            context.strokeStyle = colors.bg;
            if (label.halo) context.strokeText(label.text, label.x, label.y);
            context.fillStyle = colors[label.halo ? 'dim' : 'text'];
            context.fillText(label.text, label.x, label.y);
        });
        this.labels = [];
        context.textBaseline = 'alphabetic';
    };

    Painter.prototype.valueText = function (lines, x, y, w, h, dim) {
        this.text('title', dim ? 'dim' : 'text', lines.title, x + 13, y + 16);
        this.text('small', 'dim', lines.right, x + w - 8 - vitc.measureText(lines.right, 'small'), y + 16);
        this.text('mono', 'dim', lines.mono, x + 13, y + 31);
        this.text('small', 'accent', lines.chips, x + 13, y + 46);
        if (lines.share >= 0.001) this.share(lines.share, x + 13, y + h - 4, w - 24);
    };

    Painter.prototype.groupText = function (item, lines, x, y, w, h, gradient) {
        this.text('small', 'dim', '▸', x + 9, y + 18);
        this.text('title', 'text', lines.title, x + 23, y + 18);
        this.text('title', 'accent', lines.right, x + w - 9 - vitc.measureText(lines.right, 'title'), y + 18);
        this.text('small', 'dim', lines.small, x + 12, y + 34);
        if (!gradient && lines.share) this.share(lines.share, x + 12, y + h - 6, w - 24);
        this.badge(item, gradient, x, y, w);
    };

    /* A bar: how much of the step's time it takes. */
    Painter.prototype.share = function (share, x, y, room) {
        this.context.fillStyle = vitc.colors.line;
        this.context.fillRect(x, y, room, 2);
        this.context.fillStyle = vitc.colors.time;
        this.context.fillRect(x, y, Math.max(1, room * Math.min(1, share)), 2);
    };

    Painter.prototype.badge = function (item, gradient, x, y, w) { /* +3 ~5 −2: what the pass did inside */
        var M = vitc.mark, at = x + w, self = this, both = !gradient && !item.gw;
        [['−', M.GONE, 'gone'], ['~', M.CHANGED, 'changed'], ['+', M.NEW, 'new']].forEach(function (kind) {
            var n = item.tally[gradient ? 1 : 0][kind[1]] + (both ? item.tally[1][kind[1]] : 0);
            if (!n) return;
            var text = kind[0] + n, width = vitc.measureText(text, 'small') + 8;
            at -= width + 3;
            self.context.fillStyle = vitc.colors[kind[2]];
            self.context.beginPath();
            self.context.roundRect(at, y - 10, width, 14, 7);
            self.context.fill();
            self.text('small', 'card', text, at + 4, y + 1);
        });
    };

    function headingOf(scene, item) {
        var label = item.label.replace(/^@/, '');
        if (item.kind !== 'run') return label;
        var member = scene.outline.groups[scene.shown(item)].name;
        if (!scene.isAll(item.key)) label = item.id >= 0 ? label + '.' + member : member;
        return label + '  ×' + item.members.length + ' alike';
    }

    Painter.prototype.heading = function (item, gradient, rect) {
        var x = rect[0], y = rect[1], w = rect[2], self = this, scene = this.scene;
        var buttons = vitc.buttons(scene, item, gradient), room = w - 30, label = headingOf(scene, item);
        buttons.forEach(function (button) {
            if (button.name !== 'toggle') room -= button.w;
            self.text(button.name === 'toggle' ? 'small' : 'plain', button.name === 'toggle' ? 'dim' : 'accent',
                button.label,
                button.name === 'toggle' ? button.x + 9 : button.x + 5, y + 18);
        });
        if (gradient && item.has[0]) label += '  gradient';
        this.text('title', 'text', fit(label, 'title', room), x + 23, y + 18);
    };

    Painter.prototype.open = function (item, gradient) {
        var rect = vitc.rect(this.scene, item, gradient);
        if (!rect || !this.sees(rect[0], rect[1], rect[2], rect[3])) return;
        var box = this.scene.boxes[item.inner], context = this.context;
        context.globalAlpha = item.alpha === undefined ? 1 : item.alpha;
        context.beginPath();
        this.rounded(rect[0], rect[1], rect[2], rect[3], 8);
        context.fillStyle = vitc.colors[box.depth % 2 ? 'box' : 'box2'];
        context.fill();
        context.strokeStyle = vitc.colors.line;
        context.lineWidth = 1;
        context.stroke();
        context.globalAlpha = 1;
        this.stick(item, gradient, rect, box.depth);
        if (!this.far) this.heading(item, gradient, rect);
        else if (rect[2] * this.k > 70 && rect[3] * this.k > 40)
            this.label(headingOf(this.scene, item), rect[0] + 6 / this.k, rect[1] + 9 / this.k, rect[2], 11 / this.k,
                true);
    };

    /* The heading of a group whose own one lies above what is seen stands at the upper edge. */
    Painter.prototype.stick = function (item, gradient, rect, depth) {
        var top = this.top + 20;
        if (this.far || rect[1] > top - 4 || rect[1] + rect[3] < top + 120) return;
        this.stuck.push({item: item, gradient: gradient, depth: depth, x: Math.max(rect[0], this.left + 20),
            room: rect[0] + rect[2] - Math.max(rect[0], this.left + 20)});
    };

    Painter.prototype.stickies = function () {
        var self = this, context = this.context, rows = [0, 0], S = vitc.sizes;
        this.scene.stuck = [];
        this.stuck.forEach(function (stuck) { /* outer ones come first */
            var lane = stuck.gradient ? 1 : 0, text = fit(headingOf(self.scene, stuck.item), 'title', stuck.room - 34);
            if (stuck.room < 60 || rows[lane] > 7) return;
            var w = vitc.measureText(text, 'title') + 34, y = self.top + 20 + rows[lane]++ * (S.header - 4);
            context.fillStyle = vitc.colors[stuck.depth % 2 ? 'box' : 'box2'];
            context.strokeStyle = vitc.colors.line;
            context.lineWidth = 1;
            context.beginPath();
            context.roundRect(stuck.x, y, w, S.header - 4, [0, 0, 6, 6]);
            context.fill();
            context.stroke();
            self.text('small', 'dim', '▾', stuck.x + 9, y + 15);
            self.text('title', 'text', text, stuck.x + 23, y + 15);
            self.scene.stuck.push({item: stuck.item, gradient: stuck.gradient, x: stuck.x, y: y, w: w,
                h: S.header - 4});
        });
        this.flushText();
    };

    Painter.prototype.box = function (box) {
        var self = this, items = this.scene.items;
        if (box.owner >= 0 && !this.seesItem(items[box.owner])) return;
        box.items.forEach(function (item) {
            if (item.inner < 0) return;
            self.open(item, false);
            if (item.gw) self.open(item, true);
        });
        if (!this.scene.moving) this.edges(box);
        box.items.forEach(function (item) {
            if (item.inner >= 0) return self.box(self.scene.boxes[item.inner]);
            if (item.w) self.card(item, false);
            if (item.gw) self.card(item, true);
        });
    };

    Painter.prototype.seesItem = function (item) {
        return (item.w && this.sees(item.x, item.y, item.w, item.h)) ||
            (item.gw && this.sees(item.gx, item.y, item.gw, item.h));
    };

    /* ---- what is selected, or under the pointer */

    Painter.prototype.ring = function (item, color, width) {
        var self = this, context = this.context;
        [false, true].forEach(function (gradient) {
            var r = (gradient ? item.gw : item.w) && vitc.rect(self.scene, item, gradient);
            if (!r || !self.sees(r[0], r[1], r[2], r[3])) return;
            context.strokeStyle = vitc.colors[color];
            context.lineWidth = width / Math.min(1, self.k);
            context.beginPath();
            context.roundRect(r[0] - 1.5, r[1] - 1.5, r[2] + 3, r[3] + 3, 7);
            context.stroke();
        });
    };

    function center(scene, item, gradient) {
        var r = vitc.rect(scene, item, gradient) || vitc.rect(scene, item, !gradient);
        return r;
    }

    Painter.prototype.curve = function (link) {
        var a = center(this.scene, link.from, link.fromGradient), b = center(this.scene, link.to, link.toGradient);
        if (!a || !b) return;
        var right = b[0] > a[0] + a[2] / 2, x1 = right ? a[0] + a[2] : a[0], x2 = right ? b[0] : b[0] + b[2];
        var y1 = a[1] + Math.min(20, a[3] / 2), y2 = b[1] + Math.min(20, b[3] / 2);
        var d = Math.max(40, Math.abs(x2 - x1) / 2) * (right ? 1 : -1);
        this.context.moveTo(x1, y1);
        this.context.bezierCurveTo(x1 + d, y1, x2 - d, y2, x2, y2);
    };

    Painter.prototype.links = function (list, color) {
        var context = this.context, self = this;
        if (!list || !list.length) return;
        context.strokeStyle = vitc.colors[color];
        context.lineWidth = 2 / Math.min(1, this.k);
        context.beginPath();
        list.forEach(function (link) {
            if (link.edges)
                link.edges.forEach(function (edge) {
                    if (edge.points) self.polyline(edge.points);
                });
            else self.curve(link);
        });
        context.stroke();
    };

    Painter.prototype.lanes = function () {
        var self = this, colors = ['edge', 'edge-gradient', 'edge-update'];
        this.scene.lanes.forEach(function (lane, i) {
            if (!lane.w || (self.scene.lane === 'overlay' && i === 1)) return;
            var both = self.scene.lane === 'overlay' && i === 0 && self.scene.lanes[1].w;
            var name = both ? 'forward and gradient' : lane.name;
            var size = Math.max(15, 13 / self.k);
            self.context.font = '600 ' + size + 'px ' + SANS;
            self.context.fillStyle = vitc.colors[colors[i]];
            self.context.fillText(name, lane.x + vitc.sizes.pad, lane.y - 8);
        });
    };

    vitc.paint = function (context, scene, view, ratio) {
        var painter = new Painter(context, scene, view, ratio), shown = scene.shownLinks || {};
        painter.box(scene.main);
        painter.box(scene.update);
        painter.flushText();
        if (!scene.moving) {
            painter.links(shown.operands, 'operand');
            painter.links(shown.readers, 'reader');
            painter.links(shown.partners, 'accent');
        }
        (shown.marked || []).forEach(function (item) {
            painter.ring(item, 'accent', 1.6);
        });
        if (shown.hovered) painter.ring(shown.hovered, 'dim', 1.4);
        if (shown.selected) painter.ring(shown.selected, 'selected', 2.4);
        painter.flushLabels();
        painter.stickies();
        painter.lanes();
    };
})();
