/* What the pass of the stage shown did: of each value whether it is new, gone, changed or as before, and for groups how
 * many of each; and the time of values by the kernels that compute them. */
'use strict';

(function () {
    vitc.mark = {ABSENT: 0, SAME: 1, NEW: 2, CHANGED: 3, GONE: 4};
    vitc.markNames = ['not in this stage', '', 'new', 'changed', 'gone'];

    /* By number: one of vitc.mark, against the stage before. */
    vitc.marksOf = function (model, stage) {
        var marks = new Uint8Array(model.limit), nodes = model.nodes, M = vitc.mark, i;
        for (i = 0; i < nodes.count; i++) {
            var number = nodes.number[i], here = nodes.first[i] <= stage && stage <= nodes.last[i];
            if (here && nodes.first[i] < stage) marks[number] = M.SAME;
            else if (here) marks[number] = stage === 0 ? M.SAME : marks[number] === M.GONE ? M.CHANGED : M.NEW;
            else if (stage > 0 && nodes.last[i] === stage - 1)
                marks[number] = marks[number] === M.NEW ? M.CHANGED : M.GONE;
        }
        return marks;
    };

    /* Of each item of a scene: its mark; of a group also tally[part][mark], how many of its values of the forward (or
     * update) part and of the gradient have which mark, and present[part], how many are in the stage. */
    vitc.markItems = function (scene, marks) {
        var M = vitc.mark, model = scene.model, nodes = model.nodes, holder = scene.holder,
            entries = scene.outline.entries;
        scene.items.forEach(function (item) {
            item.mark = item.kind === 'value' ? marks[item.number] : M.ABSENT;
            item.tally = [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]];
            item.present = [0, 0];
            item.seconds = item.flops = 0;
        });
        for (var i = 0; i < model.count; i++) {
            var number = model.numbers[i], at = holder[number], mark = marks[number];
            if (!mark || at < 0) continue;
            var entry = model.entry(number, vitc.state.stage), flops = entry < 0 ? 0 : nodes.flops[entry];
            var part = nodes.phase[entries[number]] === vitc.phase.GRADIENT ? 1 : 0;
            for (; at >= 0; at = scene.boxes[scene.items[at].box].owner) {
                var item = scene.items[at];
                item.flops += flops;
                item.seconds += model.secondsOf[number];
                item.tally[part][mark]++;
                if (mark !== M.GONE) item.present[part]++;
            }
        }
        scene.items.forEach(function (item) {
            if (item.kind === 'value') return;
            if (item.present[0] + item.present[1]) item.mark = M.SAME;
            else if (item.tally[0][M.GONE] + item.tally[1][M.GONE]) item.mark = M.GONE;
        });
    };

    /* model.secondsOf[number]: the time of a value (facts.js), of the measured profile where one is shown;
     * model.seconds: of all. */
    vitc.addSeconds = function (model) {
        var time = vitc.facts(model).time(), seconds = new Float64Array(model.limit);
        time.byEntry.forEach(function (of, entry) {
            seconds[model.nodes.number[entry]] += of;
        });
        model.secondsOf = seconds;
        model.seconds = time.whole;
    };
})();
