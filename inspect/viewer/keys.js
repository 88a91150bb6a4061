/* Keys: a table of them, which the help shows, and moving along edges. */
'use strict';

(function () {
    function selectedItem() {
        return vitc.itemOf(vitc.state.selected);
    }

    function go(item) {
        if (!item) return;
        vitc.select(vitc.refOf(item), 'keys');
    }

    function middle(item) {
        return item.w ? item.x + item.w / 2 : item.gx + item.gw / 2;
    }

    function nearest(items, x) {
        return items.reduce(function (best, item) {
            return !best || Math.abs(middle(item) - x) < Math.abs(middle(best) - x) ? item : best;
        }, null);
    }

    /* Items that an edge joins with one, against the edges' direction (operands) or along it (readers); of an open
     * group and at a border those of the box around it. */
    vitc.neighbours = function (item, readers) {
        var scene = vitc.scene(), found = [], box = scene.boxes[item.box];
        box.edges.forEach(function (edge) {
            if (!edge.live) return;
            if (readers && edge.from === item.index && edge.to >= 0) found.push(scene.items[edge.to]);
            if (!readers && edge.to === item.index && edge.from >= 0) found.push(scene.items[edge.from]);
        });
        if (!found.length && box.owner >= 0) return vitc.neighbours(scene.items[box.owner], readers);
        return found;
    };

    function vertical(down) {
        var item = selectedItem(), scene = vitc.scene();
        if (!item) return go(scene.main.main[0] || scene.items[0]);
        var gradient = !item.w && item.gw > 0, found = vitc.neighbours(item, gradient ? !down : down);
        go(nearest(found, middle(item)));
    }

    /* To the next item of the line; from the last forward one to the first gradient beside it, and back. */
    function sideways(right) {
        var item = selectedItem(), scene = vitc.scene();
        if (!item) return go(scene.main.main[0] || scene.items[0]);
        var line = scene.boxes[item.box].lines[item.line].items.slice();
        line.sort(function (a, b) {
            return middle(a) - middle(b);
        });
        var next = line[line.indexOf(item) + (right ? 1 : -1)];
        if (next) return go(next);
        var partners = vitc.state.selected.kind === 'value' && vitc.state.model.partners(vitc.state.selected.id);
        if (partners) goToPartner();
    }

    function goToPartner() {
        var ref = vitc.state.selected;
        if (!ref || ref.kind !== 'value') return;
        var partners = vitc.state.model.partners(ref.id), list = partners.of >= 0 ? [partners.of] : partners.gradients;
        var number = list.find(function (n) {
            return vitc.state.model.entry(n, vitc.state.stage) >= 0;
        });
        if (number !== undefined) vitc.reveal({kind: 'value', id: number}, 'keys');
    }

    function outwards() {
        var item = selectedItem(), scene = vitc.scene();
        if (item && scene.boxes[item.box].owner >= 0) go(scene.items[scene.boxes[item.box].owner]);
    }

    function toggle() {
        var item = selectedItem();
        if (item) vitc.toggle(item);
    }

    function center() {
        var item = selectedItem();
        if (item) vitc.look(item, true);
    }

    function startSearch() {
        var input = document.getElementById('search');
        input.focus();
        input.select();
    }

    function drop() {
        if (vitc.state.selected) vitc.select(null, 'keys');
    }

    function flip(name, a, b) {
        return function () {
            if (name === 'places') vitc.placesChosen = true;
            vitc.set(name, vitc.state[name] === a ? b : a);
        };
    }

    var pan = 90;
    vitc.keys = [
        {title: 'Find'},
        {keys: ['/'], text: 'search', run: startSearch},
        {keys: ['y'], text: 'copy a link to what is selected', run: function () { vitc.copyLink(); }},
        {title: 'Move along edges'},
        {keys: ['ArrowDown', 'j'], text: 'down: to a reader, of gradients to an operand',
            run: function () { vertical(true); }},
        {keys: ['ArrowUp', 'k'], text: 'up: to an operand, of gradients to a reader',
            run: function () { vertical(false); }},
        {keys: ['ArrowLeft', 'h'], text: 'to the left in the line', run: function () { sideways(false); }},
        {keys: ['ArrowRight', 'l'], text: 'to the right in the line', run: function () { sideways(true); }},
        {keys: ['g'], text: 'to the gradient of a value, and back', run: goToPartner},
        {keys: ['Enter', ' '], text: 'open or close a group', run: toggle},
        {keys: ['Backspace', 'u'], text: 'to the group around it', run: outwards},
        {keys: ['Escape'], text: 'select nothing', run: drop},
        {title: 'Passes'},
        {keys: ['['], text: 'the pass before', run: function () { vitc.stepStage(-1); }},
        {keys: [']'], text: 'the next pass', run: function () { vitc.stepStage(1); }},
        {keys: ['P'], text: 'play all passes', run: function () { vitc.play(); }},
        {keys: ['i'], text: 'show passes without effect', run: flip('idle', false, true)},
        {keys: ['p'], text: 'pack what the stage has, or keep the places of all stages',
            run: flip('places', 'packed', 'stable')},
        {title: 'View'},
        {keys: ['f', '0'], text: 'see all', run: function () { vitc.fit(); }},
        {keys: ['+', '='], text: 'larger', run: function () { vitc.zoom(1.25); }},
        {keys: ['-'], text: 'smaller', run: function () { vitc.zoom(0.8); }},
        {keys: ['c'], text: 'center what is selected', run: center},
        {keys: ['e'], text: 'open one level more, inside what is selected',
            run: function () { vitc.openLevel(selectedItem()); }},
        {keys: ['E'], text: 'close all groups', run: function () { vitc.closeAll(); }},
        {keys: ['o'], text: 'forward and gradient side by side, or overlaid', run: flip('lane', 'side', 'overlay')},
        {keys: ['x'], text: 'all edges from forward values to gradients', run: flip('cross', false, true)},
        {keys: ['w', 'a', 's', 'd'], text: 'move the view', run: function (key) {
            vitc.pan(key === 'a' ? pan : key === 'd' ? -pan : 0, key === 'w' ? pan : key === 's' ? -pan : 0);
        }},
        {keys: ['1', '2', '3'], text: 'hide or show the recipe, the details, the charts', run: function (key) {
            vitc.toggleRegion({1: 'left', 2: 'right', 3: 'bottom'}[key]);
        }},
        {keys: ['t'], text: 'dark or light', run: function () { vitc.switchTheme(); }},
        {keys: ['?'], text: 'these keys', run: function () { vitc.showKeys(); }}
    ];

    var names = {ArrowDown: '↓', ArrowUp: '↑', ArrowLeft: '←', ArrowRight: '→', ' ': 'space', Enter: '⏎',
        Escape: 'esc', Backspace: '⌫'};

    vitc.showKeys = function () {
        var dialog = document.getElementById('all-keys');
        if (dialog.open) return dialog.close();
        dialog.textContent = '';
        var columns = document.createElement('div'), section = null;
        columns.className = 'keys';
        vitc.keys.forEach(function (row) {
            if (row.title) {
                section = document.createElement('section');
                section.appendChild(document.createElement('h2')).textContent = row.title;
                columns.appendChild(section);
                return;
            }
            var line = section.appendChild(document.createElement('p'));
            row.keys.forEach(function (key) {
                line.appendChild(document.createElement('kbd')).textContent = names[key] || key;
            });
            line.appendChild(document.createElement('span')).textContent = row.text;
        });
        dialog.appendChild(columns);
        var hint = dialog.appendChild(document.createElement('p'));
        hint.className = 'hint';
        hint.textContent = 'Drag to move, wheel to zoom, shift and wheel to move sideways, double click to open a group.';
        dialog.showModal();
    };

    vitc.startKeys = function () {
        var byKey = new Map();
        vitc.keys.forEach(function (row) {
            (row.keys || []).forEach(function (key) {
                byKey.set(key, row);
            });
        });
        document.addEventListener('keydown', function (event) {
            var row = byKey.get(event.key), target = event.target, dialog = document.getElementById('all-keys');
            if (dialog.open) { /* it closes itself with escape */
                if (event.key === '?') dialog.close();
                return;
            }
            if (!row || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
            if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.type !== 'checkbox') return;
            var elsewhere = target !== document.body && target.id !== 'graph';
            if (elsewhere && /^(Arrow|Enter$| $|Backspace$)/.test(event.key)) return; /* panels have their own */
            event.preventDefault();
            row.run(event.key);
        });
        document.getElementById('all-keys').addEventListener('click', function (event) {
            if (event.target === event.currentTarget) event.currentTarget.close();
        });
    };
})();
