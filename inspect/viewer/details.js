/* The panel of what is selected, and the details of a value, of a kernel, and of an input or state. */
'use strict';

(function () {
    const {element, link, replace, units} = vitc;
    const {heading, chip, rows, listed, list, button, valueItem, sizedItem, kernelLink, kernelItem, scopeTrail,
        lineLink,
        excerpt, timeRow} = vitc.detailParts;

    /* ---- a value */

    function placeWords(facts, number) {
        const {model} = facts, {places, kernels} = model, at = model.placeOf(number),
            computing = model.kernelsOf(number);
        if (at < 0 && !computing.length) return 'nowhere: it is not in the optimised step';
        if (at < 0) return ['in registers and caches of ', kernelLink(facts, computing[0]), ': never stored whole'];
        const place = model.string(places.place[at]), name = places.name ? model.string(places.name[at]) : '';
        if (place !== 'arena') return [place, ' ' + name];
        const born = places.born[at], died = places.died[at];
        return ['arena, ' + units.bytes(places.bytes[at]) + ' at offset ' + units.bytes(places.offset[at]) + ', from ',
            kernelLink(facts, born), ' to ', kernelLink(facts, died),
            ' (' + units.plural(died - born + 1, 'kernel') + ' of ' + units.count(kernels.count) + '): ',
            element('b', null, vitc.useWords(model.string(places.use[at])))];
    }

    function spanWords(facts, number) {
        const [first, last] = facts.span(number), {stages} = facts.model;
        const stage = i => link({kind: 'pass', id: i}, stages[i].label);
        if (first === 0 && last === facts.last) return 'through all passes';
        return ['made by ', stage(first), last < facts.last ? [', gone after ', stage(last)] : ', there to the end'];
    }

    function lineRow(facts, entry) {
        const {nodes} = facts.model, id = vitc.lineId(nodes.file[entry], nodes.line[entry]);
        return nodes.file[entry] < 0 ? ['Line', 'none of the recipe'] : ['Line', lineLink(facts, id), excerpt(facts,
            id)];
    }

    /* The calls that a value was made in, the outermost first. */
    function callRow(facts, entry) {
        const calls = [...facts.model.callLines(facts.model.nodes.site[entry])].reverse();
        return ['Called by', calls.map((id, i) => [i ? ' › ' : null, lineLink(facts, id)])];
    }

    function partnerRows(facts, number) {
        const {of, gradients} = facts.model.partners(number);
        return [of >= 0 ? ['Gradient of', valueItem(facts, of)] : null,
            gradients.length ? ['Its gradient', list(gradients, n => valueItem(facts, n))] : null];
    }

    function resultWords(result) {
        return result.role === 'update' ? result.name + ' becomes it. ' : 'output ' + result.name + ' of the step. ';
    }

    vitc.detailsOf.value = function (facts, number, stage) {
        const {model} = facts, {nodes} = model, entry = facts.entryNear(number, stage);
        if (entry < 0) return element('p.note', null, 'No value %' + number + '.');
        const op = facts.op(entry), phase = vitc.PHASES[nodes.phase[entry]], last = model.lastEntry(number);
        const kernels = model.kernelsOf(number), attributes = model.string(nodes.attrs[entry]);
        const readers = model.readers(number, Math.min(stage, nodes.last[last])).map(i => nodes.number[i]);
        const missing = model.entry(number, stage) < 0 ? chip('not in this stage', 'missing') : null;
        return [
            heading('value', model.valueName(number), [chip(phase, phase), chip(op.class), missing], op.doc),
            rows([
                ['Type', element('span.type', null, model.string(nodes.type[entry]))],
                lineRow(facts, entry),
                callRow(facts, entry),
                ['Module', scopeTrail(facts.scope(entry))],
                nodes.last[last] === facts.last ? timeRow(facts, facts.time().byEntry[last]) : null,
                ['FLOPs', nodes.flops[entry] > 0 ? units.flops(nodes.flops[entry]) : 'none'],
                ['Result', units.bytes(nodes.bytes[entry])],
                ['Lies', placeWords(facts, number), ' ', button('why?', () => vitc.showPanel('why'))],
                ['Computed in', kernels.length ? list(kernels, k => kernelItem(facts, k)) : ''],
                ['Attributes', attributes ? element('code', null, vitc.coloured('ir', attributes)) : ''],
                ['Used as', (facts.resultsOf.get(number) || []).map(resultWords)],
                ...partnerRows(facts, number),
                ['Passes', spanWords(facts, number)],
            ]),
            listed('Operands', Array.from(model.operands(entry)), ref => valueItem(facts, ref)),
            listed('Readers', readers, ref => valueItem(facts, ref), 'none in this stage'),
        ];
    };

    /* ---- a kernel */

    function kernelChips(facts, k) {
        const {kernels, chains} = facts.model, phase = vitc.PHASES[facts.kernelPhase(k)],
            chain = chains[kernels.chain[k]];
        return [chip(phase, phase), chip(facts.model.string(kernels.kind[k])),
            chip('limited by ' + facts.limit(k)),
            kernels.again[k] ? chip('computed again', '', 'instead of being kept from the forward pass') : null,
            kernels.single[k] ? chip('one thread', '', 'too little work to share') : null,
            kernels.barrier[k] ? chip('behind a barrier', '', 'threads wait for what others do before it') : null,
            chains[kernels.chain[k]] ? chip('in a chain') : null];
    }

    /* Why the roofline model says that compute or memory limits a kernel. */
    function limitReason(roofs, limit) {
        const ridge = units.digits(roofs.flops / roofs.bytes);
        return (limit === 'compute' ? 'more than ' : 'less than ') + ridge + ' FLOP/byte, where ' +
            units.tick(units.flopRate, roofs.flops) + ' and ' + units.tick(units.byteRate, roofs.bytes) +
            ' take equally long (' + roofs.from + ')';
    }

    /* How often a kernel runs in a step. */
    function runsWords(facts, k) {
        const {kernels, chains} = facts.model, chain = chains[kernels.chain[k]];
        if (!chain) return 'once a step';
        const blocks = Math.ceil(chain.units / chain.size);
        return 'once for each of ' + units.plural(blocks, 'block') + ' of its chain, kernels ' + (chain.first + 1) +
            ' to ' +
            (chain.last + 1) + ': what they hand on stays in cache';
    }

    /* What lies in the arena while a kernel runs, the largest first. */
    function liveSection(facts, k) {
        const {model} = facts, {places, memory} = model;
        const live = vitc.arenaItems(model).filter(i => places.born[i] <= k && k <= places.died[i])
            .sort((a, b) => places.bytes[b] - places.bytes[a]);
        const peak = k === memory.peak ? ', the peak' : '';
        return listed('Live in the arena while it runs: ' + units.plural(live.length, 'value') + ', ' +
            units.bytes(memory.live[k] || 0) + peak, live, i => [
            element('span.figure', null, units.bytes(places.bytes[i])), ' ', valueItem(facts, places.number[i]),
            element('span.dim', null, ' ' + vitc.useWords(model.string(places.use[i]))),
        ]);
    }

    vitc.detailsOf.kernel = function (facts, k) {
        const {model} = facts, {kernels} = model, seconds = facts.kernelSeconds(k);
        const values = Array.from(kernels.values(k));
        const rate = facts.measured() && seconds > 0 ? ' at ' + units.flopRate(kernels.flops[k] / seconds) : '';
        const code = kernels.code[k] < 0 ? 'none of its own: a function of the runtime, or a copy'
            : button('LLVM IR and assembly', () => vitc.showPanel('code'));
        return [
            heading('kernel ' + (k + 1) + ' of ' + kernels.count, facts.kernelName(k), kernelChips(facts, k)),
            rows([
                timeRow(facts, seconds),
                facts.measured() ? ['Cost model', units.seconds(kernels.seconds[k]) + ' at least'] : null,
                ['FLOPs', units.flops(kernels.flops[k]) + rate],
                ['Bytes', units.bytes(kernels.bytes[k]) + ' read and stored'],
                ['Intensity', units.intensity(kernels.flops[k] / kernels.bytes[k]),
                    element('div.dim', null, limitReason(facts.roofs(), facts.limit(k)))],
                ['Runs', runsWords(facts, k)],
                ['Code', code],
                ['Passes', button('why these values?', () => vitc.showPanel('why'))],
            ]),
            listed('Computes ' + units.plural(values.length, 'value'), values, ref => valueItem(facts, ref)),
            listed('Reads', Array.from(kernels.reads(k)), ref => sizedItem(facts, ref)),
            listed('Stores', Array.from(kernels.stores(k)), ref => sizedItem(facts, ref)),
            k < model.memory.live.length ? liveSection(facts, k) : null,
        ];
    };

    /* ---- an input or a state */

    function updateRow(facts, name, isState) {
        const updates = facts.model.results.filter(result => result.role === 'update' && result.name === name);
        if (!isState) return null;
        return ['Becomes', updates.length ? updates.map(update => valueItem(facts, update.number))
            : 'the step does not change it'];
    }

    /* Values of which autodiff told that they are the gradient of a parameter, or a sum of such. */
    function gradientRow(facts, name) {
        const {remarks, rules, string} = facts.model, found = [];
        for (let r = 0; r < remarks.count; r++)
            if (/^autodiff_(gradient|sum)$/.test(rules[remarks.rule[r]].name) && string(remarks.text[r]) === name)
                found.push(remarks.value[r]);
        return found.length ? ['Gradient', list([...new Set(found)], n => valueItem(facts, n))] : null;
    }

    vitc.detailsOf.source = function (facts, index, stage) {
        const {model} = facts, {sources, nodes} = model, name = model.sourceName(index),
            isState = sources.kind[index] === 1;
        const readers = model.readers(-1 - index, stage).map(i => nodes.number[i]),
            role = model.string(sources.role[index]);
        const file = sources.file ? sources.file[index] : -1, line = file < 0 ? '' : vitc.lineId(file,
            sources.line[index]);
        return [
            heading(isState ? 'state' : 'input', name, role ? [chip(role)] : []),
            rows([
                ['Type', element('span.type', null, model.string(sources.type[index]))],
                ['Bytes', units.bytes(sources.bytes[index])],
                line ? ['Line', lineLink(facts, line), excerpt(facts, line)] : null,
                isState ? ['Module', scopeTrail(name.split('.').slice(0, -1).join('.'))] : null,
                updateRow(facts, name, isState),
                gradientRow(facts, name),
            ]),
            listed('Readers', readers, ref => valueItem(facts, ref), 'none in this stage'),
            listed('Read by kernels', facts.kernelsWith(index, 'reads'), k => kernelItem(facts, k)),
        ];
    };

    /* ---- the panel */

    let root = null;
    function draw() {
        const {model, selected, stage} = vitc.state, kind = selected ? selected.kind : 'step';
        const details = vitc.detailsOf[kind] || vitc.detailsOf.step;
        replace(root, details(vitc.facts(model), selected ? selected.id : null, stage));
        root.scrollTop = 0;
    }

    vitc.panel('details', {
        title: 'Details', region: 'right',
        mount(place) {
            root = place;
            root.classList.add('details');
            vitc.on('view', what => { if (what === 'profile' && !root.hidden) draw(); });
        },
        show: draw, stage: draw,
    });
})();
