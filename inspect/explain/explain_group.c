/* Explanations of all that a line, a module or an operator made: see explanation.h. */
#include "inspect/explain/parts.h"

#include "ir/base/names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const Explainer *x;
    const GroupRequest *request;
    GroupExplanation *out;
    GroupPart *parts;
    size_t n_parts, capacity;
    Names names; /* of the parts, by key */
} Parts;

/* The part of that key, made if there is none. */
static GroupPart *part_of(Parts *p, const char *key, GroupPart first) {
    uint32_t i = names_find(&p->names, key);
    if (i == NAMES_NONE) {
        i = (uint32_t)p->n_parts;
        names_set(p->x->arena, &p->names, key, i);
        ARENA_PUSH(p->x->arena, p->parts, p->n_parts, p->capacity, first);
    }
    return &p->parts[i];
}

static int by_seconds(const void *a, const void *b) {
    const GroupPart *x = a, *y = b;
    if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return strcmp(x->name, y->name);
}

static const GroupPart *sorted(Parts *p, size_t *n) {
    *n = p->n_parts;
    if (p->n_parts) qsort(p->parts, p->n_parts, sizeof *p->parts, by_seconds);
    return p->parts;
}

/* Of a value, the part that belongs. */
static double seconds_of(const Explainer *x, const GroupRequest *request, ValueId id) {
    return x->costs->value_seconds[id] * request->part[id];
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

/* "matmul f32[8x4] net.blocks.*.fc": parts of the name that are numbers are alike. */
static char *alike(Arena *arena, const char *name) {
    char *out = arena_strdup(arena, name), *to = out;
    for (const char *at = name; *at;) {
        const char *end = at + 1;
        while (*at == '.' && isdigit((unsigned char)*end)) end++;
        bool number = end > at + 1 && (*end == '.' || !*end);
        *to++ = *at;
        if (number) *to++ = '*';
        at = number ? end : at + 1;
    }
    *to = '\0';
    return out;
}

static void add_kernels(GroupExplanation *e, const Explainer *x, const GroupRequest *request) {
    const Func *func = x->inspection->func;
    Parts p = {.x = x, .request = request, .out = e};
    for (uint32_t k = 0; k < func->plan->n_kernels; k++) {
        const Kernel *kernel = &func->plan->kernels[k];
        double seconds = 0;
        bool any = false;
        for (ValueId id = kernel->first; id <= kernel->last; id++) {
            if (!request->chosen[id]) continue;
            any = true;
            seconds += seconds_of(x, request, id);
        }
        if (!any) continue;
        KernelFacts facts = part_kernel(x, k);
        const char *phase = PHASE_NAMES[x->phases[x->costs->kernels[k].named]];
        const char *name = alike(x->arena, facts.name);
        GroupPart first = {.name = facts.name, .first = k + 1, .phase = phase, .limit = facts.limit};
        GroupPart *part = part_of(&p, arena_printf(x->arena, "%s %s", phase, name), first);
        if (part->count++) part->name = name;
        part->seconds += seconds;
    }
    e->kernels = sorted(&p, &e->n_kernels);
}

/* ---- lines and callers ------------------------------------------------------------------------------------------- */

static void add_lines(GroupExplanation *e, const Explainer *x, const GroupRequest *request) {
    const Func *func = x->inspection->func;
    Parts p = {.x = x, .request = request, .out = e};
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (!request->chosen[id] || !node->loc.file) continue;
        const char *at = positions_text(x->arena, &x->positions, node->loc);
        GroupPart first = {.name = at};
        GroupPart *part = part_of(&p, at, first);
        if (!part->count++) part->text = line_text(x->arena, &x->positions, node->loc);
        part->seconds += seconds_of(x, request, id);
    }
    e->lines = sorted(&p, &e->n_lines);
}

typedef struct {
    Loc loc;
    size_t n;
} Outermost;

static void keep_last(void *user, Loc loc) {
    Outermost *o = user;
    o->loc = loc;
    o->n++;
}

/* The lines of the recipe that ran this one. */
static void add_callers(GroupExplanation *e, const Explainer *x, const GroupRequest *request) {
    const Func *func = x->inspection->func;
    Parts p = {.x = x, .request = request, .out = e};
    for (ValueId id = 0; id < func->count && request->line.file; id++) {
        Outermost o = {{0, 0, 0}, 0};
        if (!request->chosen[id]) continue;
        value_positions(x->inspection->module, func_node(func, id), keep_last, &o);
        if (o.n == 0 || (o.loc.file == request->line.file && o.loc.line == request->line.line)) continue;
        const char *at = positions_text(x->arena, &x->positions, o.loc);
        GroupPart *part = part_of(&p, at, (GroupPart){.name = at});
        if (!part->count++) part->text = line_text(x->arena, &x->positions, o.loc);
        part->seconds += seconds_of(x, request, id);
    }
    const GroupPart *parts = sorted(&p, &e->n_callers);
    QuotedLine *callers = ARENA_ARRAY(x->arena, QuotedLine, e->n_callers + 1);
    double *seconds = ARENA_ARRAY(x->arena, double, e->n_callers + 1);
    for (size_t i = 0; i < e->n_callers; i++) {
        callers[i] = (QuotedLine){parts[i].name, parts[i].text};
        seconds[i] = parts[i].seconds;
    }
    e->callers = callers;
    e->caller_seconds = seconds;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static int by_cost(const void *a, const void *b) {
    const ValueLine *x = a, *y = b;
    if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void add_values(GroupExplanation *e, const Explainer *x, const GroupRequest *request) {
    const Func *func = x->inspection->func;
    ValueLine *values = ARENA_ARRAY(x->arena, ValueLine, func->count + 1);
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        if (!request->chosen[id] || node->number == IR_NONE) continue;
        double seconds = seconds_of(x, request, id);
        values[e->n_now] = part_value(x, node->number);
        values[e->n_now++].seconds = seconds;
        e->seconds += seconds;
        e->phase[x->phases[id]] += seconds;
        e->flops += node_flops(func, node) * request->part[id];
        const KernelCost *cost = &x->costs->kernels[func->plan->kernel_of[id]];
        if (roofline_computes(&x->costs->roofline, cost->flops, cost->bytes)) e->compute_seconds += seconds;
    }
    e->n_values = e->n_now;
    if (e->n_values) qsort(values, e->n_values, sizeof *values, by_cost);
    e->values = values;
}

GroupExplanation explain_group(const Explainer *x, const GroupRequest *request) {
    GroupExplanation e = {.what = request->what,
                          .title = request->title,
                          .bodies = request->bodies,
                          .n_made = request->n_made,
                          .step_seconds = x->costs->seconds,
                          .roofline = x->costs->roofline};
    if (request->line.file) {
        e.line = (QuotedLine){positions_text(x->arena, &x->positions, request->line),
                              line_text(x->arena, &x->positions, request->line)};
        e.library = is_library_file(&x->positions, request->line.file);
    }
    add_values(&e, x, request);
    e.share = e.step_seconds > 0 ? e.seconds / e.step_seconds : 0;
    add_kernels(&e, x, request);
    add_lines(&e, x, request);
    add_callers(&e, x, request);
    return e;
}
