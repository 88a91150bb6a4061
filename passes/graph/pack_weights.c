/* A product's second operand is packed into panels (codegen/gemm/gemm.h). If it is a weight, a state that changes once
 * per step, every thread of every product would pack the same numbers. This pass gives the weight a derived state that
 * holds it packed:
 *
 *     %y = matmul %x, %w {tb}         becomes    %y = matmul %x, %w.packed_t {panel}
 *     update w = %v                              %p = pack %v {tb, panel}
 *                                                update w = %v
 *                                                update w.packed_t = %p
 *
 * A product that reads the new value %v (a network that moves before it is applied) reads %p. Function @pack makes all
 * derived states from the others: the runtime calls it when states were written by anything but a function of the
 * module.
 *
 * Packing a weight once a step costs memory, and reading and writing it once: it is worth it where products would pack
 * it more often, for each other or for each thread. */
#include "passes/graph/pack_weights.h"
#include "ir/remarks.h"
#include "passes/plan/predict.h"

#include <string.h>

/* A weight in the orientation that products read: a state seen as a matrix, transposed or not. */
typedef struct {
    uint32_t state, packed; /* packed: the derived state */
    int64_t dim[2];
    bool tb;
    int uses;          /* products of the step that read it so */
    int64_t rows;      /* most of them */
    const char *apart; /* why it is not worth it; NULL: it is packed */
} Packing;

typedef struct {
    Module *module;
    Arena *arena;
    const PackLimits *limits;
    Precision precision; /* of the packs */
    size_t most;         /* weights to pack, the first that are worth it */
    Packing *packings;
    size_t count, capacity;
} Packer;

static PanelShape panel_of(const Module *module) {
    return module->machine.panel[module->precision];
}

/* ---- which weights ----------------------------------------------------------------------------------------------- */

/* The value that `id` is a reshape of. */
static ValueId base_of(const Node *nodes, ValueId id) {
    while (nodes[id].op == OP_reshape) id = nodes[id].operands[0];
    return id;
}

/* By value: the state that it is, or becomes by the function's updates; IR_NONE: none. */
static uint32_t *find_states(Arena *arena, const Func *func) {
    uint32_t *states = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    for (ValueId id = 0; id < func->count; id++) states[id] = IR_NONE;
    for (size_t i = func->n_updates; i-- > 0;) states[func->updates[i].value] = func->updates[i].state;
    for (ValueId id = 0; id < func->count; id++)
        if (func_node(func, id)->op == OP_state)
            states[id] = (uint32_t)source_attrs(func_node(func, id))->index;
    return states;
}

static Packing *find_packing(const Packer *p, const Packing *like) {
    for (size_t i = 0; i < p->count; i++) {
        Packing *known = &p->packings[i];
        if (known->state == like->state && known->tb == like->tb && known->dim[0] == like->dim[0] &&
            known->dim[1] == like->dim[1])
            return known;
    }
    return NULL;
}

/* The weight that a product reads; false: its second operand is no weight. */
static bool reads_weight(const Packer *p, const uint32_t *states, const Node *nodes, const Node *product,
                         Packing *out) {
    PanelShape panel = panel_of(p->module);
    if (product->op != OP_matmul || product->type.rank != 2 ||
        matmul_attrs(product)->precision != PRECISION_FP32 || matmul_attrs(product)->panel ||
        matmul_attrs(product)->symmetric)
        return false;
    const Type *x = &nodes[product->operands[1]].type;
    bool tb = matmul_attrs(product)->tb;
    bool whole = x->dim[!tb] % panel.columns == 0 && x->dim[tb] % panel.rows == 0;
    uint32_t state = states[base_of(nodes, product->operands[1])];
    *out = (Packing){.state = state, .tb = tb, .dim = {x->dim[0], x->dim[1]}};
    if (!whole) out->apart = "its sizes are no whole number of panels";
    return state != IR_NONE && x->dtype == DT_F32;
}

/* Why packing it once a step takes more than it saves; NULL: it does not. */
static const char *not_worth(const Packer *p, const Func *step, const Packing *x) {
    const PackLimits *limits = p->limits;
    if (x->rows < limits->least_rows)
        return "so few rows are bound by memory, which packing apart takes more of";
    if (x->rows > limits->most_rows) return "among so many rows packing is less than a hundredth of the work";
    if (x->uses > 1 || x->rows >= limits->least_rows_of_one) return NULL;
    return func_find_update(step, x->state) == IR_NONE ? NULL
                                                       : "one product alone would pack it no more often";
}

static Type packed_type(const Packer *p, const Packing *packing) {
    PanelShape panel = panel_of(p->module);
    int64_t k = packing->dim[packing->tb], n = packing->dim[!packing->tb];
    if (panel.rows == 1) return type_make(DT_F32, 3, (int64_t[]){n / panel.columns, k, panel.columns});
    return type_make(DT_BF16, 4, (int64_t[]){n / panel.columns, k / 2, panel.columns, 2});
}

/* Whether the weight is packed already, the other way: by one of the first n. */
static bool is_packed(const Packer *p, size_t n, uint32_t state) {
    for (size_t i = 0; i < n; i++)
        if (p->packings[i].state == state && !p->packings[i].apart) return true;
    return false;
}

/* Makes the derived state; false: its name is taken. */
static bool add_state(Packer *p, Packing *packing) {
    const State *weight = &p->module->states[packing->state];
    State state = {.name =
                       arena_printf(p->module->arena, "%s.packed%s", weight->name, packing->tb ? "_t" : ""),
                   .type = packed_type(p, packing),
                   .role = ROLE_DERIVED,
                   .loc = weight->loc};
    if (module_find_state(p->module, state.name) >= 0) return false;
    packing->packed = module_add_state(p->module, state);
    return true;
}

static void tell(const Packer *p, const Func *step, const uint32_t *states) {
    for (ValueId id = 0; id < step->count && remarks_wanted(step); id++) {
        const Node *node = func_node(step, id);
        Packing like;
        if (!reads_weight(p, states, step->nodes, node, &like)) continue;
        const Packing *x = find_packing(p, &like);
        double uses = x->uses, rows = (double)x->rows;
        if (x->apart) {
            remark(step, RULE_pack_apart, node->number, IR_NONE, uses, rows, x->apart);
            continue;
        }
        double bytes = (double)type_bytes(&p->module->states[x->packed].type);
        remark(step, RULE_pack_packed, node->number, IR_NONE, uses, bytes, p->module->states[x->state].name);
    }
}

/* By what the step does; other functions use what there is. */
static void choose(Packer *p, const Func *step) {
    const uint32_t *states = find_states(p->arena, step);
    for (ValueId id = 0; id < step->count; id++) {
        const Node *node = func_node(step, id);
        Packing packing, *known;
        if (!reads_weight(p, states, step->nodes, node, &packing)) continue;
        if (!(known = find_packing(p, &packing))) {
            ARENA_PUSH(p->arena, p->packings, p->count, p->capacity, packing);
            known = &p->packings[p->count - 1];
        }
        known->uses++;
        if (node->type.dim[0] > known->rows) known->rows = node->type.dim[0];
    }
    size_t kept = 0;
    for (size_t i = 0; i < p->count; i++) {
        Packing *x = &p->packings[i];
        if (!x->apart && kept >= p->most) x->apart = "the limit of memory leaves no room for it";
        if (!x->apart && p->limits->one_way && x->uses == 1 && is_packed(p, i, x->state))
            x->apart = "it is packed the other way, which others read";
        if (!x->apart) x->apart = not_worth(p, step, x);
        if (!x->apart && !add_state(p, x)) x->apart = "a state has the name of its panels";
        kept += !x->apart;
    }
    tell(p, step, states);
    kept = 0;
    for (size_t i = 0; i < p->count; i++)
        if (!p->packings[i].apart) p->packings[kept++] = p->packings[i];
    p->count = kept;
}

/* ---- the functions ----------------------------------------------------------------------------------------------- */

static ValueId pack(Packer *p, Func *func, const Packing *packing, ValueId weight) {
    ValueId matrix = ir_reshape(func, weight, 2, packing->dim);
    return ir_pack(func, matrix, packing->tb, panel_of(p->module), p->precision);
}

static ValueId multiply(Packer *p, Func *func, const Node *product, ValueId a, ValueId panels) {
    MatmulAttrs attrs = {.ta = matmul_attrs(product)->ta, .panel = panel_of(p->module).columns};
    return func_emit(func, OP_matmul, (ValueId[]){a, panels}, 2, &attrs);
}

static void rewrite_func(Packer *p, Func *func) {
    const uint32_t *states = find_states(p->arena, func);
    Rewrite rewrite = rewrite_begin(func);
    ValueId *made =
        ARENA_ARRAY(p->arena, ValueId, p->count + 1); /* of each packing: of the state's new value */
    for (size_t i = 0; i < p->count; i++) made[i] = IR_NONE;
    for (ValueId id = 0; id < rewrite.n_old; id++) {
        const Node *node = &rewrite.old[id];
        Packing like;
        const Packing *known =
            reads_weight(p, states, rewrite.old, node, &like) ? find_packing(p, &like) : NULL;
        if (!known) {
            rewrite_copy(&rewrite, id);
            continue;
        }
        func_made_for(func, node);
        ValueId weight = base_of(rewrite.old, node->operands[1]), *of = &made[known - p->packings], panels;
        if (rewrite.old[weight].op == OP_state)
            panels = func_read_state(func, known->packed);
        else
            panels = *of = *of == IR_NONE ? pack(p, func, known, rewrite.map[weight]) : *of;
        rewrite.map[id] = multiply(p, func, node, rewrite.map[node->operands[0]], panels);
    }
    for (size_t i = 0; i < p->count; i++) {
        ValueId old = func_find_update(func, p->packings[i].state);
        if (old == IR_NONE) continue;
        func_made_for(func, &rewrite.old[old]);
        if (made[i] == IR_NONE) made[i] = pack(p, func, &p->packings[i], rewrite.map[old]);
    }
    rewrite_end(&rewrite);
    for (size_t i = 0; i < p->count; i++)
        if (made[i] != IR_NONE) func_add_update(func, p->packings[i].packed, made[i]);
}

static void add_pack_function(Packer *p) {
    Func *func = module_add_func(p->module, "pack");
    for (size_t i = 0; i < p->count; i++) {
        const Packing *packing = &p->packings[i];
        func_add_update(func, packing->packed, pack(p, func, packing, func_read_state(func, packing->state)));
    }
}

/* Packs as many weights as are worth it, but no more than that; their number. */
static size_t pack_most(Module *module, const PackLimits *limits, size_t most) {
    const Func *step = module_find_func(module, "step");
    Packer p = {.module = module,
                .arena = arena_new(),
                .limits = limits,
                .precision = precision_terms(module->precision) > 1
                                 ? PRECISION_FP32
                                 : module->precision, /* split: not packed */
                .most = most};
    choose(&p, step);
    if (p.count) {
        for (size_t f = 0; f < module->n_funcs; f++) /* @init runs before there is anything to pack */
            if (strcmp(module->funcs[f]->name, "init") != 0) rewrite_func(&p, module->funcs[f]);
        add_pack_function(&p);
    }
    size_t count = p.count;
    arena_free(p.arena);
    return count;
}

/* Whether the step still fits into the limit with so many weights packed, nothing computed again; *count: how many
 * there are of those. Tried out on a copy. */
static bool fits(const Module *module, const PackLimits *limits, size_t most, size_t *count) {
    Arena *arena = arena_new();
    Module *copy = module_clone(module, arena);
    *count = pack_most(copy, limits, most);
    int64_t bytes = predict_bytes(copy, "step");
    if (most == SIZE_MAX && *count)
        remark(module_find_func(module, "step"), RULE_pack_limit, IR_NONE, IR_NONE, (double)bytes,
               (double)module->memory_limit, NULL);
    arena_free(arena);
    return bytes <= module->memory_limit;
}

/* How many weights a limit of memory leaves room for: more take more. */
static size_t most_that_fit(const Module *module, const PackLimits *limits) {
    size_t count, low = 0, high;
    if (!module->memory_limit || fits(module, limits, SIZE_MAX, &high)) return SIZE_MAX;
    while (low + 1 < high) { /* `low` fits, or is none; `high` does not */
        size_t mid = low + (high - low) / 2;
        if (fits(module, limits, mid, &count))
            low = mid;
        else
            high = mid;
    }
    return low;
}

bool pack_weights(Module *module, const PackLimits *limits, Diags *diags) {
    (void)diags;
    if (!module_find_func(module, "step") || panel_of(module).columns == 0 ||
        module_find_func(module, "pack"))
        return true;
    pack_most(module, limits, most_that_fit(module, limits));
    return true;
}

/* Packing takes a product as long as about 16 rows of it. What bf16 is packed is half as long as the weight, which its
 * optimiser alone then reads; in fp32 it is as long, and not worth the memory where it saves less than a hundredth.
 * Products of few rows are bound by memory, and lose by what packing apart reads and writes. */
bool pass_pack_weights(Module *module, Diags *diags) {
    bool halves = module->precision == PRECISION_BF16;
    PackLimits limits = {.least_rows = 64,
                         .most_rows = halves ? INT64_MAX : 1600,
                         .least_rows_of_one = halves ? 512 : INT64_MAX,
                         .one_way = true};
    return pack_weights(module, &limits, diags);
}
