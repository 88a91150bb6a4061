/* The data of the page and indexes over them. `vitc.read(id)` inflates what a script element holds; `vitc.model(data)`
 * makes of the object (format "vitc-step-1", docs/inspect.md) the model that everything else reads:
 *
 *   model.about, stages, rules, ops, files, results, alike, memory, roofline, chains, profile   as they are in the data
 *   model.string(i)                    a string
 *   model.nodes                        columns, one entry a version of a value: number, first, last, op, type, attrs,
 *                                      scope, file, line, col, site, origin, phase, flops, bytes, operandEnd, operands
 *   model.sites                        columns: file, line, col, caller: calls of modules and networks; 0 is none
 *   model.callLines(site)              "FILE:LINE" of a call and of those around it, the innermost first
 *   model.sources, kernels, places, remarks      columns; kernels.values(k), .reads(k), .stores(k) are lists
 *   model.entry(number, stage)         the version of a value in a stage, or -1; model.lastEntry(number): its last one
 *   model.operands(entry)              numbers, or -1 - index of a source
 *   model.readers(number, stage)       entries that read a value (or -1 - source) in a stage
 *   model.kernelsOf(number)            kernels that compute it
 *   model.kernelsReading(number), model.kernelsStoring(number)
 *   model.linesOf("FILE:LINE")         numbers of the values that come from a line, or from what it calls
 *   model.valuesOfOp(op, stage)        numbers of the values of an operator
 *   model.remarksOf(number)            indices of remarks about it
 *   model.placeOf(number)              index in places, or -1
 *   model.partners(number)             {of: forward value whose gradient it belongs to or -1, gradients: [numbers]}
 *   model.valueName(number)            "%12 matmul"; model.sourceName(i)
 *   model.numbers                      all numbers, ascending; model.count, of them; model.lastStage */
'use strict';

(function () {
    function bytesOfBase64(text) {
        var binary = atob(text), bytes = new Uint8Array(binary.length);
        for (var i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
        return bytes;
    }

    /* A promise of the object that <script id=…> holds: JSON, deflated without a header, in base64. */
    vitc.read = function (id) {
        var element = document.getElementById(id);
        if (!element) return Promise.reject(new Error('the page has no ' + id));
        var stream = new Blob([bytesOfBase64(element.textContent.trim())]).stream();
        return new Response(stream.pipeThrough(new DecompressionStream('deflate-raw'))).json();
    };

    function ints(list) {
        return Int32Array.from(list || []);
    }
    function reals(list) {
        return Float64Array.from(list || []);
    }

    /* Of pairs (key, value) with keys from 0 below n: start[key] … start[key + 1] in items. */
    function buckets(n, keys, values) {
        var start = new Int32Array(n + 1), items = new Int32Array(keys.length), i;
        for (i = 0; i < keys.length; i++)
            if (keys[i] >= 0) start[keys[i] + 1]++;
        for (i = 0; i < n; i++) start[i + 1] += start[i];
        var next = start.slice();
        for (i = 0; i < keys.length; i++)
            if (keys[i] >= 0) items[next[keys[i]]++] = values ? values[i] : i;
        return {
            of: function (key) {
                return key >= 0 && key < n ? items.subarray(start[key], start[key + 1]) : items.subarray(0, 0);
            }
        };
    }

    function nodeColumns(from) {
        return {
            count: from.number.length,
            number: ints(from.number),
            first: ints(from.first),
            last: ints(from.last),
            op: ints(from.op),
            type: ints(from.type),
            attrs: ints(from.attrs),
            scope: ints(from.scope),
            file: ints(from.file),
            line: ints(from.line),
            col: ints(from.col),
            site: ints(from.site || from.number.map(function () { return 0; })),
            origin: ints(from.origin),
            phase: ints(from.phase),
            flops: reals(from.flops),
            bytes: reals(from.bytes),
            operandEnd: ints(from.operand_end),
            operands: ints(from.operands)
        };
    }

    function lists(end, flat) {
        end = ints(end);
        flat = ints(flat);
        return function (i) {
            return flat.subarray(i ? end[i - 1] : 0, end[i]);
        };
    }

    function kernelColumns(from) {
        var kernels = {count: from.name.length};
        Object.keys(from).forEach(function (key) {
            if (!/^(value|read|store)/.test(key)) kernels[key] = from[key];
        });
        kernels.values = lists(from.value_end, from.values);
        kernels.reads = lists(from.read_end, from.reads);
        kernels.stores = lists(from.store_end, from.stores);
        return kernels;
    }

    /* What f lists for each of n things, turned round: which things list a number. */
    function inverse(n, keys, f) {
        var from = [], to = [];
        for (var i = 0; i < n; i++)
            f(i).forEach(function (number) {
                if (number >= 0) {
                    from.push(number);
                    to.push(i);
                }
            });
        return buckets(keys, from, to);
    }

    function addVersions(model) {
        var nodes = model.nodes, most = -1, i;
        for (i = 0; i < nodes.count; i++) most = Math.max(most, nodes.number[i]);
        model.limit = most + 1; /* numbers are below it */
        var versions = buckets(model.limit, nodes.number);
        model.versions = versions.of;
        model.numbers = [];
        for (i = 0; i <= most; i++)
            if (versions.of(i).length) model.numbers.push(i);
        model.count = model.numbers.length;
        model.entry = function (number, stage) {
            var of = versions.of(number);
            for (var v = 0; v < of.length; v++)
                if (nodes.first[of[v]] <= stage && stage <= nodes.last[of[v]]) return of[v];
            return -1;
        };
        model.lastEntry = function (number) {
            var of = versions.of(number), best = -1;
            for (var v = 0; v < of.length; v++)
                if (best < 0 || nodes.last[of[v]] > nodes.last[best]) best = of[v];
            return best;
        };
        model.operands = lists(nodes.operandEnd, nodes.operands);
    }

    /* Readers of values and of sources; a source s is key limit + s. */
    function addReaders(model) {
        var nodes = model.nodes, keys = new Int32Array(nodes.operands.length), of = new Int32Array(keys.length);
        for (var entry = 0, at = 0; entry < nodes.count; entry++)
            for (; at < nodes.operandEnd[entry]; at++) {
                var operand = nodes.operands[at];
                keys[at] = operand >= 0 ? operand : model.limit - 1 - operand;
                of[at] = entry;
            }
        var all = buckets(model.limit + model.sources.count, keys, of);
        model.readers = function (number, stage) {
            var found = [], list = all.of(number >= 0 ? number : model.limit - 1 - number);
            for (var i = 0; i < list.length; i++) {
                var entry = list[i];
                if (nodes.first[entry] <= stage && stage <= nodes.last[entry] && found[found.length - 1] !== entry)
                    found.push(entry);
            }
            return found;
        };
    }

    function addKernels(model) {
        var kernels = model.kernels, n = kernels.count, none = [];
        var computing = inverse(n, model.limit, kernels.values), reading = inverse(n, model.limit, kernels.reads);
        var storing = inverse(n, model.limit, kernels.stores);
        model.kernelsOf = function (number) {
            return number < 0 ? none : Array.from(computing.of(number));
        };
        model.kernelsReading = function (number) {
            return number < 0 ? none : Array.from(reading.of(number));
        };
        model.kernelsStoring = function (number) {
            return number < 0 ? none : Array.from(storing.of(number));
        };
    }

    function addSites(model, from) {
        var sites = (model.sites = from || {file: [-1], line: [0], col: [0], caller: [0]}), known = [[]];
        model.callLines = function (site) {
            if (!known[site]) {
                var key = sites.file[site] + ':' + sites.line[site], around = model.callLines(sites.caller[site]);
                known[site] = sites.file[site] < 0 || around.indexOf(key) >= 0 ? around : [key].concat(around);
            }
            return known[site];
        };
    }

    function addLines(model) {
        var nodes = model.nodes, lines = new Map();
        function add(key, number) {
            var list = lines.get(key);
            if (!list) lines.set(key, (list = []));
            if (list[list.length - 1] !== number) list.push(number);
        }
        for (var i = 0; i < nodes.count; i++) {
            if (nodes.file[i] >= 0) add(nodes.file[i] + ':' + nodes.line[i], nodes.number[i]);
            model.callLines(nodes.site[i]).forEach(function (key) {
                add(key, nodes.number[i]);
            });
        }
        model.lines = lines;
        model.linesOf = function (key) {
            return Array.from(new Set(lines.get(key) || []));
        };
    }

    function addRemarks(model) {
        var about = buckets(model.limit, model.remarks.value), place = new Int32Array(model.limit).fill(-1);
        model.remarksOf = function (number) {
            return Array.from(about.of(number));
        };
        model.places.number.forEach(function (number, i) {
            if (number >= 0) place[number] = i;
        });
        model.placeOf = function (number) {
            return number >= 0 && number < model.limit ? place[number] : -1;
        };
    }

    /* Of each number the forward value that it stands beside: along origins until one that is no gradient. */
    function addPartners(model) {
        var nodes = model.nodes, of = new Int32Array(model.limit).fill(-2);
        function partner(number) {
            var path = [], at = number, found = -1;
            for (;;) {
                var entry = at >= 0 && at < model.limit ? model.lastEntry(at) : -1;
                if (entry < 0) break;
                if (of[at] !== -2) {
                    found = nodes.phase[entry] === 1 ? of[at] : at;
                    break;
                }
                if (nodes.phase[entry] !== 1) {
                    found = at;
                    break;
                }
                of[at] = -1;
                path.push(at);
                at = nodes.origin[entry];
            }
            path.forEach(function (value) {
                of[value] = found;
            });
            return found;
        }
        var from = [], to = [];
        model.numbers.forEach(function (number) {
            var entry = model.lastEntry(number);
            if (nodes.phase[entry] !== 1) {
                of[number] = -1;
                return;
            }
            if (partner(number) >= 0) {
                from.push(of[number]);
                to.push(number);
            }
        });
        var gradients = buckets(model.limit, from, to);
        model.partnerOf = function (number) {
            return number >= 0 && number < model.limit && of[number] >= 0 ? of[number] : -1;
        };
        model.partners = function (number) {
            return {of: model.partnerOf(number), gradients: Array.from(gradients.of(number))};
        };
    }

    function addNames(model) {
        model.sourceName = function (i) {
            return model.string(model.sources.name[i]);
        };
        model.valueName = function (number) {
            if (number < 0) return model.sourceName(-1 - number);
            var entry = model.lastEntry(number);
            return '%' + number + (entry < 0 ? '' : ' ' + model.ops[model.nodes.op[entry]].name);
        };
        model.resultsOf = new Map(); /* of a number */
        model.results.forEach(function (result) {
            if (!model.resultsOf.has(result.number)) model.resultsOf.set(result.number, []);
            model.resultsOf.get(result.number).push(result);
        });
        model.valuesOfOp = function (op, stage) {
            var nodes = model.nodes, found = [];
            for (var i = 0; i < nodes.count; i++)
                if (nodes.op[i] === op && nodes.first[i] <= stage && stage <= nodes.last[i])
                    found.push(nodes.number[i]);
            return found;
        };
        model.position = function (entry) { /* "dino.yaml:78", "" where there is none */
            var file = entry < 0 ? -1 : model.nodes.file[entry];
            return file < 0 ? '' : model.files[file].name + ':' + model.nodes.line[entry];
        };
    }

    vitc.model = function (data) {
        if (data.format !== 'vitc-step-1') throw new Error('data of another format: ' + data.format);
        var model = {sites: data.sites};
        ['about', 'files', 'stages', 'rules', 'ops', 'results', 'alike', 'memory', 'roofline', 'chains', 'profile',
            'strings'].forEach(function (key) {
            model[key] = data[key];
        });
        model.string = function (i) {
            return data.strings[i];
        };
        model.nodes = nodeColumns(data.nodes);
        model.sources = Object.assign({count: data.sources.name.length}, data.sources);
        model.kernels = kernelColumns(data.kernels);
        model.places = Object.assign({count: data.places.number.length}, data.places);
        model.remarks = Object.assign({count: data.remarks.value.length}, data.remarks);
        model.lastStage = data.stages.length - 1;
        addVersions(model);
        addReaders(model);
        addKernels(model);
        addSites(model, data.sites);
        addLines(model);
        addRemarks(model);
        addPartners(model);
        addNames(model);
        return model;
    };
})();
