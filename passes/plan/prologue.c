/* Prologues of products: see prologue.h; what can be one is told by ir/plan/prologue.h.
 *
 * A kernel of elementwise loops goes into the product that alone reads what it stores, if the product evaluates each element once: if
 * threads share its rows, and its result is no wider than what one packed block of the first operand is for. Nothing lives longer for it
 * than what it does away with is large: the peak of memory does not grow. */
#include "passes/plan/prologue.h"
#include "ir/plan/cost.h"
#include "ir/plan/prologue.h"
#include "passes/plan/memory.h"
#include "passes/plan/remat.h"

#include <string.h>

enum {
    MOST_USES = 1000, /* of a product's kernel: see VT_MAX_OWN_ARGS */
    WIDEST_PANEL = 64,
    MUCH_MORE = 16 /* times the FLOPs of the prologue: those of its product */
};

typedef struct {
    Arena *arena;
    Func *func;
    Placement placement;
    uint32_t *last_read; /* of values: the last kernel but their own that reads it ... */
    uint32_t *readers;   /* ... and how many do */
    bool *kept;          /* of values: outputs and updates */
    uint32_t *updater;   /* of states: the kernel that makes the new value, IR_NONE: none */
    uint32_t *into;      /* of kernels: the product that one goes into, IR_NONE: none */
    uint32_t *before;    /* of kernels: the one that goes into it */
    uint32_t *counted;   /* of values: the last kernel for which it was found to live longer */
} Prologues;

static void note_reads(Prologues *p) {
    uint32_t *stamp = ARENA_ARRAY(p->arena, uint32_t, p->func->count + 1);
    for (ValueId id = 0; id < p->func->count; id++) {
        const Node *node = func_node(p->func, id);
        uint32_t k = p->placement.span_of[id];
        for (int o = 0; k != IR_NONE && o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            if (p->placement.span_of[x] == k || stamp[x] == k + 1) continue;
            stamp[x] = k + 1;
            p->last_read[x] = k;
            p->readers[x]++;
        }
    }
}

static Prologues prologues_of(Arena *arena, Func *func) {
    Prologues p = {.arena = arena, .func = func, .placement = func_place(arena, func)};
    size_t n_states = func->module->n_states, n = p.placement.n_spans;
    p.last_read = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    p.readers = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    p.counted = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    p.kept = ARENA_ARRAY(arena, bool, func->count + 1);
    p.updater = ARENA_ARRAY(arena, uint32_t, n_states + 1);
    p.into = ARENA_ARRAY(arena, uint32_t, n + 1);
    p.before = ARENA_ARRAY(arena, uint32_t, n + 1);
    for (size_t s = 0; s < n_states; s++) p.updater[s] = IR_NONE;
    for (size_t k = 0; k < n; k++) p.into[k] = p.before[k] = IR_NONE;
    for (size_t i = 0; i < func->n_outputs; i++) p.kept[func->outputs[i].value] = true;
    for (size_t i = 0; i < func->n_updates; i++) {
        p.kept[func->updates[i].value] = true;
        p.updater[func->updates[i].state] = p.placement.span_of[func->updates[i].value];
    }
    note_reads(&p);
    return p;
}

/* Whether a product evaluates each element of its first operand once, on any target. */
static bool evaluates_once(const Prologues *p, const Node *product, int64_t k) {
    int rank = product->type.rank;
    int64_t m = product->type.dim[rank - 2], n = product->type.dim[rank - 1];
    int64_t cache = machine_with_usual(&p->func->module->machine).own_cache;
    bool split = precision_terms(matmul_attrs(product)->precision) > 1;
    int64_t line = k * (split ? 6 : 4); /* three bf16, or at most an f32, each */
    int64_t wide = product_columns_at_once(cache, line) / WIDEST_PANEL * WIDEST_PANEL;
    return product_shares_rows(m, n) && n <= wide;
}

/* Whether kernel `from` stores but its last value, by loops, and all it reads is there still when kernel `to` runs, which costs no
 * more memory than the value. */
static bool can_wait(const Prologues *p, uint32_t from, uint32_t to) {
    const ClusterSpan *span = &p->placement.spans[from];
    int64_t longer = 0;
    for (ValueId id = span->first; id <= span->last; id++) {
        const Node *node = func_node(p->func, id);
        if (!op_is_fusable(node->op) || op_is_reduce(node->op)) return false;
        if (id != span->last && p->placement.places[id].kind != PLACE_LOOPS) return false;
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            const Node *source = func_node(p->func, x);
            if (source->op == OP_state) {
                uint32_t updater = p->updater[source->attrs[0].i];
                if (updater != IR_NONE && updater > from && updater <= to) return false;
            }
            bool in_arena = p->placement.places[x].kind == PLACE_ARENA && p->placement.span_of[x] != from;
            if (!in_arena || p->kept[x] || p->last_read[x] >= to || p->counted[x] == from + 1) continue;
            p->counted[x] = from + 1;
            longer += type_bytes(&source->type);
        }
    }
    return longer <= type_bytes(func_type(p->func, span->last));
}

/* The kernel that can become the prologue of kernel k, or IR_NONE. */
static uint32_t find_prologue(const Prologues *p, uint32_t k) {
    const ClusterSpan *span = &p->placement.spans[k];
    ValueId views[16], core = span->first;
    int n_views;
    while (core <= span->last && !op_is_product(func_node(p->func, core)->op)) core++;
    if (core > span->last || func_node(p->func, core)->op != OP_matmul) return IR_NONE;
    const Node *node = func_node(p->func, core);
    ValueId made = kernel_strided(p->func, node->operands[0], views, &n_views).base;
    uint32_t from = p->placement.span_of[made];
    const Type *a = func_type(p->func, node->operands[0]);
    if (from == IR_NONE || from == k || p->before[from] != IR_NONE) return IR_NONE;
    if (p->placement.places[made].kind != PLACE_ARENA || p->kept[made] || p->readers[made] != 1 ||
        made != p->placement.spans[from].last)
        return IR_NONE;
    if (!evaluates_once(p, node, a->dim[a->rank - 1]) || !can_wait(p, from, k)) return IR_NONE;
    if (!prologue_read_alone(p->func, core, made, span->first, span->last)) return IR_NONE;
    KernelCost cost = kernel_cost(p->func, &p->placement, &p->placement.spans[from]);
    if (cost.flops * MUCH_MORE > node_flops(p->func, node)) return IR_NONE;
    Kernel loops = kernel_regrow(p->arena, p->func, p->placement.spans[from].first, made);
    Kernel product = kernel_regrow(p->arena, p->func, span->first, span->last);
    if (loops.n_uses + product.n_uses > MOST_USES || prologue_fault(p->func, core, &loops)) return IR_NONE;
    return from;
}

static void emit_nodes(Rewrite *rewrite, const ClusterSpan *span, uint32_t cluster) {
    for (ValueId id = span->first; id <= span->last; id++) {
        ValueId copied = rewrite_copy(rewrite, id);
        rewrite->func->nodes[copied].cluster = cluster;
    }
}

static void emit_func(const Prologues *p) {
    Rewrite rewrite = rewrite_begin(p->func);
    uint32_t cluster = 0;
    for (ValueId id = 0; id < rewrite.n_old; id++)
        if (rewrite.old[id].cluster == 0) rewrite_copy(&rewrite, id);
    for (uint32_t k = 0; k < p->placement.n_spans; k++) {
        if (p->into[k] != IR_NONE) continue;
        cluster++;
        if (p->before[k] != IR_NONE) emit_nodes(&rewrite, &p->placement.spans[p->before[k]], cluster);
        emit_nodes(&rewrite, &p->placement.spans[k], cluster);
    }
    rewrite_end(&rewrite);
}

static int64_t planned_bytes(Arena *arena, const Func *func) {
    Placement placement = func_place(arena, func);
    Lives lives = func_lives(arena, func, &placement);
    return plan_least(arena, &lives, NULL);
}

/* A plan may waste more although less lives: within a limit of memory it may not. */
static bool fits(Arena *arena, const Func *func, int64_t before) {
    int64_t limit = func->module->memory_limit;
    if (limit == 0 || strcmp(func->name, "step") != 0) return true;
    int64_t after = planned_bytes(arena, func);
    return after <= before || after + resident_bytes(func) <= limit;
}

static void add_prologues(Func *func) {
    Arena *arena = arena_new();
    Prologues p = prologues_of(arena, func);
    bool any = false;
    for (uint32_t k = 0; k < p.placement.n_spans; k++) {
        uint32_t from = find_prologue(&p, k);
        if (from == IR_NONE) continue;
        p.before[k] = from;
        p.into[from] = k;
        any = true;
    }
    if (any) {
        int64_t before = func->module->memory_limit ? planned_bytes(arena, func) : 0;
        Body given = func_body(func);
        emit_func(&p);
        if (!fits(arena, func, before)) func_set_body(func, &given);
    }
    arena_free(arena);
}

bool pass_prologue(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++)
        if (module->funcs[f]->count > 0 && module->funcs[f]->n_chains == 0) add_prologues(module->funcs[f]);
    return true;
}
