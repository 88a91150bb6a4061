/* The arena over time as a picture: see memory_svg.h. */
#include "inspect/report/memory_svg.h"

#include <math.h>

static const char *const COLORS[N_USES] = {
    [USE_FORWARD] = "#7fb2e5", [USE_KEPT] = "#e8913a", [USE_BACKWARD] = "#7bbf7b", [USE_RESULT] = "#a58cc8"};

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

static void draw_value(const Picture *p, const MemoryValue *v) {
    double left = x_of(p, v->born), top = y_of(p, (double)(v->offset + v->bytes));
    fprintf(p->out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"><title>", left,
            top, x_of(p, v->died + 1.0) - left, y_of(p, (double)v->offset) - top, COLORS[v->use]);
    put_escaped(p->out, v->name);
    fprintf(p->out, "\n%lld bytes at %lld, kernels %u to %u, %s</title></rect>\n", (long long)v->bytes,
            (long long)v->offset, v->born + 1, v->died + 1, MEMORY_USES[v->use].name);
}

static void draw_live_sum(const Picture *p, const MemoryReport *r) {
    fprintf(p->out, "<path fill=\"none\" stroke=\"#c00000\" stroke-width=\"1.5\" d=\"");
    for (size_t k = 0; k < r->n_kernels; k++)
        fprintf(p->out, "%c%.2f %.2fH%.2f", k ? 'L' : 'M', x_of(p, (double)k), y_of(p, (double)r->live[k]),
                x_of(p, (double)k + 1));
    fprintf(p->out, "\"><title>bytes live</title></path>\n");
}

static void draw_legend(const Picture *p) {
    int x = LEFT;
    for (MemoryUse use = 0; use < N_USES; use++) {
        fprintf(p->out,
                "<g><title>%s</title><path d=\"M%d 38h14v12h-14z\" fill=\"%s\"/><text x=\"%d\" y=\"48\">%s"
                "</text></g>\n",
                MEMORY_USES[use].doc, x, COLORS[use], x + 20, MEMORY_USES[use].name);
        x += 110;
    }
    fprintf(
        p->out,
        "<path d=\"M%d 44h14\" stroke=\"#c00000\" stroke-width=\"1.5\"/><text x=\"%d\" y=\"48\">bytes live"
        "</text>\n",
        x, x + 20);
}

void memory_svg(const MemoryReport *r, FILE *out) {
    Picture p = {out, (double)r->n_kernels, (double)r->arena};
    if (p.kernels < 1) p.kernels = 1;
    if (p.bytes < 1) p.bytes = 1;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
            "font-size=\"13\">\n<path d=\"M0 0h%dv%dh-%dz\" fill=\"#fff\"/>\n<text x=\"%d\" y=\"24\" "
            "font-size=\"16\">",
            WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, LEFT);
    put_escaped(out, r->recipe);
    fputs(" @", out);
    put_escaped(out, r->function);
    fprintf(out, ": arena of %lld bytes</text>\n", (long long)r->arena);
    draw_legend(&p);
    fputs("<g stroke=\"#fff\" stroke-width=\"0.2\">\n", out);
    for (size_t i = 0; i < r->n_values; i++) draw_value(&p, &r->values[i]);
    fputs("</g>\n", out);
    if (r->n_kernels) draw_live_sum(&p, r);
    draw_axes(&p);
    fputs("</svg>\n", out);
}
