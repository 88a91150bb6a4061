/* Tables of the bottom: passes, and kernels, the slowest first; equal kernels are one row. */
'use strict';

(function () {
    const {element, replace, link, units} = vitc;

    /* columns: [{name, title, text (left aligned), value(row), cell(row)}]. A click on a heading sorts by it; `first` is the
     * column that it is sorted by at first, the largest on top; -1: the order given. */
    function table(columns, rows, first, rowAttributes) {
        let by = first, down = true;
        const body = element('tbody'), head = element('tr');
        const draw = () => {
            const sorted = by < 0 ? rows : [...rows].sort((a, b) => {
                const x = columns[by].value(a), y = columns[by].value(b);
                return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
            });
            replace(head, columns.map((column, c) => element('th' + (column.text ? '.text' : ''), {scope: 'col',
                title: column.title, 'aria-sort': c === by ? (down ? 'descending' : 'ascending') : 'none'},
            element('button', {onclick: () => {
                down = by === c ? !down : !column.text;
                by = c;
                draw();
            }}, column.name, c === by ? (down ? ' ▾' : ' ▴') : ''))));
            replace(body, sorted.map(row => element('tr', rowAttributes(row), columns.map(column =>
                element('td' + (column.text ? '.text' : ''), null, column.cell(row))))));
        };
        draw();
        return element('table', null, element('thead', null, head), body);
    }

    /* ---- passes */

    function passTable(model) {
        const {stages, remarks} = model, told = new Int32Array(stages.length);
        for (let r = 0; r < remarks.count; r++) told[remarks.pass[r]]++;
        const rows = stages.map((stage, i) => ({stage, i, told: told[i], before: i ? stages[i - 1].nodes : 0,
            change: i ? stage.nodes - stages[i - 1].nodes : 0}));
        const slowest = Math.max(1e-12, ...stages.map(stage => stage.seconds));
        const signed = n => n === 0 ? '' : (n > 0 ? '+' : '−') + units.count(Math.abs(n));
        return table([
            {name: '#', value: row => row.i, cell: row => row.i},
            {name: 'Pass', text: true, value: row => row.stage.label, cell: row => link({kind: 'pass', id: row.i},
                row.stage.label)},
            {name: 'Nodes before', value: row => row.before, cell: row => row.i ? units.count(row.before) : ''},
            {name: 'after', value: row => row.stage.nodes, cell: row => units.count(row.stage.nodes)},
            {name: 'change', value: row => row.change, cell: row => signed(row.change)},
            {name: 'Time', title: 'that compiling took', value: row => row.stage.seconds, cell: row => row.i
                ? [vitc.bar(row.stage.seconds / slowest), ' ', units.seconds(row.stage.seconds)] : ''},
            {name: 'Remarks', title: 'decisions that it told of', value: row => row.told, cell: row => row.told
                ? units.count(row.told) : ''},
            {name: 'Changed', text: true, value: row => Number(row.stage.changed), cell: row => row.i === 0 ? ''
                : row.stage.changed ? 'yes'
                : element('span.dim', null, 'nothing')},
            {name: '', text: true, value: row => row.i, cell: row => element('button.small', {onclick: event => {
                event.stopPropagation();
                vitc.setStage(row.i);
            }, title: 'the graph after this pass'}, vitc.state.stage === row.i ? 'shown' : 'show')},
            {name: 'What it does', text: true, value: row => row.stage.doc, cell: row => element('span.dim', null,
                row.stage.doc)},
        ], rows, -1, row => ({class: (vitc.state.stage === row.i ? 'current' : '') + (row.i && !row.stage.changed
            ? ' idle' : '')}));
    }

    /* ---- kernels */

    /* Equal kernels together, as names that differ in numbers of modules alone: [{k, list, seconds, flops, bytes}]. */
    function kernelRows(facts) {
        const {kernels} = facts.model, rows = new Map();
        for (let k = 0; k < kernels.count; k++) {
            const name = vitc.alikeName(facts.kernelName(k)), key = facts.kernelPhase(k) + name;
            if (!rows.has(key)) rows.set(key, {name, list: [], seconds: 0, flops: 0, bytes: 0});
            const row = rows.get(key);
            row.list.push(k);
            row.seconds += facts.kernelSeconds(k);
            row.flops += kernels.flops[k];
            row.bytes += kernels.bytes[k];
        }
        return [...rows.values()];
    }

    function kernelTable(model) {
        const facts = vitc.facts(model), rows = kernelRows(facts);
        const most = Math.max(1e-30, ...rows.map(row => row.seconds));
        const first = row => row.list[0];
        return table([
            {name: 'Share', value: row => row.seconds, cell: row => [vitc.bar(row.seconds / most,
                vitc.PHASES[facts.kernelPhase(first(row))]), ' ', units.percent(facts.share(row.seconds))]},
            {name: 'Time', value: row => row.seconds, cell: row => units.seconds(row.seconds)},
            {name: 'Calls', value: row => row.list.length, cell: row => units.count(row.list.length)},
            {name: 'FLOPs', value: row => row.flops, cell: row => units.flops(row.flops)},
            {name: 'Bytes', value: row => row.bytes, cell: row => units.bytes(row.bytes)},
            {name: 'FLOP/byte', value: row => row.flops / row.bytes, cell: row => units.digits(row.flops / Math.max(1,
                row.bytes))},
            {name: 'Limit', text: true, value: row => facts.limit(first(row)), cell: row => facts.limit(first(row))},
            {name: 'Phase', text: true, value: row => facts.kernelPhase(first(row)), cell: row => {
                const phase = vitc.PHASES[facts.kernelPhase(first(row))];
                return element('span.key.' + phase, null, phase);
            }},
            {name: 'Kernel', text: true, value: row => row.name, cell: row => [link({kind: 'kernel', id: first(row)},
                row.name),
                row.list.length > 1 ? element('span.dim', null, ' kernel ' + (first(row) + 1) + ' and ' +
                    (row.list.length - 1) + ' more') : '']},
        ], rows, 0, row => ({class: vitc.state.selected && vitc.state.selected.kind === 'kernel' &&
            row.list.includes(vitc.state.selected.id) ? 'current' : ''}));
    }

    function tablePanel(name, title, make, head) {
        let root = null;
        const draw = () => {
            const at = root.scrollTop;
            replace(root, head ? element('div.chart-head', null, head(vitc.state.model)) : null,
                make(vitc.state.model));
            root.scrollTop = at;
        };
        vitc.panel(name, {
            title, region: 'bottom',
            mount(element) {
                root = element;
                root.classList.add('table-panel');
                vitc.on('view', what => { if (what === 'profile' && !root.hidden) draw(); });
            },
            show: draw, stage: draw,
        });
    }

    vitc.kernelRows = kernelRows;
    tablePanel('kernels', 'Kernels', kernelTable, model => element('span', null, vitc.timesHead(vitc.facts(model)),
        '. Kernels that differ only in the number of a block are one row.'));
    tablePanel('passes', 'Passes', passTable);
})();
