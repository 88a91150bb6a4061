/* Mixed precision: see precision.h. */
#include "passes/plan/precision.h"
#include "ir/plan/place.h"

enum { SMALL = 1024 }; /* elements of values that are not worth it */

typedef struct {
    bool product; /* a product reads it as its operand */
    bool loops;   /* loops read it */
    bool pinned;  /* it must stay as it is */
    bool update;  /* a kernel that writes a state reads it */
} Reads;

typedef struct {
    Func *func;
    Arena *arena;
    Placement placement;
    Reads *reads;
    bool *by_product; /* the kernel that stores the value has a product as its core */
    bool *can_store;  /* its kernel can store it as another type */
    bool *takes_half; /* products, and the views through which they alone read */
    bool *narrow;     /* the answer */
    uint32_t *met;    /* of values: the last walk that came there (is_residual) ... */
    ValueId *stack;   /* ... and where it has still to go */
    size_t stack_capacity;
} Narrowing;

static bool is_product(const Func *func, ValueId id) {
    return op_is_product(func_node(func, id)->op);
}

/* A product rounds its factors to bf16; what it adds to them it adds in f32. */
static void pin_others(Narrowing *n, const Node *product) {
    ValueId views[16];
    int n_views;
    for (int o = product_factors(product); o < product->n_operands; o++)
        n->reads[kernel_strided(n->func, product->operands[o], views, &n_views).base].pinned = true;
}

/* What the kernel of a span reads, and how; `update`: it makes the new value of a state. */
static void note_reads(Narrowing *n, const ClusterSpan *span, bool update) {
    Arena *arena = arena_new();
    Func *func = n->func;
    Kernel kernel = kernel_regrow(arena, func, span->first, span->last);
    for (ValueId id = span->first; id <= span->last; id++) {
        n->by_product[id] = kernel.kind == KERNEL_MATMUL;
        n->can_store[id] = kernel.kind == KERNEL_MATMUL || kernel.kind == KERNEL_LOOP;
    }
    if (kernel.kind == KERNEL_MATMUL) {
        n->takes_half[kernel.core] = true;
        pin_others(n, func_node(func, kernel.core));
    }
    for (ValueId id = span->first; id <= span->last; id++) /* products are added up in f32 */
        for (int o = 0; func_node(func, id)->op == OP_add && o < 2; o++) {
            const ValueId *x = func_node(func, id)->operands;
            if (x[!o] == kernel.core && is_product(func, x[o])) n->reads[x[o]].pinned = true;
        }
    for (size_t m = 0; m < kernel.n_members; m++)
        if (kernel.members[m].access.rank < 0) n->takes_half[kernel.members[m].value] = true;
    for (size_t m = 0; m < kernel.n_members; m++) /* a view that loops read too */
        if (kernel.members[m].access.rank >= 0 && !is_product(func, kernel.members[m].value) &&
            n->takes_half[kernel.members[m].value])
            for (int o = 0; o < func_node(func, kernel.members[m].value)->n_operands; o++)
                n->reads[func_node(func, kernel.members[m].value)->operands[o]].pinned = true;
    for (size_t u = 0; u < kernel.n_uses; u++) {
        const KernelUse *use = &kernel.uses[u];
        Reads *reads = &n->reads[use->value];
        if (func_node(func, use->value)->cluster == func_node(func, span->last)->cluster) continue;
        reads->update = reads->update || (update && !use->in_memory);
        if (!use->in_memory)
            reads->loops = true;
        else if (kernel.kind == KERNEL_MATMUL)
            reads->product = true;
        else
            reads->pinned = true;
    }
    /* A reshape that is no index map over the loops reads memory: it shares the list with the product's operands. */
    if (kernel.kind == KERNEL_MATMUL)
        for (size_t m = 0; m < kernel.n_members; m++) {
            ValueId id = kernel.members[m].value;
            const Node *node = func_node(func, id);
            if (kernel.members[m].access.rank < 0 || node->op != OP_reshape) continue;
            for (size_t u = 0; u < kernel.n_uses; u++)
                if (kernel.uses[u].in_memory && kernel.uses[u].value == node->operands[0])
                    n->reads[node->operands[0]].pinned = true;
        }
    arena_free(arena);
}

/* Whether a value of a kernel is a sum with another value in memory that is as large. */
static bool is_residual(Narrowing *n, ValueId sum) {
    uint32_t cluster = func_node(n->func, sum)->cluster, walk = sum + 1;
    int64_t size = type_elements(func_type(n->func, sum));
    size_t count = 0;
    ARENA_PUSH(n->arena, n->stack, count, n->stack_capacity, sum);
    while (count > 0) {
        const Node *node = func_node(n->func, n->stack[--count]);
        bool adds = node->op == OP_add || node->op == OP_sub;
        bool moves = node->op == OP_reshape || node->op == OP_transpose || node->op == OP_stop_grad ||
                     node->op == OP_neg;
        for (int o = 0; (adds || moves) && o < node->n_operands; o++) {
            ValueId id = node->operands[o];
            const Node *x = func_node(n->func, id);
            bool large = x->type.dtype == DT_F32 && type_elements(&x->type) >= size && x->op != OP_constant;
            if (x->cluster != cluster && large) return true;
            if (x->cluster != cluster || n->met[id] == walk) continue;
            n->met[id] = walk;
            ARENA_PUSH(n->arena, n->stack, count, n->stack_capacity, id);
        }
    }
    return false;
}

static bool may_narrow(Narrowing *n, ValueId id) {
    const Node *node = func_node(n->func, id);
    const Reads *reads = &n->reads[id];
    int64_t size = type_elements(&node->type);
    if (n->placement.places[id].kind != PLACE_ARENA || !n->can_store[id]) return false;
    if (node->type.dtype != DT_F32 || size < SMALL || reads->pinned || op_is_partial(node->op)) return false;
    if (!reads->product && !reads->loops) return false;
    if (!reads->loops) return true;
    return n->by_product[id] && !reads->update && !is_residual(n, id);
}

/* ---- the new nodes ------------------------------------------------------------------------------------------------ */

typedef struct {
    ValueId *half;     /* of each narrow value: its bf16 */
    ValueId *wide;     /* of each narrow value: the bf16 read again as f32 ... */
    uint32_t *wide_in; /* ... in this cluster */
} Made;

static ValueId cast_in(Func *func, ValueId x, DType dtype, uint32_t cluster) {
    ValueId id = func_emit(func, OP_cast, &x, 1, &(CastAttrs){.dtype = dtype});
    func->nodes[id].cluster = cluster;
    return id;
}

static ValueId operand_of(Narrowing *n, Rewrite *rewrite, Made *made, ValueId user, ValueId x) {
    uint32_t cluster = rewrite->old[user].cluster;
    if (!n->narrow[x]) return rewrite->map[x];
    if (rewrite->old[x].cluster != cluster && n->takes_half[user]) return made->half[x];
    if (made->wide_in[x] != cluster) {
        made->wide[x] = cast_in(n->func, made->half[x], DT_F32, cluster);
        made->wide_in[x] = cluster;
    }
    return made->wide[x];
}

static void rewrite_func(Narrowing *n, Precision precision) {
    Func *func = n->func;
    size_t count = func->count;
    Made made = {ARENA_ARRAY(n->arena, ValueId, count + 1), ARENA_ARRAY(n->arena, ValueId, count + 1),
                 ARENA_ARRAY(n->arena, uint32_t, count + 1)};
    Rewrite rewrite = rewrite_begin(func);
    for (ValueId id = 0; id < count; id++) {
        const Node *node = &rewrite.old[id];
        if (node->cluster == 0) {
            rewrite_copy(&rewrite, id);
            continue;
        }
        ValueId *operands = ARENA_ARRAY(n->arena, ValueId, node->n_operands + 1);
        for (int o = 0; o < node->n_operands; o++)
            operands[o] = operand_of(n, &rewrite, &made, id, node->operands[o]);
        Node copy = *node;
        if (op_is_view(node->op)) copy.type.dtype = func_type(func, operands[0])->dtype;
        if (op_is_product(node->op) && node->type.dtype == DT_F32) {
            const OpInfo *info = op_info(node->op);
            Attr *attrs = ARENA_ARRAY(func->module->arena, Attr, info->n_attrs);
            for (int a = 0; a < info->n_attrs; a++) {
                attrs[a] = node->attrs[a];
                if (info->attrs[a].kind == ATTR_PRECISION) attrs[a].precision = precision;
            }
            copy.attrs = attrs;
        }
        if (n->takes_half[id] && op_is_view(node->op)) /* a view of bf16 is bf16 */
            copy.type.dtype = func_type(func, operands[0])->dtype;
        ValueId new = func_copy(func, &copy, operands);
        func->nodes[new].cluster = node->cluster;
        rewrite.map[id] = new;
        if (!n->narrow[id]) continue;
        made.half[id] = cast_in(func, new, DT_BF16, node->cluster);
    }
    rewrite_end(&rewrite);
}

static void mix_func(Func *func, Precision precision) {
    Narrowing n = {.func = func, .arena = arena_new()};
    n.narrow = ARENA_ARRAY(n.arena, bool, func->count + 1);
    n.takes_half = ARENA_ARRAY(n.arena, bool, func->count + 1);
    if (precision == PRECISION_BF16) {
        n.placement = func_place(n.arena, func);
        n.reads = ARENA_ARRAY(n.arena, Reads, func->count + 1);
        n.by_product = ARENA_ARRAY(n.arena, bool, func->count + 1);
        n.can_store = ARENA_ARRAY(n.arena, bool, func->count + 1);
        n.met = ARENA_ARRAY(n.arena, uint32_t, func->count + 1);
        bool *updates = ARENA_ARRAY(n.arena, bool, n.placement.n_spans + 1); /* of each span */
        for (size_t i = 0; i < func->n_updates; i++) {
            uint32_t span = n.placement.span_of[func->updates[i].value];
            if (span != IR_NONE) updates[span] = true;
        }
        for (size_t s = 0; s < n.placement.n_spans; s++) note_reads(&n, &n.placement.spans[s], updates[s]);
        for (size_t i = 0; i < func->n_outputs; i++) n.reads[func->outputs[i].value].pinned = true;
        for (size_t i = 0; i < func->n_updates; i++) n.reads[func->updates[i].value].pinned = true;
        for (ValueId id = 0; id < func->count; id++) n.narrow[id] = may_narrow(&n, id);
    }
    rewrite_func(&n, precision);
    arena_free(n.arena);
}

bool pass_precision(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; module->precision != PRECISION_FP32 && f < module->n_funcs; f++)
        mix_func(module->funcs[f], module->precision);
    return true;
}
