/* The page around the graph: regions with their panels, tabs and splitters, the bar's buttons, the path of what is
 * selected, words for those who do not see the canvas; and the start of it all. */
'use strict';

(function () {
    var regions = {left: [], right: [], bottom: []};

    function element(name, className, text) {
        var made = document.createElement(name);
        if (className) made.className = className;
        if (text !== undefined) made.textContent = text;
        return made;
    }

    /* ---- panels */

    function front(region) {
        return regions[region].find(function (panel) {
            return panel.tab.getAttribute('aria-selected') === 'true';
        });
    }

    function attempt(panel, f) { /* a panel that fails does not take the others with it */
        try {
            f();
        } catch (error) {
            console.error(panel.name + ': ' + (error.stack || error));
        }
    }

    function bring(panel) {
        regions[panel.region].forEach(function (other) {
            var here = other === panel;
            other.tab.setAttribute('aria-selected', String(here));
            other.tab.tabIndex = here ? 0 : -1;
            other.element.hidden = !here;
        });
        refresh(panel);
    }

    function refresh(panel) {
        attempt(panel, function () {
            if (panel.resize) panel.resize();
            if (panel.stage) panel.stage(vitc.state.stage);
            if (panel.show) panel.show(vitc.state.selected);
        });
    }

    vitc.showPanel = function (name) {
        var panel = vitc.panels.find(function (one) {
            return one.name === name;
        });
        if (!panel || !panel.tab) return;
        document.body.classList.remove('no-' + panel.region);
        bring(panel);
    };

    function mountRegion(region) {
        var place = document.getElementById(region), list = regions[region], tabs = element('div', 'tabs');
        tabs.setAttribute('role', 'tablist');
        if (!list.length) return document.body.classList.add('no-' + region);
        place.appendChild(tabs);
        list.forEach(function (panel) {
            panel.tab = element('button', 'tab', panel.title);
            panel.tab.id = 'tab-' + panel.name;
            panel.tab.setAttribute('role', 'tab');
            panel.tab.setAttribute('aria-controls', 'panel-' + panel.name);
            panel.element = element('div', 'panel');
            panel.element.id = 'panel-' + panel.name;
            panel.element.setAttribute('role', 'tabpanel');
            panel.element.setAttribute('aria-labelledby', panel.tab.id);
            panel.tab.addEventListener('click', bring.bind(null, panel));
            tabs.appendChild(panel.tab);
            place.appendChild(panel.element);
            attempt(panel, function () {
                panel.mount(panel.element, vitc.state.model);
            });
        });
        tabs.addEventListener('keydown', function (event) {
            var by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
            if (!by) return;
            var next = list[(list.indexOf(front(region)) + by + list.length) % list.length];
            bring(next);
            next.tab.focus();
        });
        bring(list[0]);
    }

    function mountPanels() {
        vitc.panels.forEach(function (panel) {
            if (regions[panel.region]) regions[panel.region].push(panel);
        });
        Object.keys(regions).forEach(mountRegion);
    }

    function eachFront(f) {
        Object.keys(regions).forEach(function (region) {
            var panel = front(region);
            if (panel && !document.body.classList.contains('no-' + region)) attempt(panel, f.bind(null, panel));
        });
    }

    vitc.on('select', function (ref) {
        eachFront(function (panel) {
            if (panel.show) panel.show(ref);
        });
    });
    vitc.on('stage', function (i) {
        eachFront(function (panel) {
            if (panel.stage) panel.stage(i);
        });
    });

    /* ---- regions: how wide, and hidden or not */

    vitc.toggleRegion = function (region) {
        document.body.classList.toggle('no-' + region);
        var panel = front(region);
        if (panel && !document.body.classList.contains('no-' + region)) refresh(panel);
    };

    function startSplitter(splitter) {
        var side = splitter.dataset.side, name = '--' + side;
        splitter.addEventListener('pointerdown', function (event) {
            splitter.setPointerCapture(event.pointerId);
            splitter.dataset.held = 'yes';
        });
        splitter.addEventListener('pointermove', function (event) {
            if (!splitter.dataset.held) return;
            var size = side === 'left' ? event.clientX : side === 'right' ? innerWidth - event.clientX :
                innerHeight - event.clientY;
            var most = (side === 'bottom' ? innerHeight : innerWidth) * 0.6;
            document.documentElement.style.setProperty(name, Math.round(Math.max(90, Math.min(most, size))) + 'px');
        });
        splitter.addEventListener('pointerup', function () {
            delete splitter.dataset.held;
            eachFront(function (panel) {
                if (panel.resize) panel.resize();
            });
        });
        splitter.addEventListener('dblclick', vitc.toggleRegion.bind(null, side));
    }

    /* ---- words */

    var toldTimer = null;
    vitc.tell = function (text) {
        var told = document.getElementById('told');
        told.textContent = text;
        told.hidden = false;
        clearTimeout(toldTimer);
        toldTimer = setTimeout(function () {
            told.hidden = true;
        }, 5000);
    };

    /* What is selected, in words. */
    vitc.describe = function (ref) {
        var model = vitc.state.model, outline = vitc.scene().outline;
        if (!ref) return '';
        if (ref.kind === 'value') {
            var entry = model.entry(ref.id, vitc.state.stage), gone = entry < 0;
            if (gone) entry = model.lastEntry(ref.id);
            if (entry < 0) return '';
            var operands = Array.from(model.operands(entry)).map(function (o) {
                return o < 0 ? model.sourceName(-1 - o) : '%' + o;
            });
            var readers = model.readers(ref.id, vitc.state.stage).map(function (e) {
                return '%' + model.nodes.number[e];
            });
            return model.valueName(ref.id) + ', ' + model.string(model.nodes.type[entry]) + (gone ?
                ', not in this stage' : '') +
                (operands.length ? ', of ' + operands.join(', ') : '') +
                (readers.length ? ', read by ' + readers.slice(0, 8).join(', ') : ', read by nothing') +
                (model.position(entry) ? ', from ' + model.position(entry) : '');
        }
        if (ref.kind === 'group' && outline.find(ref.id) >= 0)
            return 'group ' + ref.id + ', ' + vitc.units.plural(outline.size(outline.find(ref.id)), 'value');
        if (ref.kind === 'kernel')
            return 'kernel ' + (ref.id + 1) + ', ' + model.string(model.kernels.name[ref.id]) + ', ' +
                vitc.units.plural(model.kernels.values(ref.id).length, 'value');
        if (ref.kind === 'source') return model.sourceName(ref.id) + ', ' + model.string(model.sources.type[ref.id]);
        if (ref.kind === 'op')
            return 'operator ' + model.ops[ref.id].name + ', ' + vitc.units.plural(vitc.numbersOf(ref).length, 'value');
        if (ref.kind === 'line') {
            var cut = ref.id.indexOf(':');
            return model.files[ref.id.slice(0, cut)].name + ref.id.slice(cut) + ', ' +
                vitc.units.plural(vitc.numbersOf(ref).length, 'value');
        }
        return '';
    };

    function pathOf(ref) {
        var model = vitc.state.model, outline = vitc.scene().outline, id = -1;
        if (ref && ref.kind === 'value') id = outline.groupOf[ref.id];
        else if (ref && ref.kind === 'group') id = outline.find(ref.id);
        var path = [];
        for (; id >= 0 && outline.groups[id].parent >= 0; id = outline.groups[id].parent)
            path.unshift(outline.groups[id]);
        return {groups: path, last: ref && ref.kind === 'value' ? model.valueName(ref.id) : ''};
    }

    function showTrail(ref) {
        var trail = document.getElementById('trail'), path = pathOf(ref);
        trail.textContent = '';
        path.groups.forEach(function (group, i) {
            if (i) trail.appendChild(element('span', 'dot', '.'));
            var name = element('button', '', group.name.replace(/^@/, ''));
            name.addEventListener('click', function () {
                vitc.reveal({kind: 'group', id: group.path}, 'trail');
            });
            trail.appendChild(name);
        });
        if (path.last) trail.appendChild(element('span', 'value', path.last));
        if (!path.groups.length && ref) trail.appendChild(element('span', 'value', vitc.describe(ref)));
        if (ref) {
            var link = element('button', 'link', 'copy link');
            link.title = 'copy a link to this ( y )';
            link.setAttribute('aria-label', 'copy a link to what is selected');
            link.addEventListener('click', vitc.copyLink);
            trail.appendChild(link);
        }
        document.getElementById('spoken').textContent = vitc.describe(ref);
    }

    function showLegend() {
        var legend = document.getElementById('legend');
        [['product', 'product'], ['elementwise', 'elementwise'], ['reduce', 'reduction'], ['row', 'row'], ['move',
            'move'],
            ['other', 'other']].forEach(function (kind) {
            var item = element('span', 'key', kind[1]);
            item.style.setProperty('--key', 'var(--' + kind[0] + ')');
            legend.appendChild(item);
        });
        [['new', 'new'], ['changed', 'changed'], ['gone', 'gone']].forEach(function (kind) {
            var item = element('span', 'key mark', kind[1]);
            item.style.setProperty('--key', 'var(--' + kind[0] + ')');
            legend.appendChild(item);
        });
    }

    /* ---- the bar */

    function showSwitches() {
        var lane = document.getElementById('lane'), places = document.getElementById('places'), s = vitc.state;
        lane.textContent = s.lane === 'side' ? 'side by side' : 'overlaid';
        lane.setAttribute('aria-pressed', String(s.lane === 'overlay'));
        places.textContent = s.places === 'packed' ? 'packed' : 'places kept';
        places.setAttribute('aria-pressed', String(s.places === 'stable'));
        document.body.dataset.places = s.places;
    }

    function startBar(model) {
        var about = model.about, name = document.getElementById('recipe-name');
        var recipe = [about.recipe].concat(about.settings || []).join(' ');
        name.firstElementChild.textContent = recipe;
        name.lastElementChild.textContent = [about.precision, about.target, 'batch ' + about.batch,
            vitc.units.flops(about.flops)].filter(Boolean).join(' · ');
        name.title = recipe + ', ' + vitc.units.many(about.parameters) + ' parameters, ' +
            vitc.units.bytes(about.state_bytes) + ' of states' + ', vitc ' + about.version;
        document.title = recipe + ' · vitc';
        function press(id, f) {
            document.getElementById(id).addEventListener('click', f);
        }
        press('lane', function () {
            vitc.set('lane', vitc.state.lane === 'side' ? 'overlay' : 'side');
        });
        press('places', function () {
            vitc.placesChosen = true;
            vitc.set('places', vitc.state.places === 'packed' ? 'stable' : 'packed');
        });
        press('fit', function () {
            vitc.fit();
        });
        press('theme', vitc.switchTheme);
        press('help', vitc.showKeys);
        showSwitches();
        if (about.folded) {
            vitc.tell(about.folded);
            name.lastElementChild.textContent += ' · not all of it';
            name.title = about.folded + '\n' + name.title;
        }
    }

    vitc.on('view', showSwitches);
    vitc.on('select', showTrail);
    vitc.on('stage', function () {
        showTrail(vitc.state.selected);
    });

    /* ---- the start */

    vitc.start = function (data) {
        var model = vitc.model(data);
        vitc.state.model = model;
        vitc.state.stage = model.lastStage;
        vitc.state.profile = Boolean(model.profile);
        vitc.addSeconds(model);
        startBar(model);
        vitc.startSlider();
        vitc.startView(model);
        showLegend();
        vitc.startSearch();
        vitc.startKeys();
        Array.from(document.querySelectorAll('.splitter')).forEach(startSplitter);
        vitc.emit('ready', model);
        mountPanels();
        vitc.startLinks();
        window.addEventListener('resize', function () {
            eachFront(function (panel) {
                if (panel.resize) panel.resize();
            });
        });
        document.body.dataset.ready = 'yes';
        vitc.readyAt = performance.now();
    };

    if (document.getElementById('step-data'))
        vitc.read('step-data').then(vitc.start).catch(function (error) {
            console.error(error.stack || error);
            document.getElementById('told').hidden = false;
            document.getElementById('told').textContent = 'The page cannot show its data: ' + error.message;
        });
})();
