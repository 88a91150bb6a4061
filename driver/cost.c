/* vitc inspect --cost: what the kernels of a function should cost, by the roofline model. */
#include "driver/driver.h"
#include "ir/plan/canonical.h"
#include "ir/plan/cost.h"
#include "passes/plan/chain.h"

#include <stdlib.h>
#include <string.h>

double roofline_seconds(const Roofline *roofline, double flops, double bytes) {
    double compute = flops / roofline->flops, memory = bytes / roofline->bytes;
    return compute > memory ? compute : memory;
}

const char *roofline_limit(const Roofline *roofline, double flops, double bytes) {
    return flops / roofline->flops > bytes / roofline->bytes ? "compute" : "memory";
}

bool roofline_flags(const Flag *peak, const Flag *bandwidth, Roofline *roofline) {
    double gflops = roofline->flops / 1e9, gbytes = roofline->bytes / 1e9;
    if (!number_flag(peak, 1e-3, 1e9, &gflops) || !number_flag(bandwidth, 1e-3, 1e9, &gbytes)) return false;
    if (peak->given) roofline->flops = gflops * 1e9;
    if (bandwidth->given) roofline->bytes = gbytes * 1e9;
    return true;
}

/* What is summed: the calls of one kernel, or the kernels of one scope. */
typedef struct {
    const char *key, *name;
    int count;
    double seconds, flops, bytes;
} Sum;

typedef struct {
    Arena *arena;
    const Roofline *roofline;
    Sum *sums;
    size_t count, capacity;
} Sums;

static void add(Sums *sums, const char *key, const char *name, double flops, double bytes) {
    size_t i = 0;
    while (i < sums->count && strcmp(sums->sums[i].key, key) != 0) i++;
    if (i == sums->count)
        ARENA_PUSH(sums->arena, sums->sums, sums->count, sums->capacity, ((Sum){.key = key, .name = name}));
    Sum *sum = &sums->sums[i];
    sum->count++;
    sum->flops += flops;
    sum->bytes += bytes;
    sum->seconds += roofline_seconds(sums->roofline, flops, bytes);
}

/* The slowest first; equals by name, so that the order is fixed. */
static int by_seconds(const void *a, const void *b) {
    const Sum *x = a, *y = b;
    if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* "student" of "student.blocks.0.norm1"; "(optimizers.yaml)" of a node without a scope. */
static const char *first_scope(Arena *arena, const Func *func, ValueId id) {
    const char *origin = node_origin(arena, func, id);
    if (*origin == '(') return arena_printf(arena, "%.*s)", (int)strcspn(origin, ":"), origin);
    return *origin ? arena_strndup(arena, origin, strcspn(origin, ".")) : "(no scope)";
}

static void print_sums(Sums *sums, const char *what, double all, bool limits) {
    qsort(sums->sums, sums->count, sizeof *sums->sums, by_seconds);
    printf("\n%10s %6s %6s %11s %11s %9s%s  %s\n", "ms", "share", "calls", "MFLOP", "MB", "FLOP/byte",
           limits ? " limit  " : "", what);
    for (size_t i = 0; i < sums->count; i++) {
        const Sum *s = &sums->sums[i];
        printf("%10.3f %5.1f%% %6d %11.3f %11.3f %9.2f", s->seconds * 1e3, 100 * s->seconds / all, s->count,
               s->flops / 1e6, s->bytes / 1e6, s->bytes > 0 ? s->flops / s->bytes : 0);
        if (limits) printf(" %-7s", roofline_limit(sums->roofline, s->flops, s->bytes));
        printf("  %s\n", s->name);
    }
}

/* What each chain keeps in the cache, and what that is thought to be worth; equal chains are one line. */
static void print_chains(Arena *arena, const Func *func, const Placement *placement) {
    const ChainCost *costs = chain_costs(arena, func);
    if (func->n_chains == 0) return;
    printf("\n%6s %7s %7s %9s %10s %10s  chain, from the first kernel on\n", "count", "kernels", "blocks",
           "KB each", "ms saved", "ms spent");
    for (size_t i = 0, n; i < func->n_chains; i += n) {
        const Chain *chain = &func->chains[i];
        for (n = 1; i + n < func->n_chains; n++) {
            const Chain *next = &func->chains[i + n];
            bool same = next->last - next->first == chain->last - chain->first &&
                        next->units == chain->units && next->size == chain->size &&
                        costs[i + n].footprint == costs[i].footprint;
            if (!same) break;
        }
        size_t k = 0;
        while (func_node(func, placement->spans[k].last)->cluster != chain->first) k++;
        ValueId named = kernel_cost(func, placement, &placement->spans[k]).named;
        printf("%6zu %7u %7lld %9.1f %10.3f %10.3f  %s\n", n, chain->last - chain->first + 1,
               (long long)chain_blocks(chain), (double)costs[i].footprint / 1e3, costs[i].saved * 1e3,
               costs[i].spent * 1e3, kernel_name(arena, func, named));
    }
}

void cost_report(Arena *arena, const Func *func, const Flag *peak, const Flag *bandwidth,
                 const Roofline *roofline) {
    Placement placement = func_place(arena, func);
    Sums kernels = {.arena = arena, .roofline = roofline}, scopes = kernels;
    double flops = 0, bytes = 0, seconds = 0, limited = 0;
    size_t calls = placement.n_spans + placement.n_copies;
    for (size_t k = 0; k < calls; k++) {
        KernelCost cost = {0};
        if (k < placement.n_spans) {
            Outside outside = {0};
            const ClusterSpan *span = &placement.spans[k];
            cost = kernel_cost(func, &placement, span);
            add(&kernels, kernel_canonical(arena, func, &placement, span, &outside),
                kernel_name(arena, func, cost.named), cost.flops, cost.bytes);
        } else {
            cost.named = placement.copies[k - placement.n_spans].value;
            cost.bytes = 2 * (double)type_bytes(func_type(func, cost.named));
            add(&kernels, "copy", "copy", 0, cost.bytes);
        }
        const char *scope = first_scope(arena, func, cost.named);
        add(&scopes, scope, scope, cost.flops, cost.bytes);
        double took = roofline_seconds(roofline, cost.flops, cost.bytes);
        flops += cost.flops;
        bytes += cost.bytes;
        seconds += took;
        if (strcmp(roofline_limit(roofline, cost.flops, cost.bytes), "compute") == 0) limited += took;
    }
    printf("%s @%s: %zu calls of %zu kernels, estimated, not timed\n", func->module->name, func->name, calls,
           kernels.count);
    printf("  peak         %g GFLOP/s%s\n", roofline->flops / 1e9,
           peak->given ? "" : ", assumed (--peak GFLOPS; build/bench/bench_peak measures it)");
    printf("  bandwidth    %g GB/s%s\n", roofline->bytes / 1e9,
           bandwidth->given ? "" : ", assumed (--bandwidth GBS)");
    printf("  FLOPs        %.0f\n", flops);
    printf("  bytes        %.0f\n", bytes);
    printf("  time         %.3f ms at least: %.1f%% limited by compute, %.1f%% by memory\n", seconds * 1e3,
           seconds > 0 ? 100 * limited / seconds : 0, seconds > 0 ? 100 - 100 * limited / seconds : 0);
    print_sums(&kernels, "kernel", seconds, true);
    print_sums(&scopes, "scope", seconds, false);
    print_chains(arena, func, &placement);
}
