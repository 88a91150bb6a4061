/* What became of a value, stage by stage, as data: what passes told of it (remarks), and what differs between stages.
 *
 *   vitc.life(model, number) gives {events, missed, heir, merged, copies, madeFor}:
 *   events     [{pass, parts, outcome, rule, count}] by pass; parts: strings and refs, which together are a sentence;
 *              count: of remarks that are equal but for the values they name
 *   missed     the same of what was decided against
 *   heir       the number of the value that stands for one that is gone, in the last stage; -1: none
 *   merged     numbers of values that are gone, for which it stands
 *   copies     numbers of values that compute the same for readers of their own
 *   madeFor    for whose sake it was made, for whose sake that was made, … */
'use strict';

(function () {
    /* Rules that say no more than what else is shown of a value (ir/rules.def). */
    const PLAIN = ['made', 'copied', 'became', 'dropped'];

    function remarkAt(model, r) {
        const {remarks} = model, text = model.string(remarks.text[r]), other = remarks.other[r];
        return {rule: model.rules[remarks.rule[r]], pass: remarks.pass[r], value: remarks.value[r], other,
            source: other < 0 && text ? sourceNamed(model, text) : -1, a: remarks.a[r], b: remarks.b[r], text};
    }

    /* The index of an input or state by its name; -1: there is none. */
    function sourceNamed(model, name) {
        if (!model.sourceIndex) {
            model.sourceIndex = new Map();
            for (let i = 0; i < model.sources.count; i++) model.sourceIndex.set(model.sourceName(i), i);
        }
        return model.sourceIndex.has(name) ? model.sourceIndex.get(name) : -1;
    }

    /* Remarks by the value that they name as the other one. */
    function remarksNaming(model, number) {
        if (!model.naming) {
            model.naming = new Map();
            for (let r = 0; r < model.remarks.count; r++) {
                const other = model.remarks.other[r];
                if (other < 0) continue;
                if (!model.naming.has(other)) model.naming.set(other, []);
                model.naming.get(other).push(r);
            }
        }
        return (model.naming.get(number) || []).map(r => remarkAt(model, r));
    }

    /* What differs between two versions of a value: sentences, in parts. */
    function differences(model, before, after) {
        const {nodes} = model, found = [];
        const op = i => model.ops[nodes.op[i]].name, text = (column, i) => model.string(nodes[column][i]) || 'none';
        if (op(before) !== op(after)) found.push([op(before) + ' becomes ' + op(after)]);
        if (nodes.type[before] !== nodes.type[after])
            found.push(['its type becomes ' + text('type', after) + ', and was ' + text('type', before)]);
        if (nodes.attrs[before] !== nodes.attrs[after])
            found.push(['its attributes become ' + text('attrs', after) + ', and were ' + text('attrs', before)]);
        const operands = i => Array.from(model.operands(i));
        if (operands(before).join() !== operands(after).join()) {
            const refs = operands(after).flatMap((ref, i) => [i ? ', ' : 'it reads ', vitc.facts(model).target(ref)]);
            found.push(refs.length ? refs.concat(' now') : ['it reads nothing now']);
        }
        if (nodes.scope[before] !== nodes.scope[after]) found.push(['its module is ' + text('scope', after) + ' now']);
        return found;
    }

    /* How a value began: its operator and type, and the line. */
    function beginning(model, entry) {
        const {nodes} = model, what = model.ops[nodes.op[entry]].name + ' ' + model.string(nodes.type[entry]);
        const recipe = nodes.first[entry] === 0;
        if (nodes.file[entry] < 0) return [what + (recipe ? '' : ', made by the pass')];
        const line = {kind: 'line', id: vitc.lineId(nodes.file[entry], nodes.line[entry])};
        return [what + (recipe ? ', written in ' : ', made for what is written in '), line];
    }

    function versionEvents(model, number) {
        const {nodes} = model, events = [];
        const versions = Array.from(model.versions(number)).sort((a, b) => nodes.first[a] - nodes.first[b]);
        versions.forEach((entry, v) => {
            const pass = nodes.first[entry];
            if (v === 0) events.push({pass, parts: beginning(model, entry), count: 1});
            else for (const parts of differences(model, versions[v - 1], entry)) events.push({pass, parts, count: 1});
        });
        return events;
    }

    /* Adds a remark to events; those that are equal but for values are counted. */
    function addRemark(events, remark) {
        const {rule, pass, text} = remark;
        const equal = events.find(event => event.rule === rule && event.pass === pass && event.text === text &&
            !event.lead);
        if (equal) equal.count++;
        else events.push({pass, rule, text, outcome: rule.outcome, parts: vitc.sentence(rule.text, remark), count: 1});
    }

    /* The value that stands for one that is gone; what it became may be gone too. */
    function heirOf(model, number) {
        for (let at = number, steps = 0; steps < 100; steps++) {
            if (model.entry(at, model.lastStage) >= 0) return at === number ? -1 : at;
            const became = model.remarksOf(at).map(r => remarkAt(model, r)).find(one => one.rule.name === 'became');
            if (!became || became.other < 0) return -1;
            at = became.other;
        }
        return -1;
    }

    function originsOf(model, number) {
        const {nodes} = model, found = [];
        for (let entry = model.lastEntry(number); entry >= 0 && nodes.origin[entry] >= 0 && found.length < 20;) {
            if (found.includes(nodes.origin[entry])) break;
            found.push(nodes.origin[entry]);
            entry = model.lastEntry(nodes.origin[entry]);
        }
        return found;
    }

    /* What a pass told of the value for whose sake it made this one, while it did: why it is computed again. */
    function remarksOfOrigin(model, number) {
        const entry = model.lastEntry(number), origin = entry < 0 ? -1 : model.nodes.origin[entry];
        if (origin < 0) return [];
        const [first] = vitc.facts(model).span(number);
        return model.remarksOf(origin).map(r => remarkAt(model, r)).filter(remark => remark.pass === first &&
            remark.rule.outcome !== 'missed' && !PLAIN.includes(remark.rule.name));
    }

    function life(model, number) {
        const events = versionEvents(model, number), missed = [];
        for (const remark of model.remarksOf(number).map(r => remarkAt(model, r)))
            addRemark(remark.rule.outcome === 'missed' ? missed : events, remark);
        for (const remark of remarksOfOrigin(model, number)) {
            addRemark(events, remark);
            events[events.length - 1].lead = {kind: 'value', id: remark.value};
        }
        const last = vitc.facts(model).span(number)[1];
        if (last >= 0 && last < model.lastStage && !events.some(event => event.pass === last + 1))
            events.push({pass: last + 1, parts: ['gone: it is not in the graph any more'], count: 1});
        const byPass = (a, b) => a.pass - b.pass; /* stable: remarks of a pass stay in their order */
        const named = (rule) => remarksNaming(model, number).filter(remark => remark.rule.name === rule)
            .map(remark => remark.value);
        return {events: events.sort(byPass), missed: missed.sort(byPass), heir: heirOf(model, number),
            merged: named('became'), copies: named('copied'), madeFor: originsOf(model, number)};
    }

    vitc.PLAIN_RULES = PLAIN;
    vitc.remarkAt = remarkAt;
    vitc.remarksOfOrigin = remarksOfOrigin;
    vitc.remarksNaming = remarksNaming;
    vitc.addRemark = addRemark;
    vitc.life = life;
})();
