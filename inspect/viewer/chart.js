/* What the charts have in common: a canvas that is sharp on any screen, a view that is moved by dragging and zoomed by
 * the wheel, something under the pointer with words about it, keys, and links: what is clicked is selected.
 *
 *   vitc.chart(root, {
 *     label             what the chart is, for who cannot see it
 *     axes: "x"|"xy"    which axes zoom and move
 *     margins           [top, right, bottom, left] in pixels, around the plot
 *     bounds()          [x0, x1, y0, y1] of all that there is
 *     home()            those that are shown at first, if not all
 *     draw(chart)       into chart.context, with chart.x(value), chart.y(value), chart.plot {left, top, width, height}
 *     at(chart, x, y)   the item at a place of the canvas, or null
 *     items()           in the order in which keys go through them
 *     ref(item)         what it selects;  words(item)  what it is
 *     place(chart, item) [x, y], for keys: where its words go
 *   })
 * gives {redraw(), reset()}. */
'use strict';

(function () {
    const {element, replace} = vitc;

    /* A colour of the theme: the value of a custom property. */
    const colours = new Map();
    function colour(name) {
        const key = vitc.state.theme + ' ' + name;
        if (!colours.has(key))
            colours.set(key, getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim() || '#888');
        return colours.get(key);
    }

    /* About `n` round numbers from a to b: 1, 2 or 5 times a power of ten. */
    function ticks(a, b, n) {
        const rough = (b - a) / Math.max(1, n);
        if (!(rough > 0)) return [];
        const power = 10 ** Math.floor(Math.log10(rough));
        const step = power * ([1, 2, 5].find(m => m * power >= rough * 0.999) || 10), found = [];
        for (let i = Math.ceil(a / step - 1e-9); i * step <= b * (1 + 1e-12); i++) found.push(i * step);
        return found;
    }

    class Chart {
        constructor(root, kind) {
            this.kind = kind;
            this.canvas = element('canvas', {tabindex: 0, role: 'application', 'aria-label': kind.label});
            this.words = element('div.chart-words', {role: 'status', hidden: true});
            this.box = element('div.chart-box', null, this.canvas, this.words);
            root.append(this.box);
            this.context = this.canvas.getContext('2d');
            this.current = null;
            this.reset();
            this.listen();
            new ResizeObserver(() => this.redraw()).observe(this.box);
        }

        reset() {
            this.view = null;
            this.redraw();
        }

        redraw() {
            if (this.waiting) return;
            this.waiting = requestAnimationFrame(() => {
                this.waiting = 0;
                this.paint();
            });
        }

        paint() {
            const width = this.box.clientWidth, height = this.box.clientHeight, ratio = window.devicePixelRatio || 1;
            if (!width || !height) return;
            if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
                this.canvas.width = Math.round(width * ratio);
                this.canvas.height = Math.round(height * ratio);
            }
            const [top, right, bottom, left] = this.kind.margins;
            this.width = width;
            this.height = height;
            this.plot = {left, top, width: Math.max(1, width - left - right), height: Math.max(1, height - top - bottom)};
            this.view = this.view || (this.kind.home ? this.kind.home() : this.kind.bounds());
            this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
            this.context.clearRect(0, 0, width, height);
            this.context.font = '12px system-ui, sans-serif';
            this.context.lineWidth = 1;
            this.kind.draw(this);
        }

        x(value) {
            return this.plot.left + (value - this.view[0]) / (this.view[1] - this.view[0]) * this.plot.width;
        }
        y(value) {
            const {top, height} = this.plot;
            return top + height - (value - this.view[2]) / (this.view[3] - this.view[2]) * height;
        }
        valueX(x) {
            return this.view[0] + (x - this.plot.left) / this.plot.width * (this.view[1] - this.view[0]);
        }
        valueY(y) {
            const {top, height} = this.plot;
            return this.view[2] + (top + height - y) / height * (this.view[3] - this.view[2]);
        }

        /* Whether a rectangle has something within the plot. */
        inSight(x, y, w, h) {
            const {left, top, width, height} = this.plot;
            return x <= left + width && x + w >= left && y <= top + height && y + h >= top;
        }

        /* Draws within the plot alone. */
        clipped(draw) {
            const {context, plot} = this;
            context.save();
            context.beginPath();
            context.rect(plot.left, plot.top, plot.width, plot.height);
            context.clip();
            draw();
            context.restore();
        }

        text(words, x, y, align, fill) {
            this.context.fillStyle = fill || colour('text');
            this.context.textAlign = align || 'left';
            this.context.textBaseline = 'middle';
            this.context.fillText(words, x, y);
        }

        /* A line across the plot with its label at the left, or from top to bottom with its label below. */
        gridY(value, label) {
            const y = Math.round(this.y(value)) + 0.5, {left, top, width, height} = this.plot;
            if (y < top - 1 || y > top + height + 1) return;
            this.context.strokeStyle = colour('chart-grid');
            this.context.strokeRect(left, y, width, 0);
            this.text(label, left - 6, y, 'right');
        }
        gridX(value, label) {
            const x = Math.round(this.x(value)) + 0.5, {left, top, width, height} = this.plot;
            if (x < left - 1 || x > left + width + 1) return;
            this.context.strokeStyle = colour('chart-grid');
            this.context.strokeRect(x, top, 0, height);
            this.text(label, x, top + height + 11, 'center');
        }

        /* ---- the view */

        clampAxis(from, to, least, most) {
            const size = Math.min(to - from, most - least);
            const start = Math.max(least, Math.min(from, most - size));
            return [start, start + size];
        }

        setView(x0, x1, y0, y1) {
            const all = this.kind.bounds();
            this.view = [...this.clampAxis(x0, x1, all[0], all[1]),
                ...(this.kind.axes === 'xy' ? this.clampAxis(y0, y1, all[2], all[3]) : all.slice(2))];
            this.redraw();
        }

        zoom(factor, x, y) {
            const [x0, x1, y0, y1] = this.view, all = this.kind.bounds();
            if (factor < 1 && (x1 - x0) * factor < (all[1] - all[0]) * 1e-5) return;
            const around = (from, to, at) => [at - (at - from) * factor, at + (to - at) * factor];
            this.setView(...around(x0, x1, this.valueX(x)), ...around(y0, y1, this.valueY(y)));
        }

        pan(dx, dy) {
            const [x0, x1, y0, y1] = this.view;
            const mx = -dx / this.plot.width * (x1 - x0), my = dy / this.plot.height * (y1 - y0);
            this.setView(x0 + mx, x1 + mx, y0 + my, y1 + my);
        }

        /* ---- pointer and keys */

        listen() {
            const {canvas} = this;
            let drag = null;
            canvas.addEventListener('pointerdown', event => {
                drag = {x: event.clientX, y: event.clientY, moved: false};
                canvas.setPointerCapture(event.pointerId);
            });
            canvas.addEventListener('pointermove', event => {
                if (!drag) return this.point(event.offsetX, event.offsetY);
                const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
                if (!drag.moved && Math.abs(dx) + Math.abs(dy) < 4) return;
                this.pan(dx, dy);
                drag = {x: event.clientX, y: event.clientY, moved: true};
            });
            canvas.addEventListener('pointerup', event => {
                const click = drag && !drag.moved;
                drag = null;
                if (!click || !this.plot) return;
                const item = this.kind.at(this, event.offsetX, event.offsetY);
                if (item !== null) this.choose(item);
            });
            canvas.addEventListener('pointercancel', () => { drag = null; });
            canvas.addEventListener('pointerleave', () => this.tell(null));
            canvas.addEventListener('dblclick', () => this.reset());
            canvas.addEventListener('wheel', event => {
                event.preventDefault();
                if (!this.view) return;
                if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
                    this.pan(-(event.deltaX || event.deltaY), 0);
                else {
                    const turned = Math.max(-200, Math.min(200, event.deltaY));
                    this.zoom(Math.exp(turned * 0.002), event.offsetX, event.offsetY);
                }
            }, {passive: false});
            canvas.addEventListener('keydown', event => this.key(event));
            canvas.addEventListener('blur', () => this.tell(null));
        }

        key(event) {
            if (!this.view || event.ctrlKey || event.metaKey || event.altKey) return;
            const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
            const middle = [this.width / 2, this.height / 2];
            if (step) this.move(step);
            else if (event.key === 'Home') this.move(-Infinity);
            else if (event.key === 'End') this.move(Infinity);
            else if (event.key === 'Enter' && this.current !== null) this.choose(this.current);
            else if (event.key === '+' || event.key === '=') this.zoom(0.7, ...middle);
            else if (event.key === '-') this.zoom(1 / 0.7, ...middle);
            else if (event.key === '0') this.reset();
            else return;
            event.preventDefault();
            event.stopPropagation();
        }

        /* To the next item, or the one before; the view follows. */
        move(step) {
            const items = this.kind.items();
            if (!items.length) return;
            const isSelected = item => vitc.sameRef(this.kind.ref(item), vitc.state.selected);
            const at = this.current === null ? items.findIndex(isSelected) : items.indexOf(this.current);
            const next = Math.max(0, Math.min(items.length - 1, at < 0 && step === 1 ? 0 : at + step));
            const [x, y] = this.kind.place(this, items[next]), {left, width, top, height} = this.plot;
            if (x < left || x > left + width) this.pan(left + width / 2 - x, 0);
            if (this.kind.axes === 'xy' && (y < top || y > top + height)) this.pan(0, top + height / 2 - y);
            this.tell(items[next], ...this.kind.place(this, items[next]));
        }

        choose(item) {
            vitc.reveal(this.kind.ref(item), 'chart');
        }

        point(x, y) {
            if (this.plot) this.tell(this.kind.at(this, x, y), x, y);
        }

        /* Shows words about an item beside a place; null: about none. */
        tell(item, x, y) {
            const changed = item !== this.current;
            this.current = item;
            this.words.hidden = item === null;
            this.canvas.style.cursor = item === null ? 'default' : 'pointer';
            if (item !== null) {
                if (changed) replace(this.words, this.kind.words(item));
                const {offsetWidth, offsetHeight} = this.words;
                this.words.style.left = Math.max(4, Math.min(x + 14, this.width - offsetWidth - 4)) + 'px';
                const below = y + 18 + offsetHeight < this.height;
                this.words.style.top = (below ? y + 18 : Math.max(2, y - offsetHeight - 10)) + 'px';
            }
            if (!changed) return;
            vitc.hover(item === null ? null : this.kind.ref(item), 'chart');
            this.redraw();
        }
    }

    vitc.themeColour = colour;
    vitc.ticks = ticks;
    vitc.chart = (root, kind) => new Chart(root, kind);

    /* Registers a panel of the bottom that is a chart below a line of words: make(root, model) gives the kind of it,
     * head(model, chart) the words. It is drawn again whenever what it shows may have changed. */
    vitc.chartPanel = function (name, title, make, head) {
        let chart = null, line = null;
        const again = () => {
            if (!chart || chart.box.parentNode.hidden) return;
            replace(line, head(vitc.state.model, chart));
            chart.redraw();
        };
        vitc.panel(name, {
            title, region: 'bottom',
            mount(root, model) {
                root.classList.add('chart');
                line = element('div.chart-head', {title: 'the wheel zooms, dragging moves, a double click shows all'});
                root.append(line);
                chart = vitc.chart(root, make(model));
                vitc.on('theme', again);
                vitc.on('hover', () => chart.redraw());
                vitc.on('view', what => {
                    if (what !== 'profile') return;
                    chart.reset();
                    again();
                });
            },
            show: again, resize: again,
        });
    };
})();
