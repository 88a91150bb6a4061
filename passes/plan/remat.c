/* Rematerialisation (Chen et al. 2016, arXiv:1604.06174; by cost, as Kirisame et al. 2021, arXiv:2006.09616).
 *
 * It works on kernels in their order. A value that lives across the peak without being read there is dropped after its last use
 * before the peak, and its kernel runs again before the next use; so do, as far as they are not kept either, the kernels that
 * make what it loads. In each round the values that free most bytes, for as long as memory is nearly full, per second of
 * computing again (a roofline) are dropped. The rounds do not look at the limit: a lower one goes further along the same way. Without
 * a limit they end when nothing is left that frees much for little.
 *
 * What is computed again has the same bits. A kernel runs again as it is; or, if elementwise, without what other values need.
 * The compiler contracts a product and a sum into one rounding if the product has no other use: kernels where the uses of such
 * a product would change are left alone. */
#include "passes/plan/remat.h"
#include "ir/plan/cost.h"
#include "passes/plan/layout.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RUNS = 24, MOST_DEPTH = 12, SMALL = 16, WORTH = 4096, STALE_ROUNDS = 8 };
#define FLOPS_PER_SECOND 200e9
#define BYTES_PER_SECOND 20e9
#define SECONDS_PER_KERNEL 5e-6
#define NEARLY_FULL 0.75 /* of the peak: where memory is worth freeing */
/* Without a limit: an elementwise kernel that loads at most four bytes for each that need not be kept, for all together a little of
 * the step's time, and not where the arena is small. */
#define NEARLY_FREE 4e9 /* bytes per second of computing again */
#define SPARE 0.02      /* of the step */
#define LITTLE (32 << 20)

/* What a run reads by the name of `value`: the instance itself, or another that it is made from by a cast. */
typedef struct {
    ValueId value;
    uint32_t instance;
} Source;

/* One run of a kernel, the first or another. */
typedef struct {
    uint32_t kernel, next, before; /* linked in order */
    int64_t key;                   /* grows along the order */
    uint32_t at;                   /* its number, at the start of the round */
    bool again, gone;
    bool *part; /* of a run again: the nodes of the kernel it computes; NULL: all */
    Source *sources;
    size_t n_sources, sources_capacity;
    uint32_t *made; /* instances */
    size_t n_made, made_capacity;
} Run;

/* A value in the arena, once for each run that makes it. */
typedef struct {
    ValueId value;
    uint32_t run;
    int64_t bytes;
    bool to_end;
    uint32_t *users; /* runs; they may have turned to another instance or be gone: see uses() */
    size_t n_users, users_capacity;
} Instance;

typedef struct {
    bool known, calm, rows_or_product, irregular, whole, in_arena;
    int n_stored;
} Nature;

typedef struct {
    Arena *arena;
    Func *func;
    const Plan *plan;
    Run *runs;
    size_t n_runs, runs_capacity;
    uint32_t first; /* run */
    Instance *instances;
    size_t n_instances, instances_capacity;
    uint32_t **of; /* instances of each value: a list ... */
    uint32_t *n_of, *of_capacity;
    uint32_t *updater; /* of each state: the run that writes it in place, IR_NONE: none */
    Nature *natures;   /* of spans */
    bool *carries;     /* of values: for a walk through one kernel */
    int64_t *live;     /* by position */
    double *worth;     /* sums of what a byte is worth before each position */
    size_t n_positions, peak;
    int64_t most;
    uint32_t *stack; /* of runs */
    size_t stack_capacity;
} Remat;

/* ---- the order, and who lives when --------------------------------------------------------------------------------- */

static bool uses(const Remat *r, uint32_t run, uint32_t instance) {
    const Run *user = &r->runs[run];
    for (size_t i = 0; i < user->n_sources && !user->gone; i++)
        if (user->sources[i].instance == instance) return true;
    return false;
}

/* The last run that touches an instance; with `until`, of those before that key. */
static uint32_t last_touch(const Remat *r, uint32_t instance, int64_t until) {
    const Instance *x = &r->instances[instance];
    uint32_t last = x->run;
    for (size_t i = 0; i < x->n_users; i++) {
        const Run *user = &r->runs[x->users[i]];
        if (user->key < until && user->key > r->runs[last].key && uses(r, x->users[i], instance))
            last = x->users[i];
    }
    return last;
}

/* The first run that uses an instance, of those after that key; IR_NONE: none. */
static uint32_t next_use(const Remat *r, uint32_t instance, int64_t after) {
    const Instance *x = &r->instances[instance];
    uint32_t next = IR_NONE;
    for (size_t i = 0; i < x->n_users; i++) {
        const Run *user = &r->runs[x->users[i]];
        if (user->key > after && (next == IR_NONE || user->key < r->runs[next].key) &&
            uses(r, x->users[i], instance))
            next = x->users[i];
    }
    return next;
}

/* The instance of a value that lives when `run` begins, or IR_NONE. */
static uint32_t living(const Remat *r, ValueId value, uint32_t run) {
    int64_t key = r->runs[run].key;
    for (uint32_t i = r->n_of[value]; i-- > 0;) {
        uint32_t instance = r->of[value][i];
        const Instance *x = &r->instances[instance];
        if (r->runs[x->run].gone || r->runs[x->run].key >= key) continue;
        if (x->to_end || r->runs[last_touch(r, instance, INT64_MAX)].key >= key) return instance;
    }
    return IR_NONE;
}

/* The same, or one that was read for the last time between the peak and the run: it can be held until then. */
static uint32_t at_hand(const Remat *r, ValueId value, uint32_t run) {
    uint32_t instance = living(r, value, run);
    for (uint32_t i = r->n_of[value]; i-- > 0 && instance == IR_NONE;) {
        const Run *born = &r->runs[r->instances[r->of[value][i]].run];
        uint32_t last = last_touch(r, r->of[value][i], INT64_MAX);
        if (!born->gone && r->runs[last].at > r->peak && r->runs[last].key < r->runs[run].key)
            instance = r->of[value][i];
    }
    return instance;
}

static void number_runs(Remat *r) {
    uint32_t at = 0;
    for (uint32_t k = r->first; k != IR_NONE; k = r->runs[k].next) {
        r->runs[k].at = at;
        r->runs[k].key = (int64_t)at++ << 32;
    }
    r->n_positions = at;
}

/* What none reads has none. */
static bool has_place(const Remat *r, uint32_t i) {
    const Instance *x = &r->instances[i];
    if (r->runs[x->run].gone || x->bytes == 0) return false;
    return x->to_end || next_use(r, i, INT64_MIN) != IR_NONE;
}

static void sum_lives(Remat *r) {
    memset(r->live, 0, sizeof *r->live * (r->n_positions + 2));
    for (uint32_t i = 0; i < r->n_instances; i++) {
        const Instance *x = &r->instances[i];
        if (!has_place(r, i)) continue;
        r->live[r->runs[x->run].at] += x->bytes;
        if (!x->to_end) r->live[r->runs[last_touch(r, i, INT64_MAX)].at + 1] -= x->bytes;
    }
    r->peak = 0;
    for (size_t k = 1; k < r->n_positions; k++) {
        r->live[k] += r->live[k - 1];
        if (r->live[k] > r->live[r->peak]) r->peak = k;
    }
    r->most = r->live[r->peak];
    r->worth[0] = 0;
    for (size_t k = 0; k < r->n_positions; k++) {
        double full = (double)r->live[k] / (double)(r->most ? r->most : 1) - NEARLY_FULL;
        r->worth[k + 1] = r->worth[k] + (full > 0 ? full : 0);
    }
}

static int by_birth(const void *a, const void *b) {
    const Life *x = a, *y = b;
    if (x->born != y->born) return x->born < y->born ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

/* The arena that `memory` would drop. */
static int64_t planned(Remat *r) {
    Arena *arena = arena_new();
    Lives lives = {.of = ARENA_ARRAY(arena, Life, r->n_instances + 1), .n_kernels = r->n_positions};
    for (uint32_t i = 0; i < r->n_instances; i++) {
        const Instance *x = &r->instances[i];
        if (!has_place(r, i)) continue;
        uint32_t died = x->to_end ? (uint32_t)r->n_positions - 1 : r->runs[last_touch(r, i, INT64_MAX)].at;
        lives.of[lives.count++] = (Life){x->value, r->runs[x->run].at, died, x->bytes};
    }
    qsort(lives.of, lives.count, sizeof *lives.of, by_birth);
    int64_t bytes = layout_least(arena, &lives, NULL);
    arena_free(arena);
    return bytes;
}

/* ---- what may run again ---------------------------------------------------------------------------------------------- */

/* What passes a product on to a sum, as far as contraction goes. */
static bool is_transparent(OpKind op) {
    return op_is_view(op) || op == OP_stop_grad || op == OP_neg || op == OP_cast || op == OP_pad ||
           op == OP_concat;
}

/* Whether a node feeds a sum or difference of the kernel that `part` (NULL: all) computes. */
static bool feeds_sum(const Remat *r, const Kernel *kernel, const bool *part, ValueId id) {
    memset(r->carries + kernel->first, 0, kernel->last - kernel->first + 1);
    r->carries[id] = true;
    for (ValueId user = id + 1; user <= kernel->last; user++) {
        const Node *node = func_node(r->func, user);
        if (part && !part[user - kernel->first]) continue;
        for (int o = 0; o < node->n_operands; o++) {
            if (!kernel_has(kernel, node->operands[o]) || !r->carries[node->operands[o]]) continue;
            if (node->op == OP_add || node->op == OP_sub) return true;
            if (is_transparent(node->op)) r->carries[user] = true;
        }
    }
    return false;
}

static const Nature *nature_of(Remat *r, uint32_t s) {
    Nature *nature = &r->natures[s];
    if (nature->known) return nature;
    const Kernel *kernel = &r->plan->kernels[s];
    *nature = (Nature){.known = true, .calm = true, .in_arena = true};
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        const Node *node = func_node(r->func, id);
        PlaceKind place = r->plan->places[id].kind;
        nature->n_stored += place != PLACE_LOOPS;
        if (place != PLACE_LOOPS && place != PLACE_ARENA) nature->in_arena = false;
        if (!op_is_fusable(node->op) || op_is_reduce(node->op)) nature->rows_or_product = true;
        if (node->op == OP_mul && dtype_is_float((DType)node->type.dtype) && feeds_sum(r, kernel, NULL, id))
            nature->calm = false;
    }
    nature->whole = nature->in_arena && (nature->calm || nature->n_stored == 1);
    return nature;
}

/* Whether a node, seen through views, is used otherwise by the part than by the whole span. */
static bool uses_change(const Remat *r, const Kernel *kernel, const bool *part, ValueId id) {
    if (r->plan->places[id].kind != PLACE_LOOPS) return true;
    memset(r->carries + kernel->first, 0, kernel->last - kernel->first + 1);
    r->carries[id] = true;
    for (ValueId user = id + 1; user <= kernel->last; user++) {
        const Node *node = func_node(r->func, user);
        for (int o = 0; o < node->n_operands; o++) {
            if (!kernel_has(kernel, node->operands[o]) || !r->carries[node->operands[o]]) continue;
            if (!part[user - kernel->first]) return true;
            if (!is_transparent(node->op)) continue;
            if (r->plan->places[user].kind != PLACE_LOOPS) return true;
            r->carries[user] = true;
        }
    }
    return false;
}

/* Where the part of a run ends: at a value of the same kernel that is in memory, itself or rounded. */
typedef struct {
    ValueId at, stored; /* `stored` is `at`, or a cast of it */
} Stop;

typedef struct {
    bool *part;
    ValueId *outside; /* values of other kernels, states and inputs; each once */
    size_t n_outside, outside_capacity;
    Stop *stops;
    size_t n_stops, stops_capacity;
} Slice;

static ValueId stored_form(const Remat *r, const Kernel *kernel, ValueId id, ValueId wanted,
                           uint32_t before) {
    if (id != wanted && r->plan->places[id].kind == PLACE_ARENA && at_hand(r, id, before) != IR_NONE)
        return id;
    if (func_node(r->func, id)->type.dtype != DT_F32) return IR_NONE;
    for (ValueId user = id + 1; user <= kernel->last; user++) {
        const Node *node = func_node(r->func, user);
        if (node->op != OP_cast || node->operands[0] != id || node->type.dtype != DT_BF16 || user == wanted)
            continue;
        if (r->plan->places[user].kind == PLACE_ARENA && at_hand(r, user, before) != IR_NONE) return user;
    }
    return IR_NONE;
}

static void add_outside(Arena *arena, Slice *slice, ValueId value) {
    for (size_t i = 0; i < slice->n_outside; i++)
        if (slice->outside[i] == value) return;
    ARENA_PUSH(arena, slice->outside, slice->n_outside, slice->outside_capacity, value);
}

/* The nodes of its kernel that `value` needs, when what else the kernel stored and still lives is loaded. */
static Slice slice_for(const Remat *r, Arena *arena, ValueId value, uint32_t before) {
    const Kernel *kernel = &r->plan->kernels[r->plan->kernel_of[value]];
    size_t n = kernel->last - kernel->first + 1;
    Slice slice = {.part = ARENA_ARRAY(arena, bool, n)};
    slice.part[value - kernel->first] = true;
    for (ValueId id = value + 1; id-- > kernel->first;) {
        if (!slice.part[id - kernel->first]) continue;
        ValueId stored = stored_form(r, kernel, id, value, before);
        if (stored != IR_NONE) {
            slice.part[id - kernel->first] = false;
            ARENA_PUSH(arena, slice.stops, slice.n_stops, slice.stops_capacity, ((Stop){id, stored}));
            continue;
        }
        const Node *node = func_node(r->func, id);
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            if (kernel_has(kernel, x))
                slice.part[x - kernel->first] = true;
            else
                add_outside(arena, &slice, x);
        }
    }
    return slice;
}

/* Whether the slice is elementwise, and keeps its bits apart from the rest of its kernel. */
static bool is_separable(Remat *r, const Slice *slice, ValueId value) {
    uint32_t s = r->plan->kernel_of[value];
    const Kernel *kernel = &r->plan->kernels[s];
    bool calm = nature_of(r, s)->calm;
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        const Node *node = func_node(r->func, id);
        if (!slice->part[id - kernel->first]) continue;
        if (!op_is_fusable(node->op) || op_is_reduce(node->op)) return false;
        if (calm || node->op != OP_mul || !feeds_sum(r, kernel, slice->part, id)) continue;
        if (uses_change(r, kernel, slice->part, id)) return false;
    }
    for (size_t i = 0; i < slice->n_stops && !calm; i++)
        if (feeds_sum(r, kernel, slice->part, slice->stops[i].at)) {
            ValueId x = slice->stops[i].at;
            while (kernel_has(kernel, x) && is_transparent(func_node(r->func, x)->op))
                x = func_node(r->func, x)->operands[0];
            if (func_node(r->func, x)->op == OP_mul) return false;
        }
    return true;
}

/* ---- plans -------------------------------------------------------------------------------------------------------------- */

typedef struct {
    enum { RUN_PART, RUN_WHOLE, MOVE, EXTEND } kind;
    ValueId value;
    uint32_t index; /* MOVE: the run; EXTEND: the instance */
    Slice slice;
} Action;

/* All that happens before one run so that it finds a value. */
typedef struct {
    Arena *arena;
    uint32_t before;
    Action actions[MOST_RUNS];
    int n;
    double seconds, gain;
    int64_t freed;     /* bytes not kept past the peak */
    int64_t temporary; /* bytes made besides the value */
    uint32_t blocked;  /* the first run that writes over a state which the plan reads; IR_NONE: none does */
} Drop;

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

/* Whether a state's old value is still there. */
static bool is_unchanged(const Remat *r, Drop *drop, ValueId state) {
    uint32_t updater = r->updater[source_attrs(func_node(r->func, state))->index];
    if (updater == IR_NONE || r->runs[updater].key >= r->runs[drop->before].key) return true;
    bool first = drop->blocked == IR_NONE || r->runs[updater].key < r->runs[drop->blocked].key;
    if (first) drop->blocked = updater;
    return false;
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

static double roofline(double flops, double bytes) {
    double compute = flops / FLOPS_PER_SECOND, memory = bytes / BYTES_PER_SECOND;
    return (compute > memory ? compute : memory) + SECONDS_PER_KERNEL;
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
    drop->seconds += roofline(flops, bytes);
}

static double worth_between(const Remat *r, uint32_t from, uint32_t to) { /* runs, both without */
    uint32_t a = r->runs[from].at + 1, b = r->runs[to].at;
    return b > a ? r->worth[b] - r->worth[a] : 0;
}

/* Its kernel, again: the elementwise part that makes the value, or all of it. */
static bool run_again(Remat *r, Drop *drop, ValueId value, int64_t small, int depth) {
    uint32_t s = r->plan->kernel_of[value];
    const Kernel *kernel = &r->plan->kernels[s];
    const Nature *nature = nature_of(r, s);
    Action action = {
        .kind = RUN_PART, .value = value, .slice = slice_for(r, drop->arena, value, drop->before)};
    if (!is_separable(r, &action.slice, value)) {
        if (!nature->whole) return false;
        action.kind = RUN_WHOLE;
        action.slice = (Slice){.part = ARENA_ARRAY(drop->arena, bool, kernel->last - kernel->first + 1)};
        for (ValueId id = kernel->first; id <= kernel->last; id++) {
            const Node *node = func_node(r->func, id);
            action.slice.part[id - kernel->first] = true;
            for (int o = 0; o < node->n_operands; o++)
                if (!kernel_has(kernel, node->operands[o]))
                    add_outside(drop->arena, &action.slice, node->operands[o]);
        }
    }
    for (size_t i = 0; i < action.slice.n_stops; i++)
        if (!make_available(r, drop, action.slice.stops[i].stored, small, depth)) return false;
    if (!make_sources(r, drop, &action.slice, small, depth) || drop->n == MOST_RUNS) return false;
    drop->actions[drop->n++] = action;
    count_cost(r, drop, kernel, &action.slice, value);
    for (ValueId id = kernel->first; id <= kernel->last; id++)
        if ((action.kind == RUN_WHOLE ? r->plan->places[id].kind == PLACE_ARENA : id == value) &&
            living(r, id, drop->before) == IR_NONE)
            drop->temporary += type_bytes(func_type(r->func, id));
    return true;
}

/* A run again that makes the value later on, if it could happen here. */
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

/* Holds an instance until the plan's run: the last that was made. */
static bool extend_here(Remat *r, Drop *drop, ValueId value) {
    uint32_t best = at_hand(r, value, drop->before);
    for (uint32_t i = 0; i < r->n_of[value] && best == IR_NONE; i++) {
        const Run *born = &r->runs[r->instances[r->of[value][i]].run];
        if (!born->gone && born->key < r->runs[drop->before].key) best = r->of[value][i];
    }
    if (best == IR_NONE || drop->n == MOST_RUNS) return false;
    uint32_t from = last_touch(r, best, INT64_MAX);
    int64_t bytes = r->instances[best].bytes;
    for (uint32_t k = r->runs[from].at + 1; k < r->runs[drop->before].at && r->runs[from].at > r->peak; k++)
        if (r->live[k] + bytes >= r->most) return false;
    drop->actions[drop->n++] = (Action){.kind = EXTEND, .value = value, .index = best};
    drop->gain -= (double)bytes * worth_between(r, from, drop->before);
    drop->temporary += bytes;
    return true;
}

static bool make_available(Remat *r, Drop *drop, ValueId value, int64_t small, int depth) {
    if (r->plan->places[value].kind != PLACE_ARENA) return true; /* outputs and new states stay */
    if (is_made(r, drop, value) || living(r, value, drop->before) != IR_NONE) return true;
    bool small_enough = type_bytes(func_type(r->func, value)) <= small;
    if (small_enough || at_hand(r, value, drop->before) != IR_NONE) return extend_here(r, drop, value);
    if (depth > MOST_DEPTH) return false;
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
            uint32_t other = r->plan->places[id].kind == PLACE_ARENA ? living(r, id, before) : IR_NONE;
            if (other == IR_NONE || other == instance || r->instances[other].to_end) continue;
            drop->gain += (double)r->instances[other].bytes *
                          worth_between(r, last_touch(r, other, r->runs[before].key), before);
            drop->freed += r->instances[other].bytes;
        }
    }
    return drop->gain > 0 && r->live[r->runs[before].at] + drop->temporary - x->bytes < r->most;
}

/* It comes back before its next use past the peak, or, if what it is made from is written over by then, before that. */
static bool make_plan(Remat *r, Drop *drop, uint32_t instance) {
    const Instance *x = &r->instances[instance];
    int64_t peak = (int64_t)r->peak << 32;
    uint32_t before = next_use(r, instance, peak), last = last_touch(r, instance, peak);
    if (x->to_end || r->runs[x->run].gone || before == IR_NONE || r->runs[last].at >= r->peak) return false;
    const Nature *nature = nature_of(r, r->plan->kernel_of[x->value]);
    if (last == x->run && !nature->calm && nature->n_stored > 1) return false; /* it would store less */
    for (int tries = 0; tries < 4 && r->runs[before].at > r->peak; tries++) {
        if (plan_drop(r, drop, instance, last, before)) return true;
        if (drop->blocked == IR_NONE) return false;
        before = drop->blocked;
    }
    return false;
}

/* ---- carrying plans out ------------------------------------------------------------------------------------------------- */

static void unlink_run(Remat *r, uint32_t run) {
    Run *x = &r->runs[run];
    if (x->before != IR_NONE) r->runs[x->before].next = x->next;
    if (x->next != IR_NONE) r->runs[x->next].before = x->before;
    if (r->first == run) r->first = x->next;
}

static void link_before(Remat *r, uint32_t run, uint32_t at) {
    uint32_t before = r->runs[at].before;
    int64_t low = before == IR_NONE ? -((int64_t)1 << 32) : r->runs[before].key;
    r->runs[run].key = low + (r->runs[at].key - low) / 2;
    r->runs[run].at = r->runs[at].at;
    r->runs[run].before = before;
    r->runs[run].next = at;
    r->runs[at].before = run;
    if (before == IR_NONE)
        r->first = run;
    else
        r->runs[before].next = run;
}

/* Whether as many runs still find keys between it and the one before. */
static bool has_room(const Remat *r, uint32_t at, int n) {
    uint32_t before = r->runs[at].before;
    int64_t gap = before == IR_NONE ? (int64_t)1 << 32 : r->runs[at].key - r->runs[before].key;
    return n < 62 && gap >> (n + 1) > 0;
}

static uint32_t new_instance(Remat *r, ValueId value, uint32_t run, bool to_end) {
    Instance x = {.value = value, .run = run, .to_end = to_end};
    if (r->plan->places[value].kind == PLACE_ARENA)
        x.bytes = (type_bytes(func_type(r->func, value)) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    uint32_t id = (uint32_t)r->n_instances;
    ARENA_PUSH(r->arena, r->instances, r->n_instances, r->instances_capacity, x);
    ARENA_PUSH(r->arena, r->runs[run].made, r->runs[run].n_made, r->runs[run].made_capacity, id);
    size_t capacity = r->of_capacity[value];
    ARENA_PUSH(r->arena, r->of[value], r->n_of[value], capacity, id);
    r->of_capacity[value] = (uint32_t)capacity;
    return id;
}

static void add_source(Remat *r, uint32_t run, ValueId value, uint32_t instance) {
    Run *x = &r->runs[run];
    Instance *from = &r->instances[instance];
    ARENA_PUSH(r->arena, x->sources, x->n_sources, x->sources_capacity, ((Source){value, instance}));
    ARENA_PUSH(r->arena, from->users, from->n_users, from->users_capacity, run);
}

static bool is_needed(const Remat *r, uint32_t run) {
    for (size_t i = 0; i < r->runs[run].n_made; i++) {
        uint32_t made = r->runs[run].made[i];
        if (r->instances[made].to_end || next_use(r, made, INT64_MIN) != IR_NONE) return true;
    }
    return false;
}

/* A run that nothing reads any more goes, and so may those it read from. */
static void drop_unneeded(Remat *r, uint32_t first) {
    size_t count = 0;
    ARENA_PUSH(r->arena, r->stack, count, r->stack_capacity, first);
    while (count > 0) {
        uint32_t run = r->stack[--count];
        if (r->runs[run].gone || is_needed(r, run)) continue;
        r->runs[run].gone = true;
        unlink_run(r, run);
        for (size_t i = 0; i < r->runs[run].n_sources; i++) {
            uint32_t from = r->instances[r->runs[run].sources[i].instance].run;
            ARENA_PUSH(r->arena, r->stack, count, r->stack_capacity, from);
        }
    }
}

/* Later users of a value turn to a new instance of it. */
static void redirect(Remat *r, uint32_t to) {
    ValueId value = r->instances[to].value;
    int64_t key = r->runs[r->instances[to].run].key;
    for (uint32_t i = 0; i < r->n_of[value]; i++) {
        uint32_t from = r->of[value][i];
        if (from == to) continue;
        for (size_t u = 0; u < r->instances[from].n_users; u++) {
            uint32_t run = r->instances[from].users[u];
            Run *user = &r->runs[run];
            if (user->gone || user->key <= key) continue;
            bool turned = false;
            for (size_t k = 0; k < user->n_sources; k++)
                if (user->sources[k].instance == from) user->sources[k].instance = to, turned = true;
            if (!turned) continue;
            Instance *x = &r->instances[to];
            ARENA_PUSH(r->arena, x->users, x->n_users, x->users_capacity, run);
        }
        drop_unneeded(r, r->instances[from].run);
    }
}

/* The instance that a run of the plan, linked in, reads: one that lives, is held for it, or was made by a run before. */
static uint32_t source_of(const Remat *r, const Drop *drop, const uint32_t *new, uint32_t n, ValueId value,
                          uint32_t run) {
    if (r->plan->places[value].kind != PLACE_ARENA) return r->of[value][0];
    uint32_t instance = living(r, value, run);
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

/* A run that moved may have read what is made later. */
static void find_sources_anew(Remat *r, const Drop *drop, const uint32_t *new, uint32_t n, uint32_t run) {
    for (size_t k = 0; k < r->runs[run].n_sources; k++) {
        uint32_t *source = &r->runs[run].sources[k].instance;
        if (r->runs[r->instances[*source].run].key < r->runs[run].key) continue;
        *source = source_of(r, drop, new, n, r->instances[*source].value, run);
        Instance *x = &r->instances[*source];
        ARENA_PUSH(r->arena, x->users, x->n_users, x->users_capacity, run);
    }
}

/* Does what the plan says. What a run is held for by EXTEND lives on because the run reads it. */
static void carry_out(Remat *r, const Drop *drop) {
    uint32_t new[MOST_RUNS], n = 0; /* runs */
    for (int i = 0; i < drop->n; i++) {
        const Action *action = &drop->actions[i];
        if (action->kind == EXTEND) continue;
        uint32_t run = action->index;
        if (action->kind == MOVE) {
            unlink_run(r, run);
            link_before(r, run, drop->before);
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
        link_before(r, run, drop->before);
        for (size_t k = 0; k < action->slice.n_outside; k++) {
            ValueId x = action->slice.outside[k];
            if (r->plan->kernel_of[x] == IR_NONE) continue;
            add_source(r, run, x, source_of(r, drop, new, n, x, run));
        }
        for (size_t k = 0; k < action->slice.n_stops; k++) {
            const Stop *stop = &action->slice.stops[k];
            add_source(r, run, stop->at, source_of(r, drop, new, n, stop->stored, run));
        }
        for (ValueId id = kernel->first; id <= kernel->last; id++)
            if (action->kind == RUN_WHOLE ? r->plan->places[id].kind == PLACE_ARENA : id == action->value)
                new_instance(r, id, run, false);
        new[n++] = run;
    }
    for (uint32_t m = n; m-- > 0;)
        for (size_t j = 0; j < r->runs[new[m]].n_made && !r->runs[new[m]].gone; j++)
            redirect(r, r->runs[new[m]].made[j]);
}

/* ---- rounds --------------------------------------------------------------------------------------------------------------- */

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
    return make_plan(r, drop, instance);
}

/* What a round may take: plans that free so many bytes per second of computing again, while there are seconds left. */
typedef struct {
    double bytes_per_second, seconds;
} Terms;

static bool accepts(const Terms *terms, const Drop *drop) {
    return drop->seconds <= terms->seconds && (double)drop->freed >= terms->bytes_per_second * drop->seconds;
}

/* Drops the best candidates of the peak, up to a fiftieth of it; false: there is none. */
static bool run_round(Remat *r, Terms *terms) {
    Candidate *candidates = ARENA_ARRAY(r->arena, Candidate, r->n_instances + 1);
    size_t n = 0;
    Drop drop;
    for (uint32_t i = 0; i < r->n_instances; i++) {
        const Instance *x = &r->instances[i];
        if (x->bytes * WORTH < r->most) continue;
        if (score_instance(r, i, &drop) && accepts(terms, &drop))
            candidates[n++] = (Candidate){i, drop.gain / drop.seconds};
        arena_free(drop.arena);
    }
    qsort(candidates, n, sizeof *candidates, by_score);
    int64_t freed = 0;
    for (size_t c = 0; c < n && freed * 50 < r->most; c++) {
        if (score_instance(r, candidates[c].instance, &drop) && accepts(terms, &drop) &&
            has_room(r, drop.before, drop.n)) {
            freed += r->instances[candidates[c].instance].bytes;
            terms->seconds -= drop.seconds;
            carry_out(r, &drop);
        }
        arena_free(drop.arena);
    }
    return freed > 0;
}

static void reserve_positions(Remat *r) {
    r->live = ARENA_ARRAY(r->arena, int64_t, r->n_runs + 2);
    r->worth = ARENA_ARRAY(r->arena, double, r->n_runs + 2);
}

/* Rounds until the arena fits, or no more than `live` bytes live at once. False: they never do; *least is what they come to. */
static bool shrink(Remat *r, int64_t budget, int64_t live, int64_t *least) {
    Terms any = {0, INFINITY};
    *least = INT64_MAX;
    for (int stale = 0; stale < STALE_ROUNDS; stale++) {
        reserve_positions(r);
        number_runs(r);
        sum_lives(r);
        if (r->most < *least) {
            if (r->most <= live || (r->most <= budget && planned(r) <= budget)) return true;
            *least = r->most;
            stale = 0;
        }
        if (!run_round(r, &any)) break;
    }
    return false;
}

/* Rounds of what is nearly free to compute again. */
static bool drop_nearly_free(Remat *r) {
    Terms terms = {NEARLY_FREE, 0};
    for (uint32_t k = r->first; k != IR_NONE; k = r->runs[k].next) {
        KernelCost cost = kernel_cost(r->func, &r->plan->kernels[r->runs[k].kernel]);
        terms.seconds += SPARE * roofline(cost.flops, cost.bytes);
    }
    bool any = false;
    for (;; any = true) {
        reserve_positions(r);
        number_runs(r);
        sum_lives(r);
        if (r->most < LITTLE || !run_round(r, &terms)) return any;
    }
}

/* ---- the function ----------------------------------------------------------------------------------------------------------- */

static Remat make_remat(Func *func) {
    Remat r = {.arena = arena_new(), .func = func};
    size_t n_states = func->module->n_states;
    r.plan = func->plan;
    size_t n = r.plan->n_kernels;
    r.of = ARENA_ARRAY(r.arena, uint32_t *, func->count + 1);
    r.n_of = ARENA_ARRAY(r.arena, uint32_t, func->count + 1);
    r.of_capacity = ARENA_ARRAY(r.arena, uint32_t, func->count + 1);
    r.natures = ARENA_ARRAY(r.arena, Nature, n + 1);
    r.carries = ARENA_ARRAY(r.arena, bool, func->count + 1);
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
            if (place->kind != PLACE_LOOPS) new_instance(&r, id, k, to_end[id]);
            if (place->kind == PLACE_STATE) r.updater[place->index] = k;
            for (int o = 0; o < func_node(func, id)->n_operands; o++) {
                ValueId x = func_node(func, id)->operands[o];
                if (r.plan->kernel_of[x] == IR_NONE || kernel_has(kernel, x) || stamp[x] == k + 1) continue;
                stamp[x] = k + 1;
                add_source(&r, k, x, r.of[x][0]);
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
    int64_t resident = resident_bytes(func), least;
    Remat r = make_remat(func);
    if (module->memory_limit == 0) {
        if (drop_nearly_free(&r)) emit_runs(&r);
        arena_free(r.arena);
        return true;
    }
    bool fits = shrink(&r, module->memory_limit - resident, 0, &least);
    if (fits)
        emit_runs(&r);
    else { /* back to where it was smallest, for the number */
        arena_free(r.arena);
        r = make_remat(func);
        shrink(&r, 0, least, &least);
        least = resident + planned(&r);
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
