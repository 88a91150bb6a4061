/* The details of what many values are part of: a module path, a line, an operator, a pass, the whole step. */
'use strict';

(function () {
    const {element, link, units} = vitc;
    const {FEW, heading, chip, rows, section, listed, list, button, valueItem, sizedItem, scopeTrail, lineName,
        lineLink,
        excerpt, timeRow, phaseRow, shares, reasons, kernelShares, costParts} = vitc.detailParts;

    function whereSection(facts, scopes) {
        return section('Where', element('div.where-list', null, vitc.wherePaths(facts, scopes, FEW)));
    }

    /* ---- a module path */

    function childrenOf(facts, path) {
        const group = facts.groups().get(path);
        return !group ? [] : [...group.children].map(child => [child, facts.groups().get(child).seconds])
            .filter(pair => pair[1] > 0).sort((a, b) => b[1] - a[1]);
    }

    function statesOf(facts, path) {
        const {sources} = facts.model, found = [];
        for (let i = 0; i < sources.count; i++)
            if (sources.kind[i] === 1 && vitc.within(facts.model.sourceName(i), path)) found.push(i);
        return found;
    }

    vitc.detailsOf.group = function (facts, path) {
        const group = facts.groups().get(path);
        if (!group) return element('p.note', null, 'Nothing of ' + path + ' is left in the optimised step.');
        const entries = facts.entries({kind: 'group', id: path}), states = statesOf(facts, path);
        const bytes = states.reduce((sum, i) => sum + facts.model.sources.bytes[i], 0);
        const name = child => link({kind: 'group', id: child}, path ? child.slice(path.length + 1) : child);
        return [
            heading('module', path || 'the whole step', []),
            rows([
                ['Module', scopeTrail(path)],
                timeRow(facts, group.seconds, group.phases),
                phaseRow(facts, group.phases),
                ...reasons(facts, entries),
                ['Values', units.count(group.values) + ', ' + units.bytes(group.bytes) + ' if all were stored'],
                states.length ? ['States', units.plural(states.length, 'tensor') + ', ' + units.bytes(bytes)] : null,
            ]),
            shares(facts, 'Its modules', childrenOf(facts, path), name),
            costParts(facts, entries),
            states.length ? listed('Its states', states, i => sizedItem(facts, -1 - i)) : null,
        ];
    };

    /* ---- a line */

    vitc.detailsOf.line = function (facts, id, stage) {
        const {model} = facts, {file} = vitc.lineOf(id), of = facts.line(id);
        if (!model.files[file]) return element('p.note', null, 'No such line.');
        const head = [heading('line', lineName(facts, id), []), excerpt(facts, id)];
        if (!of) return [head, element('p.note', null, 'No value of the step comes from this line.')];
        const entries = facts.entries({kind: 'line', id});
        const numbers = model.linesOf(id).filter(n => model.entry(n, stage) >= 0);
        return [
            head,
            rows([
                timeRow(facts, of.all.seconds, of.all.phases),
                phaseRow(facts, of.all.phases),
                of.all.seconds > of.own.seconds ? ['Of it', units.percent(facts.share(of.own.seconds)) +
                    ' in values of this line, the rest in what it calls'] : null,
                ...reasons(facts, entries),
            ]),
            whereSection(facts, of.all.scopes),
            costParts(facts, entries),
            listed(units.plural(numbers.length, 'value') + ' in this stage', numbers, n => valueItem(facts, n)),
        ];
    };

    /* ---- an operator */

    vitc.detailsOf.op = function (facts, id, stage) {
        const {model} = facts, {nodes} = model, op = model.ops[id], entries = facts.entries({kind: 'op', id});
        const scopes = new Map(), phases = facts.phasesOf(entries), {byEntry} = facts.time();
        for (const i of entries) scopes.set(facts.scope(i), (scopes.get(facts.scope(i)) || 0) + byEntry[i]);
        const numbers = model.numbers.filter(n => {
            const entry = model.entry(n, stage);
            return entry >= 0 && nodes.op[entry] === id;
        });
        return [
            heading('operator', op.name, [chip(op.class)], op.doc),
            rows([timeRow(facts, phases[0] + phases[1] + phases[2], phases), phaseRow(facts, phases),
                ...reasons(facts, entries)]),
            whereSection(facts, scopes),
            costParts(facts, entries),
            listed(units.plural(numbers.length, 'value') + ' in this stage', numbers, n => valueItem(facts, n)),
        ];
    };

    /* ---- a pass */

    /* How many values pass i added, by operator, took away, changed, and made another operator of. */
    function changesOf(facts, i) {
        const {model} = facts, {first} = model.nodes;
        const changes = {added: new Map(), count: 0, gone: 0, changed: 0, became: 0};
        for (const number of model.numbers) {
            const [from, to] = facts.span(number), entry = model.entry(number, i);
            if (from === i) {
                const {name} = facts.op(entry);
                changes.added.set(name, (changes.added.get(name) || 0) + 1);
                changes.count++;
            } else if (to === i - 1) changes.gone++;
            else if (entry >= 0 && first[entry] === i) {
                changes.changed++;
                if (facts.becameAt(number, i)) changes.became++;
            }
        }
        return changes;
    }

    function changeWords(changes) {
        const words = [[changes.count, 'added'], [changes.gone, 'taken away'], [changes.changed, 'changed'],
            [changes.became, 'of these another operator']].filter(([n]) => n > 0);
        return words.map(([n, word]) => units.count(n) + ' ' + word).join(', ') || 'the plan alone, no values';
    }

    /* What the optimised step owes to a pass. */
    function owedWords(facts, owed) {
        const {nodes} = facts.model, counts = [0, 0, 0], {byEntry} = facts.time();
        for (const entry of owed) counts[nodes.phase[entry]]++;
        const seconds = owed.reduce((sum, entry) => sum + byEntry[entry], 0);
        const phases = vitc.PHASES.map((name, p) => units.count(counts[p]) + ' ' + name).filter((_, p) => counts[p] > 0);
        return element('p', null,
            'What it made, with what later passes made of that, is ' + units.plural(owed.length, 'value') +
                ' of the optimised step (' + phases.join(', ') + ') and ',
            element('b.figure', null, units.percent(facts.share(seconds))),
            ' of its time, ' + facts.timesFrom() + '.');
    }

    function passChanges(facts, i) {
        const {stages} = facts.model;
        if (stages[i].kept === false || stages[i - 1].kept === false)
            return element('p.dim', null, 'The graph is large: the page has no values of this stage.');
        const changes = changesOf(facts, i), owed = changes.count + changes.became ? facts.entriesOwedTo(i) : [];
        const added = [...changes.added].sort((a, b) => b[1] - a[1]).slice(0, 3 * FEW);
        const operators = added.map(([op, n]) => units.count(n) + ' ' + op).join(', ');
        return [
            section('What it changed', element('p', null, changeWords(changes)),
                owed.length ? owedWords(facts, owed) : null),
            operators ? section('Operators added', element('p', null, operators)) : null,
            kernelShares(facts, owed),
        ];
    }

    /* A rule with how often a pass told of it, and values it told it of. */
    function ruleItem(facts, rule, told) {
        const {remarks} = facts.model;
        return element('details', null,
            element('summary', null, element('b.figure', null, units.count(told.length) + '×'), ' ',
                chip(rule.outcome, 'outcome-' + rule.outcome), ' ' + rule.text),
            list(told, r => valueItem(facts, remarks.value[r])));
    }

    vitc.detailsOf.pass = function (facts, i) {
        const {stages, remarks, rules} = facts.model, stage = stages[i], by = new Map();
        for (let r = 0; r < remarks.count; r++) {
            if (remarks.pass[r] !== i) continue;
            if (!by.has(remarks.rule[r])) by.set(remarks.rule[r], []);
            by.get(remarks.rule[r]).push(r);
        }
        const change = i > 0 ? stage.nodes - stages[i - 1].nodes : 0;
        const told = [...by].sort((a, b) => b[1].length - a[1].length);
        return [
            heading(i ? 'pass ' + i : 'before all passes', stage.label,
                i ? [chip(stage.changed ? 'changed the graph' : 'changed nothing')] : [], stage.doc),
            rows([
                ['Values', units.count(stage.nodes), change ? ' (' + units.signed(change) + ')' : null],
                i ? ['Took', units.seconds(stage.seconds) + ' of compiling'] : null,
                ['Show', button('the graph after it', () => vitc.setStage(i))],
            ]),
            i > 0 && stage.changed ? passChanges(facts, i) : null,
            told.length ? section('Its decisions', told.map(([rule, of]) => ruleItem(facts, rules[rule], of))) : null,
        ];
    };

    /* ---- the whole step: nothing is selected */

    function hottest(facts) {
        const own = facts.model.files.findIndex(file => file.own);
        const [calling] = own < 0 ? [] : facts.slowest(1, own), [line] = facts.slowest(1);
        if (!line) return null;
        const item = (of, sum, words) => {
            const id = vitc.lineId(of.file, of.line), share = units.percent(facts.share(sum.seconds));
            return element('div.costly', null, lineLink(facts, id), ' ', element('b.figure', null, share), words,
                excerpt(facts, id));
        };
        return section('What costs most',
            calling ? item(calling, calling.all, ', the line of the recipe with what it calls') : null,
            item(line, line.own, ', where the time is spent'),
            element('p.dim', null, '“Hot lines” on the left has the others.'));
    }

    vitc.detailsOf.step = function (facts) {
        const {about, memory, kernels} = facts.model, time = facts.time();
        return [
            heading('step', about.recipe + ' @' + about.function, []),
            rows([
                ['Time', units.seconds(time.step), element('div.dim', null, facts.timesFrom())],
                ['FLOPs', units.flops(about.flops)],
                ['Parameters', units.many(about.parameters)],
                ['Memory', units.bytes(memory.arena) + ' arena, ' + units.bytes(about.state_bytes) + ' states'],
                ['Kernels', units.count(kernels.count)],
                ['Batch', units.count(about.batch)],
                ['Target', about.target + (about.precision ? ', ' + about.precision : '')],
                about.folded ? ['Left out', about.folded] : null,
            ]),
            hottest(facts),
            shares(facts, 'Modules', childrenOf(facts, ''), path => link({kind: 'group', id: path}, path)),
            element('p.dim', null, 'Select a line, a node of the graph, a kernel or a value of the arena; ',
                element('kbd', null, '/'), ' searches, ', element('kbd', null, '?'), ' has all keys.'),
        ];
    };
})();
