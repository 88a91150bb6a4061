'use strict';

(function () {
    function paths(outline) {
        return outline.groups.map(function (group) {
            return group.path;
        });
    }

    vitc.test('groups by module path, the update in a tree of its own', function (check) {
        var model = vitc.model(vitc.fixture()), outline = vitc.outline(model, 3);
        check.ok(outline.find('net.blocks.1.fc') > 0, 'a group of forward and gradient');
        check.equal(outline.groups[outline.find('net.blocks.1')].counts, [3, 3, 0], 'forward, gradient, update');
        check.ok(paths(outline).indexOf('update:net.blocks.0.fc.weight') >= 0, 'the update of a weight');
        check.equal(outline.find('net.none'), -1);
    });

    vitc.test('operands come before their users', function (check) {
        [vitc.model(vitc.fixture()), vitc.model(vitc.largeStep(30))].forEach(function (model) {
            for (var stage = -1; stage <= model.lastStage; stage++) {
                var outline = stage < 0 ? vitc.outline(model, 0, model.lastStage) : vitc.outline(model, stage);
                outline.sorted.forEach(function (number) {
                    model.operands(outline.entries[number]).forEach(function (operand) {
                        if (operand >= 0) check.below(outline.order[operand], outline.order[number], '%' + operand);
                    });
                });
            }
        });
    });

    vitc.test('alike siblings are drawn once, where they are alike in the stage', function (check) {
        var data = vitc.fixture();
        var items = vitc.outline(vitc.model(data), 3);
        var net = items.items(items.main).filter(function (item) {
            return item.kind === 'run';
        });
        check.equal(net.length, 1);
        check.equal([net[0].label, net[0].members.length], ['net.blocks', 2],
            'a group of nothing but a run is that run');
        data.alike[3] = [];
        check.equal(vitc.outline(vitc.model(data), 3).items(0)[0].kind, 'group', 'not alike in this stage');
        check.equal(vitc.outline(vitc.model(data), 2).items(0)[0].kind, 'run');
        check.equal(vitc.outline(vitc.model(data), 0, 3).items(0)[0].kind, 'group', 'not alike in all stages');
    });

    vitc.test('a run can be open one by one', function (check) {
        var outline = vitc.outline(vitc.model(vitc.largeStep(6)), 2), blocks = outline.find('net.blocks');
        function labels(isAll) {
            return outline.items(blocks, isAll).map(function (item) {
                return item.label;
            });
        }
        check.equal(labels(), ['0', '1 … 5']);
        check.equal(labels(function () { return true; }), ['0', '1', '2', '3', '4', '5']);
    });

    vitc.test('values without a module lie in parts of the recipe', function (check) {
        var model = vitc.model(vitc.fixture()), outline = vitc.outline(model, 0);
        check.equal(outline.groups[outline.groupOf[9]].path, '@small.yaml:5–6');
        check.equal(outline.groupOf[8], outline.groupOf[9]);
        check.equal(outline.groups[vitc.outline(model, 3).groupOf[12]].path.slice(0, 6), '@small',
            'the gradient lies beside');
        var constant = outline.inline(6);
        check.ok(constant && !outline.inline(7), 'constants are written where they are read');
    });

    vitc.test('parts and modules do not depend on each other in a circle', function (check) {
        var model = vitc.model(vitc.largeStep(3)), outline = vitc.outline(model, 2), scene = vitc.layout(model,
            outline, {});
        var low = scene.main.edges.filter(function (edge) {
            return edge.lane === 0 && scene.items[edge.from].depth >= scene.items[edge.to].depth;
        });
        check.equal(low.length, 0);
    });

    vitc.test('places are those of all stages, but begin anew where a pass replaces most values', function (check) {
        check.equal(vitc.eras(vitc.model(vitc.fixture())), [[0, 3], [0, 3], [0, 3], [0, 3]]);
        var data = vitc.largeStep(9), nodes = data.nodes;
        nodes.number.forEach(function (number, i) {
            if (nodes.first[i] === 0 && i % 10 < 7) nodes.last[i] = 0;
        });
        check.equal(vitc.eras(vitc.model(data)), [[0, 0], [1, 2], [1, 2]]);
    });
})();
