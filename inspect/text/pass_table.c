/* A table of the passes: see pass_table.h. */
#include "inspect/text/pass_table.h"
#include "inspect/amounts.h"
#include "inspect/report/report_json.h"
#include "runtime/base/terminal.h"

#include <string.h>

static void add_counts(DiffCounts *sum, const DiffCounts *counts) {
    sum->before += counts->before;
    sum->after += counts->after;
    sum->gone += counts->gone;
    sum->made += counts->made;
    sum->changed += counts->changed;
}

/* What one function adds to a row. */
static void add_func(const Inspection *inspection, int stage, PassRow *row, const Func *before,
                     const Func *after) {
    FuncDiff diff = diff_count(inspection->arena, before, after, inspection->module->remarks, stage);
    add_counts(&row->values, &diff.values);
    add_counts(&row->kernels, &diff.kernels);
    if (!diff_is_empty(&diff))
        row->effect = EFFECT_CHANGED;
    else if (diff.reordered && row->effect == EFFECT_NONE)
        row->effect = EFFECT_ORDER;
}

/* Of the inspected function; zeros where a stage does not have it. */
static FlopCount flops_at(const Inspection *inspection, int stage) {
    const Stage *at = &inspection->stages->stages[stage];
    size_t f = func_index(inspection->func);
    return f < at->n_funcs ? at->flops[f] : (FlopCount){0, 0};
}

const PassRow *pass_table_rows(const Inspection *inspection, size_t *n) {
    const Stages *stages = inspection->stages;
    PassRow *rows = ARENA_ARRAY(inspection->arena, PassRow, stages->count + 1);
    *n = stages->count - 1;
    for (size_t i = 1; i < stages->count; i++) {
        const Stage *stage = &stages->stages[i];
        const Module *before = inspection_module(inspection, (int)i - 1),
                     *after = inspection_module(inspection, (int)i);
        PassRow *row = &rows[i - 1];
        *row = (PassRow){.label = stage->label, .doc = stage->pass->doc, .seconds = stage->seconds};
        row->flops = flops_at(inspection, (int)i);
        row->states = after->n_states - before->n_states;
        if (row->states) row->effect = EFFECT_CHANGED;
        for (size_t f = 0; f < after->n_funcs; f++)
            add_func(inspection, (int)i, row, module_find_func(before, after->funcs[f]->name),
                     after->funcs[f]);
        for (size_t f = 0; f < before->n_funcs; f++)
            if (!module_find_func(after, before->funcs[f]->name))
                add_func(inspection, (int)i, row, before->funcs[f], NULL);
    }
    return rows;
}

static const char *EFFECTS[] = {"changed nothing", "changed the order", ""};

/* "40 gone, 3 new, 7 changed" and of kernels. */
static const char *effect_text(Arena *arena, const PassRow *row) {
    if (row->effect != EFFECT_CHANGED) return EFFECTS[row->effect];
    const DiffCounts *k = &row->kernels;
    const char *kernels = "", *states = "";
    if (!k->before && k->after)
        kernels = arena_printf(arena, "%zu kernels made", k->after);
    else if (k->gone || k->made || k->changed)
        kernels =
            arena_printf(arena, "kernels: %zu gone, %zu new, %zu changed", k->gone, k->made, k->changed);
    if (row->states) states = arena_printf(arena, "%s%zu states added", *kernels ? "; " : "", row->states);
    return arena_printf(arena, "%s%s", kernels, states);
}

enum {
    BEFORE_NUMBERS = 14 + 1 + 9 + 1 + 8 + 1 + 11,
    WITH_NUMBERS = BEFORE_NUMBERS + 3 * 8
}; /* columns of a row */

void pass_table_text(const Inspection *inspection, View *view) {
    size_t n, idle = 0;
    const PassRow *rows = pass_table_rows(inspection, &n);
    double seconds = 0;
    const Stage *first = &inspection->stages->stages[0];
    view_line(view, 0, LOOK_HEADING, "%-14s %9s %8s %11s %7s %7s %7s", "pass", "time", "values", "FLOPs",
              "gone", "new", "changed");
    view_line(view, 0, LOOK_PLAIN, "%-14s %9s %8zu %11s", first->label, "", first->nodes,
              amount_flops(inspection->arena, flops_at(inspection, 0).all));
    for (size_t i = 0; i < n; i++) {
        const PassRow *row = &rows[i];
        const char *time = amount_seconds(inspection->arena, row->seconds);
        int wide = 9 + (strstr(time, "µ") != NULL); /* a letter of two bytes */
        seconds += row->seconds;
        idle += row->effect == EFFECT_NONE;
        fprintf(view->out, "%s%-14s %*s %8zu %11s",
                row->effect == EFFECT_NONE && view->colour ? "\033[2m" : "", row->label, wide, time,
                row->values.after, amount_flops(inspection->arena, row->flops.all));
        if (row->effect == EFFECT_CHANGED)
            fprintf(view->out, " %7zu %7zu %7zu", row->values.gone, row->values.made, row->values.changed);
        const char *effect = effect_text(inspection->arena, row);
        bool numbers = row->effect == EFFECT_CHANGED;
        bool fits =
            !view->width || (numbers ? WITH_NUMBERS : BEFORE_NUMBERS) + 2 + vt_columns(effect) <= view->width;
        if (*effect) fprintf(view->out, "%s%s", fits ? "  " : "\n    ", effect);
        fputs(row->effect == EFFECT_NONE && view->colour ? "\033[0m\n" : "\n", view->out);
    }
    view_line(
        view, 0, LOOK_COMMENT,
        "%zu passes in %s, %zu of them changed nothing; --diff=PASS shows what one did; FLOPs are of @%s", n,
        amount_seconds(inspection->arena, seconds), idle, inspection->func->name);
}

json_t *pass_table_json(const Inspection *inspection) {
    size_t n;
    const PassRow *rows = pass_table_rows(inspection, &n);
    json_t *all = report_object(), *passes = report_array();
    double seconds = 0;
    for (size_t i = 0; i < n; i++) {
        const PassRow *row = &rows[i];
        json_t *pass = report_object();
        seconds += row->seconds;
        report_put(pass, "pass", report_text(row->label));
        report_put(pass, "doc", report_text(row->doc));
        report_put(pass, "seconds", report_number(row->seconds));
        report_put(pass, "changed", json_boolean(row->effect == EFFECT_CHANGED));
        report_put(pass, "reordered", json_boolean(row->effect == EFFECT_ORDER));
        report_put(pass, "nodes_before", report_number((double)row->values.before));
        report_put(pass, "nodes_after", report_number((double)row->values.after));
        report_put(pass, "made", report_number((double)row->values.made));
        report_put(pass, "gone", report_number((double)row->values.gone));
        report_put(pass, "altered", report_number((double)row->values.changed));
        report_put(pass, "kernels_before", report_number((double)row->kernels.before));
        report_put(pass, "kernels_after", report_number((double)row->kernels.after));
        report_put(pass, "states_added", report_number((double)row->states));
        report_put(pass, "flops", report_number(row->flops.all));
        report_put(pass, "product_flops", report_number(row->flops.products));
        report_add(passes, pass);
    }
    report_put(all, "recipe", report_text(inspection->recipe));
    report_put(all, "target", report_text(inspection->target));
    report_put(all, "seconds", report_number(seconds));
    report_put(all, "function", report_text(inspection->func->name));
    report_put(all, "passes", passes);
    return all;
}
