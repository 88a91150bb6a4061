/* How large what a drawing writes is, in pixels: for placing boxes and for showing them. Used inside inspect/drawing/
 * alone. */
#ifndef VITC_INSPECT_DRAWING_DRAWING_SIZE_H
#define VITC_INSPECT_DRAWING_DRAWING_SIZE_H

#include "inspect/drawing/drawing.h"

enum {
    BOX_PADDING = 10,
    BOX_GAP = 18, /* between boxes of a row */
    ROW_GAP = 20,
    CHANNEL = 9, /* between edges beside the boxes */
    MOST_CHANNELS = 8,
    TITLE_SIZE = 12, /* of its letters */
    FACTS_SIZE = 10,
    CELL_WIDTH = 52, /* of what one phase takes */
    CELL_HEIGHT = 15
};

/* The height of what stands in a box above the boxes within; of one without any, its height. */
double drawing_head(const Box *box);
double drawing_least_width(const Drawing *drawing, const Box *box);
/* Of a box with cells, those of phases that the drawing has. */
int drawing_cells(const Drawing *drawing, const Box *box);

/* The line below the title: "1.2 GFLOP, 0.6 M parameters, 12 kernels"; "" where there is none. */
const char *drawing_facts(const Drawing *drawing, const Box *box);
/* The title with how often: "blocks.0 … .11 ×12". */
const char *drawing_heading(const Drawing *drawing, const Box *box);

#endif
