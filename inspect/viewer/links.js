/* The address tells what is selected, so that it can be shared and the browser's arrows go back and forth:
 *   #%123   #group=student.blocks   #kernel=12   #source=student.cls_token   #line=dino.yaml:78   #op=matmul
 * and behind any of them, or alone, &stage=fuse and &lane=overlay. Kernels count from 1, as in the IR's text. */
'use strict';

(function () {
    var following = false;

    function nameOf(ref) {
        var model = vitc.state.model;
        if (!ref) return '';
        if (ref.kind === 'value') return '%' + ref.id;
        if (ref.kind === 'kernel') return 'kernel=' + (ref.id + 1);
        if (ref.kind === 'source') return 'source=' + encodeURIComponent(model.sourceName(ref.id));
        if (ref.kind === 'op') return 'op=' + model.ops[ref.id].name;
        if (ref.kind === 'line') {
            var cut = ref.id.indexOf(':');
            return 'line=' + encodeURIComponent(model.files[ref.id.slice(0, cut)].name) + ref.id.slice(cut);
        }
        return ref.kind + '=' + encodeURIComponent(ref.id);
    }

    vitc.linkOf = function (ref) {
        var model = vitc.state.model, parts = [nameOf(ref)];
        if (vitc.state.stage !== model.lastStage) parts.push('stage=' + model.stages[vitc.state.stage].label);
        if (vitc.state.lane !== 'side') parts.push('lane=' + vitc.state.lane);
        return '#' + parts.filter(Boolean).join('&');
    };

    function refOf(key, value) {
        var model = vitc.state.model, i;
        if (key === 'kernel')
            return value >= 1 && value <= model.kernels.count ? {kind: 'kernel', id: value - 1} : null;
        if (key === 'group') return {kind: 'group', id: value};
        if (key === 'op') {
            for (i = 0; i < model.ops.length; i++) if (model.ops[i].name === value) return {kind: 'op', id: i};
        } else if (key === 'source') {
            for (i = 0; i < model.sources.count; i++) if (model.sourceName(i) === value) return {kind: 'source', id: i};
        } else if (key === 'line') {
            var cut = value.lastIndexOf(':');
            for (i = 0; i < model.files.length; i++)
                if (model.files[i].name === value.slice(0, cut))
                    return {kind: 'line', id: i + ':' + value.slice(cut + 1)};
        }
        return null;
    }

    /* What a "#…" means: {ref, stage, lane, wrong: a part that means nothing}. */
    vitc.parseLink = function (hash) {
        var meant = {ref: null, stage: -1, lane: '', wrong: ''}, model = vitc.state.model;
        hash.replace(/^#/, '').split('&').filter(Boolean).forEach(function (part) {
            var number = /^%(?:25)?(\d+)$/.exec(part), cut = part.indexOf('='), key = part.slice(0, cut), value;
            try {
                value = decodeURIComponent(part.slice(cut + 1));
            } catch (error) {
                value = part.slice(cut + 1);
            }
            if (number && Number(number[1]) < model.limit && model.lastEntry(Number(number[1])) >= 0) {
                meant.ref = {kind: 'value', id: Number(number[1])};
            } else if (key === 'stage') {
                meant.stage = model.stages.findIndex(function (stage) {
                    return stage.label === value;
                });
                if (meant.stage < 0) meant.wrong = part;
            } else if (key === 'lane' && (value === 'side' || value === 'overlay')) {
                meant.lane = value;
            } else {
                meant.ref = number ? null : refOf(key, value);
                if (!meant.ref) meant.wrong = part;
            }
        });
        return meant;
    };

    vitc.followLink = function () {
        var meant = vitc.parseLink(location.hash);
        following = true;
        if (meant.lane) vitc.set('lane', meant.lane);
        if (meant.stage >= 0) vitc.goToStage(meant.stage);
        if (meant.ref) {
            var missing = meant.ref.kind === 'value' && vitc.state.model.entry(meant.ref.id, vitc.state.stage) < 0;
            if (missing && meant.stage < 0) { /* the last stage that has it */
                vitc.goToStage(vitc.state.model.nodes.last[vitc.state.model.lastEntry(meant.ref.id)]);
            }
            vitc.reveal(meant.ref, 'link');
        } else if (!location.hash) vitc.select(null, 'link');
        following = false;
        if (meant.wrong) vitc.tell('the link’s “' + meant.wrong + '” is not in this step');
    };

    function write(ref, push) {
        var hash = vitc.linkOf(ref);
        if (following || hash === location.hash || (hash === '#' && !location.hash)) return;
        try {
            var address = hash === '#' ? location.pathname + location.search : hash;
            history[push ? 'pushState' : 'replaceState'](null, '', address);
        } catch (error) { /* where pages have no history */
            if (push) location.hash = hash;
        }
    }

    vitc.copyLink = function () {
        write(vitc.state.selected, false);
        var text = location.href.replace(/#.*$/, '') + vitc.linkOf(vitc.state.selected);
        if (!navigator.clipboard) return vitc.tell(text);
        navigator.clipboard.writeText(text).then(function () {
            vitc.tell('link copied: ' + vitc.linkOf(vitc.state.selected));
        }, function () {
            vitc.tell(text);
        });
    };

    vitc.startLinks = function () {
        window.addEventListener('popstate', vitc.followLink);
        window.addEventListener('hashchange', function () {
            if (location.hash !== vitc.linkOf(vitc.state.selected)) vitc.followLink();
        });
        if (location.hash) vitc.followLink();
    };

    vitc.on('select', function (ref) {
        write(ref, true);
    });
    vitc.on('stage', function () {
        write(vitc.state.selected, false);
    });
    vitc.on('view', function (what) {
        if (what === 'lane') write(vitc.state.selected, false);
    });
})();
