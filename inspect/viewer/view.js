/* The graph on its canvas: which scene is shown, where one looks at, what the pointer does. Scenes are laid out anew
 * when groups open, when a stage is shown in packed places, and when the lanes change; what lies in both the old and the
 * new scene moves from place to place, and what was pressed stays under the pointer. */
'use strict';

(function () {
    var view = vitc.view = {x: 0, y: 0, k: 1, w: 0, h: 0};
    var expanded = vitc.expanded = new Map();
    var canvas, context, scene, marks, outlines, wanted = false, animation = null;
    var calm = window.matchMedia('(prefers-reduced-motion: reduce)');

    vitc.scene = function () {
        return scene;
    };

    /* ---- frames */

    vitc.redraw = function () {
        if (wanted) return;
        wanted = true;
        requestAnimationFrame(frame);
    };

    function frame(now) {
        wanted = false;
        if (animation) step(now);
        vitc.paint(context, scene, view, vitc.ratio);
        vitc.frames++;
        if (animation) vitc.redraw();
    }
    vitc.frames = 0;
    vitc.still = function () { /* nothing moves, and all has been painted */
        return !wanted && !animation;
    };

    /* ---- motion: of the view from place to place, and of items */

    function ease(t) {
        return t < 0.5 ? 4 * t * t * t : 1 - Math.pow(2 - 2 * t, 3) / 2;
    }

    function step(now) {
        if (animation.start === null) animation.start = now;
        var t = Math.min(1, (now - animation.start) / animation.duration), e = ease(t);
        animation.at(e);
        if (t < 1) return;
        var done = animation;
        animation = null;
        if (done.end) done.end();
    }

    function animate(duration, at, end) {
        if (animation) {
            animation.at(1);
            if (animation.end) animation.end();
            animation = null;
        }
        if (calm.matches || document.hidden) {
            at(1);
            if (end) end();
        } else
            animation = {start: null, duration: duration, at: at, end: end};
        vitc.redraw();
    }

    vitc.moveView = function (x, y, k) {
        vitc.touched = true;
        var from = {x: view.x, y: view.y, k: view.k};
        animate(220, function (e) {
            view.x = from.x + (x - from.x) * e;
            view.y = from.y + (y - from.y) * e;
            view.k = from.k + (k - from.k) * e;
        });
    };

    /* ---- scenes */

    function outlineOf() {
        var stage = vitc.state.places === 'stable' ? -1 : vitc.state.stage;
        if (!outlines.has(stage)) {
            if (outlines.size > 6) outlines.clear();
            outlines.set(stage, vitc.outline(vitc.state.model, stage));
        }
        return outlines.get(stage);
    }

    function refreshMarks() {
        marks = vitc.marksOf(vitc.state.model, vitc.state.stage);
        vitc.markItems(scene, marks);
        vitc.markEdges(scene, vitc.state.stage);
        vitc.marks = marks;
        document.body.dataset.marks = vitc.state.stage && vitc.state.stage < vitc.state.model.lastStage ? 'yes' : 'no';
        relink();
    }

    function build() {
        scene = vitc.layout(vitc.state.model, outlineOf(), {expanded: expanded, lane: vitc.state.lane,
            measure: vitc.measureText});
        vitc.routeEdges(scene);
        addFolds();
        refreshMarks();
    }

    /* Members of a run that stand one by one can be put together again. */
    function addFolds() {
        scene.items.forEach(function (item) {
            if (item.kind !== 'group') return;
            var run = scene.outline.groups[item.id].run, key = run && scene.outline.runKey(run);
            if (run && expanded.get(key) === 'all') item.fold = key;
        });
    }

    var FIELDS = ['x', 'y', 'w', 'h', 'gx', 'gw'];

    /* Lays out anew. `hold`: the key of an item whose upper left corner stays where it is seen. */
    vitc.relayout = function (hold, still) {
        var before = scene, from = [];
        var held = before && hold && before.byKey.get(hold), heldAt = held && corner(held);
        build();
        var now = held && scene.byKey.get(hold), nowAt = now && corner(now);
        if (heldAt && nowAt) {
            view.x += (heldAt.x - nowAt.x) * view.k;
            view.y += (heldAt.y - nowAt.y) * view.k;
        }
        var dx = heldAt && nowAt ? nowAt.x - heldAt.x : 0, dy = heldAt && nowAt ? nowAt.y - heldAt.y : 0;
        if (still || !before || scene.items.length > 6000) return vitc.redraw();
        scene.items.forEach(function (item) {
            var old = before.byKey.get(item.key), target = {};
            FIELDS.forEach(function (field) {
                target[field] = item[field];
            });
            if (old) from.push([item, {x: old.x + dx, y: old.y + dy, w: old.w, h: old.h, gx: old.gx + dx, gw: old.gw}, target]);
            else from.push([item, null, target]);
        });
        scene.moving = true;
        animate(180, function (e) {
            from.forEach(function (move) {
                var item = move[0], old = move[1], target = move[2];
                item.alpha = old ? 1 : e;
                if (!old) return;
                FIELDS.forEach(function (field) { /* a part that was not there has no place to come from */
                    var appears = field[0] === 'g' ? !old.gw || !target.gw : (field === 'x' || field === 'w') && (!old.w || !target.w);
                    item[field] = appears ? target[field] : old[field] + (target[field] - old[field]) * e;
                });
            });
        }, function () {
            from.forEach(function (move) {
                Object.assign(move[0], move[2]);
                move[0].alpha = 1;
            });
            scene.moving = false;
            vitc.redraw();
        });
    };

    function corner(item) {
        return {x: item.w ? item.x : item.gx, y: item.y};
    }

    /* ---- opening and closing */

    vitc.setExpanded = function (key, value, hold) {
        if (value) expanded.set(key, value);
        else expanded.delete(key);
        vitc.relayout(hold === undefined ? key : hold);
        vitc.emit('expand');
    };

    vitc.toggle = function (item) {
        if (item.kind === 'value') return;
        var first = item.kind === 'run' ? scene.outline.groups[item.members[0]].path : true;
        vitc.setExpanded(item.key, item.inner >= 0 ? null : first);
    };

    vitc.closeAll = function () {
        expanded.clear();
        vitc.relayout(null);
        vitc.fit();
        vitc.emit('expand');
    };

    /* Opens what is closed and lies in `item` (null: all of the graph), one level. */
    vitc.openLevel = function (item) {
        scene.items.slice().forEach(function (other) {
            if (other.kind === 'value' || other.inner >= 0) return;
            for (var at = other; at && item && at !== item;) at = scene.items[scene.boxes[at.box].owner];
            if (item && !at) return;
            expanded.set(other.key, other.kind === 'run' ? scene.outline.groups[other.members[0]].path : true);
        });
        vitc.relayout(item ? item.key : null);
        vitc.emit('expand');
    };

    function press(button, item) {
        var groups = scene.outline.groups, shown, at;
        if (button.name === 'toggle') return vitc.toggle(item);
        if (button.name === 'fold') return vitc.setExpanded(item.fold, null, null);
        if (button.name === 'all') return vitc.setExpanded(item.key, 'all');
        shown = scene.shown(item);
        at = item.members.indexOf(shown) + (button.name === 'next' ? 1 : button.name === 'before' ? -1 : 0);
        at = (at + item.members.length) % item.members.length;
        vitc.setExpanded(item.key, groups[item.members[at]].path);
    }

    /* Opens the groups around a group, and it as well where `it` is true; of a run, the right member. */
    function openAround(id, it) {
        var groups = scene.outline.groups, changed = false, chain = [];
        for (var at = it ? id : groups[id].parent; at >= 0 && groups[at].parent >= 0; at = groups[at].parent) chain.push(at);
        chain.reverse().forEach(function (at) {
            var run = groups[at].run, path = groups[at].path;
            if (run) {
                var key = scene.outline.runKey(run), now = expanded.get(key);
                if (now !== 'all' && now !== path) {
                    expanded.set(key, path);
                    changed = true;
                }
                if (now === 'all' && !expanded.has(path)) {
                    expanded.set(path, true);
                    changed = true;
                }
            } else if (!expanded.has(path)) {
                expanded.set(path, true);
                changed = true;
            }
        });
        return changed;
    }

    /* The item that shows a ref, after opening what it lies in; null: it is not in this stage. */
    function openTo(ref) {
        var outline = scene.outline, model = vitc.state.model, id, number;
        if (ref.kind === 'value' || /^(kernel|source|line|op)$/.test(ref.kind)) {
            number = vitc.numbersOf(ref).find(function (n) {
                return outline.groupOf[n] >= 0;
            });
            if (number === undefined || number >= model.limit) return null;
            if (outline.inline(number)) return null;
            id = outline.groupOf[number];
            if (openAround(id, true)) vitc.relayout(null, true);
            return scene.items[scene.holder[number]] || null;
        }
        if (ref.kind !== 'group') return null;
        id = outline.find(ref.id);
        if (id < 0 || outline.groups[id].parent < 0) return null;
        if (openAround(id, false)) vitc.relayout(null, true);
        return itemOfGroup(id);
    }

    function itemOfGroup(id) {
        var groups = scene.outline.groups, found = null;
        scene.items.forEach(function (item) {
            if (item.kind === 'group' && item.id === id) found = found || item;
            if (item.kind === 'run' && (item.id === id || item.members.indexOf(id) >= 0)) found = found || item;
        });
        for (var i = groups[id].children.length === 1 ? groups[id].children[0] : -1; !found && i >= 0;) {
            found = itemOfGroup(i);
            i = groups[i].children.length === 1 ? groups[i].children[0] : -1;
        }
        return found;
    }

    /* The values that a ref stands for in the stage shown. */
    vitc.numbersOf = function (ref) {
        var model = vitc.state.model, outline = scene.outline, numbers = [];
        if (!ref) return numbers;
        if (ref.kind === 'value') return [ref.id];
        if (ref.kind === 'kernel') return Array.from(model.kernels.values(ref.id));
        if (ref.kind === 'line') return model.linesOf(ref.id);
        if (ref.kind === 'op') return model.valuesOfOp(ref.id, vitc.state.stage);
        if (ref.kind === 'source')
            return model.readers(-1 - ref.id, vitc.state.stage).map(function (entry) {
                return model.nodes.number[entry];
            });
        if (ref.kind === 'group' && outline.find(ref.id) >= 0)
            outline.each(outline.find(ref.id), function (number) {
                numbers.push(number);
            });
        return numbers;
    };

    /* The ref of an item: what is selected by pressing it. */
    vitc.refOf = function (item) {
        if (item.kind === 'value') return {kind: 'value', id: item.number};
        var groups = scene.outline.groups;
        if (item.kind === 'group' || item.id >= 0) return {kind: 'group', id: groups[item.id].path};
        return {kind: 'group', id: groups[scene.shown(item)].path};
    };

    vitc.itemOf = function (ref) { /* without opening anything */
        if (!ref) return null;
        if (ref.kind === 'value') return scene.items[scene.holder[ref.id]] || null;
        if (ref.kind === 'group' && scene.outline.find(ref.id) >= 0) return itemOfGroup(scene.outline.find(ref.id));
        return null;
    };

    /* ---- what is drawn stronger: edges of what is selected or hovered */

    function isGradient(number) {
        return vitc.state.model.nodes.phase[vitc.state.model.lastEntry(number)] === vitc.phase.GRADIENT;
    }

    function linkOf(operand, reader) {
        var from = scene.holder[operand], to = scene.holder[reader];
        if (from < 0 || to < 0 || from === to || operand >= vitc.state.model.limit) return null;
        var edges = isGradient(operand) === isGradient(reader) ? vitc.pathOfEdges(scene, operand, reader) : null;
        return {from: scene.items[from], to: scene.items[to], fromGradient: isGradient(operand), toGradient: isGradient(reader),
            edges: edges};
    }

    function linksOfValue(number, links) {
        var model = vitc.state.model, entry = model.entry(number, vitc.state.stage);
        if (entry >= 0)
            model.operands(entry).forEach(function (operand) {
                var link = operand >= 0 && linkOf(operand, number);
                if (link) links.operands.push(link);
            });
        model.readers(number, vitc.state.stage).slice(0, 400).forEach(function (reader) {
            var link = linkOf(number, model.nodes.number[reader]);
            if (link) links.readers.push(link);
        });
    }

    function linksOfItem(item, links) {
        scene.boxes[item.box].edges.forEach(function (edge) {
            if (!edge.live) return;
            var link = {edges: [edge]};
            if (edge.to === item.index) links.operands.push(link);
            if (edge.from === item.index) links.readers.push(link);
        });
    }

    function relink() {
        var links = {operands: [], readers: [], partners: [], marked: [], hovered: null, selected: null};
        [vitc.state.selected, vitc.state.hovered].forEach(function (ref, i) {
            if (!ref || (i && vitc.sameRef(ref, vitc.state.selected))) return;
            var item = vitc.itemOf(ref);
            if (i) links.hovered = item;
            else links.selected = item;
            if (item && item.kind === 'value' && ref.kind === 'value') linksOfValue(ref.id, links);
            else if (item && item.inner < 0) linksOfItem(item, links);
            if (/^(kernel|source|line|op)$/.test(ref.kind))
                vitc.numbersOf(ref).forEach(function (number) {
                    var at = number < vitc.state.model.limit ? scene.items[scene.holder[number]] : null;
                    if (at && links.marked.indexOf(at) < 0 && links.marked.length < 500) links.marked.push(at);
                });
        });
        if (vitc.state.cross) addCross(links);
        scene.shownLinks = links;
        vitc.redraw();
    }

    function addCross(links) { /* what gradients read of the forward pass, for all values that are drawn */
        var model = vitc.state.model;
        scene.items.forEach(function (item) {
            if (item.kind !== 'value' || !item.gw || links.partners.length > 3000) return;
            var entry = model.entry(item.number, vitc.state.stage);
            if (entry < 0) return;
            model.operands(entry).forEach(function (operand) {
                var link = operand >= 0 && operand < model.limit && !isGradient(operand) && linkOf(operand, item.number);
                if (link) links.partners.push(link);
            });
        });
    }

    /* ---- where one looks at */

    /* Where all is seen, or at least all of the width; not so small that names cannot be read. */
    function wholeView() {
        var pad = 28, top = 34, w = scene.width + 2 * pad, h = scene.height + 2 * pad + top;
        var k = Math.min(1.1, view.w / w, view.h / h);
        k = Math.max(k, Math.min(0.45, view.w / w));
        var free = view.h - (scene.height + top) * k;
        return {x: (view.w - scene.width * k) / 2, y: Math.max(free / 3, pad * k) + top * k, k: k};
    }

    function placeAll() {
        Object.assign(view, wholeView());
    }

    vitc.fit = function () {
        var whole = wholeView();
        vitc.moveView(whole.x, whole.y, whole.k);
    };

    vitc.zoom = function (factor, x, y) {
        vitc.touched = true;
        var k = Math.max(0.02, Math.min(4, view.k * factor));
        x = x === undefined ? view.w / 2 : x;
        y = y === undefined ? view.h / 2 : y;
        view.x = x - (x - view.x) * k / view.k;
        view.y = y - (y - view.y) * k / view.k;
        view.k = k;
        vitc.redraw();
    };

    vitc.pan = function (dx, dy) {
        vitc.touched = true;
        view.x += dx;
        view.y += dy;
        vitc.redraw();
    };

    /* Moves to an item, where it cannot be seen or is too small. */
    vitc.look = function (item, always) {
        var gradient = !item.w, x = gradient ? item.gx : item.x, w = gradient ? item.gw : item.w;
        var k = view.k < 0.45 || view.k > 2 ? 0.9 : view.k, h = Math.min(item.h, view.h / k);
        var sx = x * view.k + view.x, sy = item.y * view.k + view.y;
        var seen = sx > 20 && sy > 20 && sx + w * view.k < view.w - 20 && sy + Math.min(h, 60) * view.k < view.h - 20;
        if (seen && k === view.k && !always) return vitc.redraw();
        vitc.moveView(view.w / 2 - (x + w / 2) * k, view.h / 2 - (item.y + h / 2) * k, k);
    };

    /* ---- the pointer */

    /* What lies at a point of the scene: {item, gradient, button}, or null. */
    vitc.hit = function (x, y) {
        function inBox(box) {
            for (var i = box.items.length - 1; i >= 0; i--) {
                var item = box.items[i];
                for (var g = 0; g < 2; g++) {
                    var r = (g ? item.gw : item.w) ? vitc.rect(scene, item, g === 1) : null;
                    if (!r || x < r[0] || y < r[1] || x > r[0] + r[2] || y > r[1] + r[3]) continue;
                    var inner = item.inner >= 0 ? inBox(scene.boxes[item.inner]) : null;
                    return inner || {item: item, gradient: g === 1, button: buttonAt(item, g === 1, x, y)};
                }
            }
            return null;
        }
        return inBox(scene.main) || inBox(scene.update);
    };

    function buttonAt(item, gradient, x, y) {
        return vitc.buttons(scene, item, gradient).find(function (b) {
            return x >= b.x && y >= b.y && x <= b.x + b.w && y <= b.y + b.h;
        }) || null;
    }

    function at(event) {
        var box = canvas.getBoundingClientRect();
        return {x: event.clientX - box.left, y: event.clientY - box.top};
    }

    function hitAt(p) {
        return vitc.hit((p.x - view.x) / view.k, (p.y - view.y) / view.k);
    }

    function listen() {
        var held = null, moved = false, pointers = new Map(), apart = 0;
        canvas.addEventListener('pointerdown', function (event) {
            canvas.setPointerCapture(event.pointerId);
            pointers.set(event.pointerId, at(event));
            held = at(event);
            moved = false;
            apart = 0;
        });
        canvas.addEventListener('pointermove', function (event) {
            var p = at(event);
            if (!pointers.has(event.pointerId)) return hoverAt(p);
            var last = pointers.get(event.pointerId);
            pointers.set(event.pointerId, p);
            if (pointers.size === 2) { /* two fingers */
                var both = Array.from(pointers.values()), d = Math.hypot(both[0].x - both[1].x, both[0].y - both[1].y);
                if (apart) vitc.zoom(d / apart, (both[0].x + both[1].x) / 2, (both[0].y + both[1].y) / 2);
                apart = d;
                moved = true;
                return;
            }
            if (Math.hypot(p.x - held.x, p.y - held.y) > 4) moved = true;
            if (!moved) return;
            canvas.classList.add('moving');
            vitc.pan(p.x - last.x, p.y - last.y);
        });
        function up(event) {
            pointers.delete(event.pointerId);
            canvas.classList.remove('moving');
            if (!moved && event.type === 'pointerup') pressAt(at(event));
        }
        canvas.addEventListener('pointerup', up);
        canvas.addEventListener('pointercancel', up);
        canvas.addEventListener('pointerleave', function () {
            vitc.hover(null, 'graph');
        });
        canvas.addEventListener('dblclick', function (event) {
            var hit = hitAt(at(event));
            if (hit && !hit.button) vitc.toggle(hit.item);
        });
        canvas.addEventListener('wheel', function (event) {
            event.preventDefault();
            var p = at(event), unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? view.h : 1;
            if (event.shiftKey || (Math.abs(event.deltaX) > 0 && !event.ctrlKey))
                return vitc.pan(-(event.deltaX || event.deltaY) * unit, event.shiftKey ? 0 : -event.deltaY * unit);
            vitc.zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016)), p.x, p.y);
        }, {passive: false});
    }

    function hoverAt(p) {
        var hit = hitAt(p);
        canvas.style.cursor = hit ? 'pointer' : '';
        var open = hit && hit.item.inner >= 0 && !hit.button;
        vitc.hover(hit && !open ? vitc.refOf(hit.item) : null, 'graph');
    }

    function pressAt(p) {
        var hit = hitAt(p);
        canvas.focus({preventScroll: true});
        if (hit && hit.button) return press(hit.button, hit.item);
        vitc.select(hit ? vitc.refOf(hit.item) : null, 'graph');
    }

    /* ---- size of the canvas, and what happens elsewhere */

    function resize() {
        var box = canvas.parentElement.getBoundingClientRect(), before = view.w;
        vitc.ratio = window.devicePixelRatio || 1;
        view.w = Math.max(50, Math.floor(box.width));
        view.h = Math.max(50, Math.floor(box.height));
        canvas.width = Math.round(view.w * vitc.ratio);
        canvas.height = Math.round(view.h * vitc.ratio);
        canvas.style.width = view.w + 'px';
        canvas.style.height = view.h + 'px';
        if (!scene) return;
        if (!vitc.touched) {
            placeAll();
        } else if (before)
            view.x += (view.w - before) / 2;
        vitc.paint(context, scene, view, vitc.ratio);
    }

    vitc.startView = function (model) {
        canvas = document.getElementById('graph');
        context = canvas.getContext('2d', {alpha: false});
        outlines = new Map();
        vitc.readColors();
        resize();
        build();
        placeAll();
        listen();
        new ResizeObserver(resize).observe(canvas.parentElement);
        vitc.paint(context, scene, view, vitc.ratio);
        vitc.firstPaint = performance.now();
        return model;
    };

    vitc.on('select', function (ref, from) {
        relink();
        if (ref && from !== 'graph' && from !== 'reveal') {
            var item = vitc.itemOf(ref);
            if (item) vitc.look(item);
        }
    });
    vitc.on('hover', relink);
    vitc.on('reveal', function (ref) {
        var item = openTo(ref);
        relink();
        if (item) vitc.look(item);
    });
    vitc.on('stage', function () {
        var ref = vitc.state.selected, item = ref && vitc.itemOf(ref);
        if (vitc.state.places === 'packed') vitc.relayout(item ? item.key : null);
        else {
            refreshMarks();
            vitc.redraw();
        }
    });
    vitc.on('view', function (what) {
        if (what === 'lane' || what === 'places') {
            var item = vitc.itemOf(vitc.state.selected);
            vitc.relayout(item ? item.key : null);
            if (!item) vitc.fit();
        } else if (what === 'profile') {
            vitc.addSeconds(vitc.state.model);
            refreshMarks();
        } else
            relink();
    });
    vitc.on('theme', function () {
        if (!scene) return;
        vitc.readColors();
        vitc.redraw();
    });
})();
