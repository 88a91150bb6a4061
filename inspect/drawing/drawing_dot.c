/* A drawing as a graph for Graphviz (drawing.h): open boxes are clusters. */
#include "inspect/amounts.h"
#include "inspect/drawing/drawing.h"
#include "inspect/drawing/drawing_size.h"

static const char *const HEAT[] = {"#f3f4f6", "#fff3e3", "#ffe3bf", "#ffc98a",
                                   "#fca653", "#ea7b2c", "#c2410c"};
enum { HOT = 5 };

static void put_quoted(FILE *out, const char *text) {
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        if ((unsigned char)*text >= 0x20) fputc(*text, out);
    }
}

static double all_flops(const Box *box) {
    return box->flops[PHASE_FORWARD] + box->flops[PHASE_GRADIENT] + box->flops[PHASE_UPDATE];
}

static void put_label(const Drawing *d, FILE *out, const Box *box) {
    double whole = all_flops(&d->boxes[0]);
    put_quoted(out, drawing_heading(d, box));
    if (*drawing_facts(d, box)) {
        fputs("\\n", out);
        put_quoted(out, drawing_facts(d, box));
    }
    if (box->kind != BOX_MODULE) return;
    for (Phase phase = 0, at = 0; phase < N_PHASES; phase++)
        if (box->values[phase])
            fprintf(out, "%s%s %s", at++ ? ", " : "\\n", PHASE_NAMES[phase],
                    amount_share(d->arena, box->flops[phase], whole));
}

static void put_node(const Drawing *d, FILE *out, uint32_t b, int indent) {
    static const char *const shapes[] = {
        [BOX_MODULE] = "box", [BOX_OWN] = "ellipse", [BOX_INPUT] = "cds", [BOX_RESULT] = "octagon"};
    const Box *box = &d->boxes[b];
    int heat = drawing_heat(d, all_flops(box));
    fprintf(out, "%*sb%u [shape=%s, fillcolor=\"%s\", fontcolor=\"%s\", label=\"", indent, "", b,
            shapes[box->kind], HEAT[heat], heat >= HOT ? "#ffffff" : "#1f2328");
    put_label(d, out, box);
    fputs("\"];\n", out);
}

/* Children stand behind their parents: `next` is where the box's first can be. */
static void put_boxes(const Drawing *d, FILE *out, const uint32_t *first, const uint32_t *next, uint32_t in,
                      int indent) {
    for (uint32_t b = first[in]; b != IR_NONE; b = next[b]) {
        if (!d->boxes[b].open) {
            put_node(d, out, b, indent);
            continue;
        }
        fprintf(out, "%*ssubgraph cluster_%u {\n%*slabel=\"", indent, "", b, indent + 2, "");
        put_label(d, out, &d->boxes[b]);
        fprintf(out, "\"; style=\"rounded,filled\"; fillcolor=\"%s\"; color=\"#c8d1da\";\n",
                indent % 4 == 2 ? "#f6f8fa" : "#eef1f4");
        put_boxes(d, out, first, next, b, indent + 2);
        fprintf(out, "%*s}\n", indent, "");
    }
}

/* An edge of an open box begins or ends at a box within, and is cut off at the cluster's border. */
static uint32_t inside(const Drawing *d, const uint32_t *first, uint32_t b) {
    while (d->boxes[b].open) b = first[b];
    return b;
}

static void put_edge(const Drawing *d, FILE *out, const uint32_t *first, const uint32_t *last,
                     const BoxEdge *edge) {
    bool gradient = edge->phase != PHASE_FORWARD;
    uint32_t above = gradient ? edge->to : edge->from, below = gradient ? edge->from : edge->to;
    fprintf(out, "  b%u -> b%u [", inside(d, last, above), inside(d, first, below));
    if (d->boxes[above].open) fprintf(out, "ltail=cluster_%u, ", above);
    if (d->boxes[below].open) fprintf(out, "lhead=cluster_%u, ", below);
    if (gradient) fputs("dir=back, style=dashed, color=\"#b4531f\", constraint=false, ", out);
    fprintf(out, "tooltip=\"%s, %s\"];\n", edge->type, amount_bytes(d->arena, edge->bytes));
}

void drawing_dot(const Drawing *d, FILE *out) {
    uint32_t *first = ARENA_ARRAY(d->arena, uint32_t, d->n_boxes + 1),
             *last = ARENA_ARRAY(d->arena, uint32_t, d->n_boxes + 1),
             *next = ARENA_ARRAY(d->arena, uint32_t, d->n_boxes + 1);
    for (size_t b = 0; b < d->n_boxes; b++) first[b] = last[b] = next[b] = IR_NONE;
    for (uint32_t b = 1; b < d->n_boxes; b++) {
        uint32_t in = d->boxes[b].parent;
        if (first[in] == IR_NONE)
            first[in] = b;
        else
            next[last[in]] = b;
        last[in] = b;
    }
    fputs("// " DRAWING_MARK "\ndigraph \"", out);
    put_quoted(out, d->of->recipe);
    fputs("\" {\n  compound=true; rankdir=TB; nodesep=0.3; ranksep=0.35; labeljust=l; "
          "fontname=\"sans-serif\";\n"
          "  label=\"",
          out);
    put_quoted(out, drawing_title(d));
    fputs("\\l", out);
    put_quoted(out, drawing_summary(d));
    fputs("\\l\"; labelloc=t; fontsize=10;\n"
          "  node [style=\"rounded,filled\", fontname=\"sans-serif\", fontsize=10, color=\"#b9c2cb\"];\n"
          "  edge [color=\"#4a6f9c\", arrowsize=0.6];\n",
          out);
    put_boxes(d, out, first, next, 0, 2);
    for (size_t e = 0; e < d->n_edges; e++)
        if (d->boxes[d->edges[e].to].parent != d->edges[e].from) put_edge(d, out, first, last, &d->edges[e]);
    fputs("}\n", out);
}
