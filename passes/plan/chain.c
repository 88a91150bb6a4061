/* Running kernels depth first (all for one block of images, then for the next) instead of layer by layer.
 *
 * From each kernel on a chain is tried. A later kernel becomes a member if it reads a member's result and can be cut
 * into the same units (ir/plan/blocks.h), so that no block needs another one. A kernel that cannot, such as the
 * gradient of a weight, which sums over all rows, is put off until the chain is done; the chain ends before a kernel
 * that needs one of these. A value that only members read is never stored as a whole: each thread has room for one
 * block of it (PLACE_BLOCK).
 *
 * A chain saves the traffic to memory of the values between its members, if those of a block fit into the cache. It
 * costs that products read their weights once per block. Several sizes of block are tried, and the one that saves most
 * is taken. */
#include "passes/plan/chain.h"
#include "ir/plan/blocks.h"
#include "ir/plan/cost.h"
#include "ir/remarks.h"
#include "passes/plan/layout.h"
#include "passes/plan/remat.h"

#include <string.h>

enum {
    MOST_WAITING = 24, /* kernels put off in a row before a chain is given up */
    WEIGHT_CACHES =
        16,     /* the weights of a chain are at most so many own caches: they stay in the shared cache */
    LEVELS = 2, /* units are iterations of the outermost loop, or of the outermost two */
    SIZES = 3,  /* of blocks that are tried for each level */
    MOST_TRIALS = LEVELS * SIZES,
    MOST_LOSING = 128, /* members in a row that do not raise the gain */
    MOST_TRIES = 48,   /* layouts of the function without one of its chains, one after another */
    FEW_BLOCKS = 8,    /* a chain has at least so many, for threads to share */
    ROWS = 84,         /* of large blocks: seven tiles of 12 rows, which most targets have (whole_tiles) */
    FEW_ROWS = 14,     /* of small ones */
    MOST_USES = 1000   /* of a member: its arguments must fit VT_MAX_OWN_ARGS */
};

#define MOST_IDLE                                                                                            \
    0.02 /* of a thread's time: blocks are made smaller where others would wait longer for the busiest */

typedef enum { FREE, MEMBER, WAITING } StepState;

typedef struct {
    const Kernel *kernel;
    ValueId *loads; /* from other kernels, each once */
    size_t n_loads, loads_capacity;
    ValueId weights; /* second operand of a product, in memory; or IR_NONE */
    double seconds;  /* of one thread, outside of a chain */
    bool packed;     /* the weights are packed already */
    bool updates;    /* it writes a state */
    bool reckoned;   /* seconds, weights and packed are known */
} Step;

typedef struct {
    uint32_t *at; /* numbers of kernels */
    size_t count, capacity;
} Steps;

typedef struct {
    Arena *arena;
    Func *func;
    const Plan *plan;
    Step *steps;
    bool *kept;        /* by value: an output, or the new value of a state */
    uint32_t *readers; /* by value: how many other kernels read it */
    uint32_t *inside;  /* by value: how many of these are members of the chain being tried */
    size_t n;
    Machine machine;
    StepState *state; /* for the chain being tried */
    const char *why;  /* the last kernel that was refused could not join it ... */
    uint32_t refused; /* ... which was this */
    bool telling;     /* the chain being made is the one that saves most, and remarks are wanted */
    bool *readable;   /* by value that a member stores: unit i of the member writes unit i of it */
} Chains;

/* ---- what is known of each kernel -------------------------------------------------------------------------------- */

static ValueId weights_of(const Func *func, const Kernel *kernel) {
    ValueId views[KERNEL_VIEWS];
    int n_views;
    const Node *core = kernel->core == IR_NONE ? NULL : func_node(func, kernel->core);
    if (!core || core->op != OP_matmul) return IR_NONE;
    return kernel_operand(func, core, 1, views, &n_views).base;
}

static void describe_step(Chains *c, uint32_t k) {
    Step *step = &c->steps[k];
    step->kernel = &c->plan->kernels[k];
    for (size_t i = 0; i < step->kernel->n_reads; i++) {
        ValueId x = step->kernel->reads[i];
        if (c->plan->kernel_of[x] == IR_NONE) continue;
        c->readers[x]++;
        ARENA_PUSH(c->arena, step->loads, step->n_loads, step->loads_capacity, x);
    }
}

static void describe_steps(Chains *c) {
    Func *func = c->func;
    for (uint32_t k = 0; k < c->n; k++) describe_step(c, k);
    for (size_t i = 0; i < func->n_outputs; i++) c->kept[func->outputs[i].value] = true;
    for (size_t i = 0; i < func->n_updates; i++) {
        ValueId value = func->updates[i].value;
        c->kept[value] = true;
        if (c->plan->kernel_of[value] != IR_NONE) c->steps[c->plan->kernel_of[value]].updates = true;
    }
}

/* The kernel with its seconds and weights, which take time to estimate and are so only for possible members. */
static const Step *reckoned_step(Chains *c, uint32_t k) {
    Step *step = &c->steps[k];
    if (step->reckoned) return step;
    step->reckoned = true;
    KernelCost cost = kernel_cost(c->func, step->kernel);
    double compute = cost.flops / machine_core_peak(&c->machine, c->func->module->precision),
           memory = cost.bytes / c->machine.bandwidth;
    step->seconds = compute > memory ? compute : memory;
    step->weights = weights_of(c->func, step->kernel);
    step->packed =
        step->weights != IR_NONE && matmul_attrs(func_node(c->func, step->kernel->core))->panel > 0;
    return step;
}

/* ---- one chain --------------------------------------------------------------------------------------------------- */

typedef struct {
    Chain chain;            /* its kernels are not known yet */
    uint32_t first;         /* kernel */
    Steps members, waiting; /* in order; waiting: kernels put off until the chain is done */
    ChainCost cost;
    ChainCost *shares; /* of each member, if remarks are wanted */
    Steps apart;       /* what reads the chain, but is not in it ... */
    const char **why;  /* ... and why */
} Trial;

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static void tell(const Chains *c, uint32_t k, uint32_t first, Verdict verdict) {
    remark_verdict(c->func, &verdict, kernel_number(c->func, &c->plan->kernels[k]),
                   first == IR_NONE ? IR_NONE : kernel_number(c->func, &c->plan->kernels[first]));
}

static void tell_chain(const Chains *c, const Trial *trial) {
    if (!remarks_wanted(c->func)) return;
    tell(c, trial->first, IR_NONE, (Verdict){RULE_chain_made, trial->cost.saved, trial->cost.spent, NULL});
    for (size_t m = 1; m < trial->members.count; m++)
        tell(c, trial->members.at[m], trial->first,
             (Verdict){RULE_chain_joined, trial->shares[m].saved, trial->shares[m].spent, NULL});
    for (size_t i = 0; i < trial->apart.count; i++)
        tell(c, trial->apart.at[i], trial->first, (Verdict){.rule = RULE_chain_apart, .text = trial->why[i]});
}

static void tell_dropped(const Chains *c, const Trial *trial, int64_t bytes, int64_t most) {
    for (size_t m = 0; m < trial->members.count; m++)
        tell(c, trial->members.at[m], IR_NONE,
             (Verdict){RULE_chain_memory, (double)bytes, (double)most, NULL});
}

/* Why a kernel begins no chain. */
typedef struct {
    ChainCost dear;  /* of the best trial with two kernels or more; spent is 0: there was none */
    uint32_t reader; /* that could not join it; IR_NONE: it is not for a reader */
    const char *why;
} NoChain;

static void tell_none(const Chains *c, uint32_t first, const NoChain *none) {
    Verdict verdict = {.rule = none->reader == IR_NONE ? RULE_chain_none : RULE_chain_reader,
                       .text = none->why};
    if (none->dear.spent > 0)
        tell(c, first, IR_NONE, (Verdict){RULE_chain_dear, none->dear.saved, none->dear.spent, NULL});
    else
        tell(c, first, none->reader, verdict);
}

/* ---- joining ----------------------------------------------------------------------------------------------------- */

static int64_t bytes_of(const Chains *c, ValueId value) {
    return type_bytes(func_type(c->func, value));
}

static bool is_handed_on(const Chains *c, ValueId x) {
    return c->state[c->plan->kernel_of[x]] == MEMBER;
}

static double gain_of(const ChainCost *cost) {
    return cost->saved - cost->spent;
}

static bool reads_chain(const Chains *c, const Step *step) {
    for (size_t i = 0; i < step->n_loads; i++)
        if (is_handed_on(c, step->loads[i])) return true;
    return false;
}

static bool refuse(Chains *c, uint32_t k, const char *why) {
    c->why = why;
    c->refused = k;
    return false;
}

/* Whether it can run block by block after the members. */
static bool can_join(Chains *c, uint32_t k, int64_t units, Cut *cut) {
    const Step *known = &c->steps[k];
    if (known->updates) return refuse(c, k, "it updates a state");
    for (size_t i = 0; i < known->n_loads; i++)
        if (c->state[c->plan->kernel_of[known->loads[i]]] == WAITING)
            return refuse(c, k, "it reads what a kernel makes that has to wait for the chain's end");
    const Step *step = reckoned_step(c, k);
    if (step->kernel->n_uses > MOST_USES) return refuse(c, k, "it reads too many values");
    if (!kernel_cut(c->func, step->kernel, units, cut))
        return refuse(c, k, "its loops cannot be cut into the chain's blocks");
    for (size_t i = 0; i < step->n_loads; i++) {
        ValueId x = step->loads[i];
        if (is_handed_on(c, x) && !(c->readable[x] && cut_is_local(cut, x)))
            return refuse(c, k, "a block of it needs other blocks of what the chain makes");
    }
    return true;
}

/* Blocks are shared whole: threads that got fewer units than the busiest wait, for this share of the work's time. */
static double idle_share(const Chains *c, int64_t units, int64_t size) {
    int64_t cores = c->machine.cores, blocks = (units + size - 1) / size,
            busiest = (blocks + cores - 1) / cores * size;
    return (double)((busiest < units ? busiest : units) * cores) / (double)units - 1;
}

/* What the member saves and costs beside running for all blocks at once. */
static void add_cost(const Chains *c, const Step *step, Trial *trial) {
    const Chain *chain = &trial->chain;
    int64_t footprint = 0, blocks = chain_blocks(chain);
    for (size_t i = 0; i < step->n_loads; i++) {
        int64_t bytes = bytes_of(c, step->loads[i]);
        if (!is_handed_on(c, step->loads[i])) continue;
        footprint += chain_share(chain, bytes);
        if (bytes > c->machine.own_cache) trial->cost.saved += (double)bytes / c->machine.bandwidth;
    }
    for (size_t i = 0; i < step->kernel->n_stores; i++)
        footprint += chain_share(chain, bytes_of(c, step->kernel->stores[i]));
    if (footprint > trial->cost.footprint) trial->cost.footprint = footprint;
    trial->cost.spent += (double)blocks * c->machine.call;
    trial->cost.spent += idle_share(c, chain->units, chain->size) * step->seconds;
    if (step->weights == IR_NONE) return;
    double again = (double)(blocks - 1) * (double)bytes_of(c, step->weights);
    trial->cost.spent +=
        again / c->machine.shared_bandwidth + (step->packed ? 0 : again / 4 / c->machine.packing);
}

/* What the member that joins next adds to the cost. */
static void note_share(Chains *c, Trial *trial, const ChainCost *before) {
    if (!c->telling) return;
    size_t count = trial->members.count, capacity = trial->members.capacity;
    ChainCost share = {0, trial->cost.saved - before->saved, trial->cost.spent - before->spent};
    ARENA_PUSH(c->arena, trial->shares, count, capacity, share);
}

static void join(Chains *c, Trial *trial, uint32_t k, const Cut *cut) {
    const Step *step = &c->steps[k];
    const ChainCost before = trial->cost;
    add_cost(c, step, trial);
    note_share(c, trial, &before);
    c->state[k] = MEMBER;
    for (size_t i = 0; i < step->n_loads; i++) c->inside[step->loads[i]] += is_handed_on(c, step->loads[i]);
    for (size_t i = 0; i < step->kernel->n_stores; i++)
        c->readable[step->kernel->stores[i]] = cut_is_local(cut, step->kernel->stores[i]);
    ARENA_PUSH(c->arena, trial->members.at, trial->members.count, trial->members.capacity, k);
}

/* What the chain alone reads need not reach memory either. */
static bool fits_blocks(const Chains *c, ValueId x) {
    return c->readable[x] && !c->kept[x] && c->inside[x] == c->readers[x];
}

static void put_off(Chains *c, Trial *trial, uint32_t k) {
    c->state[k] = WAITING;
    ARENA_PUSH(c->arena, trial->waiting.at, trial->waiting.count, trial->waiting.capacity, k);
}

static void forget(Chains *c, Trial *trial) {
    for (size_t i = 0; i < trial->waiting.count; i++) c->state[trial->waiting.at[i]] = FREE;
    for (size_t i = 0; i < trial->members.count; i++) {
        const Step *step = &c->steps[trial->members.at[i]];
        c->state[trial->members.at[i]] = FREE;
        for (size_t l = 0; l < step->n_loads; l++) c->inside[step->loads[l]] = 0;
    }
}

static void note_apart(Chains *c, Trial *trial, uint32_t k, const char *why) {
    if (!c->telling) return;
    size_t count = trial->apart.count, capacity = trial->apart.capacity;
    ARENA_PUSH(c->arena, trial->why, count, capacity, why);
    ARENA_PUSH(c->arena, trial->apart.at, trial->apart.count, trial->apart.capacity, k);
}

/* The next kernels that read the chain, behind its last member. */
static void note_next(Chains *c, Trial *trial) {
    uint32_t last = trial->members.at[trial->members.count - 1];
    for (uint32_t k = last + 1; c->telling && k < c->n && k <= last + MOST_WAITING; k++) {
        Cut cut;
        if (!reads_chain(c, &c->steps[k])) continue;
        bool joins = can_join(c, k, trial->chain.units, &cut);
        note_apart(c, trial, k, joins ? "with it the chain would save less, or not fit the cache" : c->why);
    }
}

/* A chain from kernel `first` on, of at most `most` members; *best: with how many of them it saves most. */
static Trial try_chain(Chains *c, uint32_t first, Chain chain, size_t most, size_t *best) {
    Trial trial = {.chain = chain, .first = first};
    double gain = 0;
    int64_t weights = 0;
    size_t missed = 0;
    *best = 0;
    for (uint32_t k = first; k < c->n && trial.members.count < most && missed < MOST_WAITING; k++) {
        Cut cut;
        bool reads = k == first || reads_chain(c, &c->steps[k]);
        bool joins = reads && can_join(c, k, chain.units, &cut);
        if (reads && !joins) note_apart(c, &trial, k, c->why);
        if (joins && c->steps[k].weights != IR_NONE) weights += bytes_of(c, c->steps[k].weights);
        if (joins && weights > WEIGHT_CACHES * c->machine.own_cache) break;
        if (joins) join(c, &trial, k, &cut);
        if (trial.cost.footprint > c->machine.own_cache * 3 / 4) break;
        missed = joins ? 0 : missed + 1;
        if (!joins) put_off(c, &trial, k);
        if (k == first && !joins) break;
        if (joins && gain_of(&trial.cost) > gain) {
            gain = gain_of(&trial.cost);
            *best = trial.members.count;
        }
        if (trial.members.count > *best + MOST_LOSING) break;
    }
    return trial;
}

/* Releases kernels that were put off behind the last member, and adds what block values save. */
static void trim(Chains *c, Trial *trial) {
    uint32_t last = trial->members.at[trial->members.count - 1];
    while (trial->waiting.count && trial->waiting.at[trial->waiting.count - 1] > last)
        c->state[trial->waiting.at[--trial->waiting.count]] = FREE;
    for (size_t m = 0; m < trial->members.count; m++) {
        const Step *step = &c->steps[trial->members.at[m]];
        for (size_t i = 0; i < step->kernel->n_stores; i++)
            if (fits_blocks(c, step->kernel->stores[i]) &&
                bytes_of(c, step->kernel->stores[i]) > c->machine.own_cache)
                trial->cost.saved += (double)bytes_of(c, step->kernel->stores[i]) / c->machine.bandwidth;
    }
}

/* `rows` rounded down to a good size for blocks of rows: large ones are whole tiles on all targets (of 6 and 12 rows;
 * of tiles of 32 rows the last is nearly full), small ones a tile of 12 and a little. */
static int64_t whole_tiles(int64_t rows) {
    return rows >= ROWS ? rows / ROWS * ROWS : rows >= FEW_ROWS ? rows / FEW_ROWS * FEW_ROWS : rows;
}

/* At most `size` units, of which all threads get about as many. */
static int64_t even_size(const Chains *c, int64_t units, int64_t size) {
    int64_t cores = c->machine.cores, rounds = ((units + size - 1) / size + cores - 1) / cores;
    return idle_share(c, units, size) <= MOST_IDLE ? size : (units + rounds * cores - 1) / (rounds * cores);
}

/* What may be worth trying: units that are the rounds of the outermost loop, or of the outer two, and sizes from
 * where a block of what the kernel itself stores takes half of the cache. */
static int make_counts(Chains *c, uint32_t k, Chain counts[MOST_TRIALS]) {
    const Step *step = reckoned_step(c, k);
    int64_t units = 1, bytes = 1;
    int n = 0;
    for (size_t i = 0; i < step->kernel->n_stores; i++) bytes += bytes_of(c, step->kernel->stores[i]);
    for (int i = 0, levels = 0; i < step->kernel->domain.rank && levels < LEVELS; i++) {
        if (step->kernel->domain.extent[i] == 1) continue;
        units *= step->kernel->domain.extent[i];
        levels++;
        int64_t size = (int64_t)((double)units * (double)c->machine.own_cache / 2 / (double)bytes);
        if (size > units / FEW_BLOCKS) size = units / FEW_BLOCKS;
        for (int64_t tried = 0, t = 0; size >= 1 && t < SIZES; size /= 2, t++) {
            if (whole_tiles(size) == tried) continue;
            tried = whole_tiles(size);
            counts[n++] = (Chain){.units = units, .size = even_size(c, units, tried)};
        }
    }
    return n;
}

/* Whether one of the next kernels reads this one, so that a chain is worth trying. */
static bool has_reader(const Chains *c, uint32_t first) {
    for (uint32_t k = first + 1; k < c->n && k <= first + MOST_WAITING; k++)
        for (size_t i = 0; !c->steps[k].updates && i < c->steps[k].n_loads; i++)
            if (c->plan->kernel_of[c->steps[k].loads[i]] == first) return true;
    return false;
}

static void note_none(const Chains *c, const Trial *trial, NoChain *none) {
    bool nearer = none->dear.spent == 0 || gain_of(&trial->cost) > gain_of(&none->dear);
    if (trial->members.count > 1 && nearer) none->dear = trial->cost;
    if (none->reader != IR_NONE) return;
    none->why = c->why ? c->why : "a block of what it makes does not fit the cache";
    none->reader = c->why && c->refused != trial->first ? c->refused : IR_NONE;
}

/* The chain from this kernel on that saves most; false: none saves anything. */
static bool find_chain(Chains *c, uint32_t first, Trial *found) {
    Chain counts[MOST_TRIALS], chosen = {0};
    if (c->steps[first].updates || c->steps[first].kernel->n_stores == 0 || !has_reader(c, first))
        return false;
    int n = make_counts(c, first, counts);
    size_t members = 0, best;
    double gain = 0;
    NoChain none = {.reader = IR_NONE, .why = "its loops cannot be cut into enough blocks"};
    for (int i = 0; i < n; i++) {
        c->why = NULL;
        Trial trial = try_chain(c, first, counts[i], SIZE_MAX, &best);
        forget(c, &trial);
        note_none(c, &trial, &none);
        if (best < 2) continue;
        trial = try_chain(c, first, counts[i], best, &best);
        trim(c, &trial);
        forget(c, &trial);
        if (gain_of(&trial.cost) <= gain) continue;
        gain = gain_of(&trial.cost);
        chosen = counts[i];
        members = trial.members.count;
    }
    if (members == 0) {
        tell_none(c, first, &none);
        return false;
    }
    c->telling = remarks_wanted(c->func);
    *found = try_chain(c, first, chosen, members, &best);
    note_next(c, found);
    trim(c, found);
    c->telling = false;
    return true;
}

/* ---- the function with its chains -------------------------------------------------------------------------------- */

typedef struct {
    Trial *of;
    size_t count, capacity;
} Trials;

/* Marks the trial's values while its members are known; then forgets it. */
static void mark_blocks(Chains *c, Trial *trial, bool *in_blocks) {
    for (size_t m = 0; m < trial->members.count; m++) {
        const Step *step = &c->steps[trial->members.at[m]];
        for (size_t i = 0; i < step->kernel->n_stores; i++)
            in_blocks[step->kernel->stores[i]] = fits_blocks(c, step->kernel->stores[i]);
    }
    forget(c, trial);
}

static uint32_t last_kernel(const Trial *trial) {
    return trial->members.at[trial->members.count - 1];
}

/* The kernels in the order given, but each chain's members together and those that waited after them. */
static KernelOrder order_with(Chains *c, const Trials *trials, const bool *in_blocks) {
    uint32_t *at = ARENA_ARRAY(c->arena, uint32_t, c->n + 1), turn = 0;
    Chain *chains = ARENA_ARRAY(c->arena, Chain, trials->count + 1);
    size_t next = 0;
    for (uint32_t k = 0; k < c->n; k++) {
        const Trial *trial = next < trials->count && trials->of[next].first == k ? &trials->of[next] : NULL;
        if (!trial) {
            at[k] = turn++;
            continue;
        }
        chains[next] = trial->chain;
        chains[next].first = turn;
        for (size_t m = 0; m < trial->members.count; m++) at[trial->members.at[m]] = turn++;
        chains[next++].last = turn - 1;
        for (size_t w = 0; w < trial->waiting.count; w++) at[trial->waiting.at[w]] = turn++;
        k = last_kernel(trial);
    }
    return (KernelOrder){.at = at, .n = turn, .chains = chains, .n_chains = next, .in_blocks = in_blocks};
}

static void emit_chains(Chains *c, const KernelOrder *order) {
    Func *func = c->func;
    uint32_t *kernels = ARENA_ARRAY(c->arena, uint32_t, c->n + 1);
    for (uint32_t k = 0; k < c->n; k++) kernels[order->at[k]] = k;
    const Plan *given = c->plan;
    plan_reorder(func, kernels);
    Plan *plan = func->plan;
    for (size_t i = 0; i < order->n_chains; i++)
        ARENA_PUSH(func->module->arena, plan->chains, plan->n_chains, plan->chains_capacity,
                   order->chains[i]);
    for (uint32_t k = 0; k < c->n; k++) { /* nodes keep their order in a kernel */
        ValueId from = given->kernels[k].first, to = plan->kernels[order->at[k]].first;
        for (; from <= given->kernels[k].last; from++, to++) {
            const Chain *chain = order->in_blocks[from] ? plan_chain(plan, order->at[k]) : NULL;
            if (!chain) continue;
            plan->places[to].kind = PLACE_BLOCK;
            int64_t bytes = type_bytes(func_type(func, to));
            remark(func, RULE_chain_block, func_node(func, to)->number, IR_NONE, (double)bytes,
                   (double)chain_share(chain, bytes), NULL);
        }
    }
}

/* Bytes of the arena, and the chain that runs where most of it is live; -1: none does. */
static int64_t arena_of(const Func *func, const KernelOrder *order, int *chain) {
    Arena *arena = arena_new();
    Lives lives = order ? order_lives(arena, func, order) : func_lives(arena, func);
    size_t most = 0;
    for (size_t k = 1; k < lives.n_kernels; k++)
        if (lives.live[k] > lives.live[most]) most = k;
    *chain = -1;
    for (size_t i = 0; order && i < order->n_chains; i++)
        if (most >= order->chains[i].first && most <= order->chains[i].last) *chain = (int)i;
    int64_t bytes = layout_in_order(arena, &lives, NULL);
    arena_free(arena);
    return bytes;
}

/* What the arena may grow to: chains keep values longer than kernels one by one do. */
static int64_t most_arena(const Func *func, int64_t without) {
    int64_t limit = func->module->memory_limit;
    if (limit && strcmp(func->name, "step") == 0) {
        limit -= resident_bytes(func);
        return limit > without ? limit : without;
    }
    return without + without / 50;
}

/* Of the values that may be in blocks, those of the chains that are left. */
static const bool *blocks_of(Chains *c, const Trials *trials, const bool *in_blocks) {
    bool *left = ARENA_ARRAY(c->arena, bool, c->func->count + 1);
    for (size_t i = 0; i < trials->count; i++)
        for (size_t m = 0; m < trials->of[i].members.count; m++) {
            const Kernel *kernel = c->steps[trials->of[i].members.at[m]].kernel;
            for (size_t s = 0; s < kernel->n_stores; s++)
                left[kernel->stores[s]] = in_blocks[kernel->stores[s]];
        }
    return left;
}

/* All chains but those that take too much memory. Each is tried without, until that was done often: then more and
 * more at a time. */
static void emit_fitting(Chains *c, Trials *trials, const bool *in_blocks) {
    int chain;
    int64_t most = most_arena(c->func, arena_of(c->func, NULL, &chain));
    size_t at_once = 1;
    for (int tries = 0; trials->count; tries++) {
        KernelOrder order = order_with(c, trials, blocks_of(c, trials, in_blocks));
        int64_t bytes = arena_of(c->func, &order, &chain);
        if (bytes <= most) {
            for (size_t i = 0; i < trials->count; i++) tell_chain(c, &trials->of[i]);
            emit_chains(c, &order);
            return;
        }
        if (chain < 0) chain = (int)trials->count - 1;
        if (tries >= MOST_TRIES && at_once * 2 <= trials->count) at_once *= 2;
        size_t end = (size_t)chain + 1, n = at_once < end ? at_once : end;
        for (size_t i = end - n; i < end; i++) tell_dropped(c, &trials->of[i], bytes, most);
        memmove(&trials->of[end - n], &trials->of[end], sizeof *trials->of * (trials->count - end));
        trials->count -= n;
    }
}

static Chains chains_of(Arena *arena, Func *func) {
    Chains c = {.arena = arena, .func = func, .plan = func->plan};
    c.machine = machine_with_usual(&func->module->machine);
    c.n = c.plan->n_kernels;
    c.steps = ARENA_ARRAY(arena, Step, c.n + 1);
    c.state = ARENA_ARRAY(arena, StepState, c.n + 1);
    c.kept = ARENA_ARRAY(arena, bool, func->count + 1);
    c.readable = ARENA_ARRAY(arena, bool, func->count + 1);
    c.readers = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    c.inside = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    describe_steps(&c);
    return c;
}

static void chain_func(Func *func) {
    Arena *arena = arena_new();
    Chains c = chains_of(arena, func);
    bool *in_blocks = ARENA_ARRAY(arena, bool, func->count + 1);
    Trials trials = {0};
    for (uint32_t k = 0; k < c.n; k++) {
        Trial trial;
        if (!find_chain(&c, k, &trial)) continue;
        mark_blocks(&c, &trial, in_blocks);
        ARENA_PUSH(arena, trials.of, trials.count, trials.capacity, trial);
        k = last_kernel(&trial);
    }
    emit_fitting(&c, &trials, in_blocks);
    arena_free(arena);
}

ChainCost *chain_costs(Arena *arena, const Func *func) {
    Func copy = *func; /* which is not changed */
    Chains c = chains_of(arena, &copy);
    ChainCost *costs = ARENA_ARRAY(arena, ChainCost, c.plan->n_chains + 1);
    for (size_t i = 0; i < c.plan->n_chains; i++) {
        const Chain *chain = &c.plan->chains[i];
        Trial trial = {.chain = *chain};
        for (uint32_t k = chain->first; k <= chain->last; k++) {
            Cut cut;
            if (kernel_cut(func, reckoned_step(&c, k)->kernel, chain->units, &cut)) join(&c, &trial, k, &cut);
        }
        if (trial.members.count) trim(&c, &trial);
        costs[i] = trial.cost;
        forget(&c, &trial);
    }
    return costs;
}

bool pass_chain(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++)
        if (module->funcs[f]->count > 0) chain_func(module->funcs[f]);
    return true;
}
