/* The graph on its canvas: which scene is shown, and where one looks at. Scenes are laid out anew when groups open,
 * when a stage is shown in packed places, and when the lanes change; what lies in both the old and the new scene moves
 * from place to place, and what was pressed stays under the pointer. */
'use strict';

(function () {
    var view = vitc.view = {x: 0, y: 0, k: 1, w: 0, h: 0};
    var expanded = vitc.expanded = new Map();
    var canvas, context, scene, marks, outlines, eras, wanted = false, animation = null;
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
        if (vitc.ratio !== (window.devicePixelRatio || 1)) resize(); /* moved to another screen */
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
        var stage = vitc.state.stage, range = vitc.state.places === 'stable' ? eras[stage] : [stage, stage];
        var key = range.join();
        if (!outlines.has(key)) {
            if (outlines.size > 6) outlines.clear();
            outlines.set(key, vitc.outline(vitc.state.model, range[0], range[1]));
        }
        return outlines.get(key);
    }

    function refreshMarks() {
        marks = vitc.marksOf(vitc.state.model, vitc.state.stage);
        vitc.markItems(scene, marks);
        vitc.markEdges(scene, vitc.state.stage);
        vitc.marks = marks;
        document.body.dataset.marks = vitc.state.stage && vitc.state.stage < vitc.state.model.lastStage ? 'yes' : 'no';
        vitc.relink();
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
            if (old) from.push([item, {x: old.x + dx, y: old.y + dy, w: old.w, h: old.h, gx: old.gx + dx, gw: old.gw},
                target]);
            else from.push([item, null, target]);
        });
        scene.moving = true;
        animate(180, function (e) {
            from.forEach(function (move) {
                var item = move[0], old = move[1], target = move[2];
                item.alpha = old ? 1 : e;
                if (!old) return;
                FIELDS.forEach(function (field) { /* a part that was not there has no place to come from */
                    var appears = field[0] === 'g' ? !old.gw || !target.gw : (field === 'x' || field === 'w') &&
                        (!old.w || !target.w);
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
        eras = vitc.eras(model);
        vitc.readColors();
        resize();
        build();
        placeAll();
        vitc.startPointer(canvas);
        new ResizeObserver(resize).observe(canvas.parentElement);
        vitc.paint(context, scene, view, vitc.ratio);
        vitc.firstPaint = performance.now();
        return model;
    };

    vitc.on('select', function (ref, from) {
        vitc.relink();
        if (ref && from !== 'graph' && from !== 'reveal') {
            var item = vitc.itemOf(ref);
            if (item) vitc.look(item);
        }
    });
    vitc.on('hover', function () {
        vitc.relink();
    });
    vitc.on('reveal', function (ref) {
        var item = vitc.openTo(ref);
        vitc.relink();
        if (item) vitc.look(item);
    });
    /* What is not in the stage is outlined while the slider moves, and a while longer. */
    var rest = null;
    function stir() {
        vitc.restless = true;
        clearTimeout(rest);
        rest = setTimeout(function () {
            vitc.restless = false;
            vitc.redraw();
        }, 1600);
    }

    vitc.on('stage', function () {
        stir();
        var ref = vitc.state.selected, item = ref && vitc.itemOf(ref);
        if (scene.outline !== outlineOf()) vitc.relayout(item ? item.key : null);
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
            vitc.relink();
    });
    vitc.on('theme', function () {
        if (!scene) return;
        vitc.readColors();
        vitc.redraw();
    });
})();
