/* Dropping values: see remat_drop.h. */
#include "passes/plan/remat_drop.h"

#include <assert.h>
#include <string.h>

enum { MOST_DEPTH = 12, SMALL = 16 };

static const char STATE[] = "a state that it is computed from is overwritten before",
                  SOURCES[] = "what it is computed from would have to be kept for it, and takes as much",
                  MUCH[] = "too much would have to be computed again for it",
                  ROUNDING[] =
                      "its kernel, or one that it needs, would round otherwise in part, or has effects";

static bool refuse(Drop *drop, const char *why) {
    drop->why = why;
    return false;
}

static bool make_available(Remat *r, Drop *drop, ValueId value, int64_t small, int depth);

static bool is_made(const Remat *r, const Drop *drop, ValueId value) {
    for (int i = 0; i < drop->n; i++) {
        const Action *action = &drop->actions[i];
        if (action->value == value) return true;
        if (action->kind == RUN_WHOLE && r->plan->kernel_of[action->value] == r->plan->kernel_of[value])
            return true;
    }
    return false;
}

/* Whether a state still has its old value at drop->before; else notes who overwrites it. */
static bool is_unchanged(const Remat *r, Drop *drop, ValueId state) {
    uint32_t updater = r->updater[source_attrs(func_node(r->func, state))->index];
    if (updater == IR_NONE || r->runs[updater].key >= r->runs[drop->before].key) return true;
    bool first = drop->blocked == IR_NONE || r->runs[updater].key < r->runs[drop->blocked].key;
    if (first) drop->blocked = updater;
    return refuse(drop, STATE);
}

static bool make_sources(Remat *r, Drop *drop, const Slice *slice, int64_t small, int depth) {
    for (size_t i = 0; i < slice->n_outside; i++) {
        ValueId x = slice->outside[i];
        const Node *node = func_node(r->func, x);
        if (node->op == OP_input) continue;
        if (node->op == OP_state) {
            if (!is_unchanged(r, drop, x)) return false;
            continue;
        }
        if (!make_available(r, drop, x, small, depth + 1)) return false;
    }
    return true;
}

double remat_seconds(const Remat *r, double flops, double bytes) {
    double compute = flops / r->machine.peak[r->func->module->precision],
           memory = bytes / r->machine.bandwidth;
    return (compute > memory ? compute : memory) + r->machine.call + r->machine.barrier;
}

static void count_cost(const Remat *r, Drop *drop, const Kernel *kernel, const Slice *slice, ValueId value) {
    double flops = 0, bytes = 0;
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        if (slice->part[id - kernel->first]) flops += node_flops(r->func, func_node(r->func, id));
        bool stored = id == value || (slice->n_stops == 0 && r->plan->places[id].kind != PLACE_LOOPS);
        if (stored) bytes += (double)type_bytes(func_type(r->func, id));
    }
    for (size_t i = 0; i < slice->n_outside; i++)
        bytes += (double)type_bytes(func_type(r->func, slice->outside[i]));
    for (size_t i = 0; i < slice->n_stops; i++)
        bytes += (double)type_bytes(func_type(r->func, slice->stops[i].stored));
    drop->seconds += remat_seconds(r, flops, bytes);
}

static double worth_between(const Remat *r, uint32_t from, uint32_t to) { /* runs, both without */
    uint32_t a = r->runs[from].at + 1, b = r->runs[to].at;
    return b > a ? r->worth[b] - r->worth[a] : 0;
}

/* Plans to run the value's kernel again: the elementwise part that computes the value, or all of it. */
static bool run_again(Remat *r, Drop *drop, ValueId value, int64_t small, int depth) {
    uint32_t s = r->plan->kernel_of[value];
    const Kernel *kernel = &r->plan->kernels[s];
    const Nature *nature = remat_nature(r, s);
    Action action = {
        .kind = RUN_PART, .value = value, .slice = remat_slice(r, drop->arena, value, drop->before)};
    if (!remat_is_separable(r, &action.slice, value)) {
        if (!nature->whole) return refuse(drop, ROUNDING);
        action.kind = RUN_WHOLE;
        action.slice = (Slice){.part = ARENA_ARRAY(drop->arena, bool, kernel->last - kernel->first + 1)};
        for (ValueId id = kernel->first; id <= kernel->last; id++) {
            const Node *node = func_node(r->func, id);
            action.slice.part[id - kernel->first] = true;
            for (int o = 0; o < node->n_operands; o++)
                if (!kernel_has(kernel, node->operands[o]))
                    remat_add_outside(drop->arena, &action.slice, node->operands[o]);
        }
    }
    for (size_t i = 0; i < action.slice.n_stops; i++)
        if (!make_available(r, drop, action.slice.stops[i].stored, small, depth)) return false;
    if (!make_sources(r, drop, &action.slice, small, depth)) return false;
    if (drop->n == MOST_RUNS) return refuse(drop, MUCH);
    drop->actions[drop->n++] = action;
    count_cost(r, drop, kernel, &action.slice, value);
    for (ValueId id = kernel->first; id <= kernel->last; id++)
        if ((action.kind == RUN_WHOLE ? r->plan->places[id].kind == PLACE_ARENA : id == value) &&
            remat_living(r, id, drop->before) == IR_NONE)
            drop->temporary += type_bytes(func_type(r->func, id));
    return true;
}

/* Plans to move here a repeated run that computes the value later on. */
static bool move_here(Remat *r, Drop *drop, ValueId value, int64_t small, int depth) {
    for (uint32_t i = 0; i < r->n_of[value]; i++) {
        const Instance *x = &r->instances[r->of[value][i]];
        uint32_t run = x->run;
        if (!r->runs[run].again || r->runs[run].gone || r->runs[run].key <= r->runs[drop->before].key)
            continue;
        int n = drop->n;
        double seconds = drop->seconds, gain = drop->gain;
        int64_t temporary = drop->temporary;
        bool good = true;
        for (size_t k = 0; good && k < r->runs[run].n_sources; k++) {
            ValueId source = r->instances[r->runs[run].sources[k].instance].value;
            good = make_available(r, drop, source, small, depth + 1);
        }
        const Kernel *kernel = &r->plan->kernels[r->runs[run].kernel];
        for (ValueId id = kernel->first; good && id <= kernel->last; id++)
            for (int o = 0; good && o < func_node(r->func, id)->n_operands; o++) {
                ValueId s = func_node(r->func, id)->operands[o];
                if (func_node(r->func, s)->op == OP_state) good = is_unchanged(r, drop, s);
            }
        if (good && drop->n < MOST_RUNS) {
            drop->actions[drop->n++] = (Action){.kind = MOVE, .value = value, .index = run};
            drop->temporary += x->bytes;
            return true;
        }
        drop->n = n;
        drop->seconds = seconds;
        drop->gain = gain;
        drop->temporary = temporary;
    }
    return false;
}

/* Plans to keep the value's last instance until drop->before. */
static bool extend_here(Remat *r, Drop *drop, ValueId value) {
    uint32_t best = remat_at_hand(r, value, drop->before);
    for (uint32_t i = 0; i < r->n_of[value] && best == IR_NONE; i++) {
        const Run *born = &r->runs[r->instances[r->of[value][i]].run];
        if (!born->gone && born->key < r->runs[drop->before].key) best = r->of[value][i];
    }
    if (best == IR_NONE || drop->n == MOST_RUNS) return refuse(drop, MUCH);
    uint32_t from = remat_last_touch(r, best, INT64_MAX);
    int64_t bytes = r->instances[best].bytes;
    for (uint32_t k = r->runs[from].at + 1; k < r->runs[drop->before].at && r->runs[from].at > r->peak; k++)
        if (r->live[k] + bytes >= r->most) return refuse(drop, SOURCES);
    drop->actions[drop->n++] = (Action){.kind = EXTEND, .value = value, .index = best};
    drop->gain -= (double)bytes * worth_between(r, from, drop->before);
    drop->temporary += bytes;
    return true;
}

static bool make_available(Remat *r, Drop *drop, ValueId value, int64_t small, int depth) {
    if (r->plan->places[value].kind != PLACE_ARENA) return true; /* outputs and new states stay */
    if (is_made(r, drop, value) || remat_living(r, value, drop->before) != IR_NONE) return true;
    bool small_enough = type_bytes(func_type(r->func, value)) <= small;
    if (small_enough || remat_at_hand(r, value, drop->before) != IR_NONE) return extend_here(r, drop, value);
    if (depth > MOST_DEPTH) return refuse(drop, MUCH);
    if (move_here(r, drop, value, small, depth)) return true;
    return run_again(r, drop, value, small, depth);
}

/* The plan to drop an instance from its last touch before the peak until `before`. */
static bool plan_drop(Remat *r, Drop *drop, uint32_t instance, uint32_t last, uint32_t before) {
    const Instance *x = &r->instances[instance];
    drop->before = before;
    drop->blocked = IR_NONE;
    drop->n = 0;
    drop->temporary = 0;
    drop->seconds = 0;
    drop->gain = (double)x->bytes * worth_between(r, last, before);
    drop->freed = x->bytes;
    if (!run_again(r, drop, x->value, x->bytes / SMALL, 0)) return false;
    if (drop->actions[drop->n - 1].kind == RUN_WHOLE) { /* what the kernel makes besides is dropped too */
        const Kernel *kernel = &r->plan->kernels[r->plan->kernel_of[x->value]];
        for (ValueId id = kernel->first; id <= kernel->last; id++) {
            uint32_t other = r->plan->places[id].kind == PLACE_ARENA ? remat_living(r, id, before) : IR_NONE;
            if (other == IR_NONE || other == instance || r->instances[other].to_end) continue;
            drop->gain += (double)r->instances[other].bytes *
                          worth_between(r, remat_last_touch(r, other, r->runs[before].key), before);
            drop->freed += r->instances[other].bytes;
        }
    }
    bool pays = drop->gain > 0 && r->live[r->runs[before].at] + drop->temporary - x->bytes < r->most;
    return pays || refuse(drop, SOURCES);
}

bool remat_plan_drop(Remat *r, Drop *drop, uint32_t instance) {
    const Instance *x = &r->instances[instance];
    int64_t peak = (int64_t)r->peak << 32;
    uint32_t before = remat_next_use(r, instance, peak), last = remat_last_touch(r, instance, peak);
    if (r->runs[x->run].gone || before == IR_NONE || r->runs[last].at >= r->peak) return false;
    if (x->to_end) return refuse(drop, "it is an output or a new state, wanted at the end");
    const Nature *nature = remat_nature(r, r->plan->kernel_of[x->value]);
    if (last == x->run && !nature->uncontracted && nature->n_stored > 1)
        return refuse(drop, ROUNDING); /* it would store less */
    for (int tries = 0; tries < 4 && r->runs[before].at > r->peak; tries++) {
        if (plan_drop(r, drop, instance, last, before)) return true;
        if (drop->blocked == IR_NONE) return false;
        before = drop->blocked;
    }
    return false;
}

/* ---- carrying it out --------------------------------------------------------------------------------------------- */

/* The instance of a value that a new run reads: one that is live, is kept for it, or comes of an earlier action. */
static uint32_t source_of(const Remat *r, const Drop *drop, const uint32_t *new, uint32_t n, ValueId value,
                          uint32_t run) {
    if (r->plan->places[value].kind != PLACE_ARENA) return r->of[value][0];
    uint32_t instance = remat_living(r, value, run);
    for (int a = 0; a < drop->n && instance == IR_NONE; a++)
        if (drop->actions[a].kind == EXTEND && drop->actions[a].value == value)
            instance = drop->actions[a].index;
    for (uint32_t m = 0; m < n && instance == IR_NONE; m++)
        for (size_t j = 0; j < r->runs[new[m]].n_made; j++)
            if (r->instances[r->runs[new[m]].made[j]].value == value) instance = r->runs[new[m]].made[j];
    for (uint32_t i = r->n_of[value]; i-- > 0 && instance == IR_NONE;) { /* its last user was moved */
        const Run *born = &r->runs[r->instances[r->of[value][i]].run];
        if (!born->gone && born->key < r->runs[run].key) instance = r->of[value][i];
    }
    assert(instance != IR_NONE);
    return instance;
}

/* A run that was moved may have read instances that are computed only later. */
static void find_sources_anew(Remat *r, const Drop *drop, const uint32_t *new, uint32_t n, uint32_t run) {
    for (size_t k = 0; k < r->runs[run].n_sources; k++) {
        uint32_t *source = &r->runs[run].sources[k].instance;
        if (r->runs[r->instances[*source].run].key < r->runs[run].key) continue;
        *source = source_of(r, drop, new, n, r->instances[*source].value, run);
        Instance *x = &r->instances[*source];
        ARENA_PUSH(r->arena, x->users, x->n_users, x->users_capacity, run);
    }
}

/* EXTEND needs nothing to be done: an instance lives on because the run reads it. */
void remat_carry_out(Remat *r, const Drop *drop) {
    uint32_t new[MOST_RUNS], n = 0; /* runs */
    for (int i = 0; i < drop->n; i++) {
        const Action *action = &drop->actions[i];
        if (action->kind == EXTEND) continue;
        uint32_t run = action->index;
        if (action->kind == MOVE) {
            remat_unlink(r, run);
            remat_link(r, run, drop->before);
            find_sources_anew(r, drop, new, n, run);
            new[n++] = run;
            continue;
        }
        const Kernel *kernel = &r->plan->kernels[r->plan->kernel_of[action->value]];
        run = (uint32_t)r->n_runs;
        Run again = {.kernel = r->plan->kernel_of[action->value], .again = true};
        if (action->kind == RUN_PART) {
            size_t size = kernel->last - kernel->first + 1;
            again.part = ARENA_ARRAY(r->arena, bool, size);
            memcpy(again.part, action->slice.part, sizeof(bool) * size);
        }
        ARENA_PUSH(r->arena, r->runs, r->n_runs, r->runs_capacity, again);
        remat_link(r, run, drop->before);
        for (size_t k = 0; k < action->slice.n_outside; k++) {
            ValueId x = action->slice.outside[k];
            if (r->plan->kernel_of[x] == IR_NONE) continue;
            remat_add_source(r, run, x, source_of(r, drop, new, n, x, run));
        }
        for (size_t k = 0; k < action->slice.n_stops; k++) {
            const Stop *stop = &action->slice.stops[k];
            remat_add_source(r, run, stop->at, source_of(r, drop, new, n, stop->stored, run));
        }
        for (ValueId id = kernel->first; id <= kernel->last; id++)
            if (action->kind == RUN_WHOLE ? r->plan->places[id].kind == PLACE_ARENA : id == action->value)
                remat_new_instance(r, id, run, false);
        new[n++] = run;
    }
    for (uint32_t m = n; m-- > 0;)
        for (size_t j = 0; j < r->runs[new[m]].n_made && !r->runs[new[m]].gone; j++)
            remat_redirect(r, r->runs[new[m]].made[j]);
}
