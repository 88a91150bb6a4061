/* Checks a plan against the nodes it is of: see plan.h. */
#include "ir/plan/blocks.h"
#include "ir/plan/plan.h"
#include "ir/plan/prologue.h"

typedef struct {
    const Func *func;
    const Plan *plan;
    Diags *diags;
    Arena *arena;
    int errors, most;
} Check;

#define FAIL(c, ...)                                                                                         \
    do {                                                                                                     \
        if ((c)->errors++ < (c)->most) diag_error((c)->diags, (Loc){0, 0, 0}, __VA_ARGS__);                  \
    } while (0)
#define FAIL_NODE(c, id, format, ...)                                                                        \
    do {                                                                                                     \
        const Node *at_fault = func_node((c)->func, (id));                                                   \
        if ((c)->errors++ < (c)->most)                                                                       \
            diag_error((c)->diags, at_fault->loc, "@%s, node %u (%s): " format, (c)->func->name,             \
                       (unsigned)(id), op_info(at_fault->op)->name, __VA_ARGS__);                            \
    } while (0)

/* Kernels are numbered from 1 where people see them. */
static unsigned shown(uint32_t k) {
    return (unsigned)k + 1;
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

static bool is_source(const Func *func, ValueId id) {
    OpKind op = (OpKind)func_node(func, id)->op;
    return op == OP_input || op == OP_state;
}

/* Kernels lie one after the other, and every node but sources is of one. */
static void check_spans(Check *c) {
    const Func *func = c->func;
    ValueId next = 0;
    for (uint32_t k = 0; k < c->plan->n_kernels; k++) {
        const Kernel *kernel = &c->plan->kernels[k];
        if (kernel->first < next || kernel->last < kernel->first || kernel->last >= func->count) {
            FAIL(c, "@%s: kernel %u is empty, or its nodes do not follow those of the kernel before",
                 func->name, shown(k));
            return;
        }
        for (; next < kernel->first; next++)
            if (!is_source(func, next)) FAIL_NODE(c, next, "is of no %s", "kernel");
        for (; next <= kernel->last; next++) {
            if (is_source(func, next)) FAIL_NODE(c, next, "is a source, but of kernel %u", shown(k));
            if (c->plan->kernel_of[next] != k)
                FAIL_NODE(c, next, "is not known to be of kernel %u", shown(k));
        }
        const char *fault = kernel_fault(func, kernel->first, kernel->last);
        if (fault) FAIL(c, "@%s: a node %s, kernel %u", func->name, fault, shown(k));
    }
    for (; next < func->count; next++)
        if (!is_source(func, next)) FAIL_NODE(c, next, "is of no %s", "kernel");
}

/* Whether anything but the prologue of a kernel, and the product in it, reads what the prologue computes. */
static bool is_read_elsewhere(Check *c, const Kernel *kernel) {
    const Kernel *prologue = kernel->prologue;
    ValueId made = prologue->members[0].value, first = kernel->first;
    bool *inside = ARENA_ARRAY(c->arena, bool, kernel->last - first + 1);
    for (size_t m = 0; m < prologue->n_members; m++) inside[prologue->members[m].value - first] = true;
    for (ValueId id = first; id <= kernel->last; id++) {
        if (inside[id - first] && c->plan->places[id].kind != PLACE_LOOPS) return true;
        for (int o = 0; o < func_node(c->func, id)->n_operands; o++) {
            ValueId x = func_node(c->func, id)->operands[o];
            if (x >= first && x != made && inside[x - first] && !inside[id - first]) return true;
        }
    }
    return !prologue_read_alone(c->func, kernel->core, made, first, kernel->last);
}

/* The operands of a product come from other kernels, but for the first, which a prologue of its own kernel may make. */
static void check_product(Check *c, const Kernel *kernel, ValueId core) {
    const Node *node = func_node(c->func, core);
    ValueId views[KERNEL_VIEWS];
    int n_views, made = -1; /* operand */
    for (int o = 0; o < node->n_operands; o++)
        if (kernel_operand(c->func, node, o, views, &n_views).base >= kernel->first) made = o;
    if (made < 0) return;
    if (made > 0 || kernel->core != core || !kernel->prologue) {
        FAIL_NODE(c, core, "its own kernel computes operand %d, which it reads in memory", made);
        return;
    }
    const char *fault = prologue_fault(c->func, core, kernel->prologue);
    if (!fault && is_read_elsewhere(c, kernel)) fault = "has a prologue that others read";
    if (fault) FAIL_NODE(c, core, "%s", fault);
}

/* What a kernel stores must be computed in its loops, not as a view that only the core reads. */
static void check_stored(Check *c, uint32_t k) {
    const Kernel *kernel = &c->plan->kernels[k];
    if (kernel->kind == KERNEL_OTHER || kernel->kind == KERNEL_PACK) return;
    for (size_t s = 0; s < kernel->n_stores; s++)
        if (!kernel_member(kernel, kernel->stores[s]))
            FAIL_NODE(c, kernel->stores[s], "is read by others, but not computed in the loops of kernel %u",
                      shown(k));
}

/* Each kernel must equal the one that is derived from its nodes. */
static void check_kernels(Check *c) {
    for (uint32_t k = 0; k < c->plan->n_kernels; k++) {
        const Kernel *kernel = &c->plan->kernels[k];
        Arena *arena = arena_new();
        Kernel derived = kernel_derive(arena, c->func, kernel->first, kernel->last);
        if (derived.unfit || (derived.prologue && derived.prologue->unfit))
            FAIL(c, "@%s: the nodes of kernel %u do not fit into one", c->func->name, shown(k));
        else if (!kernel_equal(kernel, &derived))
            FAIL(c, "@%s: kernel %u is not what its nodes make", c->func->name, shown(k));
        arena_free(arena);
    }
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static bool same_target(const Place *a, const Place *b) {
    bool numbered = a->kind == PLACE_INPUT || a->kind == PLACE_STATE || a->kind == PLACE_OUTPUT;
    return a->kind == b->kind && (!numbered || a->index == b->index);
}

/* The offset of a value in the arena, or in a thread's block, must be valid. */
static void check_offset(Check *c, ValueId id) {
    const Place *place = &c->plan->places[id];
    const Type *type = func_type(c->func, id);
    bool block = place->kind == PLACE_BLOCK;
    const Chain *chain = block ? plan_chain(c->plan, c->plan->kernel_of[id]) : NULL;
    int64_t bytes = type_bytes(type), room = block ? c->plan->block_bytes : c->plan->arena_bytes;
    if (block && (!chain || type_elements(type) % chain->units)) {
        FAIL_NODE(c, id, "lies in blocks of %s", chain ? "units that it does not consist of" : "no chain");
        return;
    }
    if (chain) bytes = chain_share(chain, bytes);
    if (!c->plan->laid_out ? place->offset != -1 : place->offset < 0 || size_add(place->offset, bytes) > room)
        FAIL_NODE(c, id, "lies at %lld of %s of %lld bytes", (long long)place->offset,
                  block ? "a block" : "an arena", (long long)room);
}

static void check_places(Check *c) {
    const Plan *plan = c->plan;
    Place *should = plan_places(c->arena, c->func, NULL);
    for (ValueId id = 0; id < c->func->count; id++) {
        const Place *is = &plan->places[id];
        bool in_block = is->kind == PLACE_BLOCK && should[id].kind == PLACE_ARENA;
        if (!in_block && !same_target(is, &should[id]))
            FAIL_NODE(c, id, "lies in %s, but belongs in %s", PLACE_NAMES[is->kind],
                      PLACE_NAMES[should[id].kind]);
        else if (is->kind == PLACE_ARENA || is->kind == PLACE_BLOCK)
            check_offset(c, id);
    }
}

/* ---- chains ------------------------------------------------------------------------------------------------------ */

/* Chains are runs of kernels, one after the other. */
static void check_chain_spans(Check *c) {
    uint32_t next = 0;
    for (size_t i = 0; i < c->plan->n_chains; i++) {
        const Chain *chain = &c->plan->chains[i];
        if (chain->first < next || chain->last < chain->first || chain->last >= c->plan->n_kernels ||
            chain->units < 1 || chain->size < 1 || chain->size > chain->units) {
            FAIL(c, "@%s: the chain of kernels %u to %u is empty, overlaps another or lacks kernels",
                 c->func->name, shown(chain->first), shown(chain->last));
            return;
        }
        next = chain->last + 1;
    }
}

/* Unit i of a kernel in a chain may read only unit i of what the chain's other kernels compute. */
static void check_link(Check *c, const Chain *chain, uint32_t k) {
    const Kernel *kernel = &c->plan->kernels[k];
    Cut cut;
    if (!kernel_cut(c->func, kernel, chain->units, &cut)) {
        FAIL_NODE(c, kernel->last, "is of a kernel that does not consist of %lld units",
                  (long long)chain->units);
        return;
    }
    for (size_t s = 0; s < kernel->n_stores; s++)
        if (c->plan->places[kernel->stores[s]].kind == PLACE_BLOCK && !cut_is_local(&cut, kernel->stores[s]))
            FAIL_NODE(c, kernel->stores[s], "lies in blocks, but is not computed unit by unit, kernel %u",
                      shown(k));
    for (size_t i = 0; i < kernel->n_reads; i++) {
        uint32_t from = c->plan->kernel_of[kernel->reads[i]];
        if (from != IR_NONE && from >= chain->first && !cut_is_local(&cut, kernel->reads[i]))
            FAIL_NODE(c, kernel->last, "reads other units of node %u, of its chain, than it computes",
                      kernel->reads[i]);
    }
}

/* A value that lies in blocks may be read only in its own chain. */
static void check_blocks(Check *c, uint32_t k) {
    const Kernel *kernel = &c->plan->kernels[k];
    for (size_t i = 0; i < kernel->n_reads; i++) {
        ValueId x = kernel->reads[i];
        if (c->plan->places[x].kind == PLACE_BLOCK &&
            plan_chain(c->plan, c->plan->kernel_of[x]) != plan_chain(c->plan, k))
            FAIL_NODE(c, kernel->last, "reads node %u, which lies in blocks of another chain", x);
    }
}

/* ---- copies and barriers ----------------------------------------------------------------------------------------- */

/* Every output and every new state must be written where it belongs, by its kernel or by a copy. */
static void check_copies(Check *c) {
    Func copy = *c->func;
    Plan plan = *c->plan;
    copy.plan = &plan;
    plan_find_copies(c->arena, &copy);
    bool same = plan.n_copies == c->plan->n_copies && plan.stage_bytes == c->plan->stage_bytes;
    for (size_t i = 0; same && i < plan.n_copies; i++) {
        const PlaceCopy *is = &c->plan->copies[i], *should = &plan.copies[i];
        same = is->value == should->value && same_target(&is->from, &should->from) &&
               same_target(&is->to, &should->to) && is->from.offset == should->from.offset &&
               is->to.offset == should->to.offset;
    }
    if (!same) FAIL(c, "@%s: its copies are not those that outputs and updates need", c->func->name);
}

static uint32_t check_barrier(void *user, PlanStep step, const Hazard *hazard) {
    Check *c = user;
    size_t n = c->plan->n_kernels;
    const Kernel *kernel = step.first < n ? &c->plan->kernels[step.first] : NULL;
    const PlaceCopy *copy = kernel ? NULL : &c->plan->copies[step.first - n];
    bool barrier = kernel ? kernel->barrier : copy->barrier;
    uint32_t after = kernel ? kernel->after : copy->after;
    if (barrier && (after == 0 || after > step.first))
        FAIL(c, "@%s: threads wait before kernel %u for kernel %u, which does not run before it",
             c->func->name, shown(step.first), after);
    else if (hazard && (!barrier || after < hazard->after))
        FAIL(c, "@%s: no barrier between %s %zu and kernel %u, which touch the same memory", c->func->name,
             kernel ? "kernel" : "copy", kernel ? (size_t)shown(step.first) : step.first - n + 1,
             hazard->after);
    else
        return barrier ? after : 0;
    return hazard ? hazard->after : 0;
}

/* Lanes are threads by number. */
static void check_lanes(Check *c) {
    for (uint32_t k = 0; k < c->plan->n_kernels; k++)
        if (c->plan->kernels[k].lane >= LANES)
            FAIL(c, "@%s: kernel %u is thread %u's: there are %d", c->func->name, shown(k),
                 c->plan->kernels[k].lane + 1, LANES);
}

/* Inside a chain threads work on different blocks: it has no barriers and no single kernels. */
static void check_chained(Check *c) {
    for (size_t i = 0; i < c->plan->n_chains; i++)
        for (uint32_t k = c->plan->chains[i].first; k <= c->plan->chains[i].last; k++)
            if (c->plan->kernels[k].single || (c->plan->kernels[k].barrier && k > c->plan->chains[i].first))
                FAIL(c, "@%s: kernel %u, of a chain, is single or has a barrier before it", c->func->name,
                     shown(k));
}

int plan_verify(const Func *func, Diags *diags, int most) {
    Check c = {.func = func, .plan = func->plan, .diags = diags, .arena = arena_new(), .most = most};
    check_spans(&c);
    check_chain_spans(&c);
    if (c.errors == 0) check_kernels(&c);
    if (c.errors == 0) check_places(&c);
    for (uint32_t k = 0; c.errors == 0 && k < func->plan->n_kernels; k++) {
        const Kernel *kernel = &func->plan->kernels[k];
        for (ValueId id = kernel->first; id <= kernel->last; id++)
            if (op_is_product(func_node(func, id)->op)) check_product(&c, kernel, id);
        if (c.errors == 0) check_stored(&c, k);
    }
    for (uint32_t k = 0; c.errors == 0 && k < func->plan->n_kernels; k++) {
        const Chain *chain = plan_chain(func->plan, k);
        check_blocks(&c, k);
        if (chain && c.errors == 0) check_link(&c, chain, k);
    }
    if (c.errors == 0) check_copies(&c);
    if (c.errors == 0) check_chained(&c);
    if (c.errors == 0) check_lanes(&c);
    if (c.errors == 0 && func->plan->has_barriers) plan_walk_hazards(func, check_barrier, &c);
    arena_free(c.arena);
    return c.errors;
}
