/* Why what is selected is as it is: its life through the stages, told by the remarks of the passes, and apart from that
 * what they decided against. Nothing here is guessed: a sentence is a remark, or what differs between stages. */
'use strict';

(function () {
    const {element, replace, link, units} = vitc;
    const {section, list, valueItem, kernelLink, lineName} = vitc.detailParts;
    const MOST = 40; /* sentences of a kind */

    /* ---- sentences */

    function refName(facts, ref) {
        const {model} = facts;
        if (ref.kind === 'line') return lineName(facts, ref.id);
        return ref.kind === 'source' ? model.sourceName(ref.id) : model.valueName(ref.id);
    }

    function sentence(facts, event) {
        const times = event.count > 1 ? element('b.figure', null, units.count(event.count) + '× ') : null;
        const lead = event.lead && event.lead.kind ? [link(event.lead, refName(facts, event.lead)), ': '] : event.lead;
        return [times, lead || null, event.parts.map(part => typeof part === 'string' ? part
            : link(part, refName(facts, part)))];
    }

    /* What is told of by a rule says which when it is pointed at. */
    function paragraph(event, ...content) {
        return element('p', {title: event.rule ? 'rule ' + event.rule.name : null}, content);
    }

    function stageLink(facts, pass) {
        return link({kind: 'pass', id: pass}, facts.model.stages[pass].label, {classes: 'stage'});
    }

    /* Stages in a column, what happened in each beside it. */
    function lifeList(facts, events) {
        const by = new Map();
        for (const event of events) by.set(event.pass, (by.get(event.pass) || []).concat(event));
        return element('ol.life', null, [...by].map(([pass, told]) => element('li', null, stageLink(facts, pass),
            element('div.happened', null, told.map(event => paragraph(event, sentence(facts, event)))))));
    }

    function missedSection(facts, missed) {
        if (!missed.length) return null;
        return element('section.missed', null, element('h3', null, 'Why not'), missed.slice(0, MOST).map(event =>
            paragraph(event, stageLink(facts, event.pass), ' ', sentence(facts, event))));
    }

    /* ---- a value */

    function readBy(facts, readers) {
        const last = readers[readers.length - 1];
        if (!readers.length) return ['no other kernel reads it'];
        if (readers.length === 1) return [kernelLink(facts, last), ' reads it'];
        return [units.count(readers.length) + ' other kernels read it, ', kernelLink(facts, readers[0]), ' first and ',
            kernelLink(facts, last), ' last'];
    }

    /* Where a value ended up, in a sentence or two, from the plan. */
    function summary(facts, number, heir) {
        const {model} = facts, {places} = model, kernels = model.kernelsOf(number), at = model.placeOf(number);
        if (!kernels.length)
            return element('p.lead', null, 'No kernel computes it. ', heir < 0 ? 'It is not in the optimised step.'
                : ['What stands for it in the optimised step is ', valueItem(facts, heir), '.']);
        const parts = ['It is computed in ', kernelLink(facts, kernels[0]), '. '];
        const place = at < 0 ? '' : model.string(places.place[at]), name = at < 0 || !places.name ? ''
            : model.string(places.name[at]);
        if (at < 0) parts.push('It is never stored whole: what reads it is in the same kernel.');
        else if (place === 'arena')
            parts.push('It is stored, ' + units.bytes(places.bytes[at]) + ' of the arena, while kernels ' +
                (places.born[at] + 1) + ' to ' + (places.died[at] + 1) + ' run; ',
            ...readBy(facts, model.kernelsReading(number)), '.');
        else parts.push('It lies in ' + place + ' ' + name + '.');
        return element('p.lead', null, parts);
    }

    function copyItem(facts, number) {
        const [k] = facts.model.kernelsOf(number);
        return [valueItem(facts, number), k === undefined ? ', gone' : [' in ', kernelLink(facts, k)]];
    }

    function valueSection(facts, title, numbers, make) {
        return numbers.length ? section(title, list([...new Set(numbers)], make || (n => valueItem(facts, n)))) : null;
    }

    /* What was told of other values, and names this one. */
    function namingSection(facts, number) {
        const told = vitc.remarksNaming(facts.model, number)
            .filter(remark => !vitc.PLAIN_RULES.includes(remark.rule.name));
        return told.length ? section('Told of other values', list(told, remark => [
            link({kind: 'value', id: remark.value}, facts.model.valueName(remark.value)), ': ',
            vitc.sentenceNodes(remark.rule.text, remark, ref => refName(facts, ref)),
        ])) : null;
    }

    function explainValue(facts, number) {
        const {model} = facts;
        if (!model.versions(number).length) return element('p.note', null, 'No value %' + number + '.');
        const life = vitc.life(model, number);
        return [
            element('h2', null, 'Why ', model.valueName(number)),
            summary(facts, number, life.heir),
            missedSection(facts, life.missed),
            section('Its life', lifeList(facts, life.events)),
            valueSection(facts, 'Computed again, as', life.copies, n => copyItem(facts, n)),
            valueSection(facts, 'Made for the sake of', life.madeFor),
            valueSection(facts, 'It stands for these, which are gone', life.merged),
            namingSection(facts, number),
        ];
    }

    /* ---- many values */

    /* Remarks of values; also why values are computed again, which was told of those that they are copies of. */
    function remarksOfMany(model, numbers) {
        const {nodes} = model, found = [], asked = new Set();
        for (const number of numbers) {
            const origin = nodes.origin[model.lastEntry(number)];
            if (!asked.has(origin)) found.push(...vitc.remarksOfOrigin(model, number));
            asked.add(origin);
            for (const r of model.remarksOf(number)) found.push(vitc.remarkAt(model, r));
        }
        return found;
    }

    function remarksOfPass(model, pass) {
        const found = [];
        for (let r = 0; r < model.remarks.count; r++)
            if (model.remarks.pass[r] === pass) found.push(vitc.remarkAt(model, r));
        return found;
    }

    /* Remarks by pass, rule and text, each once, with an example and how often. */
    function manyEvents(facts, remarks) {
        const {model} = facts, done = [], missed = [], seen = new Map();
        for (const remark of remarks) {
            const key = remark.pass + ' ' + remark.rule.name + ' ' + remark.text, equal = seen.get(key);
            if (equal) {
                if (equal.count++ === 1) equal.lead = ['for example ', equal.lead];
                continue;
            }
            const lead = [link({kind: 'value', id: remark.value}, model.valueName(remark.value)), ': '];
            const event = {pass: remark.pass, rule: remark.rule, parts: vitc.sentence(remark.rule.text, remark),
                count: 1, lead};
            seen.set(key, event);
            (remark.rule.outcome === 'missed' ? missed : done).push(event);
        }
        const order = (a, b) => a.pass - b.pass || b.count - a.count;
        return {done: done.sort(order), missed: missed.sort(order)};
    }

    function explainMany(facts, title, remarks) {
        const {done, missed} = manyEvents(facts, remarks);
        return [
            element('h2', null, title),
            missedSection(facts, missed),
            section('What passes decided', done.length ? lifeList(facts, done) : element('p.dim', null,
                'nothing told')),
        ];
    }

    /* ---- the panel */

    function explanation(model, ref) {
        const facts = vitc.facts(model), kind = ref ? ref.kind : '';
        const many = (title, numbers) => explainMany(facts, title, remarksOfMany(model, numbers));
        const numbers = () => facts.entries(ref).map(i => model.nodes.number[i]);
        switch (kind) {
            case 'value': return explainValue(facts, ref.id);
            case 'kernel': return many('Why kernel ' + (ref.id + 1), numbers());
            case 'line': return many('Why ' + (model.files[vitc.lineOf(ref.id).file] ? lineName(facts, ref.id)
                : 'this line'),
                model.linesOf(ref.id));
            case 'group': return many('Why ' + (ref.id || 'the step'), numbers());
            case 'op': return many('Why ' + model.ops[ref.id].name, numbers());
            case 'source': return many('Readers of ' + model.sourceName(ref.id), numbers());
            case 'pass': return explainMany(facts, 'What ' + model.stages[ref.id].label + ' decided',
                remarksOfPass(model, ref.id));
            default: return element('p.note', null, 'Select a value, a line, a kernel or a module: here is told what ' +
                'passes decided about it, and why they did not do otherwise.');
        }
    }

    vitc.explanation = explanation;

    let root = null;
    function draw() {
        replace(root, explanation(vitc.state.model, vitc.state.selected));
        root.scrollTop = 0;
    }
    vitc.panel('why', {
        title: 'Why', region: 'right',
        mount(place) {
            root = place;
            root.classList.add('details', 'why');
        },
        show: draw,
    });
})();
