/* The code of a kernel: LLVM IR and assembly, with positions as links to lines of the recipe, to be copied and
 * searched. The page's second part (code-data) is inflated when code is first shown. */
'use strict';

(function () {
    const {element, replace, link, units} = vitc;
    const CHUNK = 100; /* lines that are coloured together, when they come into sight */
    const LANGUAGES = {llvm: 'LLVM IR', asm: 'Assembly'};

    let data = null; /* a promise of {llvm: [text …], asm: [text …]} */
    function codeData() {
        if (!data) data = vitc.read('code-data');
        return data;
    }

    /* The kernel whose code is to be shown: the one that is selected, or the first that computes the value. */
    function kernelOf(facts, ref) {
        if (!ref) return -1;
        if (ref.kind === 'kernel') return ref.id;
        const entries = facts.entries(ref), {byEntry} = facts.time();
        const slowest = entries.reduce((best, i) => best < 0 || byEntry[i] > byEntry[best] ? i : best, -1);
        const kernels = slowest < 0 ? [] : facts.model.kernelsOf(facts.model.nodes.number[slowest]);
        return kernels.length ? kernels[0] : -1;
    }

    /* The line of a file that a comment such as "; lib/nn.yaml:40:12" names: a ref, or null. */
    function positionRef(model, text) {
        const match = /([\w./-]+\.ya?ml):(\d+)(?::\d+)?/.exec(text);
        if (!match) return null;
        const base = name => name.slice(name.lastIndexOf('/') + 1);
        let file = model.files.findIndex(f => f.name === match[1]);
        if (file < 0) file = model.files.findIndex(f => base(f.name) === base(match[1]));
        return file < 0 ? null : {ref: {kind: 'line', id: vitc.lineId(file, Number(match[2]))}, from: match.index,
            to: match.index + match[0].length};
    }

    function codeLine(model, language, text) {
        const position = /[;#]|\/\//.test(text) ? positionRef(model, text) : null;
        if (!position) return element('div.code-line', null, element('code', null, vitc.coloured(language, text)));
        return element('div.code-line.position', null, element('code', null,
            element('span.t-comment', null, text.slice(0, position.from)),
            link(position.ref, text.slice(position.from, position.to)),
            element('span.t-comment', null, text.slice(position.to))));
    }

    class Code {
        mount(root, model) {
            this.model = model;
            this.facts = vitc.facts(model);
            this.language = 'llvm';
            this.kernel = this.index = -1; /* index: of the code data */
            root.classList.add('code');
            this.title = element('div.code-title');
            this.callees = element('div.code-callees');
            this.find = element('input', {type: 'search', placeholder: 'Find in code', 'aria-label': 'find in code',
                oninput: () => this.search(0), onkeydown: event => this.key(event)});
            this.count = element('span.dim.figure', {role: 'status'});
            this.switches = element('span.switches');
            this.copy = element('button.small', {onclick: () => this.copyText()}, 'Copy');
            this.body = element('div.code-body', {tabindex: 0, 'aria-label': 'code'});
            this.observer = new IntersectionObserver(entries => {
                for (const entry of entries) if (entry.isIntersecting) this.colour(entry.target);
            }, {root: this.body, rootMargin: '400px'});
            const tools = element('div.code-tools', null, this.switches, this.find, this.count, this.copy);
            replace(root, this.title, this.callees, tools, this.body);
        }

        show(ref) {
            const kernel = kernelOf(this.facts, ref);
            if (kernel === this.kernel && this.body.firstChild) return;
            this.kernel = kernel;
            this.index = kernel < 0 ? -1 : this.model.kernels.code[kernel];
            this.draw();
        }

        draw() {
            const {kernel} = this, codes = this.model.kernels.code, index = codes[kernel];
            replace(this.switches, Object.keys(LANGUAGES).map(language => this.option(LANGUAGES[language],
                this.language === language, () => { this.language = language; })));
            this.lines = [];
            if (kernel < 0) return this.say('Select a kernel, or a value that one computes.');
            const equal = index < 0 ? 1 : codes.filter(code => code === index).length;
            const once = 'compiled once for ' + units.plural(equal, 'equal kernel');
            replace(this.title, vitc.detailParts.kernelLink(this.facts, kernel), ' ' + this.facts.kernelName(kernel),
                equal > 1 ? element('div.dim', null, once) : null);
            if (index < 0)
                return this.say(codes.some(code => code >= 0)
                    ? 'This kernel is no generated code: a function of the runtime, or a copy.'
                    : 'The page was made without the code of kernels.');
            this.say('…');
            return codeData().then(code => {
                if (this.kernel !== kernel) return;
                this.showCallees(code, index);
                this.fill((code[this.language] || [])[this.index] || 'left out of the page: it is too large');
            }, error => this.say('The page has no code: ' + error.message));
        }

        /* The kernel's own code, and the functions that it calls, such as micro-kernels: which is shown. */
        showCallees(code, index) {
            const all = new Set([index]);
            for (const i of all) for (const callee of (code.calls || [])[i] || []) all.add(callee);
            const name = i => i === index ? 'the kernel' : (code.names || [])[i] || 'function ' + i;
            replace(this.callees, all.size < 2 ? null : [...all].map(i => this.option(name(i), i === this.index,
                () => { this.index = i; })));
        }

        /* A button that changes what is shown. */
        option(name, pressed, choose) {
            const onclick = () => {
                choose();
                this.draw();
            };
            return element('button.small', {'aria-pressed': String(pressed), onclick}, name);
        }

        say(text) {
            replace(this.body, element('p.note', null, text));
            if (this.kernel < 0) replace(this.title);
            replace(this.callees);
            this.count.textContent = '';
        }

        fill(text) {
            this.lines = text.replace(/\n$/, '').split('\n');
            this.observer.disconnect();
            const plain = line => element('div.code-line', null, element('code', null, line)), chunks = [];
            for (let from = 0; from < this.lines.length; from += CHUNK) {
                const rows = this.lines.slice(from, from + CHUNK).map(plain);
                chunks.push(element('div.code-chunk', {'data-from': from}, rows));
            }
            replace(this.body, chunks);
            chunks.forEach(chunk => this.observer.observe(chunk));
            this.body.scrollTop = 0;
            this.search(0);
        }

        colour(chunk) {
            this.observer.unobserve(chunk);
            const from = Number(chunk.dataset.from);
            replace(chunk, this.lines.slice(from, from + CHUNK).map(line => codeLine(this.model, this.language, line)));
            const hit = this.at < 0 ? -1 : this.hits[this.at] - from;
            if (hit >= 0 && hit < CHUNK) chunk.children[hit].classList.add('marked');
        }

        /* Lines with the text that is looked for; `step` 0 goes to the first of them. */
        search(step) {
            const wanted = this.find.value.toLowerCase();
            this.hits = [];
            if (wanted)
                this.lines.forEach((line, i) => { if (line.toLowerCase().includes(wanted)) this.hits.push(i); });
            this.at = !this.hits.length ? -1 : step === 0 ? 0 : (this.at + step + this.hits.length) % this.hits.length;
            this.count.textContent = !wanted ? units.plural(this.lines.length, 'line')
                : this.hits.length ? (this.at + 1) + ' of ' + this.hits.length : 'not found';
            this.mark();
        }

        mark() {
            for (const line of this.body.querySelectorAll('.marked')) line.classList.remove('marked');
            const line = this.hits[this.at];
            if (line === undefined) return;
            const row = this.body.children[Math.floor(line / CHUNK)].children[line % CHUNK];
            row.classList.add('marked');
            vitc.bringIntoSight(this.body, row);
        }

        key(event) {
            if (event.key === 'Enter') this.search(event.shiftKey ? -1 : 1);
            else if (event.key === 'Escape') {
                this.find.value = '';
                this.search(0);
            } else return;
            event.preventDefault();
            event.stopPropagation();
        }

        copyText() {
            const told = text => {
                this.copy.textContent = text;
                setTimeout(() => { this.copy.textContent = 'Copy'; }, 1500);
            };
            /* A page opened as a file may have no clipboard: then the text is selected, to be copied by hand. */
            const byHand = () => {
                getSelection().selectAllChildren(this.body);
                told(document.execCommand('copy') ? 'Copied' : 'Selected');
            };
            if (!navigator.clipboard) return byHand();
            navigator.clipboard.writeText(this.lines.join('\n')).then(() => told('Copied'), byHand);
        }
    }

    vitc.positionRef = positionRef;
    vitc.kernelToShow = kernelOf;

    const code = new Code();
    vitc.panel('code', {
        title: 'Code', region: 'right',
        mount: (root, model) => code.mount(root, model),
        show: ref => code.show(ref),
    });
})();
