/* Function `similarities`: the products of some rows of features with others, by which neighbours are found. The
 * runtime calls it tile by tile (runtime/evaluation/similarities.h), in training, in `eval` and in built programs. */
#include "frontend/elaborate/step.h"

enum {
    QUERIES = 512,   /* rows of a tile */
    KEYS = 512,      /* columns: a tile of 1 MB is read again while caches hold it */
    MOST_WIDTH = 512 /* columns of features that a call multiplies */
};

/* Wide features are cut into equal parts, whose products the runtime adds up. So it does with features of another width
 * than `embed` has: those of several layers, or pixels. */
static int64_t part_width(int64_t dim) {
    int64_t parts = (dim + MOST_WIDTH - 1) / MOST_WIDTH;
    return (dim + parts - 1) / parts;
}

void build_similarities(Evaluator *e, int64_t dim) {
    int64_t width = part_width(dim);
    begin_function(e, "similarities");
    Func *func = e->func;
    func->loc = e->recipe->embed_loc;
    func->precision = PRECISION_FP32; /* rounding is not to decide which image is nearer */
    /* Names that no view, source or input of a recipe has. */
    ValueId queries = add_input(e, "similarities.queries", type_make(DT_F32, 2, (int64_t[]){QUERIES, width}),
                                VT_SOURCE_FEED, 0),
            keys = add_input(e, "similarities.keys", type_make(DT_F32, 2, (int64_t[]){KEYS, width}),
                             VT_SOURCE_FEED, 0);
    func_add_output(func, "similarities", ir_matmul(func, queries, keys, false, true));
}
