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

    /* Of each item of a scene: its mark (a value) or how many of its values are new, changed, gone and there. */
    vitc.markItems = function (scene, marks) {
        scene.items.forEach(function (item) {
            item.mark = item.kind === 'value' ? marks[item.number] : vitc.mark.ABSENT;
            item.tally = item.kind === 'value' ? null : [0, 0, 0, 0, 0];
            item.seconds = item.flops = 0;
        });
        var model = scene.model, holder = scene.holder;
        for (var i = 0; i < model.count; i++) {
            var number = model.numbers[i], at = holder[number], mark = marks[number];
            if (!mark) continue;
            var entry = model.entry(number, vitc.state.stage), flops = entry < 0 ? 0 : model.nodes.flops[entry];
            for (; at >= 0; at = scene.boxes[scene.items[at].box].owner) {
                var item = scene.items[at];
                item.flops += flops;
                item.seconds += model.secondsOf[number];
                if (!item.tally) continue;
                item.tally[mark]++;
                if (mark !== vitc.mark.GONE) item.mark = vitc.mark.SAME;
            }
        }
        scene.items.forEach(function (item) {
            if (item.mark === vitc.mark.ABSENT && item.tally && item.tally[vitc.mark.GONE]) item.mark = vitc.mark.GONE;
        });
    };

    /* model.secondsOf[number]: the seconds of a kernel are those of its value with the most operations, of the measured
     * profile where one is shown; model.seconds: of all. */
    vitc.addSeconds = function (model) {
        var nodes = model.nodes, kernels = model.kernels, seconds = new Float64Array(model.limit), total = 0;
        var of = vitc.kernelSeconds(model);
        for (var k = 0; k < kernels.count; k++) {
            var best = -1, most = -1;
            kernels.values(k).forEach(function (number) {
                var entry = model.entry(number, model.lastStage), flops = entry < 0 ? 0 : nodes.flops[entry];
                if (flops >= most) {
                    most = flops;
                    best = number;
                }
            });
            total += of[k];
            if (best >= 0) seconds[best] += of[k];
        }
        model.secondsOf = seconds;
        model.seconds = total;
    };

    /* Seconds of each kernel: measured ones where there is a profile and it is wanted, else those of the cost model. */
    vitc.kernelSeconds = function (model) {
        if (!model.profile || !vitc.state.profile) return model.kernels.seconds;
        var seconds = new Array(model.kernels.count).fill(0), calls = model.profile.calls;
        calls.kernel.forEach(function (kernel, i) {
            seconds[kernel] += calls.seconds[i];
        });
        return seconds;
    };
})();
