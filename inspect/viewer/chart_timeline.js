/* Kernels in the order of execution, as long as they take: by the cost model, or as they were measured. One row a
 * phase; of a profile also one a thread: how much of a kernel's time it works in it. */
'use strict';

(function () {
    const {element, units} = vitc;
    const GAP = 3; /* between rows, in pixels */

    /* What is drawn: [{kernel, row, from, seconds, part}] in order, and the names of the rows; part: of the time, 1 but
     * for threads. */
    function timelineItems(facts) {
        const {kernels, profile} = facts.model, {byKernel} = facts.time(), items = [], rows = [...vitc.PHASES];
        const threads = facts.measured() && profile.calls.thread_seconds || [];
        let from = 0;
        for (let k = 0; k < kernels.count; k++) {
            items.push({kernel: k, row: facts.kernelPhase(k), from, seconds: byKernel[k], part: 1});
            from += byKernel[k];
        }
        threads.forEach((seconds, t) => {
            rows.push('thread ' + (t + 1));
            profile.calls.kernel.forEach((k, i) => {
                const part = Math.min(1, seconds[i] / byKernel[k]);
                if (part > 0) items.push(Object.assign({}, items[k], {row: vitc.PHASES.length + t, part}));
            });
        });
        return {rows, items};
    }

    function timelineChart(model) {
        const facts = vitc.facts(model), {kernels} = model, made = new Map();
        const all = () => {
            if (!made.has(facts.measured())) made.set(facts.measured(), timelineItems(facts));
            return made.get(facts.measured());
        };
        const end = () => all().items.reduce((most, item) => Math.max(most, item.from + item.seconds), 1e-12);
        const rowHeight = chart => chart.plot.height / all().rows.length;
        const ref = item => ({kind: 'kernel', id: item.kernel});

        function draw(chart) {
            const {context, plot} = chart, {rows, items} = all();
            const selected = facts.kernelsOf(vitc.state.selected), height = rowHeight(chart);
            for (const at of vitc.ticks(chart.view[0], chart.view[1], plot.width / 100))
                chart.gridX(at, units.tick(units.seconds, at));
            rows.forEach((name, r) => {
                chart.text(name, plot.left - 8, plot.top + (r + 0.5) * height, 'right');
                context.fillStyle = vitc.themeColour('chart-row');
                context.fillRect(plot.left, plot.top + r * height + GAP / 2, plot.width, height - GAP);
            });
            chart.clipped(() => {
                for (const item of items) drawItem(chart, item, selected, height);
                if (chart.current !== null) {
                    const [x, y, w, h] = rectangle(chart, chart.current, height);
                    context.strokeStyle = vitc.themeColour('text');
                    context.lineWidth = 1.5;
                    context.strokeRect(x - 0.5, y - 0.5, Math.max(2, w + 1), h + 1);
                }
            });
        }

        function rectangle(chart, item, height) {
            const x = chart.x(item.from);
            return [x, chart.plot.top + item.row * height + GAP, chart.x(item.from + item.seconds * item.part) - x,
                height - 2 * GAP];
        }

        function drawItem(chart, item, selected, height) {
            const {context} = chart, [x, y, w, h] = rectangle(chart, item, height);
            if (!chart.inSight(x, y, w, h)) return;
            const seen = Math.max(0.7, w - (w > 3 ? 1 : 0)), foot = Math.min(6, h / 4);
            context.globalAlpha = !selected || selected.has(item.kernel) ? 1 : 0.25;
            context.fillStyle = vitc.themeColour('phase-' + vitc.PHASES[facts.kernelPhase(item.kernel)]);
            context.fillRect(x, y, seen, h);
            if (facts.limit(item.kernel) === 'memory') {
                context.fillStyle = vitc.themeColour('limit-memory');
                context.fillRect(x, y + h - foot, seen, foot);
            }
            drawName(chart, item.kernel, x, y, w, h);
            context.globalAlpha = 1;
        }

        /* Where there is room for it. */
        function drawName(chart, k, x, y, w, h) {
            const from = Math.max(x, chart.plot.left);
            const room = Math.min(x + w, chart.plot.left + chart.plot.width) - from - 10;
            if (room <= 50 || h <= 13) return;
            const name = facts.kernelName(k), letters = Math.floor(room / 6.6);
            const words = name.length > letters ? name.slice(0, letters - 1) + '…' : name;
            chart.text(words, from + 5, y + h / 2, 'left', vitc.themeColour('use-text'));
        }

        function itemAt(chart, x, y) {
            const row = Math.floor((y - chart.plot.top) / rowHeight(chart));
            const time = chart.valueX(x), slack = chart.valueX(x + 2) - time;
            let best = null;
            for (const item of all().items) {
                const end = item.from + item.seconds;
                if (item.row !== row || time < item.from - slack || time > end + slack) continue;
                best = item;
                if (time >= item.from && time <= end) break;
            }
            return best;
        }

        function itemWords(item) {
            const thread = all().rows[item.row] + ' works ' + units.percent(item.part) + ' of that time';
            return [kernelWords(facts, item.kernel), item.part < 1 ? element('div', null, thread) : null];
        }

        return {
            label: 'Kernels in the order of execution. Arrows go through kernels, Enter selects, + and - zoom.',
            axes: 'x', margins: [6, 12, 24, 76],
            bounds: () => [0, end(), 0, 1],
            draw,
            at: itemAt,
            items: () => all().items.filter(item => item.row < vitc.PHASES.length), ref, words: itemWords,
            place(chart, item) {
                const [x, y, w, h] = rectangle(chart, item, rowHeight(chart));
                return [x + w / 2, y + h / 2];
            },
        };
    }

    /* A kernel in words, beside a chart. */
    function kernelWords(facts, k) {
        const {kernels} = facts.model, seconds = facts.kernelSeconds(k);
        return [
            element('b', null, 'kernel ' + (k + 1)), ' ' + facts.kernelName(k),
            element('div', null, units.seconds(seconds) + (facts.measured() ? ' measured, ' : ' estimated, ') +
                units.percent(facts.share(seconds)) + facts.ofWhat() + '; limited by ' + facts.limit(k)),
            element('div', null, units.flops(kernels.flops[k]) + ', ' + units.bytes(kernels.bytes[k])),
        ];
    }

    /* Where the times come from; with a profile, a switch between it and the cost model. */
    function timesHead(facts) {
        const {model} = facts;
        if (!model.profile)
            return element('span', {title: 'vitc bench --profile=FILE.json measures them'}, 'Times ',
                element('b', null, 'estimated'), ' by the cost model, not timed');
        const option = (profile, name) => element('button.small', {
            'aria-pressed': String(vitc.state.profile === profile), onclick: () => vitc.set('profile', profile),
        }, name);
        return ['Times ', option(true, 'measured'), option(false, 'estimated'), ' ', facts.timesFrom()];
    }

    function head(model) {
        const facts = vitc.facts(model), time = facts.time(), limited = {compute: 0, memory: 0};
        for (let k = 0; k < model.kernels.count; k++) limited[facts.limit(k)] += time.byKernel[k];
        const share = seconds => units.percent(facts.share(seconds)), between = time.step - time.whole;
        return [
            element('span', null, timesHead(facts), ': ', element('b', null, units.seconds(time.step)),
                ' a step' + (between > 1e-9 * time.step ? ', ' + units.seconds(between) + ' of it between kernels' : ''),
                '; ' + units.plural(model.kernels.count, 'kernel') + ', ' + share(limited.compute) +
                ' of their time limited by compute, ' + share(limited.memory) + ' by memory'),
            element('span.keys', null, vitc.PHASES.map(phase => element('span.key.' + phase, null, phase)),
                element('span.key.limit-memory', null, 'limited by memory')),
        ];
    }

    vitc.timelineItems = timelineItems;
    vitc.kernelWords = kernelWords;
    vitc.timesHead = timesHead;
    vitc.chartPanel('timeline', 'Timeline', timelineChart, head);
})();
