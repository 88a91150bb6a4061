/* Where the boxes of a drawing lie (drawing.h): within each box a row a layer, rows from top to bottom, and beside them
 * channels for edges that pass a row. No crossings are searched for, so it takes linear time. */
#include "inspect/drawing/drawing.h"
#include "inspect/drawing/drawing_size.h"

#include <stdlib.h>

typedef struct {
    Drawing *d;
    uint32_t *children; /* of all boxes, one parent's after the other, by layer */
    uint32_t *first;    /* by box: its first in `children`; the next box's is its end */
    int *channels
        [2]; /* by box: how many channels it has at its left, for forward, and right, for gradient edges */
} Placing;

/* ---- order ------------------------------------------------------------------------------------------------------- */

static int by_layer(const void *a, const void *b, void *drawing) {
    const Drawing *sorted = drawing;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    const Box *p = &sorted->boxes[x], *q = &sorted->boxes[y];
    if (p->parent != q->parent) return p->parent < q->parent ? -1 : 1;
    if (p->layer != q->layer) return p->layer < q->layer ? -1 : 1;
    return (x > y) - (x < y);
}

/* Children by parent and layer; layers are numbered from 0 without gaps. */
static void sort_children(Placing *p) {
    Drawing *d = p->d;
    size_t n = d->n_boxes;
    p->children = ARENA_ARRAY(d->arena, uint32_t, n + 1);
    p->first = ARENA_ARRAY(d->arena, uint32_t, n + 2);
    for (uint32_t b = 1; b < n; b++) p->children[b - 1] = b;
    if (n > 1) qsort_r(p->children, n - 1, sizeof *p->children, by_layer, d);
    for (size_t b = 0, at = 0; b <= n; b++) {
        while (at + 1 < n && d->boxes[p->children[at]].parent < b) at++;
        p->first[b] = (uint32_t)at;
    }
    for (size_t b = 0; b < n; b++) {
        uint32_t layer = 0, was = 0;
        for (uint32_t i = p->first[b]; i < p->first[b + 1]; i++) {
            Box *child = &d->boxes[p->children[i]];
            if (i > p->first[b] && child->layer != was) layer++;
            was = child->layer;
            child->layer = layer;
        }
    }
}

/* ---- channels ---------------------------------------------------------------------------------------------------- */

/* The box that both ends are in, and the layers that an edge goes between; one from outside begins above the first. */
typedef struct {
    uint32_t in, low, high;
} Span;

static Span span_of(const Drawing *d, const BoxEdge *edge) {
    const Box *from = &d->boxes[edge->from], *to = &d->boxes[edge->to];
    if (to->parent == edge->from) return (Span){edge->from, 0, to->layer};
    if (from->layer < to->layer) return (Span){to->parent, from->layer, to->layer};
    return (Span){to->parent, to->layer, from->layer};
}

static int by_start(const void *a, const void *b, void *drawing) {
    const Drawing *d = drawing;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    Span p = span_of(d, &d->edges[x]), q = span_of(d, &d->edges[y]);
    if (p.in != q.in) return p.in < q.in ? -1 : 1;
    if (p.low != q.low) return p.low < q.low ? -1 : 1;
    return (x > y) - (x < y);
}

/* Whether it goes from a row to the next, in the direction of its phase. */
static bool is_straight(const Drawing *d, const BoxEdge *edge) {
    Span span = span_of(d, edge);
    if (span.in == edge->from || span.high - span.low != 1) return false;
    return (edge->phase == PHASE_FORWARD) == (d->boxes[edge->from].layer < d->boxes[edge->to].layer);
}

/* Edges that pass a row get the first channel of their parent that is free from their start on. */
static void choose_channels(Placing *p) {
    Drawing *d = p->d;
    uint32_t *order = ARENA_ARRAY(d->arena, uint32_t, d->n_edges + 1);
    uint32_t busy[2][MOST_CHANNELS], in = IR_NONE;
    for (uint32_t e = 0; e < d->n_edges; e++) order[e] = e;
    if (d->n_edges) qsort_r(order, d->n_edges, sizeof *order, by_start, d);
    for (int side = 0; side < 2; side++) p->channels[side] = ARENA_ARRAY(d->arena, int, d->n_boxes + 1);
    for (size_t i = 0; i < d->n_edges; i++) {
        BoxEdge *edge = &d->edges[order[i]];
        Span span = span_of(d, edge);
        if (span.in != in)
            for (int c = 0; c < 2 * MOST_CHANNELS; c++) busy[c / MOST_CHANNELS][c % MOST_CHANNELS] = 0;
        in = span.in;
        if (is_straight(d, edge)) continue;
        int side = edge->phase != PHASE_FORWARD, channel = 0;
        while (channel < MOST_CHANNELS - 1 && busy[side][channel] > span.low) channel++;
        busy[side][channel] = span.high;
        edge->channel = channel;
        if (p->channels[side][in] <= channel) p->channels[side][in] = channel + 1;
    }
}

/* ---- sizes, from the inside out ---------------------------------------------------------------------------------- */

static double margin(const Placing *p, int side, uint32_t box) {
    return BOX_PADDING + (p->channels[side][box] ? (p->channels[side][box] + 1) * CHANNEL : 0);
}

/* A row's boxes: p->children[from … to). */
static void measure_row(const Placing *p, uint32_t from, uint32_t to, double *width, double *height) {
    *width = (to - from - 1) * BOX_GAP;
    *height = 0;
    for (uint32_t i = from; i < to; i++) {
        const Box *box = &p->d->boxes[p->children[i]];
        *width += box->width;
        if (box->height > *height) *height = box->height;
    }
}

static uint32_t row_end(const Placing *p, uint32_t from, uint32_t end) {
    uint32_t to = from + 1;
    while (to < end && p->d->boxes[p->children[to]].layer == p->d->boxes[p->children[from]].layer) to++;
    return to;
}

static void measure_box(const Placing *p, uint32_t b) {
    Box *box = &p->d->boxes[b];
    double inner = 0, height = drawing_head(box), width, row;
    uint32_t end = p->first[b + 1];
    for (uint32_t from = p->first[b], to; from < end; from = to) {
        to = row_end(p, from, end);
        measure_row(p, from, to, &width, &row);
        if (width > inner) inner = width;
        height += row + ROW_GAP;
    }
    box->width = drawing_least_width(p->d, box);
    box->height = height;
    if (p->first[b] == end) return;
    box->height += b ? 2 : 0;
    inner += margin(p, 0, b) + margin(p, 1, b);
    if (inner > box->width) box->width = inner;
}

/* ---- places, from the outside in --------------------------------------------------------------------------------- */

static void place_within(const Placing *p, uint32_t b) {
    const Box *box = &p->d->boxes[b];
    double left = box->x + margin(p, 0, b), right = box->x + box->width - margin(p, 1, b);
    double y = box->y + drawing_head(box) + ROW_GAP * 0.75, width, height;
    uint32_t end = p->first[b + 1];
    for (uint32_t from = p->first[b], to; from < end; from = to) {
        to = row_end(p, from, end);
        measure_row(p, from, to, &width, &height);
        double x = (left + right - width) / 2;
        for (uint32_t i = from; i < to; i++) {
            Box *child = &p->d->boxes[p->children[i]];
            child->x = x;
            child->y = y;
            child->row_end = y + height;
            child->first_in_row = i == from;
            child->last_in_row = i + 1 == to;
            x += child->width + BOX_GAP;
        }
        y += height + ROW_GAP;
    }
}

void drawing_place(Drawing *d) {
    Placing p = {.d = d};
    sort_children(&p);
    choose_channels(&p);
    for (uint32_t b = (uint32_t)d->n_boxes; b-- > 0;) measure_box(&p, b);
    d->boxes[0].x = d->boxes[0].y = 0;
    for (uint32_t b = 0; b < d->n_boxes; b++) place_within(&p, b);
    d->width = d->boxes[0].width;
    d->height = d->boxes[0].height;
}
