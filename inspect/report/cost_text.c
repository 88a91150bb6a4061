/* What kernels should cost, as tables: see cost_text.h. */
#include "inspect/report/cost_text.h"

static double time_of(const CostReport *r, const CostSum *sum) {
    return r->profile ? sum->measured : sum->seconds;
}

/* Without those at the end that would be rows of 0.0%, if they are several. */
static size_t count_shown(const CostReport *r, const CostSum *sums, size_t n) {
    enum { FEW = 4 };
    double all = r->profile ? r->measured : r->seconds;
    size_t shown = n;
    while (shown > 0 && time_of(r, &sums[shown - 1]) < all * 0.0005) shown--;
    return n - shown < FEW ? n : shown;
}

/* limit: what limits it and the number of its first call; "": it is not told. */
static void put_sum(const CostReport *r, const CostSum *s, const char *limit, FILE *out) {
    double of = r->profile ? r->measured : r->seconds;
    fprintf(out, "%10.3f", s->seconds * 1e3);
    if (r->profile) fprintf(out, " %10.3f", s->measured * 1e3);
    if (r->profile && s->seconds > 0) fprintf(out, " %8.2f", s->measured / s->seconds);
    if (r->profile && !(s->seconds > 0)) fprintf(out, " %8s", "-");
    fprintf(out, " %5.1f%% %6d %11.3f %11.3f %9.2f%s  %s\n", of > 0 ? 100 * time_of(r, s) / of : 0, s->count,
            s->flops / 1e6, s->bytes / 1e6, s->bytes > 0 ? s->flops / s->bytes : 0, limit, s->name);
}

/* `limits`: with columns that say what limits a kernel, and the number of the first; "end": of what runs after all.
 * Shares are of what was measured, if anything was. */
static void put_sums(const CostReport *r, const CostSum *sums, size_t n, const char *what, bool limits,
                     FILE *out) {
    fprintf(out, "\n%10s", r->profile ? "model ms" : "ms");
    if (r->profile) fprintf(out, " %10s %8s", "measured", "x model");
    fprintf(out, " %6s %6s %11s %11s %9s%s  %s\n", "share", "calls", "MFLOP", "MB", "FLOP/byte",
            limits ? " limit    first" : "", what);
    size_t shown = count_shown(r, sums, n);
    for (size_t i = 0; i < shown; i++) {
        const CostSum *s = &sums[i];
        char limit[32] = "", first[16] = "end";
        if (s->first) snprintf(first, sizeof first, "%u", s->first);
        if (limits)
            snprintf(limit, sizeof limit, " %-7s %6s", roofline_limit(&r->roofline, s->flops, s->bytes),
                     first);
        put_sum(r, s, limit, out);
    }
    if (shown == n) return;
    char name[64];
    CostSum others = {.name = name};
    snprintf(name, sizeof name, "and %zu others, each below 0.05%%", n - shown);
    for (size_t i = shown; i < n; i++) {
        others.count += sums[i].count;
        others.seconds += sums[i].seconds;
        others.measured += sums[i].measured;
        others.flops += sums[i].flops;
        others.bytes += sums[i].bytes;
    }
    put_sum(r, &others, limits ? "               " : "", out);
}

/* Of the profile: what was measured, and how. */
static void put_measured(const CostReport *r, FILE *out) {
    const ProfileFile *p = r->profile;
    if (!p) return;
    fprintf(out,
            "  measured     %.3f ms, the sum of kernels' medians over %d steps; that of steps is %.3f ms; %d "
            "thread%s%s%s, %s\n",
            r->measured * 1e3, p->steps, profile_step_seconds(p) * 1e3, p->threads, p->threads > 1 ? "s" : "",
            *p->processor ? " of " : "", p->processor, p->path);
}

/* What each chain keeps in the cache, and what that is thought to be worth. */
static void put_chains(const CostReport *r, FILE *out) {
    if (r->n_chains == 0) return;
    fprintf(out, "\n%6s %7s %7s %9s %10s %10s  chain, from the first kernel on\n", "count", "kernels",
            "blocks", "KB each", "ms saved", "ms spent");
    for (size_t i = 0; i < r->n_chains; i++) {
        const CostChain *c = &r->chains[i];
        fprintf(out, "%6zu %7u %7lld %9.1f %10.3f %10.3f  %s\n", c->count, c->kernels, (long long)c->blocks,
                (double)c->footprint / 1e3, c->saved * 1e3, c->spent * 1e3, c->name);
    }
}

void cost_summary_text(const CostReport *r, FILE *out) {
    double computing = r->seconds > 0 ? 100 * r->compute_seconds / r->seconds : 0;
    fprintf(out, "%s @%s: %zu calls of %zu kernels, estimated, %s\n", r->recipe, r->function, r->calls,
            r->n_kernels, r->profile ? "and measured" : "not timed");
    fprintf(out, "  peak         %g GFLOP/s%s\n", r->roofline.flops / 1e9,
            r->peak_assumed ? ", assumed (--peak GFLOPS; vitc doctor measures it)" : "");
    fprintf(out, "  bandwidth    %g GB/s%s\n", r->roofline.bytes / 1e9,
            r->bandwidth_assumed ? ", assumed (--bandwidth GBS; vitc doctor)" : "");
    fprintf(out, "  FLOPs        %.0f\n", r->flops);
    fprintf(out, "  bytes        %.0f\n", r->bytes);
    fprintf(out, "  time         %.3f ms at least: %.1f%% limited by compute, %.1f%% by memory\n",
            r->seconds * 1e3, computing, r->seconds > 0 ? 100 - computing : 0);
    put_measured(r, out);
}

void cost_tables_text(const CostReport *r, FILE *out) {
    put_sums(r, r->kernels, r->n_kernels, "kernel", true, out);
    put_sums(r, r->scopes, r->n_scopes, "scope", false, out);
    put_chains(r, out);
}

void cost_text(const CostReport *r, FILE *out) {
    cost_summary_text(r, out);
    cost_tables_text(r, out);
}
