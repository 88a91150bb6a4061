/* What the panels show beyond what stands in the model: how long a value, a line or a module path takes, in which
 * phase, and where the numbers come from. Made once for the times of the cost model, and once for those of a profile.
 *
 *   facts.time()            {byKernel, byEntry, whole: of all kernels, step: with what is between them} in seconds
 *   facts.lines()           by file a map: line → {file, line, own, all}: of the values that the line made, and of
 *                           these with those made in what it calls; each {seconds, phases: [3], scopes: Map}
 *   facts.groups()          map: module path → {path, seconds, flops, bytes, values, phases: [3], children: Set}
 *   facts.entries(ref)      the values that a reference means, as entries of the last stage
 *
 * A *source reference* is a number, or -1 - the index of a source, as in the data. */
'use strict';

(function () {
    const BEYOND_CACHES = 4e6; /* bytes that a kernel touches, for its bandwidth to be that of memory */

    const FASTEST = 'the fastest kernel'; /* whose rates are the roofs */

    vitc.PHASES = ['forward', 'gradient', 'update'];

    class Facts {
        constructor(model) {
            this.model = model;
            this.last = model.lastStage;
            this.times = new Map(); /* by whether they are measured */
            this.resultsOf = new Map(); /* source reference → results */
            for (const result of model.results) {
                const list = this.resultsOf.get(result.number);
                if (list) list.push(result);
                else this.resultsOf.set(result.number, [result]);
            }
        }

        /* ---- values and sources */

        op(entry) {
            return this.model.ops[this.model.nodes.op[entry]];
        }
        scope(entry) {
            return this.model.string(this.model.nodes.scope[entry]);
        }

        /* The version of a value to show: of the stage; where it is not there, the nearest before, else the first. */
        entryNear(number, stage) {
            const {first} = this.model.nodes, versions = [...this.model.versions(number)];
            const before = versions.filter(i => first[i] <= stage);
            const best = (a, b) => first[a] > first[b] ? a : b;
            if (before.length) return before.reduce(best);
            return versions.length ? versions.reduce((a, b) => first[a] < first[b] ? a : b) : -1;
        }

        /* The stages that a value is in: [first, last]. */
        span(number) {
            const {first, last} = this.model.nodes;
            let from = Infinity, to = -1;
            for (const i of this.model.versions(number)) {
                from = Math.min(from, first[i]);
                to = Math.max(to, last[i]);
            }
            return [from, to];
        }

        target(ref) {
            return ref < 0 ? {kind: 'source', id: -1 - ref} : {kind: 'value', id: ref};
        }

        type(ref) {
            const {model} = this;
            if (ref < 0) return model.string(model.sources.type[-1 - ref]);
            const entry = model.lastEntry(ref);
            return entry < 0 ? '' : model.string(model.nodes.type[entry]);
        }

        sizeOf(ref) {
            const {model} = this;
            if (ref < 0) return model.sources.bytes[-1 - ref];
            const entry = model.lastEntry(ref);
            return entry < 0 ? 0 : model.nodes.bytes[entry];
        }

        entries(ref) {
            const {model} = this, {nodes} = model;
            const known = list => list.map(number => model.lastEntry(number)).filter(entry => entry >= 0);
            switch (ref ? ref.kind : '') {
                case 'value': return known([ref.id]);
                case 'kernel': return known(Array.from(model.kernels.values(ref.id)));
                case 'source': return model.readers(-1 - ref.id, this.last);
                case 'line': return known(model.linesOf(ref.id)).filter(i => nodes.last[i] === this.last);
                case 'op': return this.lastEntries(i => nodes.op[i] === ref.id);
                case 'group': return this.lastEntries(i => vitc.within(this.scope(i), ref.id));
                default: return [];
            }
        }

        /* Whether a pass made a value, or another operator of it. */
        becameAt(number, stage) {
            const {op} = this.model.nodes;
            const entry = this.model.entry(number, stage), before = this.model.entry(number, stage - 1);
            return entry >= 0 && (before < 0 || op[entry] !== op[before]);
        }

        /* Entries of the last stage that a pass added, or that later passes made for the sake of those. */
        entriesOwedTo(stage) {
            const {nodes, limit} = this.model, owed = new Int8Array(limit).fill(-1);
            const of = number => {
                const path = [];
                let is = 0;
                for (let at = number; at >= 0 && at < limit; at = nodes.origin[this.model.lastEntry(at)]) {
                    if (owed[at] >= 0) is = owed[at];
                    else if (this.model.lastEntry(at) >= 0 && this.becameAt(at, stage)) is = 1;
                    if (is || owed[at] >= 0 || this.model.lastEntry(at) < 0 || path.length > limit) break;
                    path.push(at);
                }
                for (const at of path) owed[at] = is;
                owed[number] = is;
                return is;
            };
            return this.lastEntries(i => of(nodes.number[i]));
        }

        /* Entries of the last stage of which `is` holds. */
        lastEntries(is) {
            const {last, count} = this.model.nodes, found = [];
            for (let i = 0; i < count; i++) if (last[i] === this.last && is(i)) found.push(i);
            return found;
        }

        /* ---- kernels */

        /* The kernels that have to do with what a reference means, as a set; null: it is of no kernels. */
        kernelsOf(ref) {
            if (!ref || ref.kind === 'pass') return null;
            if (ref.kind === 'kernel') return new Set([ref.id]);
            return new Set(this.entries(ref).flatMap(i => this.model.kernelsOf(this.model.nodes.number[i])));
        }

        /* Kernels that read or store a source. */
        kernelsWith(source, list) {
            const found = [], {kernels} = this.model;
            for (let k = 0; k < kernels.count; k++)
                if (kernels[list](k).includes(-1 - source)) found.push(k);
            return found;
        }

        kernelName(k) {
            return this.model.string(this.model.kernels.name[k]);
        }

        /* The phase that most of a kernel's work belongs to: an index of PHASES. */
        kernelPhase(k) {
            if (!this.phases) {
                const {nodes, kernels} = this.model;
                this.phases = new Uint8Array(kernels.count);
                for (let i = 0; i < kernels.count; i++) {
                    const work = [0, 0, 0.5]; /* copies compute nothing: they are for the update */
                    for (const entry of this.entries({kind: 'kernel', id: i}))
                        work[nodes.phase[entry]] += 1 + nodes.flops[entry];
                    this.phases[i] = work.indexOf(Math.max(...work));
                }
            }
            return this.phases[k];
        }

        /* ---- roofs */

        /* The roofs of the roofline model, {flops, bytes, from}: as the machine or the user says; where they would be
         * assumed and there is a profile, the most that a kernel reaches in it. */
        roofs() {
            const {roofline} = this.model;
            const from = roofline.assumed ? 'assumed' : 'as given or measured';
            if (!this.measured() || !roofline.assumed) return {flops: roofline.flops, bytes: roofline.bytes, from};
            const time = this.time(), {kernels} = this.model;
            if (!time.roofs)
                time.roofs = {
                    flops: this.fastest(kernels.flops, 0) || roofline.flops,
                    bytes: this.fastest(kernels.bytes, BEYOND_CACHES) || roofline.bytes,
                    from: FASTEST,
                };
            return time.roofs;
        }

        /* The most of `work` that equal kernels do in a second, of those with 1 % of the step's and `least` a call, as
         * bench reports it (inspect/report/profile_report.c); 0: there is none. */
        fastest(work, least) {
            const {kernels} = this.model, sums = new Map(), all = work.reduce((sum, of) => sum + of, 0);
            for (let k = 0; k < kernels.count; k++) {
                if (work[k] < least) continue;
                const key = kernels.code[k] + ' ' + vitc.alikeName(this.kernelName(k));
                const sum = sums.get(key) || {work: 0, seconds: 0};
                sum.work += work[k];
                sum.seconds += this.kernelSeconds(k);
                sums.set(key, sum);
            }
            const rates = [...sums.values()].filter(sum => sum.work >= 0.01 * all && sum.seconds > 0)
                .map(sum => sum.work / sum.seconds);
            return Math.max(0, ...rates);
        }

        /* What limits a kernel by these roofs: "compute" or "memory". */
        limit(k) {
            const {kernels} = this.model, roofs = this.roofs();
            if (roofs.from !== FASTEST) return this.model.string(kernels.limit[k]);
            return kernels.flops[k] / roofs.flops >= kernels.bytes[k] / roofs.bytes ? 'compute' : 'memory';
        }

        /* ---- time */

        measured() {
            return Boolean(this.model.profile && vitc.state.profile);
        }

        /* In words: where the times that are shown come from. */
        timesFrom() {
            const {profile, roofline} = this.model, {plural} = vitc.units;
            if (this.measured())
                return 'measured (' + profile.source + ', ' + plural(profile.steps, 'step') + ', ' +
                    plural(profile.threads, 'thread') + ')';
            const assumed = roofline.assumed ? '; peaks of the machine assumed' : '';
            return 'estimated by the cost model, not timed' + assumed;
        }

        time() {
            const measured = this.measured();
            if (!this.times.has(measured)) this.times.set(measured, this.makeTime(measured));
            return this.times.get(measured);
        }

        makeTime(measured) {
            const {kernels, nodes, profile} = this.model;
            let byKernel = Float64Array.from(kernels.seconds);
            if (measured) {
                byKernel = new Float64Array(kernels.count);
                profile.calls.kernel.forEach((k, i) => { byKernel[k] += profile.calls.seconds[i]; });
            }
            const sum = byKernel.reduce((a, b) => a + b, 0), byEntry = new Float64Array(nodes.count);
            for (let k = 0; k < kernels.count; k++) this.divide(k, byKernel[k], byEntry);
            return {byKernel, byEntry, whole: sum, step: measured ? Math.max(profile.seconds, sum) : sum};
        }

        /* A kernel's time among the values that it computes, in proportion to their FLOPs; where it only moves data it is
         * that of the value it is named after. So does the text (inspect/explain/value_costs.h). */
        divide(k, seconds, byEntry) {
            const {flops} = this.model.nodes, {kernels} = this.model;
            const members = this.entries({kind: 'kernel', id: k}), sum = members.reduce((a, i) => a + flops[i], 0);
            if (sum > 0) {
                for (const i of members) byEntry[i] += seconds * flops[i] / sum;
                return;
            }
            const named = kernels.named ? this.model.lastEntry(kernels.named[k]) : members[members.length - 1];
            if (named >= 0) byEntry[named] += seconds;
        }

        kernelSeconds(k) {
            return this.time().byKernel[k];
        }
        /* What shares are of: kernels may be measured while the machine makes them wait for each other. */
        ofWhat() {
            return this.measured() ? ' of the kernels’ time' : ' of the step';
        }
        share(seconds) {
            const {whole} = this.time();
            return whole > 0 ? seconds / whole : 0;
        }

        /* Of entries: seconds by phase. */
        phasesOf(entries) {
            const {phase} = this.model.nodes, {byEntry} = this.time(), phases = [0, 0, 0];
            for (const i of entries) phases[phase[i]] += byEntry[i];
            return phases;
        }

        lines() {
            const time = this.time();
            if (time.lines) return time.lines;
            const {model} = this, {nodes, files} = model, lines = files.map(() => new Map());
            for (let i = 0; i < nodes.count; i++) {
                const own = nodes.file[i] < 0 ? '' : vitc.lineId(nodes.file[i], nodes.line[i]);
                if (own) charge(lines, own, true, this.scope(i), nodes.phase[i], time.byEntry[i]);
                for (const id of model.callLines(nodes.site[i]))
                    if (id !== own) charge(lines, id, false, this.scope(i), nodes.phase[i], time.byEntry[i]);
            }
            return time.lines = lines;
        }

        line(id) {
            const {file, line} = vitc.lineOf(id);
            return this.lines()[file] && this.lines()[file].get(line);
        }

        /* The lines that take most time of their own, the slowest first; with `file`, those of one file with what they
         * call. */
        slowest(most, file) {
            const of = line => (file === undefined ? line.own : line.all).seconds;
            return this.lines().flatMap((lines, f) => file === undefined || f === file ? [...lines.values()] : [])
                .filter(line => of(line) > 0).sort((a, b) => of(b) - of(a)).slice(0, most);
        }

        groups() {
            const time = this.time();
            if (time.groups) return time.groups;
            const groups = time.groups = new Map(), around = new Map(), {nodes} = this.model;
            for (let i = 0; i < nodes.count; i++) {
                if (nodes.last[i] < this.last) continue;
                const scope = this.scope(i);
                if (!around.has(scope)) around.set(scope, groupsAround(groups, scope));
                for (const group of around.get(scope)) {
                    group.seconds += time.byEntry[i];
                    group.flops += nodes.flops[i];
                    group.bytes += nodes.bytes[i];
                    group.phases[nodes.phase[i]] += time.byEntry[i];
                    group.values++;
                }
            }
            return groups;
        }
    }

    function emptySum() {
        return {seconds: 0, phases: [0, 0, 0], scopes: new Map()};
    }

    function addTo(sum, scope, phase, seconds) {
        sum.seconds += seconds;
        sum.phases[phase] += seconds;
        sum.scopes.set(scope, (sum.scopes.get(scope) || 0) + seconds);
    }

    /* Adds the time of a value to a line; `made`: the line made it, and not what it calls. */
    function charge(lines, id, made, scope, phase, seconds) {
        const {file, line} = vitc.lineOf(id), of = lines[file];
        if (!of.has(line)) of.set(line, {file, line, own: emptySum(), all: emptySum()});
        if (seconds <= 0) return;
        if (made) addTo(of.get(line).own, scope, phase, seconds);
        addTo(of.get(line).all, scope, phase, seconds);
    }

    /* The groups that a scope lies in, the innermost first, made where they are not there. The outermost is "". */
    function groupsAround(groups, scope) {
        const found = [];
        for (let path = scope; ; path = path.slice(0, Math.max(0, path.lastIndexOf('.')))) {
            if (!groups.has(path))
                groups.set(path, {path, seconds: 0, flops: 0, bytes: 0, values: 0, phases: [0, 0, 0],
                    children: new Set()});
            if (found.length) groups.get(path).children.add(found[found.length - 1].path);
            found.push(groups.get(path));
            if (path === '') return found;
        }
    }

    /* A name with stars for the numbers of modules: equal for kernels and paths of alike blocks. */
    vitc.alikeName = name => name.replace(/\.\d+(?=\.|$)/g, '.*');

    vitc.within = (scope, path) => path === '' || scope === path || scope.startsWith(path + '.');

    /* "FILE:LINE", the id of a line's ref, and back. */
    vitc.lineId = (file, line) => file + ':' + line;
    vitc.lineOf = id => {
        const [file, line] = String(id).split(':').map(Number);
        return {file, line};
    };

    vitc.facts = function (model) {
        if (!model.facts) model.facts = new Facts(model);
        return model.facts;
    };
})();
