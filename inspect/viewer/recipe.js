/* The recipe and its libraries, a tab a file: each line with its share of the step's time. A line selects the values
 * that it made; the lines of what is selected are marked. The first tab has the lines of all files that take most. */
'use strict';

(function () {
    const {element, replace, link, units} = vitc;
    const HOTTEST = 25;

    /* What a line costs, in words. */
    function lineWords(facts, id) {
        const line = facts.line(id), values = units.plural(facts.model.linesOf(id).length, 'value');
        const share = seconds => units.percent(facts.share(seconds));
        if (!line || line.all.seconds === 0) return values + ', no time of their own';
        const {seconds, phases} = line.all, called = seconds - line.own.seconds;
        const parts = vitc.PHASES.map((name, i) => phases[i] > 0 ? name + ' ' + share(phases[i]) : '').filter(Boolean);
        const calls = called > 1e-9 * seconds ? ', ' + share(called) + ' in what it calls' : '';
        return share(seconds) + facts.ofWhat() + ' (' + units.seconds(seconds) + ')' + calls + '; ' + parts.join(', ') +
            '; ' + values;
    }

    /* A bar of three colours, one a phase; `most` seconds fill it. Pale: time of what a line calls. */
    function phaseBar(phases, most, pale) {
        const bar = element('span.bar' + (pale ? '.pale' : ''), {'aria-hidden': 'true'});
        phases.forEach((seconds, i) => {
            if (seconds <= 0) return;
            const fill = element('span.fill.' + vitc.PHASES[i]);
            fill.style.width = (100 * seconds / most).toFixed(2) + '%';
            bar.append(fill);
        });
        return bar;
    }

    /* The lines of entries, {file, line, seconds}, those that take most first. */
    function linesOfEntries(facts, entries) {
        const {file, line} = facts.model.nodes, {byEntry} = facts.time(), found = new Map();
        for (const i of entries) {
            if (file[i] < 0) continue;
            const id = vitc.lineId(file[i], line[i]);
            if (!found.has(id)) found.set(id, {file: file[i], line: line[i], seconds: 0});
            found.get(id).seconds += byEntry[i];
        }
        return [...found.values()].sort((a, b) => b.seconds - a.seconds);
    }

    /* The lines of the calls that entries were made in. */
    function callingLines(model, entries) {
        return [...new Set(entries.map(i => model.nodes.site[i]))].flatMap(site => model.callLines(site));
    }

    /* Module paths that take most of `scopes` (path → seconds), with their shares of the step; paths that are equal
     * but for numbers are taken together: "student.backbone.blocks.*.mlp.fc1 22 %". */
    function wherePaths(facts, scopes, most) {
        const sums = new Map();
        for (const [scope, seconds] of scopes) {
            const key = vitc.alikeName(scope), of = sums.get(key) || {seconds: 0, scopes: []};
            of.seconds += seconds;
            of.scopes.push(scope);
            sums.set(key, of);
        }
        const sorted = [...sums].sort((a, b) => b[1].seconds - a[1].seconds);
        const shown = sorted.slice(0, most).map(([key, of]) => element('span.path', null,
            link({kind: 'group', id: of.scopes.length === 1 ? of.scopes[0] : key.split('.*')[0]}, key || 'no module'),
            ' ' + units.percent(facts.share(of.seconds))));
        const rest = sorted.length - most;
        return rest > 0 ? [shown, element('span.more', null, 'and ' + units.count(rest) + ' more')] : shown;
    }

    class Recipe {
        mount(root, model) {
            this.model = model;
            this.facts = vitc.facts(model);
            this.tabs = element('div.file-tabs', {role: 'tablist', 'aria-label': 'Files'});
            this.body = element('div.recipe-body', {tabindex: 0, 'aria-label': 'lines: arrows go to those that made values, ' +
                'Enter selects', onkeydown: event => this.key(event)});
            this.hint = element('div.hint', {'aria-live': 'polite'});
            root.classList.add('recipe');
            replace(root, this.tabs, this.body, this.hint);
            this.marked = new Set(); /* ids of lines of what is selected */
            this.calling = new Set(); /* of the calls that these are in */
            this.file = model.files.length ? 0 : -1; /* -1: the hottest lines */
            this.body.addEventListener('mouseover', event => this.point(event.target));
            this.body.addEventListener('focusin', event => this.point(event.target));
            this.body.addEventListener('mouseleave', () => this.point(this.body));
            this.body.addEventListener('click', event => {
                const row = event.target.closest('[data-line]');
                if (row && !event.target.closest('a')) vitc.select({kind: 'line', id: row.dataset.line}, 'recipe');
            });
            vitc.on('view', what => { if (what === 'profile') this.draw(); });
            vitc.on('hover', (ref, from) => this.hover(from === 'recipe' ? null : ref));
            this.draw();
            this.revealSlowest();
        }

        /* At first the line of the recipe that costs most is in sight. */
        revealSlowest() {
            const [line] = this.file < 0 ? [] : this.facts.slowest(1, this.file);
            if (line) this.reveal(this.body.querySelector('[data-line="' + vitc.lineId(line.file, line.line) + '"]'));
        }

        draw() {
            const tab = (file, name, title) => element('button.file-tab', {
                role: 'tab', title, 'aria-selected': String(this.file === file), onclick: () => this.open(file),
            }, name);
            replace(this.tabs, tab(-1, 'Hot lines', 'the lines of all files that take most time'),
                this.model.files.map((file, i) =>
                    tab(i, file.name.replace(/^lib\//, ''), file.name + (file.own ? '' : ', a library'))));
            replace(this.body, this.file < 0 ? this.hottest() : this.text());
            this.rest();
        }

        open(file) {
            this.file = file;
            this.draw();
            this.body.scrollTop = 0;
            this.revealMarked();
        }

        /* The bar below, while no line is pointed at. */
        rest() {
            replace(this.hint, element('span', null, 'Share' + this.facts.ofWhat() + ', ' + this.facts.timesFrom()),
                element('span.keys', null, vitc.PHASES.map(phase => element('span.key.' + phase, null, phase))));
        }

        /* Arrows go from line to line, among those that made values; Enter selects. */
        key(event) {
            const rows = [...this.body.querySelectorAll('[data-line]')], step = {ArrowDown: 1, ArrowUp: -1}[event.key];
            const at = rows.findIndex(row => row.dataset.line === this.cursor);
            if (step && rows.length) {
                const from = at >= 0 ? at : rows.findIndex(row => row.matches('.marked')) - (step > 0 ? 0 : 1);
                const row = rows[Math.max(0, Math.min(rows.length - 1, from + step))];
                for (const other of rows) other.classList.toggle('pointed', other === row);
                this.cursor = row.dataset.line;
                this.reveal(row);
                this.point(row);
            } else if (event.key === 'Enter' && at >= 0 && event.target === this.body)
                vitc.select({kind: 'line', id: this.cursor}, 'recipe');
            else return;
            event.preventDefault();
            event.stopPropagation();
        }

        point(target) {
            const row = target.closest('[data-line]'), line = row && this.facts.line(row.dataset.line);
            if (!line) {
                this.rest();
                vitc.hover(null, 'recipe');
                return;
            }
            const id = row.dataset.line, name = this.model.files[line.file].name + ':' + line.line;
            replace(this.hint, element('span', null, element('b', null, name), ' ' + lineWords(this.facts, id)));
            vitc.hover({kind: 'line', id}, 'recipe');
        }

        text() {
            const lines = this.model.files[this.file].text.replace(/\n$/, '').split('\n');
            return element('div.code-lines', null, lines.map((line, i) => this.row(i + 1, line)));
        }

        row(number, text) {
            const id = vitc.lineId(this.file, number), line = this.facts.line(id), ref = {kind: 'line', id};
            const share = line ? this.facts.share(line.all.seconds) : 0;
            const bar = share > 0 ? this.bar(line.all, line.own.seconds < line.all.seconds / 2) : null;
            return element('div.code-line' + (line ? '.made' : '') + this.markOf(id), {'data-line': line ? id : null},
                element('span.share' + (share >= 0.05 ? '.large' : ''), null,
                    share >= 0.0005 ? units.percent(share) : '', bar),
                line ? link(ref, number, {classes: 'number', title: lineWords(this.facts, id), tabindex: -1})
                    : element('span.number', null, number),
                element('code', null, vitc.coloured('recipe', text)));
        }

        markOf(id) {
            return this.marked.has(id) ? '.marked' : this.calling.has(id) ? '.calling' : '';
        }

        /* A share of the step; pale: of what a line calls */
        bar(sum, pale) {
            return phaseBar(sum.phases, this.facts.time().whole, pale);
        }

        hottest() {
            const {facts, model} = this, own = model.files.findIndex(file => file.own);
            const called = own < 0 ? [] : facts.slowest(HOTTEST, own).filter(line =>
                line.all.seconds > line.own.seconds && facts.share(line.all.seconds) >= 0.0005).slice(0, 8);
            const lines = facts.slowest(HOTTEST).filter(line => facts.share(line.own.seconds) >= 0.0005);
            const rest = lines.reduce((sum, line) => sum - line.own.seconds, facts.time().whole);
            return element('div.hot-lines', null,
                called.length ? element('h3', null, 'Lines of the recipe, with what they call') : null,
                called.map(line => this.hotLine(line, line.all, true)),
                element('h3', null, 'Lines where the time is spent'), lines.map(line => this.hotLine(line, line.own)),
                element('p.note', null, 'All else: ' + units.percent(facts.share(Math.max(0, rest))) + '. A kernel’s ' +
                    'time is divided among the values it computes in proportion to their FLOPs, and a value’s time is ' +
                    'that of the line that made it. A gradient counts for the line that it differentiates.'));
        }

        hotLine(line, sum, pale) {
            const id = vitc.lineId(line.file, line.line), file = this.model.files[line.file];
            const text = (file.text.split('\n')[line.line - 1] || '').trim();
            return element('div.hot-line' + this.markOf(id), {'data-line': id},
                element('div.hot-head', null, this.bar(sum, pale),
                    element('b.share', null, units.percent(this.facts.share(sum.seconds))),
                    link({kind: 'line', id}, file.name + ':' + line.line)),
                element('code', null, vitc.coloured('recipe', text)),
                element('div.where', null, wherePaths(this.facts, sum.scopes, 2)));
        }

        /* Marks the lines of what is selected, and brings the first into sight. */
        show(ref) {
            const isLine = Boolean(ref && ref.kind === 'line'), entries = isLine ? [] : this.facts.entries(ref);
            const lines = isLine ? [vitc.lineOf(ref.id)] : linesOfEntries(this.facts, entries);
            const ids = lines.map(line => vitc.lineId(line.file, line.line));
            this.marked = new Set(ids);
            this.calling = new Set(callingLines(this.model, entries));
            const here = id => vitc.lineOf(id).file === this.file;
            if (ids.length && this.file >= 0 && !ids.some(here) && ![...this.calling].some(here)) {
                this.file = lines[0].file;
                this.draw();
            } else {
                for (const row of this.body.querySelectorAll('.code-line, .hot-line')) {
                    row.classList.toggle('marked', this.marked.has(row.dataset.line));
                    row.classList.toggle('calling', this.calling.has(row.dataset.line));
                }
            }
            this.revealMarked();
        }

        /* Shows the lines of what is pointed at elsewhere. */
        hover(ref) {
            for (const row of this.body.querySelectorAll('.pointed')) row.classList.remove('pointed');
            if (!ref || !['value', 'kernel', 'line'].includes(ref.kind)) return;
            const isLine = ref.kind === 'line';
            const lines = isLine ? [vitc.lineOf(ref.id)] : linesOfEntries(this.facts, this.facts.entries(ref));
            for (const {file, line} of lines) {
                const row = this.body.querySelector('[data-line="' + vitc.lineId(file, line) + '"]');
                if (row) row.classList.add('pointed');
            }
        }

        revealMarked() {
            this.reveal(this.body.querySelector('.marked') || this.body.querySelector('.calling'));
        }

        reveal(row) {
            if (row) vitc.bringIntoSight(this.body, row);
        }
    }

    vitc.phaseBar = phaseBar;
    vitc.callingLines = callingLines;
    vitc.linesOfEntries = linesOfEntries;
    vitc.wherePaths = wherePaths;
    vitc.lineWords = lineWords;

    const recipe = new Recipe();
    vitc.panel('recipe', {
        title: 'Recipe', region: 'left',
        mount: (root, model) => recipe.mount(root, model),
        show: ref => recipe.show(ref),
    });
})();
