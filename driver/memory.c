/* vitc inspect --memory: where the bytes of a function go, as a table and as a picture of the arena over time. */
#include "driver/driver.h"
#include "ir/base/stream.h"
#include "ir/plan/cost.h"
#include "ir/text/text.h"
#include "passes/plan/live.h"
#include "passes/plan/remat.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a value of the arena is for. */
typedef enum { USE_FORWARD, USE_KEPT, USE_BACKWARD, USE_RESULT, N_USES } Use;
static const struct {
    const char *name, *doc, *color;
} USES[N_USES] = {
    [USE_FORWARD] = {"forward", "on the way to the loss (the outputs, of a function without one) alone",
                     "#7fb2e5"},
    [USE_KEPT] = {"kept", "of the loss, and read again past it: kept for the backward pass", "#e8913a"},
    [USE_BACKWARD] = {"backward", "gradients, the optimiser, and what else the loss does not need",
                      "#7bbf7b"},
    [USE_RESULT] = {"result", "an output or update, held to the end", "#a58cc8"},
};

typedef struct {
    Arena *arena;
    const Func *func;
    Placement placement;
    Lives lives;
    Use *uses;        /* of each life */
    uint32_t *number; /* of each value, as the IR is printed */
    size_t peak;      /* the kernel with most bytes live */
} Plan;

/* The values that `loss` is computed from; a function without a loss: that its outputs are. */
static bool *find_forward(Arena *arena, const Func *func) {
    bool *forward = ARENA_ARRAY(arena, bool, func->count + 1), any = false;
    for (int all = 0; all < 2 && !any; all++)
        for (size_t i = 0; i < func->n_outputs; i++)
            if (all || strcmp(func->outputs[i].name, "loss") == 0)
                forward[func->outputs[i].value] = any = true;
    for (ValueId id = (ValueId)func->count; id-- > 0;)
        for (int o = 0; forward[id] && o < func_node(func, id)->n_operands; o++)
            forward[func_node(func, id)->operands[o]] = true;
    return forward;
}

static Use *find_uses(Arena *arena, const Func *func, const Lives *lives) {
    bool *forward = find_forward(arena, func);
    Use *of = ARENA_ARRAY(arena, Use, func->count + 1), *uses = ARENA_ARRAY(arena, Use, lives->count + 1);
    for (ValueId id = 0; id < func->count; id++) of[id] = forward[id] ? USE_FORWARD : USE_BACKWARD;
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        for (int o = 0; o < node->n_operands && !forward[id]; o++)
            if (forward[node->operands[o]]) of[node->operands[o]] = USE_KEPT;
    }
    for (size_t i = 0; i < func->n_outputs; i++) of[func->outputs[i].value] = USE_RESULT;
    for (size_t i = 0; i < func->n_updates; i++) of[func->updates[i].value] = USE_RESULT;
    for (size_t i = 0; i < lives->count; i++) uses[i] = of[lives->of[i].value];
    return uses;
}

static Plan make_plan(Arena *arena, const Func *func) {
    Plan plan = {.arena = arena, .func = func, .placement = func_place(arena, func)};
    plan.lives = func_lives(arena, func, &plan.placement);
    plan.uses = find_uses(arena, func, &plan.lives);
    plan.number = ARENA_ARRAY(arena, uint32_t, func->count + 1);
    uint32_t n = 0;
    for (ValueId id = 0; id < func->count; id++) {
        OpKind op = (OpKind)func_node(func, id)->op;
        plan.number[id] = op == OP_input || op == OP_state ? 0 : n++;
    }
    for (size_t k = 1; k < plan.lives.n_kernels; k++)
        if (plan.lives.live[k] > plan.lives.live[plan.peak]) plan.peak = k;
    return plan;
}

static const char *value_name(const Plan *plan, ValueId id) {
    return arena_printf(plan->arena, "%%%u %s", plan->number[id], kernel_name(plan->arena, plan->func, id));
}

static const char *span_name(const Plan *plan, size_t kernel) {
    KernelCost cost = kernel_cost(plan->func, &plan->placement, &plan->placement.spans[kernel]);
    return kernel_name(plan->arena, plan->func, cost.named);
}

/* ---- the table ----------------------------------------------------------------------------------------------------- */

static void print_states(const Module *module) {
    int64_t all = 0;
    printf("states\n");
    for (StateRole role = ROLE_PARAM; role < ROLE_COUNT; role++) {
        int64_t bytes = 0, count = 0;
        for (size_t s = 0; s < module->n_states; s++)
            if (module->states[s].role == role) count++, bytes += type_bytes(&module->states[s].type);
        if (count)
            printf("  %-12s %14lld  %lld tensors\n", ROLE_NAMES[role], (long long)bytes, (long long)count);
        all += bytes;
    }
    printf("  %-12s %14lld\n", "all", (long long)all);
}

static void print_ends(const Plan *plan) {
    const Func *func = plan->func;
    printf("inputs\n");
    for (size_t i = 0; i < func->n_inputs; i++)
        printf("  %-12s %14lld  %s\n", func->inputs[i].name, (long long)type_bytes(&func->inputs[i].type),
               type_text(plan->arena, &func->inputs[i].type));
    printf("outputs\n");
    for (size_t i = 0; i < func->n_outputs; i++) {
        const Type *type = func_type(func, func->outputs[i].value);
        printf("  %-12s %14lld  %s\n", func->outputs[i].name, (long long)type_bytes(type),
               type_text(plan->arena, type));
    }
}

static int by_bytes(const void *a, const void *b) {
    const Life *x = *(const Life *const *)a, *y = *(const Life *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x->value > y->value) - (x->value < y->value);
}

static void print_peak(const Plan *plan) {
    enum { MOST = 15 };
    const Lives *lives = &plan->lives;
    const Life **at_peak = ARENA_ARRAY(plan->arena, const Life *, lives->count + 1);
    int64_t bytes[N_USES] = {0};
    size_t n = 0;
    for (size_t i = 0; i < lives->count; i++) {
        if (lives->of[i].born > plan->peak || lives->of[i].died < plan->peak) continue;
        at_peak[n++] = &lives->of[i];
        bytes[plan->uses[i]] += lives->of[i].bytes;
    }
    printf("\nlive at the peak, %zu values\n", n);
    for (Use use = 0; use < N_USES; use++)
        if (bytes[use]) printf("  %-12s %14lld  %s\n", USES[use].name, (long long)bytes[use], USES[use].doc);
    qsort(at_peak, n, sizeof *at_peak, by_bytes);
    printf("\n%14s %6s %6s  %-8s  the largest of them\n", "bytes", "born", "died", "for");
    for (size_t i = 0; i < n && i < MOST; i++)
        printf("%14lld %6u %6u  %-8s  %s\n", (long long)at_peak[i]->bytes, at_peak[i]->born + 1,
               at_peak[i]->died + 1, USES[plan->uses[at_peak[i] - lives->of]].name,
               value_name(plan, at_peak[i]->value));
}

static int by_again_bytes(const void *a, const void *b) {
    const Again *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->name, y->name);
}

AgainTotals again_totals(Arena *arena, const Func *func) {
    AgainTotals totals = {0};
    size_t capacity = 0;
    Placement placement = func_place(arena, func);
    for (size_t k = 0; k < placement.n_spans; k++) {
        const ClusterSpan *span = &placement.spans[k];
        KernelCost cost = kernel_cost(func, &placement, span);
        totals.all_flops += cost.flops;
        if (!func_node(func, span->last)->again) continue;
        totals.flops += cost.flops;
        totals.kernels++;
        int64_t bytes = 0;
        for (ValueId id = span->first; id <= span->last; id++)
            if (placement.places[id].kind == PLACE_ARENA) bytes += type_bytes(func_type(func, id));
        totals.bytes += bytes;
        const Node *named = func_node(func, cost.named);
        const char *name =
            arena_printf(arena, "%s %s", op_info(named->op)->name, type_text(arena, &named->type));
        size_t i = 0;
        while (i < totals.n_kinds && strcmp(totals.kinds[i].name, name) != 0) i++;
        if (i == totals.n_kinds)
            ARENA_PUSH(arena, totals.kinds, totals.n_kinds, capacity, ((Again){.name = name}));
        totals.kinds[i].count++;
        totals.kinds[i].flops += cost.flops;
        totals.kinds[i].bytes += bytes;
    }
    if (totals.n_kinds) qsort(totals.kinds, totals.n_kinds, sizeof *totals.kinds, by_again_bytes);
    return totals;
}

/* What runs again so that less is kept. */
static void print_again(Arena *arena, const Func *func) {
    AgainTotals again = again_totals(arena, func);
    if (again.kernels == 0) return;
    printf("\ncomputed again, %d kernels\n", again.kernels);
    printf("  %-12s %14lld  not kept\n", "bytes", (long long)again.bytes);
    printf("  %-12s %14.0f  %.2f%% of what the step computes otherwise\n", "FLOPs", again.flops,
           100 * again.flops / (again.all_flops - again.flops));
    for (size_t i = 0; i < again.n_kinds; i++)
        printf("  %4d x %20lld %14.0f  %s\n", again.kinds[i].count, (long long)again.kinds[i].bytes,
               again.kinds[i].flops, again.kinds[i].name);
}

void memory_report(Arena *arena, const Func *func) {
    Plan plan = make_plan(arena, func);
    const Lives *lives = &plan.lives;
    int64_t peak = lives->n_kernels ? lives->live[plan.peak] : 0, staged = 0;
    for (size_t i = 0; i < plan.placement.n_copies; i++)
        if (plan.placement.copies[i].staged)
            staged += type_bytes(func_type(func, plan.placement.copies[i].value));
    printf("%s @%s: memory in bytes, batch %lld; kernels are numbered as clusters of the printed IR\n",
           func->module->name, func->name, (long long)func->module->batch);
    print_states(func->module);
    print_ends(&plan);
    if (func->module->memory_limit && strcmp(func->name, "step") == 0) {
        printf("limit\n  %-12s %14lld  states, inputs, outputs and arena\n", "asked",
               (long long)func->module->memory_limit);
        printf("  %-12s %14lld\n", "taken", (long long)(resident_bytes(func) + func->arena_bytes));
    }
    printf("arena, %zu values between %zu kernels\n", lives->count, lives->n_kernels);
    printf("  %-12s %14lld\n", "planned", (long long)func->arena_bytes);
    printf("  %-12s %14lld  no plan takes less\n", "most live", (long long)peak);
    printf("  %-12s %13.2f%%\n", "waste",
           func->arena_bytes ? 100 * (double)(func->arena_bytes - peak) / (double)func->arena_bytes : 0);
    if (staged) printf("  %-12s %14lld  more, for states that change places\n", "staged", (long long)staged);
    if (func->block_bytes)
        printf("  %-12s %14lld  of each thread, beside the arena: what its chains hand on (--cost)\n",
               "blocks", (long long)func->block_bytes);
    if (lives->count == 0) return;
    printf("  %-12s %14zu  %s\n", "peak kernel", plan.peak + 1, span_name(&plan, plan.peak));
    print_peak(&plan);
    print_again(arena, func);
}

/* ---- the picture --------------------------------------------------------------------------------------------------- */

enum { WIDTH = 1200, HEIGHT = 700, LEFT = 90, RIGHT = 20, TOP = 60, BOTTOM = 60 };

typedef struct {
    FILE *out;
    double kernels, bytes; /* what the axes reach to */
} Picture;

static double x_of(const Picture *p, double kernel) {
    return LEFT + (WIDTH - LEFT - RIGHT) * kernel / p->kernels;
}

static double y_of(const Picture *p, double byte) {
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * byte / p->bytes;
}

/* Names may hold anything; XML has no control characters. */
static void put_escaped(FILE *out, const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        switch (*c) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        default: fputc(*c < 0x20 || *c == 0x7f ? '?' : *c, out);
        }
    }
}

/* 1, 2 or 5 times a power of ten, so that about eight steps reach `most`. */
static double tick_step(double most) {
    double step = pow(10, floor(log10(most / 8)));
    if (step * 8 < most) step *= most > step * 40 ? 10 : most > step * 16 ? 5 : 2;
    return step < 1 ? 1 : step;
}

static void draw_axes(const Picture *p) {
    double unit = p->bytes >= 1e7 ? 1e6 : p->bytes >= 1e4 ? 1e3 : 1;
    const char *unit_name = unit == 1e6 ? "MB" : unit == 1e3 ? "kB" : "bytes";
    fprintf(p->out, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#333\"/>\n", LEFT, TOP, HEIGHT - BOTTOM,
            WIDTH - RIGHT);
    double step = tick_step(p->kernels);
    for (double k = step; k <= p->kernels; k += step)
        fprintf(p->out,
                "<path d=\"M%.2f %dv5\" stroke=\"#333\"/><text x=\"%.2f\" y=\"%d\" text-anchor=\"middle\">"
                "%.0f</text>\n",
                x_of(p, k - 0.5), HEIGHT - BOTTOM, x_of(p, k - 0.5), HEIGHT - BOTTOM + 19, k);
    step = tick_step(p->bytes);
    for (double b = 0; b <= p->bytes; b += step)
        fprintf(p->out,
                "<path d=\"M%d %.2fh-5\" stroke=\"#333\"/><text x=\"%d\" y=\"%.2f\" text-anchor=\"end\">"
                "%g</text>\n",
                LEFT, y_of(p, b), LEFT - 8, y_of(p, b) + 4, b / unit);
    fprintf(p->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">kernel, in order of execution</text>\n",
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18);
    fprintf(p->out,
            "<text x=\"22\" y=\"%d\" text-anchor=\"middle\" transform=\"rotate(-90 22 %d)\">offset in the "
            "arena, %s</text>\n",
            (TOP + HEIGHT - BOTTOM) / 2, (TOP + HEIGHT - BOTTOM) / 2, unit_name);
}

static void draw_value(const Picture *p, const Plan *plan, size_t i) {
    const Life *life = &plan->lives.of[i];
    const Node *node = func_node(plan->func, life->value);
    double left = x_of(p, life->born), top = y_of(p, (double)(node->offset + life->bytes));
    fprintf(p->out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"><title>", left,
            top, x_of(p, life->died + 1.0) - left, y_of(p, (double)node->offset) - top,
            USES[plan->uses[i]].color);
    put_escaped(p->out, value_name(plan, life->value));
    fprintf(p->out, "\n%lld bytes at %lld, kernels %u to %u, %s</title></rect>\n", (long long)life->bytes,
            (long long)node->offset, life->born + 1, life->died + 1, USES[plan->uses[i]].name);
}

static void draw_live_sum(const Picture *p, const Lives *lives) {
    fprintf(p->out, "<path fill=\"none\" stroke=\"#c00000\" stroke-width=\"1.5\" d=\"");
    for (size_t k = 0; k < lives->n_kernels; k++)
        fprintf(p->out, "%c%.2f %.2fH%.2f", k ? 'L' : 'M', x_of(p, (double)k),
                y_of(p, (double)lives->live[k]), x_of(p, (double)k + 1));
    fprintf(p->out, "\"><title>bytes live</title></path>\n");
}

static void draw_legend(const Picture *p) {
    int x = LEFT;
    for (Use use = 0; use < N_USES; use++) {
        fprintf(p->out,
                "<g><title>%s</title><path d=\"M%d 38h14v12h-14z\" fill=\"%s\"/><text x=\"%d\" y=\"48\">%s"
                "</text></g>\n",
                USES[use].doc, x, USES[use].color, x + 20, USES[use].name);
        x += 110;
    }
    fprintf(
        p->out,
        "<path d=\"M%d 44h14\" stroke=\"#c00000\" stroke-width=\"1.5\"/><text x=\"%d\" y=\"48\">bytes live"
        "</text>\n",
        x, x + 20);
}

static void draw(FILE *out, const Plan *plan) {
    const Func *func = plan->func;
    Picture p = {out, (double)plan->lives.n_kernels, (double)func->arena_bytes};
    if (p.kernels < 1) p.kernels = 1;
    if (p.bytes < 1) p.bytes = 1;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
            "font-size=\"13\">\n<path d=\"M0 0h%dv%dh-%dz\" fill=\"#fff\"/>\n<text x=\"%d\" y=\"24\" "
            "font-size=\"16\">",
            WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, LEFT);
    put_escaped(out, func->module->name);
    fputs(" @", out);
    put_escaped(out, func->name);
    fprintf(out, ": arena of %lld bytes</text>\n", (long long)func->arena_bytes);
    draw_legend(&p);
    fputs("<g stroke=\"#fff\" stroke-width=\"0.2\">\n", out);
    for (size_t i = 0; i < plan->lives.count; i++) draw_value(&p, plan, i);
    fputs("</g>\n", out);
    if (plan->lives.n_kernels) draw_live_sum(&p, &plan->lives);
    draw_axes(&p);
    fputs("</svg>\n", out);
}

bool memory_picture(Arena *arena, const Func *func, const char *path) {
    TextStream stream;
    VtError error;
    size_t size;
    Plan plan = make_plan(arena, func);
    draw(stream_begin(&stream), &plan);
    char *text = stream_end(&stream, &size);
    bool good = vt_replace_with(path, 0666, text, size, &error);
    free(text);
    return good || fail(error.code, "%s", error.message) < 0;
}
