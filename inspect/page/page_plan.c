/* The plan of the page's data: kernels in order of execution with their costs, where values lie and when, chains. */
#include "inspect/page/page_parts.h"
#include "inspect/report/cost_report.h"
#include "inspect/report/memory_report.h"
#include "inspect/report/profile_file.h"
#include "ir/plan/cost.h"
#include "passes/plan/chain.h"

#include <string.h>

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

/* What runs: the plan's kernels, then its copies. */
typedef struct {
    const Func *func;
    const Plan *plan;
    KernelCost *costs;
    size_t n;
    Roofline roofline;
} Calls;

static Calls calls_of(PageWriter *w) {
    Calls c = {.func = w->of->func, .plan = w->of->func->plan};
    c.n = c.plan->n_kernels + c.plan->n_copies;
    c.costs = ARENA_ARRAY(w->arena, KernelCost, c.n + 1);
    for (size_t k = 0; k < c.plan->n_kernels; k++) c.costs[k] = kernel_cost(c.func, &c.plan->kernels[k]);
    for (size_t i = 0; i < c.plan->n_copies; i++) {
        KernelCost *cost = &c.costs[c.plan->n_kernels + i];
        cost->named = c.plan->copies[i].value;
        cost->bytes = 2 * (double)type_bytes(func_type(c.func, cost->named));
    }
    c.roofline = cost_roofline(c.func->module, w->of->roofline, NULL);
    return c;
}

/* NULL: number k is a copy. */
static const Kernel *kernel_at(const Calls *c, size_t k) {
    return k < c->plan->n_kernels ? &c->plan->kernels[k] : NULL;
}
static const PlaceCopy *copy_at(const Calls *c, size_t k) {
    return &c->plan->copies[k - c->plan->n_kernels];
}

static const char *name_of(PageWriter *w, const Calls *c, size_t k) {
    const char *name = kernel_name(w->arena, c->func, c->costs[k].named);
    return kernel_at(c, k) ? name : arena_printf(w->arena, "copy of %s", name);
}

static int64_t chain_of(const Calls *c, size_t k) {
    const Chain *chain = kernel_at(c, k) ? plan_chain(c->plan, (uint32_t)k) : NULL;
    return chain ? chain - c->plan->chains : -1;
}

/* The state or output that a copy writes, as a number of a source; of an output its value. */
static int64_t copied_to(const Calls *c, const PlaceCopy *copy) {
    if (copy->to.kind == PLACE_STATE) return -1 - (int64_t)c->func->n_inputs - copy->to.index;
    return value_reference(c->func, copy->value);
}

static void put_facts(PageWriter *w, const Calls *c, const int32_t *codes) {
    JsonText *json = &w->json;
    PAGE_COLUMN(w, "name", c->n, put_whole(json, page_string(w, name_of(w, c, i))));
    PAGE_COLUMN(
        w, "kind", c->n,
        put_whole(json, page_string(w, kernel_at(c, i) ? kernel_kind_name(kernel_at(c, i)) : "copy")));
    PAGE_COLUMN(w, "code", c->n, put_whole(json, codes && kernel_at(c, i) ? codes[i] : -1));
    PAGE_COLUMN(w, "named", c->n, put_whole(json, value_reference(c->func, c->costs[i].named)));
    PAGE_COLUMN(w, "flops", c->n, put_number(json, c->costs[i].flops));
    PAGE_COLUMN(w, "bytes", c->n, put_number(json, c->costs[i].bytes));
    PAGE_COLUMN(w, "seconds", c->n,
                put_number(json, roofline_seconds(&c->roofline, c->costs[i].flops, c->costs[i].bytes)));
    PAGE_COLUMN(
        w, "limit", c->n,
        put_whole(json, page_string(w, roofline_limit(&c->roofline, c->costs[i].flops, c->costs[i].bytes))));
    PAGE_COLUMN(w, "chain", c->n, put_whole(json, chain_of(c, i)));
    PAGE_COLUMN(w, "barrier", c->n,
                put_whole(json, kernel_at(c, i) ? kernel_at(c, i)->barrier : copy_at(c, i)->barrier));
    PAGE_COLUMN(w, "again", c->n, put_whole(json, kernel_at(c, i) && kernel_at(c, i)->again));
    PAGE_COLUMN(w, "single", c->n,
                put_whole(json, kernel_at(c, i) ? kernel_at(c, i)->single : copy_at(c, i)->single));
}

static void put_kernels(PageWriter *w, const Calls *c, const int32_t *codes) {
    JsonText *json = &w->json;
    int64_t values = 0, reads = 0, stores = 0;
    put_key(json, "kernels");
    put_open(json, '{');
    put_facts(w, c, codes);
    PAGE_COLUMN(w, "value_end", c->n, {
        const Kernel *kernel = kernel_at(c, i);
        put_whole(json, values += kernel ? kernel->last - kernel->first + 1 : 0);
    });
    PAGE_COLUMN(w, "values", c->plan->n_kernels, {
        const Kernel *kernel = kernel_at(c, i);
        for (ValueId id = kernel->first; id <= kernel->last; id++)
            put_whole(json, value_reference(c->func, id));
    });
    PAGE_COLUMN(w, "read_end", c->n,
                put_whole(json, reads += kernel_at(c, i) ? (int64_t)kernel_at(c, i)->n_reads : 1));
    PAGE_COLUMN(w, "reads", c->n, {
        const Kernel *kernel = kernel_at(c, i);
        if (!kernel) put_whole(json, value_reference(c->func, copy_at(c, i)->value));
        for (size_t r = 0; kernel && r < kernel->n_reads; r++)
            put_whole(json, value_reference(c->func, kernel->reads[r]));
    });
    PAGE_COLUMN(w, "store_end", c->n,
                put_whole(json, stores += kernel_at(c, i) ? (int64_t)kernel_at(c, i)->n_stores : 1));
    PAGE_COLUMN(w, "stores", c->n, {
        const Kernel *kernel = kernel_at(c, i);
        if (!kernel) put_whole(json, copied_to(c, copy_at(c, i)));
        for (size_t s = 0; kernel && s < kernel->n_stores; s++)
            put_whole(json, value_reference(c->func, kernel->stores[s]));
    });
    put_close(json, '}');
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

/* A value that reaches memory. */
typedef struct {
    ValueId id;
    const MemoryValue *life; /* of one in the arena; NULL: elsewhere */
} Placed;

static Placed *find_placed(PageWriter *w, const MemoryReport *memory, size_t *count) {
    const Func *func = w->of->func;
    const MemoryValue **lives = ARENA_ARRAY(w->arena, const MemoryValue *, func->next_number + 1);
    Placed *placed = ARENA_ARRAY(w->arena, Placed, func->count + 1);
    for (size_t i = 0; i < memory->n_values; i++) lives[memory->values[i].number] = &memory->values[i];
    *count = 0;
    for (ValueId id = 0; func->plan && id < func->count; id++)
        if (func->plan->kernel_of[id] != IR_NONE && func->plan->places[id].kind != PLACE_LOOPS)
            placed[(*count)++] = (Placed){id, lives[func_node(func, id)->number]};
    return placed;
}

static const char *name_of_place(const Func *func, const Place *place) {
    if (place->kind == PLACE_STATE) return func->module->states[place->index].name;
    return place->kind == PLACE_OUTPUT ? func->outputs[place->index].name : "";
}

static void put_places(PageWriter *w, const MemoryReport *memory) {
    const Func *func = w->of->func;
    const Place *places = func->plan ? func->plan->places : NULL;
    JsonText *json = &w->json;
    size_t n;
    const Placed *of = find_placed(w, memory, &n);
    put_key(json, "places");
    put_open(json, '{');
    PAGE_COLUMN(w, "number", n, put_whole(json, func_node(func, of[i].id)->number));
    PAGE_COLUMN(w, "place", n, put_whole(json, page_string(w, PLACE_NAMES[places[of[i].id].kind])));
    PAGE_COLUMN(w, "name", n, put_whole(json, page_string(w, name_of_place(func, &places[of[i].id]))));
    PAGE_COLUMN(w, "offset", n, put_whole(json, places[of[i].id].offset));
    PAGE_COLUMN(w, "bytes", n,
                put_whole(json, of[i].life ? of[i].life->bytes : type_bytes(func_type(func, of[i].id))));
    PAGE_COLUMN(w, "born", n,
                put_whole(json, of[i].life ? of[i].life->born : func->plan->kernel_of[of[i].id]));
    PAGE_COLUMN(w, "died", n, put_whole(json, of[i].life ? (int64_t)of[i].life->died : -1));
    PAGE_COLUMN(w, "use", n,
                put_whole(json, page_string(w, of[i].life ? MEMORY_USES[of[i].life->use].name : "")));
    put_close(json, '}');
}

static void put_member(JsonText *json, const char *key, int64_t value) {
    put_key(json, key);
    put_whole(json, value);
}

static void put_memory(PageWriter *w, const MemoryReport *memory) {
    JsonText *json = &w->json;
    put_key(json, "memory");
    put_open(json, '{');
    put_member(json, "arena", memory->arena);
    put_member(json, "most_live", memory->most_live);
    put_member(json, "peak", (int64_t)memory->peak);
    PAGE_COLUMN(w, "live", memory->n_kernels, put_whole(json, memory->live[i]));
    put_member(json, "blocks", memory->blocks);
    put_member(json, "stage", memory->staged);
    put_member(json, "loops", memory->loops);
    put_member(json, "states", memory->states);
    put_close(json, '}');
}

/* ---- what costs are made of -------------------------------------------------------------------------------------- */

static void put_roofline(PageWriter *w) {
    bool assumed[2];
    Roofline roofline = cost_roofline(w->of->func->module, w->of->roofline, assumed);
    put_key(&w->json, "roofline");
    put_open(&w->json, '{');
    put_key(&w->json, "flops");
    put_number(&w->json, roofline.flops);
    put_key(&w->json, "bytes");
    put_number(&w->json, roofline.bytes);
    put_key(&w->json, "assumed");
    put_bool(&w->json, assumed[0] || assumed[1]);
    put_close(&w->json, '}');
}

static void put_chains(PageWriter *w) {
    const Plan *plan = w->of->func->plan;
    const ChainCost *costs = plan ? chain_costs(w->arena, w->of->func) : NULL;
    JsonText *json = &w->json;
    put_key(json, "chains");
    put_open(json, '[');
    for (size_t i = 0; plan && i < plan->n_chains; i++) {
        put_open(json, '{');
        put_member(json, "first", plan->chains[i].first);
        put_member(json, "last", plan->chains[i].last);
        put_member(json, "units", plan->chains[i].units);
        put_member(json, "size", plan->chains[i].size);
        put_member(json, "footprint", costs[i].footprint);
        put_key(json, "saved");
        put_number(json, costs[i].saved);
        put_key(json, "spent");
        put_number(json, costs[i].spent);
        put_close(json, '}');
    }
    put_close(json, ']');
}

static void put_thread(JsonText *json, const double *seconds, size_t n) {
    put_open(json, '[');
    for (size_t i = 0; i < n; i++) put_number(json, seconds[i]);
    put_close(json, ']');
}

/* Medians of the steps, by kernel; the copies behind them together are the first copy's. */
static void put_profile(PageWriter *w, const Calls *c) {
    const ProfileFile *profile = w->of->profile;
    JsonText *json = &w->json;
    put_key(json, "profile");
    if (!profile) {
        put_null(json);
        return;
    }
    const double *seconds = profile_kernel_seconds(w->arena, profile, c->plan->n_kernels);
    size_t n = c->n < c->plan->n_kernels + 1 ? c->n : c->plan->n_kernels + 1;
    const char *slash = profile->path ? strrchr(profile->path, '/') : NULL;
    put_open(json, '{');
    put_key(json, "source");
    put_text(json, slash ? slash + 1 : profile->path);
    put_key(json, "processor");
    put_text(json, profile->processor);
    put_member(json, "steps", profile->steps);
    put_member(json, "threads", profile->threads);
    put_key(json, "seconds");
    put_number(json, profile_step_seconds(profile));
    put_key(json, "calls");
    put_open(json, '{');
    PAGE_COLUMN(w, "kernel", n, put_whole(json, (int64_t)i));
    PAGE_COLUMN(w, "seconds", n, put_number(json, seconds[i]));
    put_key(json, "thread_seconds");
    put_open(json, '[');
    for (int thread = 0; thread < profile->threads; thread++)
        put_thread(json, profile_thread_seconds(w->arena, profile, thread, c->plan->n_kernels), n);
    put_close(json, ']');
    put_close(json, '}');
    put_close(json, '}');
}

void page_plan(PageWriter *w, const int32_t *codes) {
    Plan none = {0};
    Calls calls = {.func = w->of->func, .plan = &none};
    MemoryReport memory = {0};
    if (w->of->func->plan && w->of->func->plan->laid_out) {
        calls = calls_of(w);
        memory = memory_report(w->arena, w->of->func);
    }
    put_kernels(w, &calls, codes);
    put_places(w, &memory);
    put_memory(w, &memory);
    put_roofline(w);
    put_chains(w);
    put_profile(w, &calls);
}
