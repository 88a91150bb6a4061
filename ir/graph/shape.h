/* What shape rules are written with: shape_NAME by the shape column of ops.def. A rule says the result's type, or
 * refuses the operands and attributes. */
#ifndef VITC_IR_GRAPH_SHAPE_H
#define VITC_IR_GRAPH_SHAPE_H

#include "ir/ir.h"

typedef struct {
    const Type *const *x; /* of the operands */
    int n;
    const Node *node; /* its operator and attributes */
    Type *out;
    char *error;
    size_t size;
} ShapeRule;

/* ---- shape_errors.c ---------------------------------------------------------------------------------------------- */

/* Notes the message, behind the operator's name; false. */
bool refuse(ShapeRule *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Type text in one of a few rotating buffers, for messages. */
const char *show(const Type *type);

/* ---- shape_windows.c --------------------------------------------------------------------------------------------- */

bool shape_windows(ShapeRule *r);
bool shape_unfold(ShapeRule *r);
bool shape_fold(ShapeRule *r);
bool shape_max_pool(ShapeRule *r);
bool shape_max_pool_grad(ShapeRule *r);
bool shape_conv2d(ShapeRule *r);
bool shape_conv2d_image(ShapeRule *r);
bool shape_conv2d_weight(ShapeRule *r);

#endif
