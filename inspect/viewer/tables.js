/* Tables of the bottom: passes, and kernels, the slowest first; equal kernels are one row. */
'use strict';

(function () {
    const {element, replace, link, units} = vitc;

    /* columns: [{name, title, text (left aligned), value(row), cell(row)}]; a heading sorts by its column. `first` is
     * the one that it is sorted by at first, the largest on top; -1: the order given. */
    function table(columns, rows, first, rowAttributes) {
        let by = first, down = true;
        const body = element('tbody'), head = element('tr');
        const heading = (column, c) => {
            const sort = c !== by ? 'none' : down ? 'descending' : 'ascending';
            const onclick = () => {
                down = by === c ? !down : !column.text;
                by = c;
                draw();
            };
            return element('th' + (column.text ? '.text' : ''), {scope: 'col', title: column.title, 'aria-sort': sort},
                element('button', {onclick}, column.name, {none: '', descending: ' ▾', ascending: ' ▴'}[sort]));
        };
        const cells = row => columns.map(column =>
            element('td' + (column.text ? '.text' : ''), null, column.cell(row)));
        const compare = (a, b) => {
            const x = columns[by].value(a), y = columns[by].value(b);
            return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
        };
        const draw = () => {
            replace(head, columns.map(heading));
            const sorted = by < 0 ? rows : [...rows].sort(compare);
            replace(body, sorted.map(row => element('tr', rowAttributes(row), cells(row))));
        };
        draw();
        return element('table', null, element('thead', null, head), body);
    }

    /* ---- passes */

    function passRows({stages, remarks}) {
        const told = new Int32Array(stages.length);
        for (let r = 0; r < remarks.count; r++) told[remarks.pass[r]]++;
        return stages.map((stage, i) => {
            const before = i ? stages[i - 1].nodes : 0;
            return {i, stage, told: told[i], before, change: i ? stage.nodes - before : 0};
        });
    }

    function changedWords({i, stage}) {
        return i === 0 ? '' : stage.changed ? 'yes' : element('span.dim', null, 'nothing');
    }

    function showButton({i}) {
        return element('button.small', {title: 'the graph after this pass', onclick: () => vitc.setStage(i)},
            vitc.state.stage === i ? 'shown' : 'show');
    }

    function passTable(model) {
        const slowest = Math.max(1e-12, ...model.stages.map(stage => stage.seconds));
        const time = ({stage}) => [vitc.bar(stage.seconds / slowest), ' ', units.seconds(stage.seconds)];
        const columns = [
            {name: '#', value: row => row.i, cell: row => row.i},
            {name: 'Pass', text: true, value: row => row.stage.label,
                cell: row => link({kind: 'pass', id: row.i}, row.stage.label)},
            {name: 'Values before', value: row => row.before, cell: row => row.i ? units.count(row.before) : ''},
            {name: 'after', value: row => row.stage.nodes, cell: row => units.count(row.stage.nodes)},
            {name: 'change', value: row => row.change, cell: row => row.change ? units.signed(row.change) : ''},
            {name: 'Time', title: 'that compiling took', value: row => row.stage.seconds,
                cell: row => row.i ? time(row) : ''},
            {name: 'Remarks', title: 'decisions that it told of', value: row => row.told,
                cell: row => row.told ? units.count(row.told) : ''},
            {name: 'Changed', text: true, value: row => Number(row.stage.changed), cell: changedWords},
            {name: '', text: true, value: row => row.i, cell: showButton},
            {name: 'What it does', text: true, value: row => row.stage.doc,
                cell: row => element('span.dim', null, row.stage.doc)},
        ];
        return table(columns, passRows(model), -1, row => ({
            class: (vitc.state.stage === row.i ? 'current' : '') + (row.i && !row.stage.changed ? ' idle' : ''),
        }));
    }

    /* ---- kernels */

    /* Kernels with names that differ in numbers of modules alone are one row: {k, name, list, seconds, flops, bytes}. */
    function kernelRows(facts) {
        const {kernels} = facts.model, rows = new Map();
        for (let k = 0; k < kernels.count; k++) {
            const name = vitc.alikeName(facts.kernelName(k)), key = facts.kernelPhase(k) + name;
            if (!rows.has(key)) rows.set(key, {k, name, list: [], seconds: 0, flops: 0, bytes: 0});
            const row = rows.get(key);
            row.list.push(k);
            row.seconds += facts.kernelSeconds(k);
            row.flops += kernels.flops[k];
            row.bytes += kernels.bytes[k];
        }
        return [...rows.values()];
    }

    function rowName(row) {
        const more = row.list.length - 1;
        return [link({kind: 'kernel', id: row.k}, row.name),
            element('span.dim', null, ' kernel ' + (row.k + 1) + (more ? ' and ' + more + ' more' : ''))];
    }

    function kernelTable(model) {
        const facts = vitc.facts(model), rows = kernelRows(facts);
        const most = Math.max(1e-30, ...rows.map(row => row.seconds)), phase = row => vitc.PHASES[facts.kernelPhase(row.k)];
        const intensity = row => row.flops / Math.max(1, row.bytes);
        const share = row => [vitc.bar(row.seconds / most, phase(row)), ' ', units.percent(facts.share(row.seconds))];
        const isSelected = row => row.list.some(k => vitc.sameRef({kind: 'kernel', id: k}, vitc.state.selected));
        const columns = [
            {name: 'Share', value: row => row.seconds, cell: share},
            {name: 'Time', value: row => row.seconds, cell: row => units.seconds(row.seconds)},
            {name: 'Calls', value: row => row.list.length, cell: row => units.count(row.list.length)},
            {name: 'FLOPs', value: row => row.flops, cell: row => units.flops(row.flops)},
            {name: 'Bytes', value: row => row.bytes, cell: row => units.bytes(row.bytes)},
            {name: 'FLOP/byte', value: intensity, cell: row => units.digits(intensity(row))},
            {name: 'Limit', text: true, value: row => facts.limit(row.k), cell: row => facts.limit(row.k)},
            {name: 'Phase', text: true, value: phase, cell: row => element('span.key.' + phase(row), null, phase(row))},
            {name: 'Kernel', text: true, value: row => row.name, cell: rowName},
        ];
        return table(columns, rows, 0, row => ({class: isSelected(row) ? 'current' : ''}));
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
