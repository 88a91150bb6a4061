/* The whole page over the small step: this starts the viewer, so it comes last. */
'use strict';

(function () {
    function select(kind, id) {
        vitc.reveal({kind: kind, id: id}, 'test');
    }

    vitc.test('the page starts', function (check) {
        vitc.start(vitc.fixture());
        check.equal(document.body.dataset.ready, 'yes');
        check.equal(document.title, 'small.yaml · vitc');
        check.ok(vitc.scene().items.length >= 3, 'items');
    });

    vitc.test('a link and what it means are the same', function (check) {
        [{kind: 'value', id: 12}, {kind: 'group', id: 'net.blocks.1'}, {kind: 'kernel', id: 3}, {kind: 'line',
            id: '1:7'},
            {kind: 'source', id: 1}, {kind: 'op', id: 4}].forEach(function (ref) {
            check.equal(vitc.parseLink(vitc.linkOf(ref)).ref, ref);
        });
        check.equal(vitc.linkOf({kind: 'value', id: 12}), '#%12');
        check.equal(vitc.linkOf({kind: 'kernel', id: 3}), '#kernel=4', 'people count from 1');
        check.equal(vitc.parseLink('#%2512').ref, {kind: 'value', id: 12}, 'as some programs write %');
        check.equal(vitc.parseLink('#%12&stage=autodiff').stage, 2);
        ['#%999', '#kernel=0', '#kernel=99', '#stage=none', '#nonsense', '#line=x.yaml:3'].forEach(function (link) {
            check.ok(vitc.parseLink(link).wrong, link + ' means nothing, which');
        });
    });

    vitc.test('revealing a value opens the groups around it, and the right one of alike ones', function (check) {
        select('value', 4);
        var item = vitc.itemOf({kind: 'value', id: 4});
        check.equal([item.kind, item.number], ['value', 4]);
        check.equal(vitc.expanded.get('run:net.blocks'), 'net.blocks.1');
        select('value', 1);
        check.equal(vitc.itemOf({kind: 'value', id: 1}).kind, 'value');
        check.equal(vitc.expanded.get('run:net.blocks'), 'net.blocks.0');
    });

    vitc.test('arrows move along edges', function (check) {
        select('value', 0);
        var found = vitc.neighbours(vitc.itemOf({kind: 'value', id: 0}), true);
        check.equal(found.map(function (item) { return item.number; }), [1]);
        check.equal(vitc.neighbours(vitc.itemOf({kind: 'value', id: 1}),
            false).map(function (item) { return item.number; }), [0]);
    });

    vitc.test('the slider leaves out what changes nothing', function (check) {
        vitc.goToStage(2);
        check.equal(vitc.shownStages(), [0, 1, 2], 'not the pass without effect');
        vitc.set('idle', true);
        check.equal(vitc.shownStages(), [0, 1, 2, 3]);
        vitc.set('idle', false);
        check.equal(vitc.state.places, 'stable', 'values keep their places once it moved');
        vitc.stepStage(-1);
        check.equal(vitc.state.stage, 1);
        check.equal(vitc.marks[7], vitc.mark.GONE);
    });

    vitc.test('what is selected is told in words', function (check) {
        vitc.goToStage(2);
        select('value', 9);
        var said = document.getElementById('spoken').textContent;
        check.ok(said.indexOf('%9 mean, f32') >= 0 && said.indexOf('small.yaml:6') >= 0, said);
    });

    vitc.test('keys are in the help, each once', function (check) {
        var seen = [];
        vitc.keys.forEach(function (row) {
            (row.keys || []).forEach(function (key) {
                check.ok(seen.indexOf(key) < 0, key + ' once');
                seen.push(key);
            });
        });
        vitc.showKeys();
        check.ok(document.getElementById('all-keys').open, 'the help is open, which');
        vitc.showKeys();
        check.ok(!document.getElementById('all-keys').open, 'and closed again, which');
    });

    vitc.test('a point in a card is that card', function (check) {
        select('value', 0);
        var item = vitc.itemOf({kind: 'value', id: 0}), hit = vitc.hit(item.x + 5, item.y + 5);
        check.equal(hit.item.key, '%0');
        check.equal(vitc.hit(-5000, -5000), null);
    });

    vitc.test('a heading above what is seen stays at the edge, and can be pressed', async function (check) {
        select('value', 0);
        while (!vitc.still()) await new Promise(requestAnimationFrame);
        var item = vitc.scene().items[vitc.scene().boxes[vitc.itemOf({kind: 'value', id: 0}).box].owner];
        check.equal(vitc.scene().stuck, [], 'all headings are seen');
        var before = Object.assign({}, vitc.view);
        Object.assign(vitc.view, {k: 3, x: 0, y: -3 * (item.y + 20)});
        vitc.redraw();
        while (!vitc.still()) await new Promise(requestAnimationFrame);
        var stuck = vitc.scene().stuck[0];
        check.ok(stuck && stuck.item.inner >= 0, 'one stays, which');
        check.equal(vitc.hit(stuck.x + 30, stuck.y + 5).item, stuck.item);
        check.equal(vitc.hit(stuck.x + 5, stuck.y + 5).button.name, 'toggle');
        Object.assign(vitc.view, before);
        vitc.redraw();
    });

    vitc.test('opening and closing a group', function (check) {
        vitc.closeAll();
        var run = vitc.scene().byKey.get('run:net.blocks'), few = vitc.scene().items.length;
        if (!run) { /* places of all stages: not alike in all */
            vitc.set('places', 'packed');
            run = vitc.scene().byKey.get('run:net.blocks');
            few = vitc.scene().items.length;
        }
        vitc.toggle(run);
        check.ok(vitc.scene().items.length > few, 'more is seen, which');
        vitc.setExpanded('run:net.blocks', 'all');
        check.ok(vitc.scene().byKey.has('net.blocks.1'), 'one by one, which');
        vitc.closeAll();
        check.equal(vitc.scene().items.length, few);
    });

    vitc.test('the theme changes the colours', function (check) {
        vitc.setTheme('light');
        var light = vitc.colors.bg;
        vitc.setTheme('dark');
        check.ok(vitc.colors.bg !== light, 'another background, which');
        vitc.setTheme('light');
    });
})();
