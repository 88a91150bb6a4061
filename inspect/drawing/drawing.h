/* A picture of a function, collapsed by module path: a box a module, alike ones that follow each other (blocks.0 …
 * blocks.11) drawn once; in each box what its forward pass, its gradients and its update take of the step's FLOPs.
 * Made as data (drawing_make) and placed (drawing_place), in linear time; drawing_svg.c and drawing_dot.c show it. */
#ifndef VITC_INSPECT_DRAWING_DRAWING_H
#define VITC_INSPECT_DRAWING_DRAWING_H

#include "inspect/inspect.h"
#include "inspect/phases.h"

typedef enum {
    BOX_MODULE,
    BOX_OWN,   /* operators that a module has beside the modules within it, such as a residual sum */
    BOX_INPUT, /* inputs of one type */
    BOX_RESULT /* a loss, or what a function without one gives back */
} BoxKind;

/* The first box is the function; a box stands before those within it. */
typedef struct {
    BoxKind kind;
    bool open;          /* the boxes within it are drawn */
    uint32_t parent;    /* IR_NONE: of the first */
    const char *title;  /* "attn", "blocks.0 … .11" */
    const char *scope;  /* of a module: its path */
    uint32_t times;     /* that many alike modules in a row are this box, and its numbers are their sums */
    uint32_t layer;     /* in its parent: below all that it reads */
    const char *detail; /* "f32[64x3x224x224]", "recipe.yaml:78"; "" */
    double flops[N_PHASES];
    uint32_t values[N_PHASES];
    double parameters;   /* elements, of moving averages too */
    uint32_t kernels;    /* named after a value of it */
    bool enters, leaves; /* its forward pass reads values from outside its parent, or gives them there */
    double x, y, width, height; /* pixels; by drawing_place */
    double row_end;             /* y below all boxes of its layer in its parent */
    bool first_in_row, last_in_row;
} Box;

/* Between boxes of one parent, or to a box, not of the first layer, from outside the one it is in, which is `from`. */
typedef struct {
    uint32_t from, to;
    Phase phase;
    double bytes;     /* of all values that go that way */
    const char *type; /* of the first of them */
    int channel;      /* beside the boxes: of an edge that passes a layer; -1: straight; by drawing_place */
} BoxEdge;

typedef struct {
    Arena *arena;
    const Inspection *of;
    const Func *func;
    Box *boxes;
    size_t n_boxes;
    BoxEdge *edges;
    size_t n_edges;
    int depth;          /* of the deepest boxes */
    bool has[N_PHASES]; /* whether any value is of the phase */
    double width, height;
} Drawing;

/* What both formats have in a comment among their first bytes: such a file may be written over. */
#define DRAWING_MARK "vitc inspect"

enum { DRAWING_BOXES = 150 }; /* at most, unless a depth is asked for */

/* depth: modules within modules that are opened; 0: as many as DRAWING_BOXES allows. In inspection->arena. */
Drawing *drawing_make(const Inspection *inspection, const Func *func, int depth);
void drawing_place(Drawing *drawing);
/* 0 to 6: how much of all FLOPs that is, for colours. */
int drawing_heat(const Drawing *drawing, double flops);
/* "7.36 TFLOP, 44.0 M parameters, …" of the whole. */
const char *drawing_summary(const Drawing *drawing);
const char *drawing_title(const Drawing *drawing);

void drawing_svg(const Drawing *drawing, FILE *out); /* placed */
void drawing_dot(const Drawing *drawing, FILE *out); /* for Graphviz, which places it itself */

#endif
