/* A drawing as SVG (drawing.h): text that can be selected, light or dark as the reader's screen is. */
#include "inspect/amounts.h"
#include "inspect/drawing/drawing.h"
#include "inspect/drawing/drawing_size.h"

/* ---- the parts that all share ------------------------------------------------------------------------------------ */

static const char STYLE[] =
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1f2328}"
    ".paper{fill:#ffffff}.t{font-size:12px;font-weight:600}.f{font-size:10px;fill:#59636e}"
    ".h{font-size:18px;font-weight:600}.c{font-size:9.5px;text-anchor:middle}.hot{fill:#ffffff}"
    ".m{fill:#ffffff;stroke:#b9c2cb}.g{fill:#f6f8fa;stroke:#c8d1da}.g2{fill:#eef1f4;stroke:#c8d1da}"
    ".o{fill:#ffffff;stroke:#d1d9e0}.i{fill:#e7f0fb;stroke:#9dbfe6}.r{fill:#e8f5ea;stroke:#93c79b}"
    ".h0{fill:#f3f4f6}.h1{fill:#fff3e3}.h2{fill:#ffe3bf}.h3{fill:#ffc98a}.h4{fill:#fca653}.h5{fill:#ea7b2c}"
    ".h6{fill:#c2410c}.none{fill:none;stroke:#d1d9e0;stroke-dasharray:2 2}"
    ".e{fill:none;stroke-width:1.3}.e0{stroke:#4a6f9c}.e1{stroke:#b4531f;stroke-dasharray:4 2.5}"
    ".a0{fill:#4a6f9c}.a1{fill:#b4531f}"
    "@media "
    "(prefers-color-scheme:dark){text{fill:#e6edf3}.paper{fill:#0d1117}.f{fill:#9198a1}.hot{fill:#ffffff}"
    ".m{fill:#0d1117;stroke:#4b535d}.g{fill:#151b23;stroke:#3d444d}.g2{fill:#1b222c;stroke:#3d444d}"
    ".o{fill:#0d1117;stroke:#3d444d}.i{fill:#12263f;stroke:#31588a}.r{fill:#12291a;stroke:#2f6b3c}"
    ".h0{fill:#1c2128}.h1{fill:#33261a}.h2{fill:#50331a}.h3{fill:#764417}.h4{fill:#9c5416}.h5{fill:#c8681c}"
    ".h6{fill:#f08c3a}.none{stroke:#3d444d}.e0{stroke:#7ea6d6}.e1{stroke:#e08a54}.a0{fill:#7ea6d6}"
    ".a1{fill:#e08a54}}";

enum { HOT = 5, MARGIN = 20 }; /* from this heat on letters are light */

static void put_escaped(FILE *out, const char *text) {
    for (; *text; text++) {
        const char *entity = *text == '<'   ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '&' ? "&amp;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            fputs(entity, out);
        else if ((unsigned char)*text >= 0x20)
            fputc(*text, out);
    }
}

static void put_text(FILE *out, double x, double y, const char *style, const char *text) {
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, style);
    put_escaped(out, text);
    fputs("</text>", out);
}

static void put_rect(FILE *out, double x, double y, double width, double height, double round,
                     const char *style) {
    fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%.1f\" class=\"%s\"/>", x,
            y, width, height, round, style);
}

/* ---- boxes ------------------------------------------------------------------------------------------------------- */

static double all_flops(const Box *box) {
    return box->flops[PHASE_FORWARD] + box->flops[PHASE_GRADIENT] + box->flops[PHASE_UPDATE];
}

static void share_text(char text[16], double part, double whole) {
    double share = whole > 0 ? 100 * part / whole : 0;
    if (share < 0.05)
        snprintf(text, 16, "<0.1 %%");
    else
        snprintf(text, 16, share < 9.95 ? "%.1f %%" : "%.0f %%", share);
}

static void put_cell(const Drawing *d, FILE *out, const Box *box, Phase phase, double x, double y,
                     double width) {
    char text[16], heat[4];
    if (!(box->flops[phase] > 0)) {
        put_rect(out, x + 0.5, y + 0.5, width - 1, CELL_HEIGHT - 1, 2, "none");
        return;
    }
    int level = drawing_heat(d, box->flops[phase]);
    snprintf(heat, sizeof heat, "h%d", level);
    put_rect(out, x, y, width, CELL_HEIGHT, 2, heat);
    share_text(text, box->flops[phase], all_flops(&d->boxes[0]));
    put_text(out, x + width / 2, y + CELL_HEIGHT - 4, level >= HOT ? "c hot" : "c", text);
}

static void put_cells(const Drawing *d, FILE *out, const Box *box, double x, double y, double width) {
    int n = drawing_cells(d, box), at = 0;
    for (Phase phase = 0; phase < N_PHASES; phase++)
        if (d->has[phase]) put_cell(d, out, box, phase, x + width / n * at++ + 1, y, width / n - 2);
}

/* What a browser shows where the pointer rests. */
static void put_tip(const Drawing *d, FILE *out, const Box *box) {
    fputs("<title>", out);
    put_escaped(out, *box->scope ? box->scope : box->title);
    if (*box->detail) fputs(", ", out), put_escaped(out, box->detail);
    for (Phase phase = 0; phase < N_PHASES; phase++)
        if (box->values[phase])
            fprintf(out, "\n%s: %u values, %s", PHASE_NAMES[phase], box->values[phase],
                    amount_flops(d->arena, box->flops[phase]));
    if (box->kernels) fprintf(out, "\n%u kernels", box->kernels);
    fputs("</title>", out);
}

static int depth_of(const Drawing *d, const Box *box) {
    int depth = 0;
    while (box->parent != IR_NONE) box = &d->boxes[box->parent], depth++;
    return depth;
}

static void put_open(const Drawing *d, FILE *out, const Box *box) {
    double cells = drawing_cells(d, box) * CELL_WIDTH;
    const char *heading = drawing_heading(d, box);
    put_rect(out, box->x, box->y, box->width, box->height, 7, depth_of(d, box) % 2 ? "g" : "g2");
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"t\">", box->x + BOX_PADDING, box->y + 18);
    put_escaped(out, heading);
    fputs("<tspan class=\"f\" dx=\"8\" font-weight=\"400\">", out);
    put_escaped(out, drawing_facts(d, box));
    fputs("</tspan></text>", out);
    put_cells(d, out, box, box->x + box->width - cells - 6, box->y + 6, cells);
}

static void put_module(const Drawing *d, FILE *out, const Box *box) {
    put_rect(out, box->x, box->y, box->width, box->height, 5, "m");
    put_text(out, box->x + BOX_PADDING, box->y + 16, "t", drawing_heading(d, box));
    put_text(out, box->x + BOX_PADDING, box->y + 29, "f", drawing_facts(d, box));
    put_cells(d, out, box, box->x + 3, box->y + box->height - CELL_HEIGHT - 4, box->width - 6);
}

static void put_own(const Drawing *d, FILE *out, const Box *box) {
    char heat[4];
    int level = drawing_heat(d, all_flops(box));
    snprintf(heat, sizeof heat, "h%d", level);
    put_rect(out, box->x, box->y, box->width, box->height, 12, level ? heat : "o");
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", box->x + BOX_PADDING, box->y + 16,
            level >= HOT ? "t hot" : "t");
    put_escaped(out, drawing_heading(d, box));
    fputs("<tspan class=\"f\" dx=\"6\" font-weight=\"400\">", out);
    put_escaped(out, drawing_facts(d, box));
    fputs("</tspan></text>", out);
}

static void put_end(const Drawing *d, FILE *out, const Box *box) {
    put_rect(out, box->x, box->y, box->width, box->height, 16, box->kind == BOX_INPUT ? "i" : "r");
    put_text(out, box->x + BOX_PADDING, box->y + 14, "t", drawing_heading(d, box));
    put_text(out, box->x + BOX_PADDING, box->y + 27, "f", drawing_facts(d, box));
}

static void put_box(const Drawing *d, FILE *out, const Box *box) {
    fputs("<g>", out);
    put_tip(d, out, box);
    if (box->kind == BOX_OWN)
        put_own(d, out, box);
    else if (box->kind != BOX_MODULE)
        put_end(d, out, box);
    else if (box->open)
        put_open(d, out, box);
    else
        put_module(d, out, box);
    fputs("</g>\n", out);
}

/* ---- edges ------------------------------------------------------------------------------------------------------- */

enum { LANE = 8 }; /* forward edges are left of a box's middle, those of gradients right of it */

static double lane_of(const Drawing *d, const Box *box, Phase phase) {
    if (!d->has[PHASE_GRADIENT]) return box->x + box->width / 2;
    return box->x + box->width / 2 + (phase == PHASE_FORWARD ? -LANE : LANE);
}

/* Down, or up, from y1 to y2, by way of the ends of the rows between which it bends. */
static void put_path(FILE *out, Phase phase, double x1, double y1, double bend1, double bend2, double x2,
                     double y2) {
    double tip = y2 > y1 ? 4 : -4;
    if (bend2 == y2) bend2 -= tip;
    double half = (bend2 - bend1) / 2;
    fprintf(out, "<path class=\"e e%d\" marker-end=\"url(#a%d)\" d=\"M%.1f %.1f", phase, phase, x1, y1);
    if (bend1 != y1) fprintf(out, "V%.1f", bend1);
    if (x1 != x2)
        fprintf(out, "C%.1f %.1f %.1f %.1f %.1f %.1f", x1, bend1 + half, x2, bend2 - half, x2, bend2);
    if (x1 == x2 || bend2 != y2 - tip) fprintf(out, "V%.1f", y2 - tip);
    fputs("\"/>", out);
}

/* Around the boxes between: out at the side, along the channel, and in at the side. A box that others stand beside is
 * left below its row, and come to above it. */
static void put_detour(const Drawing *d, FILE *out, const BoxEdge *edge) {
    enum { ROUND = 5, APART = 7 }; /* from a row */
    const Box *from = &d->boxes[edge->from], *to = &d->boxes[edge->to], *in = &d->boxes[from->parent];
    bool left = edge->phase == PHASE_FORWARD;
    double offset = BOX_PADDING / 2.0 + (edge->channel + 1) * CHANNEL, side = left ? ROUND : -ROUND;
    double x = left ? in->x + offset : in->x + in->width - offset;
    bool beside_from = left ? !from->first_in_row : !from->last_in_row;
    bool beside_to = left ? !to->first_in_row : !to->last_in_row;
    double y1 = from->y + (from->open ? from->height - 10 : from->height / 2);
    double y2 = to->y + (to->open ? 13 : to->height / 2);
    fprintf(out, "<path class=\"e e%d\" marker-end=\"url(#a%d)\" d=\"", edge->phase, edge->phase);
    if (beside_from) {
        y1 = left ? from->row_end + APART : from->y - APART;
        fprintf(out, "M%.1f %.1fV%.1f", lane_of(d, from, edge->phase),
                left ? from->y + from->height : from->y, y1);
    } else {
        fprintf(out, "M%.1f %.1f", left ? from->x : from->x + from->width, y1);
    }
    if (beside_to) y2 = left ? to->y - APART : to->row_end + APART;
    double turn = y2 > y1 ? ROUND : -ROUND;
    fprintf(out, "H%.1fQ%.1f %.1f %.1f %.1fV%.1fQ%.1f %.1f %.1f %.1f", x + side, x, y1, x, y1 + turn,
            y2 - turn, x, y2, x + side, y2);
    if (beside_to)
        fprintf(out, "H%.1fV%.1f\"/>", lane_of(d, to, edge->phase),
                left ? to->y - 4 : to->y + to->height + 4);
    else
        fprintf(out, "H%.1f\"/>", left ? to->x - 4 : to->x + to->width + 4);
}

/* From the head of the box around, down the channel, and in at the side. */
static void put_entry(const Drawing *d, FILE *out, const BoxEdge *edge) {
    const Box *in = &d->boxes[edge->from], *to = &d->boxes[edge->to];
    double x = in->x + BOX_PADDING / 2.0 + (edge->channel + 1) * CHANNEL,
           y = to->y + (to->open ? 13 : to->height / 2);
    fprintf(out,
            "<path class=\"e e0\" marker-end=\"url(#a0)\" d=\"M%.1f %.1fV%.1fQ%.1f %.1f %.1f %.1fH%.1f\"/>",
            x, in->y + drawing_head(in), y - 5, x, y, x + 5, y, to->x - 4);
}

static void put_edge(const Drawing *d, FILE *out, const BoxEdge *edge) {
    const Box *from = &d->boxes[edge->from], *to = &d->boxes[edge->to];
    if (to->parent == edge->from) {
        put_entry(d, out, edge);
        return;
    }
    if (edge->channel >= 0) {
        put_detour(d, out, edge);
        return;
    }
    double x1 = lane_of(d, from, edge->phase), x2 = lane_of(d, to, edge->phase);
    if (edge->phase == PHASE_FORWARD)
        put_path(out, edge->phase, x1, from->y + from->height, from->row_end, to->y, x2, to->y);
    else
        put_path(out, edge->phase, x1, from->y, from->y, to->row_end, x2, to->y + to->height);
}

/* From the top of an open box to its first boxes, and from its last ones to its bottom. */
static void put_ends(const Drawing *d, FILE *out, const Box *box, uint32_t last_layer) {
    const Box *in = &d->boxes[box->parent];
    double x = lane_of(d, box, PHASE_FORWARD);
    if (box->enters && box->layer == 0) {
        double y = in->y + drawing_head(in);
        put_path(out, PHASE_FORWARD, x, y, y, box->y, x, box->y);
    }
    if (box->leaves && box->layer == last_layer)
        fprintf(out, "<path class=\"e e0\" d=\"M%.1f %.1fV%.1f\"/>", x, box->y + box->height,
                in->y + in->height);
}

static void put_edges(const Drawing *d, FILE *out) {
    uint32_t *last = ARENA_ARRAY(d->arena, uint32_t, d->n_boxes + 1); /* layer, by box that it is in */
    for (size_t b = 1; b < d->n_boxes; b++) {
        const Box *box = &d->boxes[b];
        if (box->layer > last[box->parent]) last[box->parent] = box->layer;
    }
    for (size_t b = 1; b < d->n_boxes; b++)
        if (d->boxes[b].parent) put_ends(d, out, &d->boxes[b], last[d->boxes[b].parent]);
    for (size_t e = 0; e < d->n_edges; e++) put_edge(d, out, &d->edges[e]);
    fputc('\n', out);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void put_legend(const Drawing *d, FILE *out) {
    static const char *const names[N_PHASES] = {"forward", "gradient", "update"};
    double x = d->width - MARGIN, y = 8;
    for (int heat = 6; heat >= 0; heat--) {
        char style[4];
        snprintf(style, sizeof style, "h%d", heat);
        put_rect(out, x -= 16, y + 20, 15, 9, 1, style);
    }
    put_text(out, x, y + 40, "f", "0.1 … 20 % of FLOPs");
    x = d->width - MARGIN;
    for (int phase = N_PHASES - 1; phase >= 0; phase--)
        if (d->has[phase]) {
            put_rect(out, x -= CELL_WIDTH, y, CELL_WIDTH - 2, CELL_HEIGHT, 2, "none");
            put_text(out, x + CELL_WIDTH / 2 - 1, y + 11, "c", names[phase]);
        }
}

void drawing_svg(const Drawing *d, FILE *out) {
    double width = d->width + 2 * MARGIN, height = d->height + 2 * MARGIN;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"%d %d %.0f "
            "%.0f\">\n"
            "<!-- " DRAWING_MARK " -->\n<style>%s</style>\n<defs>",
            width, height, -MARGIN, -MARGIN, width, height, STYLE);
    for (int phase = 0; phase < 2; phase++)
        fprintf(
            out,
            "<marker id=\"a%d\" class=\"a%d\" viewBox=\"0 0 6 6\" refX=\"3\" refY=\"3\" markerWidth=\"6\" "
            "markerHeight=\"6\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0L6 3L0 "
            "6z\"/></marker>",
            phase, phase);
    fputs("</defs>\n", out);
    put_rect(out, -MARGIN, -MARGIN, width, height, 0, "paper");
    put_text(out, 0, 14, "h", drawing_title(d));
    put_text(out, 0, 34, "f", drawing_summary(d));
    put_legend(d, out);
    for (size_t b = 1; b < d->n_boxes; b++)
        if (d->boxes[b].open) put_box(d, out, &d->boxes[b]);
    put_edges(d, out);
    for (size_t b = 1; b < d->n_boxes; b++)
        if (!d->boxes[b].open) put_box(d, out, &d->boxes[b]);
    fputs("</svg>\n", out);
}
