/* Why what is selected is as it is: its life through the stages, told by the remarks of the passes, and apart from
 * that what they decided against. Nothing here is guessed: a sentence is a remark, or what differs between stages. */
'use strict';

(function () {
    const {element, replace, link, units} = vitc;
    const MOST = 40; /* sentences of a kind, before "all …" */

    function remarkAt(model, r) {
        const {remarks} = model;
        return {rule: model.rules[remarks.rule[r]], pass: remarks.pass[r], value: remarks.value[r],
            other: remarks.other[r],
            a: remarks.a[r], b: remarks.b[r], text: model.string(remarks.text[r])};
    }

    /* The sentence of a remark as nodes of the page. */
    function told(model, remark) {
        const nodes = vitc.sentenceNodes(remark.rule.text, remark, ref => model.valueName(ref.id));
        return element('span.sentence', {title: 'rule ' + remark.rule.name}, nodes);
    }

    /* What differs between two versions of a value, in words. */
    function difference(model, before, after) {
        const {nodes} = model, words = [];
        const op = i => model.ops[nodes.op[i]].name, text = (column, i) => model.string(nodes[column][i]) || 'none';
        if (nodes.op[before] !== nodes.op[after]) words.push(op(before) + ' becomes ' + op(after));
        if (nodes.type[before] !== nodes.type[after])
            words.push('its type becomes ' + text('type', after) + ' (was ' + text('type', before) + ')');
        if (nodes.attrs[before] !== nodes.attrs[after])
            words.push('attributes become ' + text('attrs', after) + ' (were ' + text('attrs', before) + ')');
        const operands = i => Array.from(model.operands(i)).map(ref => model.valueName(ref)).join(', ');
        if (operands(before) !== operands(after)) words.push('it reads ' + (operands(after) || 'nothing') + ' now');
        if (nodes.scope[before] !== nodes.scope[after]) words.push('its module is ' + text('scope', after) + ' now');
        return words;
    }

    /* What happened to a value, by stage: [{pass, nodes: [content of a sentence]}]; decisions against something are in
     * `missed`. */
    function life(model, number) {
        const {nodes} = model, versions = Array.from(model.versions(number)).sort((a, b) =>
            nodes.first[a] - nodes.first[b]);
        const events = [], missed = [];
        versions.forEach((entry, v) => {
            const pass = nodes.first[entry];
            if (v > 0) {
                for (const words of difference(model, versions[v - 1], entry)) events.push({pass, content: words});
                return;
            }
            const line = model.position(entry);
            events.push({pass, content: [model.ops[nodes.op[entry]].name + ' ' + model.string(nodes.type[entry]),
                line ? [pass === 0 ? ', written in ' : ', for what is written in ', link({kind: 'line',
                    id: vitc.lineId(nodes.file[entry], nodes.line[entry])}, line)] : pass === 0 ? ', of no line'
                        : ', made by the pass']});
        });
        for (const r of model.remarksOf(number)) {
            const remark = remarkAt(model, r);
            const of = remark.rule.outcome === 'missed' ? missed : events;
            const equal = of.find(event => event.rule === remark.rule && event.pass === remark.pass &&
                event.text === remark.text);
            if (equal) equal.count++;
            else of.push({pass: remark.pass, content: told(model, remark), outcome: remark.rule.outcome,
                rule: remark.rule,
                text: remark.text, count: 1});
        }
        const last = versions.length ? Math.max(...versions.map(i => nodes.last[i])) : model.lastStage;
        const gone = last < model.lastStage;
        if (gone && !events.some(event => event.pass === last + 1))
            events.push({pass: last + 1, content: 'gone: no longer in the graph'});
        events.sort((a, b) => a.pass - b.pass); /* stable: the order of remarks stays */
        return {events, missed: missed.sort((a, b) => a.pass - b.pass)};
    }

    /* Stages in a column, what happened in each beside it. */
    function lifeList(model, events) {
        const by = new Map();
        for (const event of events) by.set(event.pass, (by.get(event.pass) || []).concat(event));
        return element('ol.life', null, [...by].map(([pass, list]) => element('li', null,
            link({kind: 'pass', id: pass}, model.stages[pass].label, {classes: 'stage'}),
            element('div.happened', null, list.map(event =>
                element('p' + (event.outcome ? '.outcome-' + event.outcome : ''), null, event.count > 1
                    ? element('b.figure', null, units.count(event.count) + '× ') : null, event.content))))));
    }

    function missedSection(model, missed) {
        if (!missed.length) return null;
        return element('section.missed', null, element('h3', null, 'Why not'), missed.slice(0, MOST).map(event =>
            element('p', null, link({kind: 'pass', id: event.pass}, model.stages[event.pass].label,
                {classes: 'stage'}), ' ',
                event.count > 1 ? element('b.figure', null, units.count(event.count) + '× ') : null, event.content)));
    }

    function readBy(facts, readers) {
        const {kernelLink} = vitc.detailParts, last = readers[readers.length - 1];
        if (!readers.length) return ['no other kernel reads it'];
        if (readers.length === 1) return [kernelLink(facts, last), ' reads it'];
        return [units.count(readers.length) + ' other kernels read it, ', kernelLink(facts, readers[0]), ' first and ',
            kernelLink(facts, last), ' last'];
    }

    /* Where a value ended up, in a sentence, from the plan. */
    function summary(model, facts, number) {
        const kernels = model.kernelsOf(number), at = model.placeOf(number), {places} = model;
        const {kernelLink} = vitc.detailParts;
        if (!kernels.length) return element('p.lead', null, 'No kernel computes it: it is not in the optimised step.');
        const readers = model.kernelsReading(number);
        const parts = [kernels.length > 1 ? units.plural(kernels.length, 'kernel') + ' compute it, the first is '
            : 'It is computed in ', kernelLink(facts, kernels[0]), '. '];
        if (at < 0) parts.push('It is never stored whole: what reads it is in the same kernel.');
        else if (model.string(places.place[at]) === 'arena')
            parts.push('It is stored, ' + units.bytes(places.bytes[at]) + ' of the arena, while kernels ' +
                (places.born[at] + 1) + ' to ' + (places.died[at] + 1) + ' run; ', ...readBy(facts, readers), '.');
        else parts.push('It lies in ' + model.string(places.place[at]) + (places.name ? ' ' +
            model.string(places.name[at]) : '') + '.');
        return element('p.lead', null, parts);
    }

    /* Remarks in which the value is the other one. */
    function asOther(model, number) {
        const found = [];
        for (let r = 0; r < model.remarks.count && found.length < MOST; r++)
            if (model.remarks.other[r] === number) found.push(remarkAt(model, r));
        if (!found.length) return null;
        return element('section', null, element('h3', null, 'Told of other values'), element('ul.list', null,
            found.map(remark =>
            element('li', null, link({kind: 'value', id: remark.value}, model.valueName(remark.value)), ': ',
                told(model, remark)))));
    }

    function explainValue(model, facts, number) {
        if (!model.versions(number).length) return element('p.note', null, 'No value %' + number + '.');
        const {events, missed} = life(model, number);
        return [element('h2', null, 'Why ', model.valueName(number)), summary(model, facts, number),
            missedSection(model, missed),
            element('section', null, element('h3', null, 'Its life'), lifeList(model, events)), asOther(model, number)];
    }

    /* Of many values: how often each rule was told, with an example; sentences that are equal but for numbers of values
     * are one. */
    function explainMany(model, title, numbers) {
        const groups = new Map();
        for (const number of numbers)
            for (const r of model.remarksOf(number)) {
                const remark = remarkAt(model, r), key = remark.pass + ' ' + remark.rule.name + ' ' + remark.text;
                const group = groups.get(key);
                if (group) {
                    group.count++;
                    group.a += remark.a;
                    group.b += remark.b;
                } else groups.set(key, Object.assign({count: 1, example: remark}, remark));
            }
        const all = [...groups.values()].sort((a, b) => a.pass - b.pass || b.count - a.count);
        const content = group => [link({kind: 'value', id: group.value}, model.valueName(group.value)),
            group.count > 1 ? ', for example: ' : ': ', told(model, group.example)];
        const events = all.map(group => ({pass: group.pass, count: group.count, outcome: group.rule.outcome,
            content: content(group)}));
        const done = events.filter(event => event.outcome !== 'missed');
        return [element('h2', null, title), missedSection(model, events.filter(event => event.outcome === 'missed')),
            element('section', null, element('h3', null, 'What passes decided'), done.length ? lifeList(model, done)
                : element('p.dim', null, 'no remarks'))];
    }

    function explanation(model, ref) {
        const facts = vitc.facts(model), numbers = () => facts.entries(ref).map(i => model.nodes.number[i]);
        switch (ref ? ref.kind : '') {
            case 'value': return explainValue(model, facts, ref.id);
            case 'kernel': return explainMany(model, 'Why kernel ' + (ref.id + 1), numbers());
            case 'line': return explainMany(model, 'Why line ' + model.files[vitc.lineOf(ref.id).file].name + ':' +
                vitc.lineOf(ref.id).line, model.linesOf(ref.id));
            case 'group': return explainMany(model, 'Why ' + (ref.id || 'the step'), numbers());
            case 'op': return explainMany(model, 'Why ' + model.ops[ref.id].name, numbers());
            case 'source': return explainMany(model, 'Readers of ' + model.sourceName(ref.id), numbers());
            case 'pass': return explainMany(model, 'What ' + model.stages[ref.id].label + ' decided', model.numbers
                .filter(number => model.remarksOf(number).some(r => model.remarks.pass[r] === ref.id)));
            default: return element('p.note', null,
                'Select a value, a line, a kernel or a module: here is told what passes ' +
                'decided about it, and why they did not do otherwise.');
        }
    }

    vitc.life = life;
    vitc.explanation = explanation;

    let root = null;
    function draw() {
        replace(root, explanation(vitc.state.model, vitc.state.selected));
        root.scrollTop = 0;
    }
    vitc.panel('why', {
        title: 'Why', region: 'right',
        mount(element) {
            root = element;
            root.classList.add('details', 'why');
            draw();
        },
        show: draw,
    });
})();
