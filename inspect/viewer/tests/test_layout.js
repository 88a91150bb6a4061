'use strict';

(function () {
    function open(model, stage) { /* everything */
        var expanded = new Map(), outline = stage < 0 ? vitc.outline(model, 0, model.lastStage) : vitc.outline(model, stage);
        outline.groups.forEach(function (group) {
            expanded.set(group.path, true);
            if (group.run) expanded.set(outline.runKey(group.run), 'all');
        });
        return {outline: outline, expanded: expanded};
    }

    function layout(model, stage, lane) {
        var opened = open(model, stage), scene = vitc.layout(model, opened.outline, {expanded: opened.expanded,
            lane: lane});
        vitc.routeEdges(scene);
        return scene;
    }

    function parts(scene, box) {
        var list = [];
        box.items.forEach(function (item) {
            [false, true].forEach(function (gradient) {
                var r = (gradient ? item.gw : item.w) ? vitc.rect(scene, item, gradient) : null;
                if (r) list.push({item: item, r: r, gradient: gradient});
            });
        });
        return list;
    }

    function overlaps(scene) {
        var found = [];
        scene.boxes.forEach(function (box) {
            var list = parts(scene, box);
            for (var i = 0; i < list.length; i++)
                for (var j = 0; j < i; j++) {
                    var a = list[i].r, b = list[j].r;
                    if (a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3])
                        found.push(list[i].item.key + ' and ' + list[j].item.key);
                }
        });
        return found;
    }

    function outside(scene) { /* items that stick out of the group around them */
        var found = [];
        scene.boxes.forEach(function (box) {
            if (box.owner < 0) return;
            var owner = scene.items[box.owner];
            parts(scene, box).forEach(function (part) {
                var r = part.r, o = vitc.rect(scene, owner, part.gradient) || vitc.rect(scene, owner, !part.gradient);
                if (r[0] < o[0] || r[1] < o[1] + vitc.sizes.header || r[0] + r[2] > o[0] + o[2] || r[1] +
                    r[3] > o[1] + o[3])
                    found.push(part.item.key + ' in ' + owner.key);
            });
        });
        return found;
    }

    function each(f) {
        [vitc.model(vitc.fixture()), vitc.model(vitc.largeStep(9, {late: true}))].forEach(function (model) {
            for (var stage = -1; stage <= model.lastStage; stage++)
                ['side', 'overlay'].forEach(function (lane) {
                    f(model, layout(model, stage, lane), stage, lane);
                });
        });
    }

    vitc.test('nothing overlaps, and groups hold what is in them', function (check) {
        each(function (model, scene, stage, lane) {
            check.equal(overlaps(scene), [], lane + ' ' + stage);
            check.equal(outside(scene), [], lane + ' ' + stage);
        });
    });

    vitc.test('forward goes down, gradients go up', function (check) {
        each(function (model, scene) {
            scene.boxes.forEach(function (box) {
                box.edges.forEach(function (edge) {
                    if (edge.from < 0 || edge.to < 0) return;
                    var from = scene.items[edge.from], to = scene.items[edge.to];
                    if (edge.lane && to.depth > from.depth) return; /* its forward value lies below */
                    if (edge.lane) check.below(to.y, from.y, 'a gradient');
                    else check.below(from.y, to.y, 'a forward value');
                });
            });
        });
    });

    vitc.test('a gradient stands in the row of its forward value', function (check) {
        var model = vitc.model(vitc.largeStep(9)), scene = layout(model, 2, 'side'), n = 0;
        model.numbers.forEach(function (number) {
            var partner = model.partnerOf(number);
            if (partner < 0) return;
            var a = scene.items[scene.holder[number]], b = scene.items[scene.holder[partner]];
            n++;
            check.equal(a.box, b.box, 'in one group');
            check.equal(a.depth, b.depth, '%' + number + ' beside %' + partner);
            check.ok(a.gx > b.x + b.w, 'at the right');
        });
        check.ok(n > 20, 'there are gradients');
    });

    vitc.test('both parts of a group have one height', function (check) {
        var model = vitc.model(vitc.largeStep(9)), scene = layout(model, 2, 'side'),
            item = scene.byKey.get('net.blocks.4');
        check.ok(item.w && item.gw, 'two parts');
        var r = vitc.rect(scene, item, false), g = vitc.rect(scene, item, true);
        check.equal([r[1], r[3]], [g[1], g[3]]);
    });

    vitc.test('values keep their places from stage to stage', function (check) {
        var model = vitc.model(vitc.largeStep(9, {late: true})), scene = layout(model, -1, 'side');
        for (var stage = 0; stage <= model.lastStage; stage++) {
            var places = scene.items.map(function (item) {
                return [item.x, item.y, item.gx].join();
            }).join(';');
            vitc.state.model = model;
            vitc.state.stage = stage;
            vitc.addSeconds(model);
            vitc.markItems(scene, vitc.marksOf(model, stage));
            vitc.markEdges(scene, stage);
            check.equal(scene.items.map(function (item) {
                return [item.x, item.y, item.gx].join();
            }).join(';'), places);
        }
        var live = 0;
        vitc.markEdges(scene, 0);
        scene.boxes.forEach(function (box) {
            box.edges.forEach(function (edge) {
                live += edge.live ? 1 : 0;
            });
        });
        check.ok(live > 0 && live < vitc.edgeCount, 'edges of other stages are not drawn');
    });

    vitc.test('the same data are laid out alike twice', function (check) {
        function all() {
            return layout(vitc.model(vitc.largeStep(12)), 2, 'side').items.map(function (item) {
                return [item.key, item.x, item.y, item.gx].join();
            });
        }
        check.equal(all(), all());
    });

    vitc.test('what is added behind does not move what was there', function (check) {
        function places(blocks) {
            var scene = layout(vitc.model(vitc.largeStep(blocks)), 0, 'side');
            return ['net.blocks.0', 'net.blocks.1', 'net.blocks.2'].map(function (key) {
                var item = scene.byKey.get(key);
                return [item.y, item.h];
            });
        }
        check.equal(places(4), places(8));
    });

    vitc.test('four times as many values take four times as many steps', function (check) {
        function work(blocks) {
            return layout(vitc.model(vitc.largeStep(blocks)), 2, 'side').work;
        }
        var small = work(250), large = work(1000);
        check.ok(small > 2000, 'there is work: ' + small);
        check.below(large, 4.1 * small);
    });

    vitc.test('every edge ends at its items', function (check) {
        each(function (model, scene) {
            scene.boxes.forEach(function (box) {
                box.edges.forEach(function (edge) {
                    var p = edge.points, n = p.length, lane = edge.lane === 1;
                    check.ok(n >= 4 && p.every(isFinite), 'points');
                    for (var i = 2; i < n; i += 2)
                        check.ok(p[i] === p[i - 2] || p[i + 1] === p[i - 1], 'lines run straight down or across');
                    var to = edge.to >= 0 && vitc.rect(scene, scene.items[edge.to], lane);
                    if (to) check.ok(p[n - 2] > to[0] && p[n - 2] < to[0] + to[2], 'the end lies at its reader');
                });
            });
        });
    });

    vitc.test('a closed group takes the edges of what is in it', function (check) {
        var model = vitc.model(vitc.largeStep(5)), outline = vitc.outline(model, 2), scene = vitc.layout(model,
            outline, {});
        check.equal(scene.items[scene.holder[0]].kind, 'group', 'the first value lies in a closed group');
        check.below(scene.main.edges.length, 8);
        var expanded = new Map([[scene.items[scene.holder[0]].key, true]]);
        var more = vitc.layout(model, outline, {expanded: expanded});
        check.ok(more.items.length > scene.items.length, 'there is more behind it');
    });
})();
