/* How large what a drawing writes is: see drawing_size.h. */
#include "inspect/drawing/drawing_size.h"
#include "inspect/amounts.h"

/* Of a text in the sans-serif letters of browsers, rather more than less. */
static double text_width(const char *text, double size) {
    size_t letters = 0;
    for (const char *c = text; *c; c++) letters += (*c & 0xc0) != 0x80;
    return (double)letters * size * (size == TITLE_SIZE ? 0.63 : 0.57); /* titles are bold */
}

const char *drawing_heading(const Drawing *d, const Box *box) {
    if (box->times < 2) return box->title;
    return arena_printf(d->arena, "%s  ×%u", box->title, box->times);
}

const char *drawing_facts(const Drawing *d, const Box *box) {
    if (box->kind != BOX_MODULE) return box->detail;
    double flops = box->flops[PHASE_FORWARD] + box->flops[PHASE_GRADIENT] + box->flops[PHASE_UPDATE];
    const char *text = amount_flops(d->arena, flops);
    if (box->parameters > 0)
        text = arena_printf(d->arena, "%s · %s par.", text, amount_count(d->arena, box->parameters));
    return text;
}

int drawing_cells(const Drawing *d, const Box *box) {
    if (box->kind == BOX_INPUT || box->kind == BOX_RESULT) return 0;
    return d->has[PHASE_FORWARD] + d->has[PHASE_GRADIENT] + d->has[PHASE_UPDATE];
}

double drawing_head(const Box *box) {
    if (box->parent == IR_NONE) return 64; /* the picture's title */
    if (box->kind == BOX_INPUT || box->kind == BOX_RESULT) return 34;
    if (box->kind == BOX_OWN) return 24;
    return box->open ? 26 : 54;
}

double drawing_least_width(const Drawing *d, const Box *box) {
    double title = text_width(drawing_heading(d, box), TITLE_SIZE) + 2 * BOX_PADDING;
    double facts = text_width(drawing_facts(d, box), FACTS_SIZE) + 2 * BOX_PADDING;
    double cells = drawing_cells(d, box) * CELL_WIDTH;
    if (box->parent == IR_NONE) return 720;
    if (box->kind == BOX_OWN) return title + facts - BOX_PADDING;
    if (box->open) return title + facts + cells;
    double width = title > facts ? title : facts;
    return width > cells ? width : cells;
}
