/* The memory plan as tables: see memory_text.h. */
#include "inspect/report/memory_text.h"

static void put(FILE *out, const char *name, int64_t bytes, const char *more) {
    fprintf(out, "  %-12s %14lld%s%s\n", name, (long long)bytes, *more ? "  " : "", more);
}

static void put_states(const MemoryReport *r, FILE *out) {
    fputs("states\n", out);
    for (size_t i = 0; i < r->n_roles; i++)
        fprintf(out, "  %-12s %14lld  %lld tensors\n", r->roles[i].name, (long long)r->roles[i].bytes,
                (long long)r->roles[i].tensors);
    put(out, "all", r->states, "");
}

static void put_tensors(FILE *out, const char *title, const MemoryTensor *tensors, size_t n) {
    fprintf(out, "%s\n", title);
    for (size_t i = 0; i < n; i++) put(out, tensors[i].name, tensors[i].bytes, tensors[i].type);
}

static void put_arena(const MemoryReport *r, FILE *out) {
    fprintf(out, "arena, %zu values between %zu kernels\n", r->n_values, r->n_kernels);
    put(out, "planned", r->arena, "");
    put(out, "most live", r->most_live, "no plan takes less");
    fprintf(out, "  %-12s %13.2f%%\n", "waste", memory_waste(r));
    if (r->staged) put(out, "staged", r->staged, "more, for states that change places");
    if (r->loops) put(out, "loops", r->loops, "behind the arena: what is carried, and values of bodies");
    if (r->blocks)
        put(out, "blocks", r->blocks, "of each thread, beside the arena: what its chains hand on (--cost)");
}

static void put_peak(const MemoryReport *r, FILE *out) {
    enum { MOST = 15 };
    fprintf(out, "  %-12s %14zu  %s\n", "peak kernel", r->peak + 1, r->peak_name);
    fprintf(out, "\nlive at the peak, %zu values\n", r->n_at_peak);
    for (MemoryUse use = 0; use < N_USES; use++)
        if (r->at_peak_for[use]) put(out, MEMORY_USES[use].name, r->at_peak_for[use], MEMORY_USES[use].doc);
    fprintf(out, "\n%14s %6s %6s  %-8s  the largest of them\n", "bytes", "born", "died", "for");
    for (size_t i = 0; i < r->n_at_peak && i < MOST; i++) {
        const MemoryValue *v = r->at_peak[i];
        fprintf(out, "%14lld %6u %6u  %-8s  %s\n", (long long)v->bytes, v->born + 1, v->died + 1,
                MEMORY_USES[v->use].name, v->name);
    }
}

static void put_remat(const RematReport *r, FILE *out) {
    if (r->kernels == 0) return;
    fprintf(out, "\ncomputed again, %d kernels\n", r->kernels);
    put(out, "bytes", r->bytes, "not kept");
    fprintf(out, "  %-12s %14.0f  %.2f%% of what the step computes otherwise\n", "FLOPs", r->flops,
            remat_percent(r));
    for (size_t i = 0; i < r->n_kinds; i++)
        fprintf(out, "  %4d x %20lld %14.0f  %s\n", r->kinds[i].count, (long long)r->kinds[i].bytes,
                r->kinds[i].flops, r->kinds[i].name);
}

void memory_text(const MemoryReport *r, FILE *out) {
    fprintf(out, "%s @%s: memory in bytes, batch %lld; kernels are numbered as in the printed IR\n",
            r->recipe, r->function, (long long)r->batch);
    put_states(r, out);
    put_tensors(out, "inputs", r->inputs, r->n_inputs);
    put_tensors(out, "outputs", r->outputs, r->n_outputs);
    if (r->limit) {
        fputs("limit\n", out);
        put(out, "asked", r->limit, "states, inputs, outputs and arena");
        put(out, "taken", r->taken, "");
    }
    put_arena(r, out);
    if (r->n_values == 0) return;
    put_peak(r, out);
    put_remat(&r->remat, out);
}
