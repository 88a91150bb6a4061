/* A unified diff of meaning: see diff_text.h. */
#include "inspect/text/diff_text.h"
#include "inspect/positions.h"
#include "inspect/remark_text.h"
#include "ir/text/text.h"

#include <string.h>

typedef struct {
    const Inspection *inspection;
    const DiffOptions *options;
    const FuncDiff *diff;
    View *view;
    Arena *arena;
    Positions positions;
} Showing;

static const char *plural(size_t n) {
    return n == 1 ? "" : "s";
}

/* ---- which ------------------------------------------------------------------------------------------------------- */

FuncDiff **diff_of_stages(const Inspection *inspection, const DiffOptions *options, size_t *n) {
    int stage = (int)inspection->stages->count - 1;
    Arena *arena = inspection->arena;
    const Module *before = inspection_module(inspection, stage - 1), *after = inspection->module;
    FuncDiff **diffs = ARENA_ARRAY(arena, FuncDiff *, before->n_funcs + after->n_funcs + 1);
    *n = 0;
    for (size_t f = 0; f < after->n_funcs; f++) {
        const Func *func = after->funcs[f], *old = module_find_func(before, func->name);
        if (options->all_functions || func == inspection->func)
            diffs[(*n)++] = diff_make(arena, old, func, after->remarks, stage, options->only);
    }
    for (size_t f = 0; options->all_functions && f < before->n_funcs; f++)
        if (!module_find_func(after, before->funcs[f]->name))
            diffs[(*n)++] = diff_make(arena, before->funcs[f], NULL, after->remarks, stage, options->only);
    return diffs;
}

/* ---- items ------------------------------------------------------------------------------------------------------- */

/* Why, what of it, and where it is from. */
static void put_comment(Showing *s, const DiffItem *item, Loc loc) {
    const char *what = diff_what(s->arena, item->what),
               *position = positions_text(s->arena, &s->positions, loc);
    const char *why = item->remark ? remark_text(s->arena, item->remark, NULL, NULL) : "";
    FILE *line = s->view->line;
    if (!*what && !*position && !*why) return;
    view_mark(s->view);
    fprintf(line, "// %s%s%s", what, *what && *why ? "; " : "", why);
    if (*position) fprintf(line, "%s(%s)", *what || *why ? " " : "", position);
}

static void put_value(Showing *s, const DiffItem *item) {
    const Func *before = s->diff->before, *after = s->diff->after;
    FILE *line = s->view->line;
    if (item->before != IR_NONE) {
        fputc('-', line);
        text_node(line, before, item->before);
        if (item->after == IR_NONE) put_comment(s, item, func_node(before, item->before)->loc);
        view_end(s->view, 0, LOOK_GONE);
    }
    if (item->after != IR_NONE) {
        fputc('+', line);
        text_node(line, after, item->after);
        put_comment(s, item, func_node(after, item->after)->loc);
        view_end(s->view, 0, LOOK_NEW);
    }
}

static bool is_member(const Func *func, uint32_t k, uint32_t number) {
    const Kernel *kernel = &func->plan->kernels[k];
    for (ValueId id = kernel->first; id <= kernel->last; id++)
        if (func->nodes[id].number == number) return true;
    return false;
}

/* Values of kernel k of `func` that kernel `other_k` of `other` has not: " %12, %13". */
static bool put_members(Showing *s, const char *word, const Func *func, uint32_t k, const Func *other,
                        uint32_t other_k, bool any) {
    enum { MOST = 16 };
    const Kernel *kernel = &func->plan->kernels[k];
    size_t told = 0;
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        uint32_t number = func->nodes[id].number;
        if (is_member(other, other_k, number)) continue;
        if (told++ < MOST)
            fprintf(s->view->line, "%s %%%u",
                    told > 1 ? ","
                    : any    ? arena_printf(s->arena, "; %s", word)
                             : word,
                    number);
    }
    if (told > MOST) fprintf(s->view->line, " and %zu more", told - MOST);
    return told > 0;
}

static void put_kernel_line(Showing *s, const Func *func, uint32_t k, char sign) {
    const Chain *chain = plan_chain(func->plan, k);
    FILE *line = s->view->line;
    fputc(sign, line);
    if (func->plan->kernels[k].barrier) fputs("barrier ", line);
    text_kernel(line, func, k);
    if (!chain) return;
    fputs(" in ", line);
    text_chain(line, chain);
}

static void put_kernel(Showing *s, const DiffItem *item) {
    const Func *before = s->diff->before, *after = s->diff->after;
    if (item->before != IR_NONE) {
        put_kernel_line(s, before, item->before, '-');
        view_end(s->view, 0, LOOK_GONE);
    }
    if (item->after != IR_NONE) {
        put_kernel_line(s, after, item->after, '+');
        if (item->what) {
            view_mark(s->view);
            fprintf(s->view->line, "// %s", diff_what(s->arena, item->what));
        }
        view_end(s->view, 0, LOOK_NEW);
    }
    if (!(item->what & DIFF_MEMBERS)) return;
    fputs(" //", s->view->line);
    bool any = put_members(s, " now in it:", after, item->after, before, item->before, false);
    put_members(s, any ? "no longer:" : " no longer:", before, item->before, after, item->after, any);
    view_end(s->view, 0, LOOK_COMMENT);
}

/* ---- hunks ------------------------------------------------------------------------------------------------------- */

static void put_hunk_heading(Showing *s, uint32_t h) {
    const DiffHunk *hunk = &s->diff->hunks[h];
    const char *scope = *hunk->scope ? hunk->scope : "in no module", *last = "";
    for (uint32_t i = h; i < s->diff->n_hunks; i++)
        if (s->diff->hunks[i].first_alike == h) last = s->diff->hunks[i].scope;
    fputc('\n', s->view->out);
    if (hunk->alike > 1 && !s->options->full)
        view_line(s->view, 0, LOOK_HEADING, "@@ %s; %u alike, to %s @@", scope, hunk->alike, last);
    else
        view_line(s->view, 0, LOOK_HEADING, "@@ %s @@", scope);
}

static void put_hunks(Showing *s) {
    for (uint32_t h = 0; h < s->diff->n_hunks; h++) {
        const DiffHunk *hunk = &s->diff->hunks[h];
        if (!hunk->alike && !s->options->full) continue;
        put_hunk_heading(s, h);
        for (size_t i = 0; i < hunk->count; i++)
            (hunk->items[i].kernel ? put_kernel : put_value)(s, &hunk->items[i]);
    }
}

/* Outputs and updates whose value is another. */
static void put_results(Showing *s) {
    const FuncDiff *diff = s->diff;
    if (!diff->n_outputs && !diff->n_updates) return;
    fputc('\n', s->view->out);
    view_line(s->view, 0, LOOK_HEADING, "@@ results @@");
    for (size_t i = 0; i < diff->n_outputs + diff->n_updates; i++) {
        bool output = i < diff->n_outputs;
        fputc('+', s->view->line);
        if (output)
            text_output(s->view->line, diff->after, diff->outputs[i]);
        else
            text_update(s->view->line, diff->after, diff->updates[i - diff->n_outputs]);
        view_end(s->view, 0, LOOK_NEW);
    }
}

static void put_room(Showing *s) {
    const Plan *f = s->diff->before->plan, *g = s->diff->after->plan;
    const Plan *plans[] = {f, g};
    for (int i = 0; i < 2; i++)
        view_line(s->view, 0, i ? LOOK_NEW : LOOK_GONE, "%c@%s arena = %lld block = %lld%s", "-+"[i],
                  s -> diff -> after -> name, (long long)plans[i] -> arena_bytes,
                  (long long)plans[i] -> block_bytes, plans[i] -> has_barriers ? " barriers" : "");
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

/* "12 gone, 420 new, 33 changed" */
static const char *counts_text(Arena *arena, const DiffCounts *c) {
    if (!c->gone && !c->made && !c->changed) return "none changed";
    return arena_printf(arena, "%zu gone, %zu new, %zu changed", c->gone, c->made, c->changed);
}

static void put_sum(Showing *s) {
    const FuncDiff *d = s->diff;
    const DiffCounts *v = &d->values, *k = &d->kernels;
    View *view = s->view;
    const char *name = (d->after ? d->after : d->before)->name;
    if (diff_is_empty(d)) {
        view_line(view, 0, LOOK_HEADING, "@%s: %s", name,
                  d->reordered ? "nothing changed but the order" : "nothing changed");
        return;
    }
    fprintf(view->line, "@%s%s: values %zu, were %zu: %s", name,
            !d->before  ? " is new"
            : !d->after ? " is gone"
                        : "",
            v->after, v->before, counts_text(s->arena, v));
    if (k->before || k->after)
        fprintf(view->line, "; kernels %zu, were %zu: %s", k->after, k->before, counts_text(s->arena, k));
    if (d->reordered) fputs("; another order", view->line);
    view_end(view, 0, LOOK_HEADING);
}

/* States that the pass added. */
static void put_states(Showing *s, const Module *before, const Module *after) {
    enum { MOST = 8 };
    size_t n = before->n_states;
    if (after->n_states <= n) return;
    view_line(s->view, 0, LOOK_HEADING, "%zu new state%s", after->n_states - n, plural(after->n_states - n));
    for (size_t i = n; i < after->n_states && (s->options->full || i < n + MOST); i++) {
        fputc('+', s->view->line);
        text_state(s->view->line, after, &after->states[i]);
        view_end(s->view, 0, LOOK_NEW);
    }
    if (!s->options->full && after->n_states > n + MOST)
        view_line(s->view, 0, LOOK_COMMENT, " // and %zu more (--full)", after->n_states - n - MOST);
}

/* Functions that changed and are not shown. */
static void put_others(Showing *s, const Module *before, const Module *after) {
    const char *others = "";
    for (size_t f = 0; f < after->n_funcs; f++) {
        if (after->funcs[f] == s->inspection->func) continue;
        FuncDiff diff = diff_count(s->arena, module_find_func(before, after->funcs[f]->name), after->funcs[f],
                                   after->remarks, (int)s->inspection->stages->count - 1);
        if (diff_is_empty(&diff)) continue;
        others = arena_printf(s->arena, "%s%s@%s", others, *others ? ", " : "", after->funcs[f]->name);
    }
    if (*others) view_line(s->view, 0, LOOK_COMMENT, "also changed: %s (--function=all)", others);
}

void diff_text(const Inspection *inspection, const DiffOptions *options, View *view) {
    const Stages *stages = inspection->stages;
    int stage = (int)stages->count - 1;
    const Stage *last = &stages->stages[stage];
    const Module *before = inspection_module(inspection, stage - 1), *after = inspection->module;
    Showing s = {.inspection = inspection, .options = options, .view = view, .arena = inspection->arena};
    s.positions = positions_make(s.arena, inspection->diags);
    view_line(view, 0, LOOK_HEADING, "--- %s after %s", inspection->recipe, stages->stages[stage - 1].label);
    view_line(view, 0, LOOK_HEADING, "+++ %s after %s: %s", inspection->recipe, last->label, last->pass->doc);
    put_states(&s, before, after);
    size_t n;
    FuncDiff **diffs = diff_of_stages(inspection, options, &n);
    for (size_t i = 0; i < n; i++) {
        s.diff = diffs[i];
        if (i) fputc('\n', view->out);
        put_sum(&s);
        if (s.diff->room) put_room(&s);
        put_hunks(&s);
        if (s.diff->before && s.diff->after) put_results(&s);
    }
    if (!options->all_functions) put_others(&s, before, after);
}
