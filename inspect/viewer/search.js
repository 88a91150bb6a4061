/* Search over everything that has a name: values (%123, operator, type), groups, operators, kernels, inputs and states,
 * passes, lines of the recipe.
 *
 *   vitc.search(model, text, stage) → [{title, more, results: [{ref, text, note}]}]   kinds with the best first */
'use strict';

(function () {
    var LIMIT = 7;

    /* How well a text matches words, all of which it has to contain: 0, or more the earlier and the shorter. */
    vitc.score = function (text, words) {
        var lower = text.toLowerCase(), total = 0;
        for (var i = 0; i < words.length; i++) {
            var at = lower.indexOf(words[i]);
            if (at < 0) return 0;
            var starts = at === 0 || !/[a-z0-9]/.test(lower[at - 1]);
            var tail = lower.lastIndexOf(words[i]) + words[i].length === lower.length;
            total += 1 + (at === 0 ? 4 : 0) + (starts ? 2 : 0) + (tail ? 2 : 0) + 20 / (20 + lower.length);
        }
        return total;
    };

    function best(candidates, words) {
        var found = [], more = 0;
        candidates.forEach(function (candidate) {
            var score = vitc.score(candidate.text, words);
            if (score) found.push({score: score, candidate: candidate});
        });
        found.sort(function (a, b) {
            return b.score - a.score;
        });
        more = Math.max(0, found.length - LIMIT);
        var results = found.slice(0, LIMIT).map(function (one) {
            return one.candidate;
        });
        return {more: more, score: found.length ? found[0].score : 0, results: results};
    }

    function groupsOf(model) {
        var paths = new Set();
        for (var i = 0; i < model.nodes.count; i++) {
            var path = model.string(model.nodes.scope[i]);
            while (path && !paths.has(path)) {
                paths.add(path);
                path = path.indexOf('.') < 0 ? '' : path.slice(0, path.lastIndexOf('.'));
            }
        }
        return Array.from(paths).map(function (path) {
            return {ref: {kind: 'group', id: path}, text: path, note: ''};
        });
    }

    function linesOf(model) {
        var list = [];
        model.files.forEach(function (file, f) {
            file.text.split('\n').forEach(function (line, i) {
                if (line.trim())
                    list.push({ref: {kind: 'line', id: f + ':' + (i + 1)}, text: line.trim(),
                        note: file.name + ':' + (i + 1)});
            });
        });
        return list;
    }

    function index(model) {
        if (model.searchIndex) return model.searchIndex;
        var kernels = [], sources = [], i;
        for (i = 0; i < model.kernels.count; i++)
            kernels.push({ref: {kind: 'kernel', id: i}, text: model.string(model.kernels.name[i]),
                note: 'kernel ' + (i + 1)});
        for (i = 0; i < model.sources.count; i++)
            sources.push({ref: {kind: 'source', id: i}, text: model.sourceName(i),
                note: model.string(model.sources.type[i])});
        model.searchIndex = {
            groups: groupsOf(model), kernels: kernels, sources: sources, lines: linesOf(model),
            passes: model.stages.map(function (stage, s) {
                return {ref: {kind: 'pass', id: s}, text: stage.label, note: stage.doc};
            })
        };
        return model.searchIndex;
    }

    function byNumber(model, text) {
        var number = Number(text.replace(/^%/, '')), entry = model.lastEntry(number);
        if (!(number < model.limit) || entry < 0) return [];
        return [{ref: {kind: 'value', id: number}, text: model.valueName(number),
            note: model.string(model.nodes.type[entry])}];
    }

    function operatorsOf(model, stage) {
        var counts = new Array(model.ops.length).fill(0), nodes = model.nodes;
        for (var i = 0; i < nodes.count; i++) if (nodes.first[i] <= stage &&
            stage <= nodes.last[i]) counts[nodes.op[i]]++;
        return model.ops.map(function (op, o) {
            return {ref: {kind: 'op', id: o}, text: op.name, note: vitc.units.plural(counts[o], 'value'),
                count: counts[o]};
        }).filter(function (op) {
            return op.count;
        });
    }

    function valuesOf(model, stage, words) {
        var nodes = model.nodes, list = [];
        for (var i = 0; i < nodes.count && list.length < 2000; i++) {
            if (nodes.first[i] > stage || stage > nodes.last[i]) continue;
            var text = model.ops[nodes.op[i]].name + ' ' + model.string(nodes.type[i]) + ' ' +
                model.string(nodes.scope[i]);
            if (vitc.score(text, words))
                list.push({ref: {kind: 'value', id: nodes.number[i]}, text: text, note: '%' + nodes.number[i]});
        }
        return list;
    }

    vitc.search = function (model, text, stage) {
        var words = text.trim().toLowerCase().split(/\s+/).filter(Boolean), all = index(model), kinds = [];
        if (!words.length) return [];
        if (/^%?\d+$/.test(words[0]) && words.length === 1) {
            var value = byNumber(model, words[0]);
            if (value.length) kinds.push({title: 'Values', more: 0, score: 100, results: value});
        }
        function add(title, candidates) {
            var found = best(candidates, words);
            found.title = title;
            if (found.results.length) kinds.push(found);
        }
        add('Modules', all.groups);
        add('Operators', operatorsOf(model, stage));
        add('Kernels', all.kernels);
        add('Passes', all.passes);
        add('Parameters, states and inputs', all.sources);
        add('Lines', all.lines);
        if (text.trim().length >= 3) add('Values', valuesOf(model, stage, words));
        return kinds.sort(function (a, b) {
            return b.score - a.score;
        });
    };

    /* ---- the box */

    var input, list, options = [], at = -1;

    function choose(i) {
        var option = options[i];
        if (!option) return;
        close();
        document.getElementById('graph').focus();
        if (option.kind === 'pass') vitc.goToStage(option.id);
        else vitc.reveal({kind: option.kind, id: option.id}, 'search');
    }

    function mark(i) {
        at = options.length ? (i + options.length) % options.length : -1;
        Array.from(list.querySelectorAll('[role=option]')).forEach(function (element, o) {
            element.setAttribute('aria-selected', String(o === at));
            if (o !== at) return;
            input.setAttribute('aria-activedescendant', element.id);
            element.scrollIntoView({block: 'nearest'});
        });
    }

    function element(name, className, text) {
        var made = document.createElement(name);
        made.className = className;
        made.textContent = text;
        return made;
    }

    function show() {
        var kinds = vitc.search(vitc.state.model, input.value, vitc.state.stage);
        list.textContent = '';
        options = [];
        kinds.forEach(function (kind) {
            list.appendChild(element('div', 'kind', kind.title + (kind.more ? ' · ' + kind.more + ' more' : '')));
            kind.results.forEach(function (result) {
                var option = element('div', 'found', ''), i = options.length;
                option.id = 'found-' + i;
                option.setAttribute('role', 'option');
                option.appendChild(element('span', 'name', result.text));
                option.appendChild(element('span', 'note', result.note));
                option.addEventListener('pointerdown', function (event) {
                    event.preventDefault();
                    choose(i);
                });
                list.appendChild(option);
                options.push(result.ref);
            });
        });
        if (!kinds.length && input.value.trim()) list.appendChild(element('div', 'kind', 'nothing is called that'));
        list.hidden = !list.childNodes.length;
        input.setAttribute('aria-expanded', String(!list.hidden));
        mark(options.length ? 0 : -1);
    }

    function close() {
        list.hidden = true;
        input.setAttribute('aria-expanded', 'false');
    }

    vitc.startSearch = function () {
        input = document.getElementById('search');
        list = document.getElementById('found');
        input.addEventListener('input', show);
        input.addEventListener('focus', show);
        input.addEventListener('blur', close);
        input.addEventListener('keydown', function (event) {
            event.stopPropagation();
            if (event.key === 'ArrowDown') mark(at + 1);
            else if (event.key === 'ArrowUp') mark(at - 1);
            else if (event.key === 'Enter') choose(at);
            else if (event.key === 'Escape') {
                if (list.hidden || !input.value) document.getElementById('graph').focus();
                else {
                    input.value = '';
                    show();
                }
            } else
                return;
            event.preventDefault();
        });
    };
})();
