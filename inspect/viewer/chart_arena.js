/* The arena over time: values as rectangles, the kernels that they live through by the places that they take; how many
 * bytes are live, and the peak. */
'use strict';

(function () {
    const {element, units} = vitc;
    const USES = ['forward', 'kept', 'backward', 'result'];
    const USE_WORDS = {
        forward: 'on the way to the loss', kept: 'kept for the gradient', backward: 'of gradients and update',
        result: 'a result of the step',
    };
    const useWords = use => USE_WORDS[use] || use;

    function useColour(use) {
        return vitc.themeColour('use-' + use);
    }

    /* Values of the arena, in order of birth: indices of places. */
    function arenaItems(model) {
        const {places} = model, items = [];
        for (let i = 0; i < places.count; i++) if (model.string(places.place[i]) === 'arena') items.push(i);
        return items.sort((a, b) => places.born[a] - places.born[b] || places.offset[a] - places.offset[b]);
    }

    function arenaChart(model) {
        const {places, memory, kernels} = model, facts = vitc.facts(model), items = arenaItems(model);
        const top = Math.max(memory.arena, memory.most_live, 1);
        const ref = i => ({kind: 'value', id: places.number[i]});
        const inKernel = (i, of) => of && of.kind === 'kernel' && places.born[i] <= of.id && of.id <= places.died[i];
        const marked = i => vitc.sameRef(ref(i), vitc.state.selected) || inKernel(i, vitc.state.selected);

        function rectangle(chart, i) {
            const x0 = chart.x(places.born[i]), x1 = chart.x(places.died[i] + 1);
            const y0 = chart.y(places.offset[i] + places.bytes[i]), y1 = chart.y(places.offset[i]);
            return [x0, y0, Math.max(1, x1 - x0), Math.max(0.6, y1 - y0)];
        }

        function drawValues(chart) {
            const {context} = chart, edge = vitc.themeColour('panel'), selecting = items.some(marked);
            const colours = new Map(USES.map(use => [use, useColour(use)]));
            for (const i of items) {
                const [x, y, w, h] = rectangle(chart, i);
                if (!chart.inSight(x, y, w, h)) continue;
                context.globalAlpha = selecting && !marked(i) ? 0.5 : 0.9;
                context.fillStyle = colours.get(model.string(places.use[i])) || colours.get('forward');
                context.fillRect(x, y, w, h);
                if (h > 3 && w > 3) {
                    context.strokeStyle = edge;
                    context.lineWidth = 0.7;
                    context.strokeRect(x, y, w, h);
                }
                if (h > 15 && w > 90) label(chart, i, x, y, w, h);
            }
            context.globalAlpha = 1;
        }

        function label(chart, i, x, y, w, h) {
            const words = model.valueName(places.number[i]) + '  ' + units.bytes(places.bytes[i]);
            const from = Math.max(x, chart.plot.left);
            if (chart.context.measureText(words).width < x + w - from - 8)
                chart.text(words, from + 4, y + h / 2, 'left', vitc.themeColour('use-text'));
        }

        function outline(chart, i, name, width) {
            const [x, y, w, h] = rectangle(chart, i);
            chart.context.strokeStyle = vitc.themeColour(name);
            chart.context.lineWidth = width;
            chart.context.strokeRect(x - 0.5, y - 0.5, w + 1, h + 1);
        }

        /* What is live, as a line over the values: the same axis of bytes. */
        function drawLive(chart) {
            const {context} = chart;
            context.beginPath();
            memory.live.forEach((bytes, k) => {
                context.lineTo(chart.x(k), chart.y(bytes));
                context.lineTo(chart.x(k + 1), chart.y(bytes));
            });
            context.strokeStyle = vitc.themeColour('chart-line');
            context.lineWidth = 1.5;
            context.stroke();
        }

        function drawPeak(chart) {
            const {context} = chart, x = chart.x(memory.peak + 0.5), y = chart.y(memory.most_live);
            context.setLineDash([4, 3]);
            context.strokeStyle = vitc.themeColour('peak');
            context.beginPath();
            context.moveTo(x, chart.plot.top);
            context.lineTo(x, chart.plot.top + chart.plot.height);
            context.stroke();
            context.setLineDash([]);
            const words = 'peak: ' + units.bytes(memory.most_live) + ' live in kernel ' + (memory.peak + 1);
            const {width} = context.measureText(words), left = x + width + 12 < chart.plot.left + chart.plot.width;
            const top = Math.max(chart.plot.top + 8, y - 9);
            context.globalAlpha = 0.85;
            context.fillStyle = vitc.themeColour('panel');
            context.fillRect(left ? x + 3 : x - width - 9, top - 8, width + 6, 16);
            context.globalAlpha = 1;
            chart.text(words, left ? x + 6 : x - 6, top, left ? 'left' : 'right', vitc.themeColour('peak'));
        }

        return {
            label: 'The arena: values by kernels and bytes. Arrows go through values, Enter selects, + and - zoom.',
            axes: 'xy', margins: [14, 12, 24, 70],
            bounds: () => [0, Math.max(1, kernels.count), 0, top * 1.04],
            draw(chart) {
                for (const at of vitc.ticks(chart.view[2], chart.view[3], chart.plot.height / 40))
                    chart.gridY(at, units.tick(units.bytes, at));
                for (const at of vitc.ticks(chart.view[0], chart.view[1], chart.plot.width / 110))
                    if (Number.isInteger(at)) chart.gridX(at, at === 0 ? 'kernel 1' : String(at + 1));
                chart.clipped(() => {
                    drawValues(chart);
                    drawLive(chart);
                    drawPeak(chart);
                    const selected = items.find(i => vitc.sameRef(ref(i), vitc.state.selected));
                    if (selected !== undefined) outline(chart, selected, 'selected', 2.5);
                    if (chart.current !== null) outline(chart, chart.current, 'text', 1.5);
                });
            },
            at(chart, x, y) {
                const slack = 2;
                let best = null;
                for (const i of items) {
                    const [left, top_, w, h] = rectangle(chart, i);
                    if (x < left - slack || x > left + w + slack || y < top_ - slack || y > top_ + h + slack) continue;
                    if (best === null || places.bytes[i] < places.bytes[best]) best = i;
                }
                return best;
            },
            items: () => items, ref,
            words: i => placeWords(facts, i),
            place: (chart, i) => {
                const [x, y, w, h] = rectangle(chart, i);
                return [x + w / 2, y + h / 2];
            },
        };
    }

    function placeWords(facts, i) {
        const {model} = facts, {places} = model, number = places.number[i];
        return [
            element('b', null, model.valueName(number)), ' ' + facts.type(number),
            element('div', null, units.bytes(places.bytes[i]) + ' at ' + units.bytes(places.offset[i]) + ', kernels ' +
                (places.born[i] + 1) + ' to ' + (places.died[i] + 1) + ', ' + useWords(model.string(places.use[i]))),
            element('div.dim', null, facts.scope(model.lastEntry(number))),
        ];
    }

    function head(model) {
        const {memory} = model, waste = memory.arena > 0 ? 1 - memory.most_live / memory.arena : 0;
        const used = new Set(Array.from(model.places.use, i => model.string(i)));
        const peak = vitc.link({kind: 'kernel', id: memory.peak}, 'kernel ' + (memory.peak + 1));
        return [
            element('span', null, 'Arena ', element('b', null, units.bytes(memory.arena)), ', most live ',
                element('b', null, units.bytes(memory.most_live)), ' in ', peak, ' (' + units.percent(waste) +
                ' lost to gaps); states ' + units.bytes(memory.states)),
            element('span.keys', null,
                USES.filter(use => used.has(use)).map(use => element('span.key.use-' + use, null, useWords(use))),
                element('span.key.line', null, 'live')),
        ];
    }

    vitc.useWords = useWords;
    vitc.arenaItems = arenaItems;
    vitc.chartPanel('arena', 'Arena', arenaChart, head);
})();
