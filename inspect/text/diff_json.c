/* A diff of meaning as JSON: see diff_json.h. */
#include "inspect/text/diff_json.h"
#include "inspect/positions.h"
#include "inspect/remark_text.h"
#include "inspect/report/report_json.h"
#include "inspect/text/diff_text.h"
#include "inspect/text/words.h"
#include "ir/text/text.h"

typedef struct {
    const Inspection *inspection;
    Positions positions;
    Words words;
    const FuncDiff *diff;
} Making;

static json_t *count(size_t n) {
    return report_number((double)n);
}

static json_t *counts_json(const DiffCounts *counts) {
    json_t *json = report_object();
    report_put(json, "before", count(counts->before));
    report_put(json, "after", count(counts->after));
    report_put(json, "gone", count(counts->gone));
    report_put(json, "made", count(counts->made));
    report_put(json, "changed", count(counts->changed));
    return json;
}

static json_t *item_text(Making *m, const Func *func, const DiffItem *item, uint32_t id) {
    if (id == IR_NONE) return json_null();
    FILE *stream = words_begin(&m->words);
    if (item->kernel)
        text_kernel(stream, func, id);
    else
        text_node(stream, func, id);
    return report_text(words_end(&m->words));
}

static json_t *item_json(Making *m, const DiffHunk *hunk, const DiffItem *item) {
    const Func *before = m->diff->before, *after = m->diff->after;
    const char *change = item->before == IR_NONE  ? "new"
                         : item->after == IR_NONE ? "gone"
                                                  : "changed",
               *file = "";
    json_t *json = report_object(), *what = report_array();
    Loc loc = {0, 0, 0};
    for (int bit = 0; bit < N_DIFF_WORDS; bit++)
        if (item->what >> bit & 1) report_add(what, report_text(DIFF_WORDS[bit]));
    report_put(json, "of", report_text(item->kernel ? "kernel" : "value"));
    report_put(json, "change", report_text(change));
    report_put(json, "what", what);
    report_put(json, "before", item_text(m, before, item, item->before));
    report_put(json, "after", item_text(m, after, item, item->after));
    if (item->kernel) {
        report_put(json, "kernel_before", item->before == IR_NONE ? json_null() : count(item->before + 1));
        report_put(json, "kernel_after", item->after == IR_NONE ? json_null() : count(item->after + 1));
    } else {
        bool gone = item->after == IR_NONE;
        loc = func_node(gone ? before : after, gone ? item->before : item->after)->loc;
        text_value(words_begin(&m->words), gone ? before : after, gone ? item->before : item->after);
        report_put(json, "value", report_text(words_end(&m->words)));
    }
    file = positions_file(&m->positions, loc.file);
    report_put(json, "scope", report_text(hunk->scope));
    report_put(json, "file", *file ? report_text(file) : json_null());
    report_put(json, "line", count(loc.line));
    report_put(json, "why",
               item->remark ? report_text(remark_text(m->inspection->arena, item->remark, NULL, NULL))
                            : json_null());
    return json;
}

static json_t *func_json(Making *m) {
    const FuncDiff *diff = m->diff;
    json_t *json = report_object(), *changes = report_array(), *outputs = report_array(),
           *updates = report_array();
    for (size_t h = 0; h < diff->n_hunks; h++)
        for (size_t i = 0; i < diff->hunks[h].count; i++)
            report_add(changes, item_json(m, &diff->hunks[h], &diff->hunks[h].items[i]));
    for (size_t i = 0; i < diff->n_outputs; i++)
        report_add(outputs, report_text(diff->after->outputs[diff->outputs[i]].name));
    for (size_t i = 0; i < diff->n_updates; i++) {
        uint32_t state = diff->after->updates[diff->updates[i]].state;
        report_add(updates, report_text(diff->after->module->states[state].name));
    }
    report_put(json, "name", report_text((diff->after ? diff->after : diff->before)->name));
    report_put(json, "new", json_boolean(!diff->before));
    report_put(json, "gone", json_boolean(!diff->after));
    report_put(json, "reordered", json_boolean(diff->reordered));
    report_put(json, "values", counts_json(&diff->values));
    report_put(json, "kernels", counts_json(&diff->kernels));
    report_put(json, "changes", changes);
    report_put(json, "outputs", outputs);
    report_put(json, "updates", updates);
    return json;
}

json_t *diff_json(const Inspection *inspection, const DiffOptions *options) {
    const Stages *stages = inspection->stages;
    size_t stage = stages->count - 1, n;
    Making m = {.inspection = inspection, .positions = positions_make(inspection->arena, inspection->diags)};
    const Module *before = inspection_module(inspection, (int)stage - 1), *after = inspection->module;
    json_t *all = report_object(), *functions = report_array(), *states = report_array();
    words_open(&m.words);
    FuncDiff **diffs = diff_of_stages(inspection, options, &n);
    for (size_t i = 0; i < n; i++) {
        m.diff = diffs[i];
        report_add(functions, func_json(&m));
    }
    for (size_t s = before->n_states; s < after->n_states; s++)
        report_add(states, report_text(after->states[s].name));
    words_close(&m.words);
    report_put(all, "recipe", report_text(inspection->recipe));
    report_put(all, "pass", report_text(stages->stages[stage].label));
    report_put(all, "doc", report_text(stages->stages[stage].pass->doc));
    report_put(all, "before", report_text(stages->stages[stage - 1].label));
    report_put(all, "states_added", states);
    report_put(all, "functions", functions);
    return all;
}
