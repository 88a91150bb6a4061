/* What differs between two recipes: see against.h. */
#include "inspect/against/against.h"
#include "inspect/report/cost_report.h"
#include "inspect/report/memory_report.h"
#include "ir/base/names.h"
#include "ir/plan/cost.h"
#include "ir/plan/plan.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows -------------------------------------------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    Names names; /* of the rows */
    AgainstRow *rows;
    size_t count, capacity;
} Rows;

static AgainstRow *row_of(Rows *rows, const char *name, int which) {
    uint32_t at = names_find(&rows->names, name);
    if (at == NAMES_NONE) {
        at = (uint32_t)rows->count;
        ARENA_PUSH(rows->arena, rows->rows, rows->count, rows->capacity, ((AgainstRow){.name = name}));
        names_set(rows->arena, &rows->names, name, at);
    }
    rows->rows[at].in[which] = true;
    return &rows->rows[at];
}

static void count(Rows *rows, const char *name, int which, int64_t n, double value) {
    AgainstRow *row = row_of(rows, name, which);
    row->counts[which] += n;
    row->values[which] += value;
}

/* Adds a type to those of a row: each once, the first four. */
static void add_type(Arena *arena, const char **types, const char *type) {
    enum { MOST = 4 };
    int n = 0;
    size_t length = strlen(type);
    for (const char *at = *types; at && *at; n++) {
        size_t size = strcspn(at, ",");
        if (size == length && strncmp(at, type, size) == 0) return;
        at += size + (at[size] ? 2 : 0);
    }
    if (n < MOST) *types = *types ? arena_printf(arena, "%s, %s", *types, type) : type;
    if (n == MOST) *types = arena_printf(arena, "%s, …", *types);
}

/* "a.*.b" of "a.0.b", "a.12.b". */
static const char *pattern_of(Arena *arena, const char *name) {
    char *pattern = arena_alloc(arena, strlen(name) + 2), *to = pattern;
    for (const char *at = name; *at;) {
        size_t n = strcspn(at, "."), digits = strspn(at, "0123456789");
        if (digits == n && n > 0)
            *to++ = '*';
        else
            memcpy(to, at, n), to += n;
        at += n;
        if (*at) *to++ = *at++;
    }
    *to = '\0';
    return pattern;
}

/* Whether a row says the same of both. */
static bool says_same(const AgainstRow *row) {
    const char *a = row->texts[0] ? row->texts[0] : "", *b = row->texts[1] ? row->texts[1] : "";
    double most = fmax(fabs(row->values[0]), fabs(row->values[1]));
    return row->in[0] == row->in[1] && row->counts[0] == row->counts[1] &&
           fabs(row->values[0] - row->values[1]) <= 1e-9 * most && strcmp(a, b) == 0;
}

/* Only in the first, only in the second, in both; then by how much they differ, and by name. */
static int by_difference(const void *a, const void *b) {
    const AgainstRow *x = a, *y = b;
    int in_x = x->in[0] && x->in[1] ? 2 : x->in[1], in_y = y->in[0] && y->in[1] ? 2 : y->in[1];
    if (in_x != in_y) return in_x - in_y;
    double dx = fabs(x->values[0] - x->values[1]), dy = fabs(y->values[0] - y->values[1]);
    if (dx != dy) return dx < dy ? 1 : -1;
    int64_t nx = llabs(x->counts[0] - x->counts[1]), ny = llabs(y->counts[0] - y->counts[1]);
    if (nx != ny) return nx < ny ? 1 : -1;
    return strcmp(x->name, y->name);
}

static void finish(AgainstTable *table, Rows *rows) {
    size_t n = 0;
    for (size_t i = 0; i < rows->count; i++)
        if (!says_same(&rows->rows[i])) rows->rows[n++] = rows->rows[i];
    table->rows = rows->rows;
    table->n_rows = n;
    table->n_same = rows->count - n;
    if (n) qsort(rows->rows, n, sizeof *rows->rows, by_difference);
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static const AgainstTable TABLES[N_AGAINST] = {
    [AGAINST_STATES] = {.name = "states", .counted = "tensors", .unit = UNIT_BYTES, .valued = true},
    [AGAINST_INPUTS] = {.name = "inputs", .counted = "tensors", .unit = UNIT_BYTES, .valued = true},
    [AGAINST_OUTPUTS] = {.name = "outputs", .counted = "tensors", .unit = UNIT_BYTES, .valued = true},
    [AGAINST_MODULES] = {.name = "modules", .counted = "kernels", .unit = UNIT_SECONDS, .valued = true},
    [AGAINST_OPERATORS] = {.name = "operators", .counted = "operators", .unit = UNIT_COUNT},
    [AGAINST_KERNELS] = {.name = "kernels", .counted = "calls", .unit = UNIT_SECONDS, .valued = true},
};

static void add_tensor(Rows *rows, const char *name, int which, const Type *type) {
    AgainstRow *row = row_of(rows, pattern_of(rows->arena, name), which);
    row->counts[which]++;
    row->values[which] += (double)type_bytes(type);
    add_type(rows->arena, &row->texts[which], type_text(rows->arena, type));
}

static void add_states(Rows *rows, const Func *func, int which) {
    for (size_t s = 0; s < func->module->n_states; s++)
        add_tensor(rows, func->module->states[s].name, which, &func->module->states[s].type);
}

static void add_inputs(Rows *rows, const Func *func, int which) {
    for (size_t i = 0; i < func->n_inputs; i++)
        add_tensor(rows, func->inputs[i].name, which, &func->inputs[i].type);
}

static void add_outputs(Rows *rows, const Func *func, int which) {
    for (size_t i = 0; i < func->n_outputs; i++)
        add_tensor(rows, func->outputs[i].name, which, func_type(func, func->outputs[i].value));
}

static void add_operators(Rows *rows, const Func *func, int which) {
    for (ValueId id = 0; id < func->count; id++) {
        OpKind op = (OpKind)func_node(func, id)->op;
        if (!op_is_source(op)) count(rows, op_info(op)->name, which, 1, 0);
    }
}

/* "student.backbone.blocks.*.attn" of "student.backbone.blocks.3.attn.qkv": as deep as people think of modules. */
static const char *module_path(Arena *arena, const char *scope) {
    enum { DEPTH = 5 };
    const char *end = scope;
    for (int i = 0; i < DEPTH && *end; i++) {
        end += *end == '.';
        end += strcspn(end, ".");
    }
    return pattern_of(arena, arena_strndup(arena, scope, (size_t)(end - scope)));
}

static void add_modules(Rows *rows, const Func *func, int which, const Roofline *roofline) {
    for (size_t k = 0; k < func->plan->n_kernels; k++) {
        KernelCost cost = kernel_cost(func, &func->plan->kernels[k]);
        const char *scope = node_origin(rows->arena, func, cost.named);
        const char *name = *scope == '(' ? arena_printf(rows->arena, "%.*s)", (int)strcspn(scope, ":"), scope)
                           : *scope      ? module_path(rows->arena, scope)
                                         : "(no module)";
        count(rows, name, which, 1, roofline_seconds(roofline, cost.flops, cost.bytes));
    }
}

/* "matmul f32[520x768] blocks.*.mlp.fc1": a kernel is the same if what it computes and where have the same names. */
static void add_kernels(Rows *rows, const Func *func, int which, const Roofline *roofline) {
    for (size_t k = 0; k < func->plan->n_kernels; k++) {
        KernelCost cost = kernel_cost(func, &func->plan->kernels[k]);
        const char *name = pattern_of(rows->arena, kernel_name(rows->arena, func, cost.named));
        count(rows, name, which, 1, roofline_seconds(roofline, cost.flops, cost.bytes));
    }
}

/* ---- totals ------------------------------------------------------------------------------------------------------ */

static void add_total(Arena *arena, AgainstReport *r, const char *name, AgainstUnit unit, int which,
                      double value) {
    size_t i = 0;
    while (i < r->n_totals && strcmp(r->totals[i].name, name) != 0) i++;
    if (i == r->n_totals) {
        size_t capacity = r->n_totals;
        r->totals = arena_grow(arena, r->totals, &capacity, r->n_totals + 1, sizeof *r->totals);
        r->totals[r->n_totals++] = (AgainstTotal){.name = name, .unit = unit};
    }
    r->totals[i].values[which] = value;
}

static void add_totals(Arena *arena, AgainstReport *r, const Func *func, int which) {
    const Module *module = func->module;
    CostReport cost = cost_report(arena, func, r->roofline[which], NULL);
    MemoryReport memory = memory_report(arena, func);
    double parameters = 0, trained = 0, inputs = 0;
    size_t nodes = 0;
    for (size_t s = 0; s < module->n_states; s++) {
        const State *state = &module->states[s];
        if (state->role != ROLE_PARAM) continue;
        parameters += (double)type_elements(&state->type);
        if (!state->frozen) trained += (double)type_elements(&state->type);
    }
    for (size_t i = 0; i < memory.n_inputs; i++) inputs += (double)memory.inputs[i].bytes;
    for (ValueId id = 0; id < func->count; id++) nodes += !op_is_source((OpKind)func_node(func, id)->op);
    r->roofline[which] = cost.roofline;
    add_total(arena, r, "batch", UNIT_COUNT, which, (double)module->batch);
    add_total(arena, r, "parameters", UNIT_COUNT, which, parameters);
    add_total(arena, r, "parameters trained", UNIT_COUNT, which, trained);
    add_total(arena, r, "states", UNIT_BYTES, which, (double)memory.states);
    add_total(arena, r, "inputs", UNIT_BYTES, which, inputs);
    add_total(arena, r, "arena", UNIT_BYTES, which, (double)memory.arena);
    add_total(arena, r, "FLOPs", UNIT_FLOPS, which, cost.flops);
    add_total(arena, r, "FLOPs of products", UNIT_FLOPS, which, func_flops(func, true));
    add_total(arena, r, "bytes moved", UNIT_BYTES, which, cost.bytes);
    add_total(arena, r, "peak, a second", UNIT_FLOPS, which, cost.roofline.flops);
    add_total(arena, r, "time, estimated", UNIT_SECONDS, which, cost.seconds);
    add_total(arena, r, "operators", UNIT_COUNT, which, (double)nodes);
    add_total(arena, r, "kernels run", UNIT_COUNT, which, (double)cost.calls);
    add_total(arena, r, "kernels compiled", UNIT_COUNT, which, (double)cost.n_kernels);
}

AgainstReport against_report(Arena *arena, const Func *first, const Func *second, Roofline given) {
    const Func *funcs[2] = {first, second};
    AgainstReport r = {.function = first->name, .roofline = {given, given}};
    Rows rows[N_AGAINST];
    for (int t = 0; t < N_AGAINST; t++) rows[t] = (Rows){.arena = arena};
    for (int which = 0; which < 2; which++) {
        const Func *func = funcs[which];
        r.recipes[which] = func->module->name;
        add_totals(arena, &r, func, which);
        add_states(&rows[AGAINST_STATES], func, which);
        add_inputs(&rows[AGAINST_INPUTS], func, which);
        add_outputs(&rows[AGAINST_OUTPUTS], func, which);
        add_modules(&rows[AGAINST_MODULES], func, which, &r.roofline[which]);
        add_operators(&rows[AGAINST_OPERATORS], func, which);
        add_kernels(&rows[AGAINST_KERNELS], func, which, &r.roofline[which]);
    }
    for (int t = 0; t < N_AGAINST; t++) {
        r.tables[t] = TABLES[t];
        finish(&r.tables[t], &rows[t]);
    }
    return r;
}

bool against_equal(const AgainstReport *r) {
    for (size_t i = 0; i < r->n_totals; i++)
        if (r->totals[i].values[0] != r->totals[i].values[1]) return false;
    for (int t = 0; t < N_AGAINST; t++)
        if (r->tables[t].n_rows) return false;
    return true;
}
