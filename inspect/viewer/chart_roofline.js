/* The roofline plot: kernels by FLOPs for each byte and FLOPs a second, both logarithmic, below the roofs that the
 * machine's bandwidth and its peak are (Williams, Waterman and Patterson 2009). */
'use strict';

(function () {
    const {element, units} = vitc;

    /* Kernels with FLOPs, one dot for equal ones: [{kernel, kernels, intensity, rate, seconds}], the slowest last. */
    function rooflineDots(facts) {
        const {kernels} = facts.model, dots = new Map();
        for (let k = 0; k < kernels.count; k++) {
            const seconds = facts.kernelSeconds(k);
            if (!(kernels.flops[k] > 0 && kernels.bytes[k] > 0 && seconds > 0)) continue;
            const key = kernels.code[k] + ' ' + kernels.flops[k] + ' ' + kernels.bytes[k] + ' ' + facts.kernelPhase(k);
            const dot = dots.get(key);
            if (dot) {
                dot.kernels.push(k);
                dot.seconds += seconds;
            } else dots.set(key, {kernel: k, kernels: [k], intensity: kernels.flops[k] / kernels.bytes[k], seconds});
        }
        for (const dot of dots.values()) dot.rate = kernels.flops[dot.kernel] * dot.kernels.length / dot.seconds;
        return [...dots.values()].sort((a, b) => a.seconds - b.seconds);
    }

    function rooflineChart(model) {
        const facts = vitc.facts(model), made = new Map();
        const dots = () => {
            if (!made.has(facts.measured())) made.set(facts.measured(), rooflineDots(facts));
            return made.get(facts.measured());
        };
        const log = Math.log10;
        const radius = dot => 3 + 26 * Math.sqrt(facts.share(dot.seconds));
        const ref = dot => ({kind: 'kernel', id: dot.kernel});
        const at = (chart, dot) => [chart.x(log(dot.intensity)), chart.y(log(dot.rate))];

        /* The slowest kernels, which take nearly all of the time. */
        function home() {
            let sum = 0;
            const all = [...dots()].reverse(), most = 0.998 * all.reduce((a, dot) => a + dot.seconds, 0);
            return around(all.filter(dot => (sum += dot.seconds) - dot.seconds <= most));
        }

        function around(all) {
            const x = all.map(dot => log(dot.intensity)), y = all.map(dot => log(dot.rate));
            const {flops, bytes} = facts.roofs(), ridge = log(flops / bytes), peak = log(flops);
            return [Math.min(ridge - 1, ...x) - 0.3, Math.max(ridge + 1, ...x) + 0.3, Math.min(peak - 1.5, ...y) - 0.2,
                Math.max(peak, ...y) + 0.4];
        }

        function drawRoofs(chart) {
            const {context} = chart, [x0, x1] = chart.view;
            const {flops, bytes, from} = facts.roofs(), ridge = log(flops / bytes);
            const roof = x => log(Math.min(flops, bytes * 10 ** x));
            context.strokeStyle = vitc.themeColour('chart-line');
            context.lineWidth = 2;
            context.beginPath();
            for (const x of [x0, ridge, x1]) context.lineTo(chart.x(x), chart.y(roof(x)));
            context.stroke();
            const y = chart.y(log(flops)), above = y - 12 > chart.plot.top + 8;
            chart.text('peak ' + units.tick(units.flopRate, flops) + ', ' + from,
                Math.max(chart.x(ridge), chart.plot.left) + 4, above ? y - 12 : y + 12);
            slanted(chart, units.tick(units.byteRate, bytes) + ', ' + from, x0, Math.min(ridge, x1), roof);
        }

        /* Words along the slanted roof. */
        function slanted(chart, words, from, to, roof) {
            if (to <= from) return;
            const {context} = chart, x = from + (to - from) * 0.3;
            const a = [chart.x(x), chart.y(roof(x))], b = [chart.x(to), chart.y(roof(to))];
            context.save();
            context.translate(a[0], a[1]);
            context.rotate(Math.atan2(b[1] - a[1], b[0] - a[0]));
            chart.text(words, 0, -10, 'left');
            context.restore();
        }

        function drawDots(chart) {
            const {context} = chart, selected = facts.kernelsOf(vitc.state.selected);
            for (const dot of dots()) {
                const [x, y] = at(chart, dot), chosen = selected && dot.kernels.some(k => selected.has(k));
                context.beginPath();
                context.arc(x, y, radius(dot), 0, 2 * Math.PI);
                context.globalAlpha = selected && !chosen ? 0.3 : 0.75;
                context.fillStyle = vitc.themeColour('phase-' + vitc.PHASES[facts.kernelPhase(dot.kernel)]);
                context.fill();
                context.globalAlpha = 1;
                const edge = dot === chart.current ? 'text' : chosen ? 'selected' : 'panel';
                context.lineWidth = edge === 'panel' ? 1 : 2;
                context.strokeStyle = vitc.themeColour(edge);
                context.stroke();
            }
        }

        return {
            label: 'Roofline plot of kernels. Arrows go through kernels, Enter selects, + and - zoom.',
            axes: 'xy', margins: [10, 16, 38, 92],
            bounds: () => around(dots()), home,
            draw(chart) {
                const [x0, x1, y0, y1] = chart.view;
                for (const t of decades(x0, x1, chart.plot.width / 60))
                    chart.gridX(log(t), String(Number(t.toPrecision(2))));
                for (const t of decades(y0, y1, chart.plot.height / 24))
                    chart.gridY(log(t), units.tick(units.flopRate, t));
                chart.text('FLOP for each byte read or stored', chart.plot.left + chart.plot.width / 2,
                    chart.height - 8, 'center');
                chart.clipped(() => {
                    drawRoofs(chart);
                    drawDots(chart);
                });
            },
            at(chart, px, py) {
                const all = dots();
                for (let i = all.length - 1; i >= 0; i--) {
                    const [x, y] = at(chart, all[i]), r = Math.max(5, radius(all[i]));
                    if ((px - x) ** 2 + (py - y) ** 2 <= r * r) return all[i];
                }
                return null;
            },
            items: () => [...dots()].reverse(), ref,
            words: dot => dotWords(facts, dot),
            place: at,
        };
    }

    function dotWords(facts, dot) {
        const {flops, bytes} = facts.roofs(), equal = dot.kernels.length;
        const share = units.percent(dot.rate / Math.min(flops, bytes * dot.intensity));
        const together = units.plural(equal, 'equal kernel') + ', together ' + units.percent(facts.share(dot.seconds)) +
            facts.ofWhat() + '; the first:';
        return [
            equal > 1 ? element('div', null, together) : null,
            vitc.kernelWords(facts, dot.kernel),
            element('div', null, units.intensity(dot.intensity) + ', ' + units.flopRate(dot.rate) + ', ' + share +
                ' of its roof'),
        ];
    }

    /* Powers of ten; two and five times those too, where there is room for so many. */
    function decades(from, to, room) {
        const found = [], factors = 3 * (to - from) < room ? [1, 2, 5] : [1];
        for (let power = Math.floor(from); power <= to; power++)
            for (const factor of factors) {
                const value = factor * 10 ** power;
                if (Math.log10(value) >= from && Math.log10(value) <= to) found.push(value);
            }
        return found;
    }

    function head(model) {
        const facts = vitc.facts(model), {kernels} = model, {from} = facts.roofs();
        let without = 0;
        for (let k = 0; k < kernels.count; k++) if (!(kernels.flops[k] > 0)) without += facts.kernelSeconds(k);
        const where = facts.measured() ? 'Below its roof a kernel could be faster'
            : 'This model puts every kernel on its roof; a profile tells how far below it is';
        const left = without > 0 ? '; without FLOPs, and not shown: ' + units.percent(facts.share(without)) : '';
        return [element('span', null, vitc.timesHead(facts), '. Roofs: ', element('b', null, from),
            from === 'assumed' ? ' (--peak and --bandwidth give them)' : '', '. ' + where +
                '. Area: share of the time' + left),
        element('span.keys', null, vitc.PHASES.map(phase => element('span.key.' + phase, null, phase)))];
    }

    vitc.rooflineDots = rooflineDots;
    vitc.chartPanel('roofline', 'Roofline', rooflineChart, head);
})();
