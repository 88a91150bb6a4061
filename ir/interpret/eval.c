/* What the meanings of operators share: see eval.h. */
#include "ir/interpret/eval.h"

#include <stdarg.h>
#include <string.h>

bool eval_refuse(Eval *eval, const char *format, ...) {
    int n = snprintf(eval->error, eval->size, "%s: ", op_info(eval->node->op)->name);
    va_list args;
    va_start(args, format);
    if (n >= 0 && (size_t)n < eval->size) vsnprintf(eval->error + n, eval->size - (size_t)n, format, args);
    va_end(args);
    return false;
}

void strides_of(const Type *type, int64_t stride[IR_MAX_RANK]) {
    int64_t n = 1;
    for (int k = type->rank; k-- > 0;) {
        stride[k] = n;
        n *= type->dim[k];
    }
}

Walk walk_over(const Type *type) {
    Walk walk = {.rank = type->rank};
    memcpy(walk.dim, type->dim, sizeof walk.dim);
    return walk;
}

Walk walk_broadcast(const Type *over, const Type *type) {
    Walk walk = walk_over(over);
    int64_t stride[IR_MAX_RANK];
    strides_of(type, stride);
    for (int k = 0; k < type->rank; k++)
        if (type->dim[k] > 1) walk.stride[k + over->rank - type->rank] = stride[k];
    return walk;
}

void walk_step(Walk *walk) {
    for (int k = walk->rank; k-- > 0;) {
        walk->at += walk->stride[k];
        if (++walk->index[k] < walk->dim[k]) return;
        walk->at -= walk->stride[k] * walk->dim[k];
        walk->index[k] = 0;
    }
}

Lines lines_along(const Type *type, int64_t axis) {
    if (axis < 0) axis += type->rank;
    Lines lines = {1, type->dim[axis], 1};
    for (int k = 0; k < axis; k++) lines.outer *= type->dim[k];
    for (int k = (int)axis + 1; k < type->rank; k++) lines.inner *= type->dim[k];
    return lines;
}
