/* List scheduling of kernels. A kernel runs after those that store what it loads (data dependence) and, if it updates a
 * state, after those that read the old value (anti-dependence: otherwise the new value would need memory of its own
 * until the end, and a copy). Of the kernels that are ready, one that frees at least as many bytes as it stores runs
 * first, so that a weight is updated as soon as its gradient can be computed, and one that sums up what it loads, while
 * the cache has that; the others keep their order. */
#include "passes/plan/schedule.h"
#include "ir/remarks.h"
#include "passes/plan/layout.h"

#include <string.h>

enum {
    /* A kernel that loads so many times the bytes that it stores counts as storing nothing ... */
    TINY = 1024,
    /* ... and one that loads so many times what it stores runs while the cache has what it loads. */
    SUMS = 64
};

typedef struct {
    uint32_t from, to; /* `from` runs first */
    bool anti;
} Edge;

typedef struct {
    uint32_t *at; /* kernels, or values, by heap order */
    size_t count, capacity;
} Queue;

typedef struct {
    Arena *arena;
    Func *func;
    const Plan *plan;
    size_t n; /* kernels */
    Edge *edges;
    size_t n_edges, edges_capacity;
    uint32_t *first_out, *out;    /* edges by `from` */
    size_t n_loads;               /* reads of values of other kernels, by all */
    uint32_t *first_user, *users; /* kernels that load each value */
    uint32_t *left;               /* of each value: users that have not run */
    uint32_t *waits;              /* of each kernel: edges into it from kernels that have not run */
    bool *done, *kept;            /* kept: a value that lives to the end */
    bool *early;                  /* of each kernel: it ran at once because of what it frees ... */
    int64_t *frees;               /* ... bytes */
} Schedule;

/* ---- who waits for whom ------------------------------------------------------------------------------------------ */

static void add_edge(Schedule *s, uint32_t from, uint32_t to, bool anti) {
    ARENA_PUSH(s->arena, s->edges, s->n_edges, s->edges_capacity, ((Edge){from, to, anti}));
}

static bool is_loaded(const Schedule *s, ValueId x) {
    return s->plan->kernel_of[x] != IR_NONE;
}

static void add_data_edges(Schedule *s) {
    uint32_t *before = ARENA_ARRAY(s->arena, uint32_t, s->n + 1); /* of kernels: edge made already */
    for (uint32_t k = 0; k < s->n; k++) {
        const Kernel *kernel = &s->plan->kernels[k];
        for (size_t i = 0; i < kernel->n_reads; i++) {
            if (!is_loaded(s, kernel->reads[i])) continue;
            uint32_t from = s->plan->kernel_of[kernel->reads[i]];
            s->n_loads++;
            if (before[from] != k + 1) add_edge(s, from, k, false);
            before[from] = k + 1;
        }
    }
}

static void find_users(Schedule *s) {
    size_t n = s->func->count;
    s->first_user = ARENA_ARRAY(s->arena, uint32_t, n + 2);
    s->users = ARENA_ARRAY(s->arena, uint32_t, s->n_loads + 1);
    s->left = ARENA_ARRAY(s->arena, uint32_t, n + 1);
    for (int fill = 0; fill < 2; fill++) {
        for (uint32_t k = 0; k < s->n; k++)
            for (size_t i = 0; i < s->plan->kernels[k].n_reads; i++) {
                ValueId x = s->plan->kernels[k].reads[i];
                if (!is_loaded(s, x)) continue;
                if (fill)
                    s->users[s->first_user[x + 1]++] = k;
                else
                    s->first_user[x + 2]++;
            }
        for (size_t v = 2; !fill && v < n + 2; v++) s->first_user[v] += s->first_user[v - 1];
    }
    for (size_t v = 0; v < n; v++) s->left[v] = s->first_user[v + 1] - s->first_user[v];
}

/* A kernel reads the old value of a state before another updates it. */
static void add_anti_edges(Schedule *s) {
    uint32_t *updater = ARENA_ARRAY(s->arena, uint32_t, s->func->module->n_states + 1);
    for (size_t i = 0; i < s->func->module->n_states; i++) updater[i] = IR_NONE;
    for (size_t i = 0; i < s->func->n_updates; i++)
        updater[s->func->updates[i].state] = s->plan->kernel_of[s->func->updates[i].value];
    for (uint32_t k = 0; k < s->n; k++) {
        const Kernel *kernel = &s->plan->kernels[k];
        for (size_t i = 0; i < kernel->n_reads; i++) {
            const Node *x = func_node(s->func, kernel->reads[i]);
            uint32_t to = x->op == OP_state ? updater[source_attrs(x)->index] : IR_NONE;
            if (to != IR_NONE && to != k) add_edge(s, k, to, true);
        }
    }
}

/* Operators whose effects are ordered keep their order. */
static void add_order(Schedule *s) {
    uint32_t last = IR_NONE;
    for (uint32_t k = 0; k < s->n; k++) {
        const Kernel *kernel = &s->plan->kernels[k];
        bool ordered = false;
        for (ValueId id = kernel->first; id <= kernel->last; id++)
            ordered = ordered || !op_may_reorder(func_node(s->func, id)->op);
        if (!ordered) continue;
        if (last != IR_NONE) add_edge(s, last, k, false);
        last = k;
    }
}

static void index_edges(Schedule *s) {
    s->first_out = ARENA_ARRAY(s->arena, uint32_t, s->n + 2);
    s->out = ARENA_ARRAY(s->arena, uint32_t, s->n_edges + 1);
    for (size_t e = 0; e < s->n_edges; e++) s->first_out[s->edges[e].from + 2]++;
    for (size_t k = 2; k < s->n + 2; k++) s->first_out[k] += s->first_out[k - 1];
    for (size_t e = 0; e < s->n_edges; e++) s->out[s->first_out[s->edges[e].from + 1]++] = (uint32_t)e;
}

typedef struct {
    uint32_t *number, *low, *component, *next_out;
    Queue open, path;
    uint32_t count, components;
} Cycles;

static void visit(Schedule *s, Cycles *c, uint32_t k) {
    c->number[k] = c->low[k] = ++c->count;
    c->next_out[k] = s->first_out[k];
    ARENA_PUSH(s->arena, c->open.at, c->open.count, c->open.capacity, k);
    ARENA_PUSH(s->arena, c->path.at, c->path.count, c->path.capacity, k);
}

/* Strongly connected components (Tarjan 1972), without recursion. */
static uint32_t *find_components(Schedule *s) {
    Cycles c = {.number = ARENA_ARRAY(s->arena, uint32_t, s->n + 1),
                .low = ARENA_ARRAY(s->arena, uint32_t, s->n + 1),
                .component = ARENA_ARRAY(s->arena, uint32_t, s->n + 1),
                .next_out = ARENA_ARRAY(s->arena, uint32_t, s->n + 1)};
    for (uint32_t root = 0; root < s->n; root++) {
        if (c.number[root]) continue;
        visit(s, &c, root);
        while (c.path.count) {
            uint32_t k = c.path.at[c.path.count - 1];
            if (c.next_out[k] < s->first_out[k + 1]) {
                uint32_t to = s->edges[s->out[c.next_out[k]++]].to;
                if (!c.number[to])
                    visit(s, &c, to);
                else if (!c.component[to] && c.number[to] < c.low[k])
                    c.low[k] = c.number[to];
                continue;
            }
            c.path.count--;
            if (c.path.count) {
                uint32_t parent = c.path.at[c.path.count - 1];
                if (c.low[k] < c.low[parent]) c.low[parent] = c.low[k];
            }
            if (c.low[k] != c.number[k]) continue;
            c.components++;
            uint32_t member;
            do {
                member = c.open.at[--c.open.count];
                c.component[member] = c.components;
            } while (member != k);
        }
    }
    return c.component;
}

static void tell(const Schedule *s, Rule rule, uint32_t k, uint32_t other) {
    remark(s->func, rule, kernel_number(s->func, &s->plan->kernels[k]),
           kernel_number(s->func, &s->plan->kernels[other]), 0, 0, NULL);
}

/* Where the old value of a state is read by what depends on its new value, or states are swapped, the readers cannot
 * all come first. There anti-dependences are dropped, and the update is copied. */
static void drop_cycles(Schedule *s) {
    const uint32_t *component = find_components(s);
    size_t n = 0;
    for (size_t e = 0; e < s->n_edges; e++) {
        const Edge edge = s->edges[e];
        if (!edge.anti || component[edge.from] != component[edge.to])
            s->edges[n++] = edge;
        else
            tell(s, RULE_schedule_copied, edge.to, edge.from);
    }
    s->n_edges = n;
}

/* ---- the order --------------------------------------------------------------------------------------------------- */

/* Heaps of kernels, the first of the given order on top. */
static void push(Schedule *s, Queue *queue, uint32_t k) {
    ARENA_PUSH(s->arena, queue->at, queue->count, queue->capacity, k);
    size_t i = queue->count - 1;
    for (; i > 0 && queue->at[(i - 1) / 2] > k; i = (i - 1) / 2) queue->at[i] = queue->at[(i - 1) / 2];
    queue->at[i] = k;
}

static uint32_t pop(Queue *queue) {
    uint32_t top = queue->at[0], last = queue->at[--queue->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= queue->count) break;
        if (child + 1 < queue->count && queue->at[child + 1] < queue->at[child]) child++;
        if (queue->at[child] >= last) break;
        queue->at[i] = queue->at[child];
        i = child;
    }
    queue->at[i] = last;
    return top;
}

/* Whether a kernel that is ready runs before those that were ready: if it frees at least as many bytes as it stores
 * (`eager`; updates in place count as storing nothing), or sums up what it loads to much less. */
static bool runs_at_once(const Schedule *s, uint32_t k, bool eager) {
    const Kernel *kernel = &s->plan->kernels[k];
    int64_t stores = 0, loads = 0, frees = 0;
    for (size_t i = 0; i < kernel->n_stores; i++) {
        ValueId id = kernel->stores[i];
        bool live = s->plan->places[id].kind == PLACE_ARENA && (!s->kept[id] || s->left[id] > 0);
        if (live) stores += type_bytes(func_type(s->func, id));
    }
    for (size_t i = 0; i < kernel->n_reads; i++) {
        ValueId x = kernel->reads[i];
        if (!is_loaded(s, x)) continue;
        int64_t bytes = type_bytes(func_type(s->func, x));
        loads += bytes;
        if (s->left[x] == 1 && !s->kept[x]) frees += bytes;
    }
    s->frees[k] = frees;
    if (stores > 0 && stores * SUMS <= loads) return true;
    return eager && (stores <= frees || stores * TINY <= loads);
}

static void run_kernel(Schedule *s, uint32_t k, bool eager, Queue *ready, Queue *at_once) {
    s->done[k] = true;
    for (uint32_t i = s->first_out[k]; i < s->first_out[k + 1]; i++) {
        uint32_t to = s->edges[s->out[i]].to;
        if (--s->waits[to] > 0) continue;
        push(s, runs_at_once(s, to, eager) ? at_once : ready, to);
    }
    const Kernel *kernel = &s->plan->kernels[k];
    for (size_t i = 0; i < kernel->n_reads; i++) {
        ValueId x = kernel->reads[i];
        if (!is_loaded(s, x) || --s->left[x] != 1 || !eager) continue;
        for (uint32_t u = s->first_user[x]; u < s->first_user[x + 1]; u++) { /* the one left may free it */
            uint32_t user = s->users[u];
            if (!s->done[user] && s->waits[user] == 0 && runs_at_once(s, user, true)) push(s, at_once, user);
        }
    }
}

static uint32_t *make_order(Schedule *s, bool eager) {
    uint32_t *order = ARENA_ARRAY(s->arena, uint32_t, s->n + 1);
    size_t count = 0;
    Queue ready = {0}, at_once = {0};
    find_users(s);
    s->waits = ARENA_ARRAY(s->arena, uint32_t, s->n + 1);
    s->done = ARENA_ARRAY(s->arena, bool, s->n + 1);
    s->early = ARENA_ARRAY(s->arena, bool, s->n + 1);
    s->frees = ARENA_ARRAY(s->arena, int64_t, s->n + 1);
    for (size_t e = 0; e < s->n_edges; e++) s->waits[s->edges[e].to]++;
    for (uint32_t k = 0; k < s->n; k++)
        if (s->waits[k] == 0) push(s, runs_at_once(s, k, eager) ? &at_once : &ready, k);
    while (ready.count || at_once.count) {
        bool early = at_once.count;
        uint32_t k = pop(early ? &at_once : &ready);
        if (s->done[k]) continue; /* it was in both */
        s->early[k] = early;
        order[count++] = k;
        run_kernel(s, k, eager, &ready, &at_once);
    }
    return count == s->n ? order : NULL;
}

/* ---- the function in that order ---------------------------------------------------------------------------------- */

static int64_t bytes_in_order(Schedule *s, const uint32_t *order) {
    uint32_t *at = ARENA_ARRAY(s->arena, uint32_t, s->n + 1);
    for (uint32_t i = 0; i < s->n; i++) at[order[i]] = i;
    return layout_bytes(s->func, &(KernelOrder){.at = at, .n = (uint32_t)s->n});
}

/* What of the order is for a reason: not that others moved along. */
static void tell_order(const Schedule *s, const uint32_t *order, int64_t before, int64_t bytes) {
    if (!remarks_wanted(s->func)) return;
    uint32_t *at = ARENA_ARRAY(s->arena, uint32_t, s->n + 1);
    for (uint32_t i = 0; i < s->n; i++) at[order[i]] = i;
    if (bytes < before)
        remark(s->func, RULE_schedule_arena, IR_NONE, IR_NONE, (double)(before - bytes), (double)before,
               NULL);
    for (uint32_t k = 0; k < s->n; k++)
        if (s->early[k] && at[k] < k && s->frees[k])
            remark(s->func, RULE_schedule_early, kernel_number(s->func, &s->plan->kernels[k]), IR_NONE,
                   k - at[k], (double)s->frees[k], NULL);
    for (size_t e = 0; e < s->n_edges; e++)
        if (s->edges[e].anti && s->edges[e].from > s->edges[e].to)
            tell(s, RULE_schedule_update, s->edges[e].to, s->edges[e].from);
}

/* The smaller arena of: kernels that free memory at once; the order given, but readers before updates; the order
 * given. In the first two, sums run at once. */
static void schedule_func(Func *func) {
    Schedule s = {.arena = arena_new(), .func = func, .plan = func->plan, .n = func->plan->n_kernels};
    s.kept = ARENA_ARRAY(s.arena, bool, func->count + 1);
    for (size_t i = 0; i < func->n_outputs; i++) s.kept[func->outputs[i].value] = true;
    for (size_t i = 0; i < func->n_updates; i++) s.kept[func->updates[i].value] = true;
    add_data_edges(&s);
    add_order(&s);
    add_anti_edges(&s);
    index_edges(&s);
    drop_cycles(&s);
    index_edges(&s);
    const uint32_t *best = NULL;
    int64_t before = layout_bytes(func, NULL), least = before;
    bool *early = NULL;
    for (int eager = 0; eager < 2; eager++) {
        const uint32_t *order = make_order(&s, eager);
        int64_t bytes = order ? bytes_in_order(&s, order) : INT64_MAX;
        if (bytes > least) continue;
        least = bytes;
        best = order;
        early = s.early;
    }
    s.early = early;
    if (best) tell_order(&s, best, before, least);
    if (best) plan_reorder(func, best);
    arena_free(s.arena);
}

bool pass_schedule(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++)
        if (module->funcs[f]->count > 0) schedule_func(module->funcs[f]);
    return true;
}
