/* What the details of several kinds of things are made of: rows, lists, links, and where time goes. */
'use strict';

(function () {
    const {element, link, units} = vitc;
    const FEW = 12; /* of a list, before "all …" */

    /* ---- layout */

    function heading(kind, title, chips, doc) {
        return element('header.thing', null,
            element('div.kind', null, kind), element('h2', null, vitc.breakable(title)),
            element('div.chips', null, chips), doc ? element('p.doc', null, doc) : null);
    }

    function chip(text, classes, title) {
        return element('span.chip' + (classes ? '.' + classes : ''), {title}, text);
    }

    function filled(part) {
        return Array.isArray(part) ? part.some(filled) : part !== null && part !== undefined && part !== '' &&
            part !== false;
    }

    /* [[label, content …] or null …]; rows without content are left out. */
    function rows(list) {
        return element('dl', null, list.filter(row => row && row.slice(1).some(filled)).map(([label, ...content]) =>
            [element('dt', null, label), element('dd', null, content)]));
    }

    function section(title, ...content) {
        return element('section', null, element('h3', null, title), content);
    }

    /* A section with a list that begins with its first FEW; a button shows the others. */
    function listed(title, items, make, none) {
        return section(title, items.length ? list(items, make) : element('p.dim', null, none || 'none'));
    }

    function list(items, make) {
        const item = one => element('li', null, make(one)), all = element('ul.list', null, items.slice(0,
            FEW).map(item));
        if (items.length <= FEW) return all;
        const more = element('button.more', {
            onclick() {
                more.parentNode.remove();
                for (const one of items.slice(FEW)) all.append(item(one));
            },
        }, 'all ' + units.count(items.length));
        all.append(element('li', null, more));
        return all;
    }

    function button(text, onclick) {
        return element('button.more', {onclick}, text);
    }

    /* ---- links */

    /* "%12 matmul f32[64x384] student.norm" */
    function valueItem(facts, ref) {
        const {model} = facts, entry = ref < 0 ? -1 : model.lastEntry(ref), scope = entry < 0 ? '' : facts.scope(entry);
        return [link(facts.target(ref), model.valueName(ref)), ' ', element('span.type', null, facts.type(ref)),
            scope ? element('span.dim', null, ' ', vitc.breakable(scope)) : null];
    }

    function sizedItem(facts, ref) {
        return [valueItem(facts, ref), ' ', element('span.figure', null, units.bytes(facts.sizeOf(ref)))];
    }

    function kernelLink(facts, k) {
        return link({kind: 'kernel', id: k}, 'kernel ' + (k + 1), {title: facts.kernelName(k)});
    }

    function kernelItem(facts, k) {
        return [kernelLink(facts, k), ' ', element('span.dim', null, vitc.breakable(facts.kernelName(k))), ' ',
            element('span.figure', null, units.percent(facts.share(facts.kernelSeconds(k))))];
    }

    /* "student.backbone.blocks.0", each part a link to its group */
    function scopeTrail(scope) {
        const parts = scope ? scope.split('.') : [];
        return parts.map((part, i) =>
            [i ? '.' : null, link({kind: 'group', id: parts.slice(0, i + 1).join('.')}, part)]);
    }

    function lineText(facts, id) {
        const {file, line} = vitc.lineOf(id);
        return (facts.model.files[file].text.split('\n')[line - 1] || '').trim();
    }

    function lineName(facts, id) {
        const {file, line} = vitc.lineOf(id);
        return facts.model.files[file].name + ':' + line;
    }

    function lineLink(facts, id) {
        return link({kind: 'line', id}, lineName(facts, id));
    }

    function excerpt(facts, id) {
        return element('code.excerpt', null, vitc.coloured('recipe', lineText(facts, id)));
    }

    /* ---- time */

    /* A time with its share, and where it comes from. */
    function timeRow(facts, seconds, phases) {
        return ['Time',
            element('b.figure', null, units.percent(facts.share(seconds))), facts.ofWhat() + ', ' + units.seconds(seconds),
            phases && seconds > 0 ? vitc.phaseBar(phases, seconds) : null,
            element('div.dim', null, facts.timesFrom())];
    }

    function phaseRow(facts, phases) {
        const shown = vitc.PHASES.map((name, i) => phases[i] > 0
            ? element('span.key.' + name, null, name + ' ' + units.percent(facts.share(phases[i]))) : null);
        return ['By phase', shown.some(Boolean) ? element('span.keys', null, shown) : null];
    }

    /* Sums of the time of entries by keys, the largest first: [[key, seconds] …]. */
    function sums(facts, entries, keyOf) {
        const {byEntry} = facts.time(), found = new Map();
        for (const i of entries) {
            const key = keyOf(i);
            if (key !== null) found.set(key, (found.get(key) || 0) + byEntry[i]);
        }
        return [...found].filter(pair => pair[1] > 0).sort((a, b) => b[1] - a[1]);
    }

    /* [[key, seconds] …] as bars with shares; make(key) says what it is, phaseOf(key) its phase, if it has one. */
    function shares(facts, title, pairs, make, phaseOf) {
        if (!pairs.length) return null;
        return section(title, element('div.shares', null, pairs.slice(0, FEW).map(([key, seconds]) =>
            element('div.share-row', null, vitc.bar(seconds / pairs[0][1], phaseOf && phaseOf(key)),
                element('span.figure', null, units.percent(facts.share(seconds))),
                element('span.what', null, make(key))))));
    }

    function firstKernel(facts, entry) {
        const kernels = facts.model.kernelsOf(facts.model.nodes.number[entry]);
        return kernels.length ? kernels[0] : null;
    }

    /* Why entries take as long as they do, in rows: how much of the step's work they are, and what limits them. */
    function reasons(facts, entries) {
        const {nodes, about} = facts.model, flops = entries.reduce((sum, i) => sum + nodes.flops[i], 0);
        const kernels = new Set(entries.map(i => firstKernel(facts, i)).filter(k => k !== null)).size;
        const share = about.flops > 0 ? ', ' + units.percent(flops / about.flops) + ' of the step’s' : null;
        return [
            ['FLOPs', units.flops(flops), share, kernels ? ', in ' + units.plural(kernels, 'kernel') : null],
            ['Limits', limitWords(facts, entries)],
        ];
    }

    /* "97.0 % of the time limited by compute (peak 200 GFLOP/s, assumed), …" */
    function limitWords(facts, entries) {
        const roofs = facts.roofs(), from = ', ' + roofs.from + ')';
        const by = sums(facts, entries, i => {
            const k = firstKernel(facts, i);
            return k === null ? null : facts.limit(k);
        });
        const whole = by.reduce((sum, pair) => sum + pair[1], 0);
        const roof = {
            compute: ' (peak ' + units.tick(units.flopRate, roofs.flops) + from,
            memory: ' (' + units.tick(units.byteRate, roofs.bytes) + from,
        };
        const words = (limit, share) => units.percent(share) + ' of the time limited by ' + limit + roof[limit];
        return by.map(([limit, seconds]) => words(limit, seconds / whole)).join(', ');
    }

    /* Kernels by their share of the time of entries; names that differ in numbers of modules alone are one row. */
    function kernelShares(facts, entries) {
        const rows = new Map(); /* phase and name → {phase, name, kernels} */
        const rowOf = k => {
            const name = vitc.alikeName(facts.kernelName(k)), phase = vitc.PHASES[facts.kernelPhase(k)], key = phase + name;
            if (!rows.has(key)) rows.set(key, {phase, name, kernels: new Set()});
            rows.get(key).kernels.add(k);
            return rows.get(key);
        };
        const pairs = sums(facts, entries, i => {
            const k = firstKernel(facts, i);
            return k === null ? null : rowOf(k);
        });
        const item = ({name, kernels}) => [link({kind: 'kernel', id: Math.min(...kernels)}, name),
            kernels.size > 1 ? element('span.dim', null, ' ×' + kernels.size) : null];
        return shares(facts, 'Kernels', pairs, item, row => row.phase);
    }

    function lineShares(facts, entries) {
        const pairs = vitc.linesOfEntries(facts, entries).filter(line => line.seconds > 0)
            .map(line => [vitc.lineId(line.file, line.line), line.seconds]);
        if (pairs.length < 2) return null;
        return shares(facts, 'Lines', pairs, id =>
            [lineLink(facts, id), element('code.dim', null, ' ' + lineText(facts, id))]);
    }

    /* Where the time of entries goes: operators, lines, kernels. */
    function costParts(facts, entries) {
        return [shares(facts, 'Operators', sums(facts, entries, i => facts.op(i).name), name => name),
            lineShares(facts, entries), kernelShares(facts, entries)];
    }

    vitc.detailsOf = {}; /* kind of a ref → (facts, id, stage) => content */
    vitc.detailParts = {FEW, heading, chip, rows, section, listed, list, button, valueItem, sizedItem, kernelLink,
        kernelItem, scopeTrail, lineText, lineName, lineLink, excerpt, timeRow, phaseRow, shares, reasons, kernelShares,
        costParts};
})();
