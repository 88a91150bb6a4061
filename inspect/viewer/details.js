/* What is selected, in rows: a value, a kernel, an input or state, a module path, a line, a pass. */
'use strict';

(function () {
    const {element, replace, link, units} = vitc;
    const FEW = 12; /* of a list, before "all …" */

    /* ---- parts that several kinds of things share */

    function heading(kind, title, chips, doc) {
        return element('header.thing', null, element('div.kind', null, kind), element('h2', null, title),
            element('div.chips', null, chips), doc ? element('p.doc', null, doc) : null);
    }

    function chip(text, classes, title) {
        return element('span.chip' + (classes ? '.' + classes : ''), {title}, text);
    }

    const filled = part => Array.isArray(part) ? part.some(filled) : part !== null && part !== '' && part !== false;

    /* [[label, content …] or null …]; rows without content are left out. */
    function rows(list) {
        const shown = list.filter(row => row && row.slice(1).some(filled));
        return element('dl', null, shown.map(([label, ...content]) => [element('dt', null, label), element('dd', null, content)]));
    }

    function section(title, ...content) {
        return element('section', null, element('h3', null, title), content);
    }

    /* A list that begins with its first FEW; a button shows the others. */
    function list(items, make) {
        const all = element('ul.list', null, items.slice(0, FEW).map(item => element('li', null, make(item))));
        if (items.length > FEW)
            all.append(element('li', null, element('button.more', {onclick(event) {
                event.target.parentNode.remove();
                for (const item of items.slice(FEW)) all.append(element('li', null, make(item)));
            }}, 'all ' + units.count(items.length))));
        return all;
    }

    /* "%12 matmul f32[64x384] student.norm": a value or a source, with its type, and where it is in another module. */
    function valueItem(facts, ref) {
        const {model} = facts, entry = ref < 0 ? -1 : model.lastEntry(ref);
        return [link(facts.target(ref), model.valueName(ref)), ' ', element('span.type', null, facts.type(ref)),
            entry >= 0 && facts.scope(entry) ? element('span.dim', null, ' ' + facts.scope(entry)) : null];
    }

    function kernelLink(facts, k) {
        return link({kind: 'kernel', id: k}, 'kernel ' + (k + 1), {title: facts.kernelName(k)});
    }

    function kernelItem(facts, k) {
        return [kernelLink(facts, k), ' ', element('span.dim', null, facts.kernelName(k)), ' ',
            element('span.figure', null, units.percent(facts.share(facts.kernelSeconds(k))))];
    }

    /* "student . backbone . blocks . 0", each a link to its group. */
    function scopeTrail(scope) {
        if (!scope) return null;
        const parts = scope.split('.');
        return element('span.trail', null, parts.map((part, i) =>
            [i ? '.' : null, link({kind: 'group', id: parts.slice(0, i + 1).join('.')}, part)]));
    }

    function lineLink(facts, entry) {
        const {nodes, files} = facts.model, file = nodes.file[entry];
        if (file < 0) return 'no line of the recipe';
        const line = nodes.line[entry], text = (files[file].text.split('\n')[line - 1] || '').trim();
        return [link({kind: 'line', id: vitc.lineId(file, line)}, facts.model.position(entry)),
            element('code.excerpt', null, vitc.coloured('recipe', text))];
    }

    /* The calls that a value was made in, the outermost first. */
    function callTrail(facts, entry) {
        const {files} = facts.model, calls = [...facts.model.callLines(facts.model.nodes.site[entry])].reverse();
        return calls.map((id, i) => [i ? ' › ' : null, link({kind: 'line', id},
            files[vitc.lineOf(id).file].name + ':' + vitc.lineOf(id).line)]);
    }

    /* A time with its share, and that it is an estimate where it is one. */
    function timeRow(facts, seconds, phases) {
        const share = facts.share(seconds);
        return ['Time', element('b.figure', null, units.percent(share)), ' of the step, ' + units.seconds(seconds),
            phases ? vitc.phaseBar(phases, Math.max(seconds, 1e-30)) : null,
            element('div.dim', null, facts.timesFrom())];
    }

    function phaseRow(facts, phases) {
        const shown = vitc.PHASES.map((name, i) => phases[i] > 0
            ? element('span.key.' + name, null, name + ' ' + units.percent(facts.share(phases[i]))) : null);
        return ['By phase', element('span.keys', null, shown)];
    }

    /* Totals of entries by some key, the largest first: [[key, seconds] …]. */
    function totals(facts, entries, keyOf) {
        const {byEntry} = facts.time(), sums = new Map();
        for (const i of entries)
            for (const key of [].concat(keyOf(i))) sums.set(key, (sums.get(key) || 0) + byEntry[i]);
        return [...sums].filter(pair => pair[1] > 0).sort((a, b) => b[1] - a[1]);
    }

    function shareTable(facts, pairs, make) {
        if (!pairs.length) return element('p.dim', null, 'nothing that takes time');
        const most = pairs[0][1];
        return element('div.shares', null, pairs.slice(0, FEW).map(([key, seconds]) => element('div.share-row', null,
            vitc.bar(seconds / most), element('span.figure', null, units.percent(facts.share(seconds))),
            element('span.what', null, make(key)))));
    }

    /* "97 % limited by compute, 3 % by memory": of entries, by what limits their kernels. */
    function limitWords(facts, entries) {
        const {kernels, nodes} = facts.model;
        const by = totals(facts, entries, i => facts.model.kernelsOf(nodes.number[i]).slice(0, 1)
            .map(k => facts.model.string(kernels.limit[k])));
        const sum = by.reduce((a, pair) => a + pair[1], 0);
        return by.map(([limit, seconds]) => units.percent(seconds / sum) + ' limited by ' +
            (limit === 'compute' ? 'compute (FLOPs at peak speed)' : 'memory (bytes at full bandwidth)')).join(', ');
    }

    /* ---- where a value lies */

    function placeWords(facts, number) {
        const {model} = facts, at = model.placeOf(number), {places, kernels} = model;
        const computing = model.kernelsOf(number);
        if (at < 0)
            return computing.length ? ['in registers and caches of ', kernelLink(facts, computing[0]), ': never stored whole']
                : 'nowhere: it is not in the optimised step';
        const place = model.string(places.place[at]), use = model.string(places.use[at]);
        const life = [', from ', kernelLink(facts, places.born[at]), ' to ', kernelLink(facts, places.died[at]), ' (' +
            units.plural(places.died[at] - places.born[at] + 1, 'kernel') + ' of ' + units.count(kernels.count) + ')'];
        if (place !== 'arena') return [place + (places.name ? ' ' + model.string(places.name[at]) : ''), use ? ': ' + use : ''];
        return ['arena, ' + units.bytes(places.bytes[at]) + ' at ' + units.bytes(places.offset[at]), life,
            use ? [', ', element('b', null, use)] : null];
    }

    function spanWords(facts, number) {
        const [first, last] = facts.span(number), {stages} = facts.model;
        const stage = i => link({kind: 'pass', id: i}, stages[i].label);
        if (first === 0 && last === facts.last) return 'through all passes';
        return ['made by ', stage(first), last < facts.last ? [', gone after ', stage(last)] : ', there to the end'];
    }

    function partnersOf(facts, number) {
        const {of, gradients} = facts.model.partners(number);
        return [of >= 0 ? ['Gradient of', valueItem(facts, of)] : null,
            gradients.length ? ['Its gradient', list(gradients, n => valueItem(facts, n))] : null];
    }

    /* ---- the kinds of things */

    function valueDetails(facts, number, stage) {
        const {model} = facts, entry = facts.entryNear(number, stage);
        if (entry < 0) return element('p.note', null, 'No value %' + number + '.');
        const {nodes} = model, op = facts.op(entry), {byEntry} = facts.time(), last = model.lastEntry(number);
        const operands = Array.from(model.operands(entry)), kernels = model.kernelsOf(number);
        const readers = model.readers(number, Math.min(stage, nodes.last[last])).map(i => nodes.number[i]);
        const results = facts.resultsOf.get(number) || [], phase = vitc.PHASES[nodes.phase[entry]];
        return [heading('value', model.valueName(number),
            [chip(phase, phase), chip(op.class), model.entry(number, stage) < 0 ? chip('not in this stage', 'missing') : null],
            op.doc),
        rows([['Type', element('span.type', null, model.string(nodes.type[entry]))],
            ['Line', lineLink(facts, entry)],
            ['Called by', callTrail(facts, entry)],
            ['Module', scopeTrail(facts.scope(entry))],
            nodes.last[last] === facts.last ? timeRow(facts, byEntry[last]) : null,
            ['FLOPs', nodes.flops[entry] > 0 ? units.flops(nodes.flops[entry]) : 'none'],
            ['Result', units.bytes(nodes.bytes[entry])],
            ['Lies', placeWords(facts, number), ' ', element('button.more', {onclick: () => vitc.showPanel('why')}, 'why?')],
            ['Computed in', kernels.length ? list(kernels, k => kernelItem(facts, k)) : ''],
            ['Attributes', nodes.attrs[entry] ? element('code', null, vitc.coloured('ir', model.string(nodes.attrs[entry]))) : ''],
            ['Result of', results.map(r => r.role === 'update' ? 'the step: ' + r.name + ' becomes it ' : 'the step: ' + r.name + ' ')],
            ...partnersOf(facts, number),
            ['Passes', spanWords(facts, number)]]),
        section('Operands', operands.length ? list(operands, ref => valueItem(facts, ref)) : element('p.dim', null, 'none')),
        section('Readers', readers.length ? list(readers, ref => valueItem(facts, ref))
            : element('p.dim', null, results.length ? 'none in the step: it is a result' : 'none in this stage'))];
    }

    function kernelDetails(facts, k) {
        const {model} = facts, {kernels, roofline} = model, name = facts.kernelName(k);
        const limit = model.string(kernels.limit[k]), values = Array.from(kernels.values(k));
        const seconds = facts.kernelSeconds(k), phase = vitc.PHASES[facts.kernelPhase(k)];
        const intensity = kernels.bytes[k] > 0 ? kernels.flops[k] / kernels.bytes[k] : Infinity;
        const chips = [chip(phase, phase), chip(model.string(kernels.kind[k])), chip('limited by ' + limit),
            kernels.again[k] ? chip('computed again', '', 'instead of being kept from the forward pass') : null,
            kernels.single[k] ? chip('one thread', '', 'too little work to share') : null,
            kernels.barrier[k] ? chip('behind a barrier', '', 'all threads wait before it') : null,
            kernels.chain[k] >= 0 ? chip('in chain ' + (kernels.chain[k] + 1), '', 'block by block with its neighbours') : null];
        return [heading('kernel ' + (k + 1) + ' of ' + kernels.count, name, chips),
            rows([timeRow(facts, seconds),
                facts.measured() ? ['Cost model', units.seconds(kernels.seconds[k]) + ' at least'] : null,
                ['FLOPs', units.flops(kernels.flops[k]), facts.measured() && seconds > 0
                    ? ' at ' + units.flopRate(kernels.flops[k] / seconds) : ''],
                ['Bytes', units.bytes(kernels.bytes[k]), ' read and stored'],
                ['Intensity', units.intensity(intensity), element('div.dim', null, limitReason(roofline, intensity, limit))],
                ['Code', kernels.code[k] >= 0 ? element('button.more', {onclick: () => vitc.showPanel('code')}, 'LLVM IR and assembly')
                    : 'not in this page']]),
            section('Computes ' + units.plural(values.length, 'value'), list(values, ref => valueItem(facts, ref))),
            section('Reads', list(Array.from(kernels.reads(k)), ref => sizedItem(facts, ref))),
            section('Stores', list(Array.from(kernels.stores(k)), ref => sizedItem(facts, ref)))];
    }

    /* Why the roofline model says that compute or memory limits a kernel. */
    function limitReason(roofline, intensity, limit) {
        const ridge = roofline.flops / roofline.bytes;
        return (limit === 'compute' ? 'more than ' : 'less than ') + units.digits(ridge) + ' FLOP/byte, where ' +
            units.flopRate(roofline.flops) + ' and ' + units.byteRate(roofline.bytes) + ' take equally long' +
            (roofline.assumed ? ' (both assumed)' : '');
    }

    function sizedItem(facts, ref) {
        return [valueItem(facts, ref), ' ', element('span.figure', null, units.bytes(facts.sizeOf(ref)))];
    }

    function sourceDetails(facts, index, stage) {
        const {model} = facts, {sources, nodes} = model, state = sources.kind[index] === 1;
        const readers = model.readers(-1 - index, stage).map(i => nodes.number[i]);
        const updates = model.results.filter(result => result.role === 'update' && result.name === model.sourceName(index));
        const gradients = readers.flatMap(n => model.partners(n).gradients)
            .filter(n => facts.type(n) === facts.type(-1 - index));
        const role = model.string(sources.role[index]);
        return [heading(state ? 'state' : 'input', model.sourceName(index), role ? [chip(role)] : []),
            rows([['Type', element('span.type', null, model.string(sources.type[index]))],
                ['Bytes', units.bytes(sources.bytes[index])],
                ['Module', state ? scopeTrail(model.sourceName(index).split('.').slice(0, -1).join('.')) : null],
                updates.length ? ['Becomes', updates.map(u => valueItem(facts, u.number))]
                    : state ? ['Becomes', 'the step does not change it'] : null,
                gradients.length ? ['Gradient', list([...new Set(gradients)], n => valueItem(facts, n))] : null]),
            section('Readers', readers.length ? list(readers, ref => valueItem(facts, ref))
                : element('p.dim', null, 'none in this stage')),
            section('Kernels', list(facts.kernelsWith(index, 'reads'), k => kernelItem(facts, k)))];
    }

    function groupDetails(facts, path) {
        const group = facts.groups().get(path);
        if (!group) return element('p.note', null, 'Nothing of ' + path + ' is left in the optimised step.');
        const entries = facts.entries({kind: 'group', id: path});
        const children = [...group.children].map(child => [child, facts.groups().get(child).seconds])
            .filter(pair => pair[1] > 0).sort((a, b) => b[1] - a[1]);
        const states = facts.model.sources.name.map((_, i) => i).filter(i => facts.model.sources.kind[i] === 1 &&
            path !== '' && vitc.within(facts.model.sourceName(i), path));
        const bytes = states.reduce((sum, i) => sum + facts.model.sources.bytes[i], 0);
        return [heading('module', path || 'the whole step', []),
            rows([['Module', scopeTrail(path)], timeRow(facts, group.seconds, group.phases), phaseRow(facts, group.phases),
                ['FLOPs', units.flops(group.flops)],
                ['Values', units.count(group.values), ', ' + units.bytes(group.bytes) + ' if all were stored'],
                states.length ? ['States', units.plural(states.length, 'tensor') + ', ' + units.bytes(bytes)] : null,
                ['Limits', limitWords(facts, entries)]]),
            children.length ? section('Its modules', shareTable(facts, children, child => link({kind: 'group', id: child},
                path ? child.slice(path.length + 1) : child))) : null,
            costParts(facts, entries),
            states.length ? section('Its states', list(states, i => sizedItem(facts, -1 - i))) : null];
    }

    /* Where the time of entries goes: lines, operators, kernels. */
    function costParts(facts, entries) {
        const {model} = facts, {nodes} = model;
        const lines = vitc.linesOfEntries(facts, entries).filter(line => line.seconds > 0)
            .map(line => [line, line.seconds]);
        return [section('Operators', shareTable(facts, totals(facts, entries, i => facts.op(i).name), name => name)),
            lines.length > 1 ? section('Lines', shareTable(facts, lines, line => [
                link({kind: 'line', id: vitc.lineId(line.file, line.line)}, model.files[line.file].name + ':' + line.line),
                element('code.dim', null, ' ' + (model.files[line.file].text.split('\n')[line.line - 1] || '').trim())])) : null,
            kernelParts(facts, entries)];
    }

    /* Kernels by their share of the time of entries; names that differ in numbers of modules alone are one row. */
    function kernelParts(facts, entries) {
        const {model} = facts, first = new Map(), calls = new Map();
        const pairs = totals(facts, entries, i => model.kernelsOf(model.nodes.number[i]).slice(0, 1).map(k => {
            const name = vitc.alikeName(facts.kernelName(k));
            if (!first.has(name)) first.set(name, k);
            calls.set(name, (calls.get(name) || new Set()).add(k));
            return name;
        }));
        return section('Kernels', shareTable(facts, pairs, name => [link({kind: 'kernel', id: first.get(name)}, name),
            calls.get(name).size > 1 ? element('span.dim', null, ' ×' + calls.get(name).size) : null]));
    }

    function lineDetails(facts, id, stage) {
        const {model} = facts, {file, line} = vitc.lineOf(id), of = facts.line(id);
        if (!model.files[file]) return element('p.note', null, 'No such line.');
        const text = (model.files[file].text.split('\n')[line - 1] || '').trim(), name = model.files[file].name + ':' + line;
        if (!of) return [heading('line', name, []), element('code.excerpt', null, vitc.coloured('recipe', text)),
            element('p.note', null, 'No value of the step comes from this line.')];
        const entries = facts.entries({kind: 'line', id});
        const numbers = model.linesOf(id).filter(n => model.entry(n, stage) >= 0);
        const flops = entries.reduce((sum, i) => sum + model.nodes.flops[i], 0);
        return [heading('line', name, []), element('code.excerpt', null, vitc.coloured('recipe', text)),
            rows([timeRow(facts, of.own + of.called, of.phases), phaseRow(facts, of.phases),
                of.called > 0 ? ['Of it', units.percent(facts.share(of.own)) + ' in values of this line, ' +
                    units.percent(facts.share(of.called)) + ' in what it calls'] : null,
                ['FLOPs', units.flops(flops)],
                ['Limits', limitWords(facts, entries)]]),
            section('Where', element('div.where-list', null, vitc.wherePaths(facts, of.scopes, FEW))),
            costParts(facts, entries),
            section(units.plural(numbers.length, 'value') + ' in this stage', list(numbers, n => valueItem(facts, n)))];
    }

    function passDetails(facts, i) {
        const {model} = facts, {stages, remarks, rules} = model, stage = stages[i];
        const by = new Map();
        for (let r = 0; r < remarks.count; r++)
            if (remarks.pass[r] === i) by.set(remarks.rule[r], (by.get(remarks.rule[r]) || []).concat(r));
        const before = i > 0 ? stages[i - 1].nodes : 0, change = stage.nodes - before;
        return [heading('pass ' + (i || ''), stage.label, [chip(stage.changed ? 'changed the graph' : 'changed nothing')], stage.doc),
            rows([['Nodes', units.count(stage.nodes), i > 0 ? ' (' + (change > 0 ? '+' : '') + units.count(change) + ')' : ''],
                ['Took', units.seconds(stage.seconds) + ' of compiling'],
                ['Show', element('button.more', {onclick: () => vitc.setStage(i)}, 'the graph after it')]]),
            section('Its decisions', by.size ? [...by].sort((a, b) => b[1].length - a[1].length).map(([rule, list]) =>
                ruleItem(facts, rules[rule], list)) : element('p.dim', null, 'no remarks'))];
    }

    /* A rule with how often a pass told of it, and values it told it of. */
    function ruleItem(facts, rule, list) {
        const {remarks} = facts.model;
        return element('details', null, element('summary', null, element('b.figure', null, units.count(list.length) + '×'), ' ',
            chip(rule.outcome, 'outcome-' + rule.outcome), ' ' + rule.name), element('p.dim', null, rule.text),
        element('ul.list', null, list.slice(0, 3 * FEW).map(r => element('li', null, valueItem(facts, remarks.value[r])))));
    }

    function overview(facts) {
        const {about, memory, kernels} = facts.model, time = facts.time();
        const first = facts.slowest(1)[0], name = first && facts.model.files[first.file].name + ':' + first.line;
        return [heading('step', about.recipe + ' @' + about.function, []),
            rows([['Time', units.seconds(time.whole), element('div.dim', null, facts.timesFrom())],
                ['FLOPs', units.flops(about.flops)],
                ['Parameters', units.many(about.parameters)],
                ['Memory', units.bytes(memory.arena) + ' arena, ' + units.bytes(about.state_bytes) + ' states'],
                ['Kernels', units.count(kernels.count)], ['Batch', units.count(about.batch)],
                ['Target', about.target + (about.precision ? ', ' + about.precision : '')],
                about.folded ? ['Left out', about.folded] : null]),
            first ? section('What costs most', element('p', null, 'Line ', link({kind: 'line', id: vitc.lineId(first.file,
                first.line)}, name), ': ' + units.percent(facts.share(first.own)) + ' of the step. “Hot lines” on the ' +
                'left has the others.')) : null,
            section('Modules', shareTable(facts, topGroups(facts), path => link({kind: 'group', id: path}, path))),
            element('p.note', null, 'Select a line, a node of the graph, a kernel or a value of the arena; ', element('kbd', null, '/'),
                ' searches, ', element('kbd', null, '?'), ' has all keys.')];
    }

    function topGroups(facts) {
        const root = facts.groups().get('');
        return root ? [...root.children].map(path => [path, facts.groups().get(path).seconds])
            .filter(pair => pair[1] > 0).sort((a, b) => b[1] - a[1]) : [];
    }

    function details(facts, ref, stage) {
        switch (ref ? ref.kind : '') {
            case 'value': return valueDetails(facts, ref.id, stage);
            case 'kernel': return kernelDetails(facts, ref.id);
            case 'source': return sourceDetails(facts, ref.id, stage);
            case 'group': return groupDetails(facts, ref.id);
            case 'line': return lineDetails(facts, ref.id, stage);
            case 'pass': return passDetails(facts, ref.id);
            default: return overview(facts);
        }
    }

    vitc.details = details;
    vitc.detailParts = {heading, chip, rows, section, list, valueItem, kernelLink, kernelItem, lineLink};

    let root = null;
    function draw() {
        const {model, selected, stage} = vitc.state;
        replace(root, details(vitc.facts(model), selected, stage));
        root.scrollTop = 0;
    }
    vitc.panel('details', {
        title: 'Details', region: 'right',
        mount(element) {
            root = element;
            root.classList.add('details');
            vitc.on('view', what => { if (what === 'profile') draw(); });
            draw();
        },
        show: draw, stage: draw,
    });
})();
