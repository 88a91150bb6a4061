/* Mixed precision: see precision.h. */
#include "passes/plan/precision.h"
#include "ir/plan/plan.h"
#include "ir/remarks.h"

enum { SMALL = 1024 }; /* elements of values that are not worth it */
/* Rows, columns or terms of products of many matrices, which with fewer take as long as reading them. */
enum { THIN = 4 };
enum { MOVES = 8 }; /* views and concats, one of the other, that are followed */

typedef struct {
    bool product;       /* a product reads it as its operand */
    bool loops;         /* loops read it */
    const char *pinned; /* why it must stay as it is; NULL: it need not */
    bool update;        /* a kernel that writes a state reads it */
} Reads;

typedef struct {
    Func *func;
    Arena *arena;
    Reads *reads;
    bool *by_product;  /* by value: the kernel that stores it has a product as its core */
    bool *can_store;   /* by value: its kernel can store it as another type */
    bool *takes_half;  /* by value: a product, or a view that only products read: it accepts bf16 operands */
    bool *narrow;      /* the result: by value, whether it is to be stored as bf16 */
    uint32_t *visited; /* is_residual: by value, the last walk that came there */
    ValueId *stack;    /* is_residual: values that the walk has still to visit */
    size_t stack_capacity;
} Narrowing;

static bool is_product(const Func *func, ValueId id) {
    return op_is_product(func_node(func, id)->op);
}

static void pin(Narrowing *n, ValueId id, const char *why) {
    if (!n->reads[id].pinned) n->reads[id].pinned = why;
}

/* A product rounds its factors to bf16; what it adds to them it adds in f32. */
static void pin_others(Narrowing *n, const Node *product) {
    ValueId views[KERNEL_VIEWS];
    int n_views;
    for (int o = product_factors(product); o < product->n_operands; o++)
        pin(n, kernel_operand(n->func, product, o, views, &n_views).base,
            "a product adds it to what it multiplies");
}

/* Finds views that only products read: they accept what products accept. */
static void note_views(Narrowing *n, const Kernel *kernel) {
    const Func *func = n->func;
    for (size_t m = 0; m < kernel->n_members; m++)
        if (kernel->members[m].access.rank < 0) n->takes_half[kernel->members[m].value] = true;
    for (size_t m = 0; m < kernel->n_members; m++) { /* views that loops read too do not */
        ValueId id = kernel->members[m].value;
        if (kernel->members[m].access.rank < 0 || is_product(func, id) || !n->takes_half[id]) continue;
        for (int o = 0; o < func_node(func, id)->n_operands; o++)
            pin(n, func_node(func, id)->operands[o], "loops read it through a view that a product reads too");
    }
}

/* A reshape that is no index map over the loops reads its operand in memory as it is: the operand keeps its type. */
static void pin_reshaped(Narrowing *n, const Kernel *kernel) {
    for (size_t m = 0; m < kernel->n_members; m++) {
        const Node *node = func_node(n->func, kernel->members[m].value);
        if (kernel->members[m].access.rank < 0 || node->op != OP_reshape) continue;
        for (size_t u = 0; u < kernel->n_uses; u++)
            if (kernel->uses[u].in_memory && kernel->uses[u].value == node->operands[0])
                pin(n, node->operands[0], "a reshape reads it in memory as it is");
    }
}

/* A product of one column has no loop along its columns that could round them. */
static bool rounds_results(const Func *func, const Kernel *kernel) {
    if (kernel->kind != KERNEL_MATMUL) return kernel->kind == KERNEL_LOOP;
    const Type *type = func_type(func, kernel->core);
    return type->dim[type->rank - 1] > 1;
}

/* What a kernel reads, and how; `update`: it makes the new value of a state. */
static void note_reads(Narrowing *n, const Kernel *kernel, bool update) {
    const Func *func = n->func;
    bool product = kernel->kind == KERNEL_MATMUL;
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        n->by_product[id] = product;
        n->can_store[id] = rounds_results(func, kernel);
    }
    if (product) {
        n->takes_half[kernel->core] = true;
        pin_others(n, func_node(func, kernel->core));
    }
    for (ValueId id = kernel->first; id <= kernel->last; id++) /* products are added up in f32 */
        for (int o = 0; func_node(func, id)->op == OP_add && o < 2; o++) {
            const ValueId *x = func_node(func, id)->operands;
            if (x[!o] == kernel->core && is_product(func, x[o])) pin(n, x[o], "products are added up in f32");
        }
    note_views(n, kernel);
    for (size_t u = 0; u < kernel->n_uses; u++) {
        const KernelUse *use = &kernel->uses[u];
        Reads *reads = &n->reads[use->value];
        if (kernel_has(kernel, use->value)) continue;
        reads->update = reads->update || (update && !use->in_memory);
        if (!use->in_memory)
            reads->loops = true;
        else if (product)
            reads->product = true;
        else
            pin(n, use->value, "what reads it in memory is no product");
    }
    if (product) pin_reshaped(n, kernel);
}

/* Whether a value of a kernel is a sum with another value in memory that is as large. */
static bool is_residual(Narrowing *n, ValueId sum) {
    const Kernel *kernel = plan_kernel(n->func->plan, sum);
    uint32_t walk = sum + 1;
    int64_t size = type_elements(func_type(n->func, sum));
    size_t count = 0;
    ARENA_PUSH(n->arena, n->stack, count, n->stack_capacity, sum);
    while (count > 0) {
        const Node *node = func_node(n->func, n->stack[--count]);
        bool adds = op_has(node->op, TRAIT_ADDS);
        bool moves = node->op == OP_reshape || node->op == OP_transpose || node->op == OP_slice ||
                     node->op == OP_stop_grad || node->op == OP_neg;
        for (int o = 0; (adds || moves) && o < node->n_operands; o++) {
            ValueId id = node->operands[o];
            const Node *x = func_node(n->func, id);
            bool large = x->type.dtype == DT_F32 && type_elements(&x->type) >= size && x->op != OP_constant;
            if (!kernel_has(kernel, id) && large) return true;
            if (!kernel_has(kernel, id) || n->visited[id] == walk) continue;
            n->visited[id] = walk;
            ARENA_PUSH(n->arena, n->stack, count, n->stack_capacity, id);
        }
    }
    return false;
}

/* Whether a value has nothing but elements of values that are stored as bf16, moved: storing it so loses nothing.
 * `depth` bounds the walk. */
static bool moves_narrow(const Narrowing *n, const Kernel *kernel, ValueId id, int depth) {
    const Node *node = func_node(n->func, id);
    if (!kernel_has(kernel, id)) return n->narrow[id];
    if (depth == 0 || !(op_is_view(node->op) || node->op == OP_concat)) return false;
    for (int o = 0; o < node->n_operands; o++)
        if (!moves_narrow(n, kernel, node->operands[o], depth - 1)) return false;
    return true;
}

/* Why a value of f32 in the arena stays so; NULL: it is stored as bf16. */
static const char *kept_wide(Narrowing *n, ValueId id) {
    const Node *node = func_node(n->func, id);
    const Reads *reads = &n->reads[id];
    if (!n->can_store[id]) return "its kernel can store no other type";
    if (type_elements(&node->type) < SMALL) return "it is small";
    if (reads->pinned) return reads->pinned;
    if (op_is_block_reduction(node->op)) return "it is a block reduction";
    if (!reads->product && !reads->loops) return "nothing reads it";
    if (!reads->loops) return NULL;
    if (!n->by_product[id] && moves_narrow(n, plan_kernel(n->func->plan, id), id, MOVES)) return NULL;
    if (!n->by_product[id]) return "loops read it, and no product makes it";
    if (reads->update) return "the update of a state reads it";
    return is_residual(n, id) ? "it is a sum with another large value, which rounding would wear away" : NULL;
}

static bool may_narrow(Narrowing *n, ValueId id) {
    const Node *node = func_node(n->func, id);
    if (n->func->plan->places[id].kind != PLACE_ARENA || node->type.dtype != DT_F32) return false;
    const char *why = kept_wide(n, id);
    remark(n->func, why ? RULE_precision_f32 : RULE_precision_bf16, node->number, IR_NONE,
           why ? 0 : (double)type_bytes(&node->type) / 2, 0, why);
    return !why;
}

/* ---- the new nodes ----------------------------------------------------------------------------------------------- */

typedef struct {
    Narrowing *n;
    PlanRewrite out;
    Precision products;
    ValueId *half;     /* of each narrow value: its bf16 */
    ValueId *wide;     /* of each narrow value: the bf16 read again as f32 ... */
    uint32_t *wide_in; /* ... in this kernel, + 1 */
    bool changed;      /* the kernel being made: it has more nodes, or reads others */
} Emission;

static ValueId cast_to(Emission *e, ValueId x, DType dtype) {
    e->changed = true;
    return func_emit(e->n->func, OP_cast, &x, 1, &(CastAttrs){.dtype = dtype});
}

static ValueId operand_of(Emission *e, uint32_t k, ValueId user, ValueId x) {
    if (!e->n->narrow[x]) return e->out.nodes.map[x];
    if (e->out.old->kernel_of[x] != k && e->n->takes_half[user]) return e->half[x];
    if (e->wide_in[x] != k + 1) {
        e->wide[x] = cast_to(e, e->half[x], DT_F32);
        e->wide_in[x] = k + 1;
    }
    return e->wide[x];
}

/* Products of thin matrices, as attention of one query has them, stay in f32: rounded factors would only be less exact.
 */
static bool is_thin(const Emission *e, const Node *node) {
    if (node->op != OP_matmul || node->type.rank < 3) return false;
    const Type *y = &node->type, *a = &e->out.nodes.old[node->operands[0]].type;
    for (int k = y->rank - 2; k < y->rank; k++)
        if (y->dim[k] < THIN || a->dim[k] < THIN) return true;
    return false;
}

static void emit_node(Emission *e, uint32_t k, ValueId id) {
    Narrowing *n = e->n;
    Func *func = n->func;
    Node node = e->out.nodes.old[id];
    ValueId *operands = ARENA_ARRAY(n->arena, ValueId, node.n_operands + 1);
    for (int o = 0; o < node.n_operands; o++) operands[o] = operand_of(e, k, id, node.operands[o]);
    if (op_is_view(node.op)) node.type.dtype = func_type(func, operands[0])->dtype;
    if (op_is_product(node.op) && node.type.dtype == DT_F32 && !is_thin(e, &node)) {
        const OpInfo *info = op_info(node.op);
        remark(func, RULE_precision_product, node.number, IR_NONE, 0, 0, precision_name(e->products));
        Attr *attrs = ARENA_ARRAY(func->module->arena, Attr, info->n_attrs);
        for (int a = 0; a < info->n_attrs; a++) {
            attrs[a] = node.attrs[a];
            if (info->attrs[a].kind == ATTR_PRECISION) attrs[a].precision = e->products;
        }
        node.attrs = attrs;
    }
    e->out.nodes.map[id] = func_copy(func, &node, operands);
    if (n->narrow[id]) e->half[id] = cast_to(e, e->out.nodes.map[id], DT_BF16);
}

static void rewrite_func(Narrowing *n, Precision products) {
    size_t count = n->func->count;
    Emission e = {.n = n,
                  .products = products,
                  .half = ARENA_ARRAY(n->arena, ValueId, count + 1),
                  .wide = ARENA_ARRAY(n->arena, ValueId, count + 1),
                  .wide_in = ARENA_ARRAY(n->arena, uint32_t, count + 1)};
    e.out = plan_rewrite_begin(n->func);
    for (uint32_t k = 0; k < e.out.old->n_kernels; k++) {
        const Kernel *kernel = &e.out.old->kernels[k];
        e.changed = false;
        for (size_t i = 0; i < kernel->n_reads; i++) e.changed = e.changed || n->narrow[kernel->reads[i]];
        for (ValueId id = kernel->first; id <= kernel->last; id++) emit_node(&e, k, id);
        if (e.changed) {
            Kernel *made = plan_rewrite_derive(&e.out);
            made->again = kernel->again;
            if (kernel->prologue) made->prologue->again = kernel->prologue->again;
        } else
            plan_rewrite_take(&e.out, *kernel, e.out.nodes.map);
    }
    plan_rewrite_end(&e.out);
}

static void find_narrow(Narrowing *n) {
    const Func *func = n->func;
    const Plan *plan = func->plan;
    n->reads = ARENA_ARRAY(n->arena, Reads, func->count + 1);
    n->by_product = ARENA_ARRAY(n->arena, bool, func->count + 1);
    n->can_store = ARENA_ARRAY(n->arena, bool, func->count + 1);
    n->visited = ARENA_ARRAY(n->arena, uint32_t, func->count + 1);
    bool *updates = ARENA_ARRAY(n->arena, bool, plan->n_kernels + 1); /* of each kernel */
    for (size_t i = 0; i < func->n_updates; i++) {
        uint32_t k = plan->kernel_of[func->updates[i].value];
        if (k != IR_NONE) updates[k] = true;
    }
    for (size_t k = 0; k < plan->n_kernels; k++) note_reads(n, &plan->kernels[k], updates[k]);
    for (size_t i = 0; i < func->n_outputs; i++) pin(n, func->outputs[i].value, "it is an output");
    for (size_t i = 0; i < func->n_updates; i++)
        pin(n, func->updates[i].value, "it is the new value of a state");
    for (ValueId id = 0; id < func->count; id++) n->narrow[id] = may_narrow(n, id);
}

static void mix_func(Func *func, Precision precision) {
    Narrowing n = {.func = func, .arena = arena_new()};
    n.narrow = ARENA_ARRAY(n.arena, bool, func->count + 1);
    n.takes_half = ARENA_ARRAY(n.arena, bool, func->count + 1);
    if (precision == PRECISION_BF16) find_narrow(&n);
    rewrite_func(&n, precision);
    arena_free(n.arena);
}

bool pass_precision(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) {
        Precision precision = func_precision(module->funcs[f]);
        if (precision != PRECISION_FP32) mix_func(module->funcs[f], precision);
    }
    return true;
}
