/* Finding prologues of products: see prologue.h. What can be one is defined in ir/plan/prologue.h.
 *
 * An elementwise kernel is merged into the product that alone reads its result, if each element is then still computed
 * only once: that is, if threads share the product's rows, and all its columns are one block, so that the first operand
 * is packed once. What the kernel reads then lives until the product runs; the bytes that live longer must be no more
 * than those of the result, which is not stored any more, so that the peak of memory does not grow. */
#include "passes/plan/prologue.h"
#include "ir/plan/cost.h"
#include "ir/plan/prologue.h"
#include "ir/remarks.h"
#include "passes/plan/layout.h"
#include "passes/plan/remat.h"

#include <string.h>

enum {
    MOST_USES = 1000, /* of the merged kernel: its arguments must fit VT_MAX_OWN_ARGS */
    MUCH_MORE = 16    /* the product must have at least so many times the FLOPs of the prologue */
};

typedef struct {
    Arena *arena;
    Func *func;
    const Plan *plan;
    uint32_t *last_read; /* by value: the last kernel other than its own that reads it */
    uint32_t *readers;   /* by value: how many other kernels read it */
    bool *kept;          /* by value: an output, or the new value of a state */
    uint32_t *updater;   /* by state: the kernel that computes the new value; IR_NONE: none */
    uint32_t *into;      /* by kernel: the product that it is merged into; IR_NONE: none */
    uint32_t *before;    /* by product's kernel: the kernel that is merged into it; IR_NONE: none */
    uint32_t *counted;   /* by value: the last kernel + 1 for which can_wait has counted its bytes */
} Prologues;

static Prologues prologues_of(Arena *arena, Func *func) {
    Prologues p = {.arena = arena, .func = func, .plan = func->plan};
    size_t n_states = func->module->n_states, n = p.plan->n_kernels;
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
        p.updater[func->updates[i].state] = p.plan->kernel_of[func->updates[i].value];
    }
    for (uint32_t k = 0; k < n; k++)
        for (size_t i = 0; i < p.plan->kernels[k].n_reads; i++) {
            p.last_read[p.plan->kernels[k].reads[i]] = k;
            p.readers[p.plan->kernels[k].reads[i]]++;
        }
    return p;
}

static Verdict missed(const char *why) {
    return (Verdict){.rule = RULE_prologue_missed, .text = why};
}

static Verdict compared(Rule rule, double a, double b) {
    return (Verdict){.rule = rule, .a = a, .b = b};
}

/* Whether a product evaluates each element of its first operand once, on any target. */
static Verdict evaluates_once(const Prologues *p, const Node *product, int64_t k) {
    int rank = product->type.rank;
    int64_t m = product->type.dim[rank - 2], n = product->type.dim[rank - 1];
    int64_t cache = machine_with_usual(&p->func->module->machine).own_cache;
    bool split = precision_terms(matmul_attrs(product)->precision) > 1;
    int64_t line = k * (split ? 6 : 4); /* bytes: three terms of bf16, or at most an f32, per element */
    int64_t wide = product_columns_at_once(cache, line) / MACHINE_WIDEST_PANEL * MACHINE_WIDEST_PANEL;
    if (!product_shares_rows(m, n))
        return missed("threads share the product's columns, and each packs all rows");
    return compared(n <= wide ? RULE_prologue_made : RULE_prologue_columns, (double)n, (double)wide);
}

/* Whether kernel `from` is elementwise, stores only its last value, and can run as late as kernel `to`: all it reads
 * is unchanged by then, and what lives longer for it takes no more bytes than the value it stored. */
static Verdict can_wait(const Prologues *p, uint32_t from, uint32_t to) {
    const Kernel *kernel = &p->plan->kernels[from];
    int64_t longer = 0;
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        OpKind op = (OpKind)func_node(p->func, id)->op;
        if (!op_is_fusable(op) || op_is_reduce(op))
            return missed("its kernel does more than elementwise work");
        if (id != kernel->last && p->plan->places[id].kind != PLACE_LOOPS)
            return missed("its kernel stores other values too");
    }
    for (size_t i = 0; i < kernel->n_reads; i++) {
        ValueId x = kernel->reads[i];
        const Node *source = func_node(p->func, x);
        if (source->op == OP_state) {
            uint32_t updater = p->updater[source_attrs(source)->index];
            if (updater != IR_NONE && updater > from && updater <= to)
                return missed("a state that it reads is updated before the product runs");
        }
        bool ends = p->plan->places[x].kind == PLACE_ARENA && !p->kept[x] && p->last_read[x] < to;
        if (!ends || p->counted[x] == from + 1) continue;
        p->counted[x] = from + 1;
        longer += type_bytes(&source->type);
    }
    int64_t bytes = type_bytes(func_type(p->func, kernel->last));
    return compared(longer <= bytes ? RULE_prologue_made : RULE_prologue_longer, (double)longer,
                    (double)bytes);
}

/* Whether kernel `from`, which stores `made`, can be the prologue of product k (RULE_prologue_made), or why not. */
static Verdict judge(const Prologues *p, uint32_t k, uint32_t from, ValueId made) {
    const Kernel *product = &p->plan->kernels[k], *loops = &p->plan->kernels[from];
    ValueId core = product->core;
    const Node *node = func_node(p->func, core);
    const Type *a = func_type(p->func, node->operands[0]);
    if (p->before[from] != IR_NONE) return missed("its kernel is a product that makes its own operand so");
    if (p->kept[made]) return missed("it is an output or a new state");
    if (p->plan->places[made].kind != PLACE_ARENA) return missed("it lies in a state or an output");
    if (p->readers[made] != 1) return missed("others read it too");
    if (made != loops->last) return missed("its kernel goes on with it");
    Verdict verdict = evaluates_once(p, node, a->dim[a->rank - 1]);
    if (verdict.rule == RULE_prologue_made) verdict = can_wait(p, from, k);
    if (verdict.rule != RULE_prologue_made) return verdict;
    if (!prologue_read_alone(p->func, core, made, product->first, product->last))
        return missed("the product's kernel reads it elsewhere too");
    double flops = kernel_cost(p->func, loops).flops, of_product = node_flops(p->func, node);
    if (flops * MUCH_MORE > of_product) return compared(RULE_prologue_flops, flops, of_product);
    if (loops->n_uses + product->n_uses > MOST_USES) return missed("the kernel would read too many values");
    const char *fault = prologue_fault(p->func, core, loops);
    if (fault && remarks_wanted(p->func))
        fault = arena_printf(p->func->module->arena, "the kernel %s", fault);
    return fault ? missed(fault) : (Verdict){.rule = RULE_prologue_made};
}

static void tell(const Prologues *p, uint32_t k, uint32_t from, Verdict verdict) {
    remark_verdict(p->func, &verdict, kernel_number(p->func, &p->plan->kernels[from]),
                   func_node(p->func, p->plan->kernels[k].core)->number);
}

/* The kernel that becomes the prologue of kernel k, or IR_NONE. */
static uint32_t find_prologue(const Prologues *p, uint32_t k) {
    ValueId views[KERNEL_VIEWS], core = p->plan->kernels[k].core;
    int n_views;
    if (core == IR_NONE || func_node(p->func, core)->op != OP_matmul) return IR_NONE;
    ValueId made = kernel_operand(p->func, func_node(p->func, core), 0, views, &n_views).base;
    uint32_t from = p->plan->kernel_of[made];
    if (from == IR_NONE || from == k) return IR_NONE;
    Verdict verdict = judge(p, k, from, made);
    if (verdict.rule == RULE_prologue_made) return from;
    tell(p, k, from, verdict);
    return IR_NONE;
}

static void emit_func(const Prologues *p) {
    PlanRewrite rewrite = plan_rewrite_begin(p->func);
    for (uint32_t k = 0; k < p->plan->n_kernels; k++) {
        const Kernel *product = &p->plan->kernels[k];
        if (p->into[k] != IR_NONE) continue;
        if (p->before[k] == IR_NONE) {
            plan_rewrite_kernel(&rewrite, k);
            continue;
        }
        const Kernel *loops = &p->plan->kernels[p->before[k]];
        for (ValueId id = loops->first; id <= loops->last; id++) rewrite_copy(&rewrite.nodes, id);
        for (ValueId id = product->first; id <= product->last; id++) rewrite_copy(&rewrite.nodes, id);
        Kernel *merged = plan_rewrite_derive(&rewrite);
        merged->again = product->again;
        merged->prologue->again = loops->again;
    }
    plan_rewrite_end(&rewrite);
}

/* Bytes of the arena if the prologues are merged. */
static int64_t merged_bytes(const Prologues *p) {
    uint32_t *at = ARENA_ARRAY(p->arena, uint32_t, p->plan->n_kernels + 1), n = 0;
    for (uint32_t k = 0; k < p->plan->n_kernels; k++) {
        if (p->into[k] != IR_NONE) continue;
        at[k] = n;
        if (p->before[k] != IR_NONE) at[p->before[k]] = n;
        n++;
    }
    return layout_bytes(p->func, &(KernelOrder){.at = at, .n = n});
}

/* Fewer live bytes may still be laid out worse. That is accepted unless it breaks a limit of memory. */
static Verdict fits(const Prologues *p) {
    int64_t limit = p->func->module->memory_limit;
    if (limit == 0 || strcmp(p->func->name, "step") != 0) return (Verdict){.rule = RULE_prologue_made};
    int64_t after = merged_bytes(p), left = limit - resident_bytes(p->func);
    bool good = after <= layout_bytes(p->func, NULL) || after <= left;
    return compared(good ? RULE_prologue_made : RULE_prologue_limit, (double)after, (double)left);
}

/* Of all that were found. */
static void tell_all(const Prologues *p, Verdict verdict) {
    for (uint32_t k = 0; k < p->plan->n_kernels; k++) {
        uint32_t from = p->before[k];
        if (from == IR_NONE) continue;
        if (verdict.rule == RULE_prologue_made)
            verdict.a = (double)type_bytes(func_type(p->func, p->plan->kernels[from].last));
        tell(p, k, from, verdict);
    }
}

static void add_prologues(Func *func) {
    Arena *arena = arena_new();
    Prologues p = prologues_of(arena, func);
    bool any = false;
    for (uint32_t k = 0; k < p.plan->n_kernels; k++) {
        uint32_t from = find_prologue(&p, k);
        if (from == IR_NONE) continue;
        p.before[k] = from;
        p.into[from] = k;
        any = true;
    }
    if (any) {
        Verdict verdict = fits(&p);
        tell_all(&p, verdict);
        if (verdict.rule == RULE_prologue_made) emit_func(&p);
    }
    arena_free(arena);
}

bool pass_prologue(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++)
        if (module->funcs[f]->count > 0 && module->funcs[f]->plan->n_chains == 0)
            add_prologues(module->funcs[f]);
    return true;
}
