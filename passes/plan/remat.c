/* Rematerialisation (Chen et al. 2016, arXiv:1604.06174; by cost, as Kirisame et al. 2021, arXiv:2006.09616).
 *
 * The pass works on the order of kernels. The peak is the kernel during which most bytes of the arena are live. A value
 * that lives across the peak without being read there is dropped after its last use before the peak, and its kernel
 * runs again before the next use; so do the kernels that compute what that one loads, if it is dropped too. Each round
 * drops the values with the best ratio of bytes freed (weighted by how long memory is nearly full) to seconds of
 * computing again (by the roofline model). A limit decides only after which round to stop, so that a lower limit drops
 * the same values and more. Without a limit the rounds end when the ratio becomes bad.
 *
 * Recomputed values have the same bits. A kernel runs again as it is or, if elementwise, only the nodes that the value
 * needs. LLVM may contract a multiplication and an addition into one instruction with one rounding (FMA) if the product
 * has no other use, so kernels where such uses would change are not run in part. */
#include "passes/plan/remat.h"
#include "ir/plan/cost.h"
#include "passes/plan/remat_drop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORTH = 4096, STALE_ROUNDS = 8 };
/* Without a limit: values of elementwise kernels that load at most four bytes for each byte that is freed, at most so
 * many that computing them again takes a small share of the step's time, and only if the arena is not small. */
#define NEARLY_FREE 4e9 /* bytes per second of computing again */
#define SPARE 0.05      /* of the step */
#define LITTLE (64 << 20)

/* ---- rounds ------------------------------------------------------------------------------------------------------ */

typedef struct {
    uint32_t instance;
    double score;
} Candidate;

static int by_score(const void *a, const void *b) {
    const Candidate *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->instance > y->instance) - (x->instance < y->instance);
}

static bool score_instance(Remat *r, uint32_t instance, Drop *drop) {
    memset(drop, 0, sizeof *drop);
    drop->arena = arena_new();
    return remat_plan_drop(r, drop, instance);
}

/* What a round accepts: drops that free at least so many bytes per second of computing again, as long as seconds are
 * left. */
typedef struct {
    double bytes_per_second, seconds;
} RoundLimits;

static bool accepts(const RoundLimits *limits, const Drop *drop) {
    return drop->seconds <= limits->seconds &&
           (double)drop->freed >= limits->bytes_per_second * drop->seconds;
}

/* What was decided of a value in the last round that looked at it. */
static void note_kept(Remat *r, ValueId value, const Drop *drop, bool planned, bool good) {
    Verdict *verdict = &r->verdicts[value];
    if (verdict->rule == RULE_remat_again || (!planned && !drop->why)) return;
    Rule rule = good ? RULE_remat_enough : RULE_remat_dear;
    *verdict = planned ? (Verdict){rule, (double)drop->freed, drop->seconds, NULL}
                       : (Verdict){RULE_remat_kept, 0, 0, drop->why};
}

static void note_dropped(Remat *r, ValueId value, const Drop *drop) {
    r->verdicts[value] = (Verdict){RULE_remat_again, (double)drop->freed, drop->seconds, NULL};
    r->verdict_before[value] = r->runs[drop->before].kernel;
}

static void tell(const Remat *r) {
    for (ValueId id = 0; id < r->func->count && remarks_wanted(r->func); id++) {
        const Verdict *verdict = &r->verdicts[id];
        if (!verdict->rule) continue;
        bool again = verdict->rule == RULE_remat_again;
        const Kernel *before = &r->plan->kernels[r->verdict_before[id]];
        remark_verdict(r->func, verdict, func_node(r->func, id)->number,
                       again ? kernel_number(r->func, before) : IR_NONE);
    }
}

static void tell_little(const Remat *r) {
    remark(r->func, RULE_remat_little, IR_NONE, IR_NONE, (double)r->most, 0, NULL);
}

/* Drops the best candidates of the peak, up to a fiftieth of it; false: there is none. */
static bool run_round(Remat *r, RoundLimits *limits) {
    Candidate *candidates = ARENA_ARRAY(r->arena, Candidate, r->n_instances + 1);
    size_t n = 0;
    Drop drop;
    for (uint32_t i = 0; i < r->n_instances; i++) {
        const Instance *x = &r->instances[i];
        if (x->bytes * WORTH < r->most) continue;
        bool planned = score_instance(r, i, &drop), good = planned && accepts(limits, &drop);
        if (good) candidates[n++] = (Candidate){i, drop.gain / drop.seconds};
        note_kept(r, x->value, &drop, planned, good);
        arena_free(drop.arena);
    }
    qsort(candidates, n, sizeof *candidates, by_score);
    int64_t freed = 0;
    for (size_t c = 0; c < n && freed * 50 < r->most; c++) {
        if (score_instance(r, candidates[c].instance, &drop) && accepts(limits, &drop) &&
            remat_has_room(r, drop.before, drop.n)) {
            freed += r->instances[candidates[c].instance].bytes;
            limits->seconds -= drop.seconds;
            note_dropped(r, r->instances[candidates[c].instance].value, &drop);
            remat_carry_out(r, &drop);
        }
        arena_free(drop.arena);
    }
    return freed > 0;
}

static void reserve_positions(Remat *r) {
    r->live = ARENA_ARRAY(r->arena, int64_t, r->n_runs + 2);
    r->worth = ARENA_ARRAY(r->arena, double, r->n_runs + 2);
}

/* Rounds until the arena fits, or no more than `live` bytes live at once. False: they never do; *least is what they
 * come to. */
static bool shrink(Remat *r, int64_t budget, int64_t live, int64_t *least) {
    RoundLimits any = {0, INFINITY};
    *least = INT64_MAX;
    for (int stale = 0; stale < STALE_ROUNDS; stale++) {
        reserve_positions(r);
        remat_number_runs(r);
        remat_sum_lives(r);
        if (r->most < *least) {
            bool fits = r->most <= live || (r->most <= budget && remat_arena(r) <= budget);
            if (fits && *least == INT64_MAX) tell_little(r);
            if (fits) return true;
            *least = r->most;
            stale = 0;
        }
        if (!run_round(r, &any)) break;
    }
    return false;
}

/* Rounds of what is nearly free to compute again. */
static bool drop_nearly_free(Remat *r) {
    RoundLimits limits = {NEARLY_FREE, 0};
    for (uint32_t k = r->first; k != IR_NONE; k = r->runs[k].next) {
        KernelCost cost = kernel_cost(r->func, &r->plan->kernels[r->runs[k].kernel]);
        limits.seconds += SPARE * remat_seconds(r, cost.flops, cost.bytes);
    }
    bool any = false;
    for (;; any = true) {
        reserve_positions(r);
        remat_number_runs(r);
        remat_sum_lives(r);
        if (!any && r->most < LITTLE) tell_little(r);
        if (r->most < LITTLE || !run_round(r, &limits)) return any;
    }
}

/* ---- the function ------------------------------------------------------------------------------------------------ */

static Remat make_remat(Func *func) {
    Remat r = {.arena = arena_new(), .func = func};
    size_t n_states = func->module->n_states;
    r.plan = func->plan;
    r.machine = machine_with_usual(&func->module->machine);
    size_t n = r.plan->n_kernels;
    r.first = n ? 0 : IR_NONE;
    r.of = ARENA_ARRAY(r.arena, uint32_t *, func->count + 1);
    r.n_of = ARENA_ARRAY(r.arena, uint32_t, func->count + 1);
    r.of_capacity = ARENA_ARRAY(r.arena, uint32_t, func->count + 1);
    r.natures = ARENA_ARRAY(r.arena, Nature, n + 1);
    r.carries = ARENA_ARRAY(r.arena, bool, func->count + 1);
    r.verdicts = ARENA_ARRAY(r.arena, Verdict, func->count + 1);
    r.verdict_before = ARENA_ARRAY(r.arena, uint32_t, func->count + 1);
    r.updater = ARENA_ARRAY(r.arena, uint32_t, n_states + 1);
    for (size_t s = 0; s < n_states; s++) r.updater[s] = IR_NONE;
    bool *to_end = ARENA_ARRAY(r.arena, bool, func->count + 1);
    for (size_t i = 0; i < func->n_outputs; i++) to_end[func->outputs[i].value] = true;
    for (size_t i = 0; i < func->n_updates; i++) to_end[func->updates[i].value] = true;
    uint32_t *stamp = ARENA_ARRAY(r.arena, uint32_t, func->count + 1);
    for (uint32_t k = 0; k < n; k++) {
        const Kernel *kernel = &r.plan->kernels[k];
        Run run = {.kernel = k, .before = k ? k - 1 : IR_NONE, .next = k + 1 < n ? k + 1 : IR_NONE};
        ARENA_PUSH(r.arena, r.runs, r.n_runs, r.runs_capacity, run);
        for (ValueId id = kernel->first; id <= kernel->last; id++) {
            const Place *place = &r.plan->places[id];
            if (place->kind != PLACE_LOOPS) remat_new_instance(&r, id, k, to_end[id]);
            if (place->kind == PLACE_STATE) r.updater[place->index] = k;
            for (int o = 0; o < func_node(func, id)->n_operands; o++) {
                ValueId x = func_node(func, id)->operands[o];
                if (r.plan->kernel_of[x] == IR_NONE || kernel_has(kernel, x) || stamp[x] == k + 1) continue;
                stamp[x] = k + 1;
                remat_add_source(&r, k, x, r.of[x][0]);
            }
        }
    }
    return r;
}

typedef struct {
    Remat *r;
    PlanRewrite out;
    Kernel *whole;   /* of each kernel that runs whole more than once: a copy, numbered as it was */
    ValueId *made;   /* of each instance: its new value */
    ValueId *now;    /* of each old value: the one that the run being emitted computes or reads ... */
    uint32_t *stamp; /* ... if it is that run's number */
} Emission;

/* The new value that a run reads by the name of x; it may be made from another by a cast. */
static ValueId operand_in(Emission *e, uint32_t run, uint32_t number, ValueId x) {
    const Remat *r = e->r;
    if (e->stamp[x] == number) return e->now[x];
    const Run *user = &r->runs[run];
    ValueId from = e->out.nodes.map[x];
    for (size_t i = 0; i < user->n_sources; i++) {
        if (user->sources[i].value != x) continue;
        from = e->made[user->sources[i].instance];
        if (r->instances[user->sources[i].instance].value != x)
            from = func_emit(r->func, OP_cast, &from, 1,
                             &(CastAttrs){.dtype = (DType)e->out.nodes.old[x].type.dtype});
        break;
    }
    e->now[x] = from;
    e->stamp[x] = number;
    return from;
}

static void emit_run(Emission *e, uint32_t run, uint32_t number) {
    Remat *r = e->r;
    const Run *x = &r->runs[run];
    const Kernel *kernel =
        x->part || !e->whole[x->kernel].n_members ? &r->plan->kernels[x->kernel] : &e->whole[x->kernel];
    ValueId first = kernel->first, last = kernel->last;
    for (ValueId id = first; id <= last; id++) {
        if (x->part && !x->part[id - first]) continue;
        const Node *node = &e->out.nodes.old[id];
        ValueId *operands = ARENA_ARRAY(r->arena, ValueId, node->n_operands + 1);
        for (int o = 0; o < node->n_operands; o++)
            operands[o] = operand_in(e, run, number, node->operands[o]);
        e->now[id] = func_copy(r->func, node, operands);
        e->stamp[id] = number;
        if (!x->again) e->out.nodes.map[id] = e->now[id];
    }
    for (size_t i = 0; i < x->n_made; i++) e->made[x->made[i]] = e->now[r->instances[x->made[i]].value];
    bool again = x->again || kernel->again;
    if (x->part)
        plan_rewrite_derive(&e->out)->again = again;
    else if (kernel == &e->whole[x->kernel])
        plan_rewrite_take(&e->out, kernel_copy(r->func->module->arena, kernel), e->now)->again = again;
    else
        plan_rewrite_take(&e->out, *kernel, e->now)->again = again;
}

static void emit_runs(Remat *r) {
    size_t n = r->func->count;
    Emission e = {.r = r,
                  .whole = ARENA_ARRAY(r->arena, Kernel, r->plan->n_kernels + 1),
                  .made = ARENA_ARRAY(r->arena, ValueId, r->n_instances + 1),
                  .now = ARENA_ARRAY(r->arena, ValueId, n + 1),
                  .stamp = ARENA_ARRAY(r->arena, uint32_t, n + 1)};
    for (uint32_t k = r->first; k != IR_NONE; k = r->runs[k].next) {
        const Run *x = &r->runs[k];
        if (x->again && !x->part && !e.whole[x->kernel].n_members)
            e.whole[x->kernel] = kernel_copy(r->arena, &r->plan->kernels[x->kernel]);
    }
    e.out = plan_rewrite_begin(r->func);
    uint32_t number = 0;
    for (uint32_t k = r->first; k != IR_NONE; k = r->runs[k].next) emit_run(&e, k, ++number);
    plan_rewrite_end(&e.out);
}

int64_t resident_bytes(const Func *func) {
    int64_t bytes = 0;
    for (size_t s = 0; s < func->module->n_states; s++) bytes += type_bytes(&func->module->states[s].type);
    for (size_t i = 0; i < func->n_inputs; i++) bytes += type_bytes(&func->inputs[i].type);
    for (size_t i = 0; i < func->n_outputs; i++) bytes += type_bytes(func_type(func, func->outputs[i].value));
    return bytes;
}

bool pass_remat(Module *module, Diags *diags) {
    Func *func = module_find_func(module, "step");
    if (!func || func->count == 0) return true;
    int64_t resident = resident_bytes(func), loops = layout_loops(func), least;
    Remat r = make_remat(func);
    if (module->memory_limit == 0) {
        bool any = drop_nearly_free(&r);
        tell(&r);
        if (any) emit_runs(&r);
        arena_free(r.arena);
        return true;
    }
    bool fits = shrink(&r, module->memory_limit - resident - loops, 0, &least);
    tell(&r);
    if (fits)
        emit_runs(&r);
    else { /* back to where it was smallest, for the number */
        arena_free(r.arena);
        r = make_remat(func);
        shrink(&r, 0, least, &least);
        least = resident + loops + remat_arena(&r);
        diag_error(diags, module->memory_loc,
                   "the step does not fit into %.1f MB: it needs %.1f MB at least (%.1f MB of states, inputs "
                   "and outputs, "
                   "%.1f MB between kernels): set train.memory=%.1fMB, or a smaller train.batch",
                   (double)module->memory_limit / 1e6, (double)(least + 99999) / 1e6, (double)resident / 1e6,
                   (double)(least - resident) / 1e6, (double)(least + 99999) / 1e6);
    }
    arena_free(r.arena);
    return fits;
}
