/* Moves along one axis, and windows of it: see windows_parts.h. */
#include "passes/graph/windows_parts.h"

#include <float.h>

double lowest_of(const Type *type) {
    return type->dtype == DT_F64 ? -DBL_MAX : -(double)FLT_MAX;
}

ValueId along_axis(Func *func, ValueId x, int axis, int64_t start, int64_t limit, int64_t step) {
    const Type type = *func_type(func, x);
    int64_t starts[IR_MAX_RANK] = {0}, steps[IR_MAX_RANK], limits[IR_MAX_RANK];
    for (int k = 0; k < type.rank; k++) {
        steps[k] = k == axis ? step : 1;
        limits[k] = k == axis ? limit : type.dim[k];
    }
    starts[axis] = start;
    if (start == 0 && step == 1 && limit == type.dim[axis]) return x;
    return ir_slice(func, x, starts, limits, steps);
}

ValueId widen_axis(Func *func, ValueId x, int axis, int64_t before, int64_t after, double value) {
    int64_t low[IR_MAX_RANK] = {0}, high[IR_MAX_RANK] = {0}, n = func_type(func, x)->dim[axis];
    if (before < 0 || after < 0)
        x = along_axis(func, x, axis, before < 0 ? -before : 0, after < 0 ? n + after : n, 1);
    low[axis] = before > 0 ? before : 0;
    high[axis] = after > 0 ? after : 0;
    return low[axis] || high[axis] ? ir_pad(func, x, low, high, value) : x;
}

ValueId cut_windows(Func *func, ValueId x, int axis, int64_t size, int64_t stride) {
    if (size > 1) {
        WindowsAttrs attrs = {.axis = axis, .size = size, .stride = stride};
        return func_emit(func, OP_windows, &x, 1, &attrs);
    }
    int64_t shape[IR_MAX_RANK], n = func_type(func, x)->dim[axis];
    x = along_axis(func, x, axis, 0, n, stride);
    const Type *type = func_type(func, x);
    for (int k = 0; k <= type->rank; k++) shape[k] = k == axis + 1 ? 1 : type->dim[k - (k > axis)];
    return ir_reshape(func, x, type->rank + 1, shape);
}

ValueId padded_image(Func *func, ValueId x, const Ints *padding, double value) {
    for (int i = 0; i < 2; i++) x = widen_axis(func, x, 1 + i, padding->v[i], padding->v[i], value);
    return x;
}

/* The axis in rows of `stride` elements: element p of row r is the sum of the elements a·stride + p of the windows
 * r - a. */
ValueId add_windows(Func *func, ValueId x, int axis, int64_t stride, int64_t size) {
    const Type type = *func_type(func, x);
    int64_t windows = type.dim[axis], kernel = type.dim[axis + 1], n = (kernel + stride - 1) / stride;
    int64_t rows = windows + n - 1, shape[IR_MAX_RANK];
    ValueId sum = IR_NONE;
    for (int64_t a = 0; a < n; a++) {
        int64_t limit = (a + 1) * stride < kernel ? (a + 1) * stride : kernel;
        ValueId part = along_axis(func, x, axis + 1, a * stride, limit, 1);
        part = widen_axis(func, part, axis + 1, 0, (a + 1) * stride - limit, 0);
        part = widen_axis(func, part, axis, a, n - 1 - a, 0);
        sum = a ? ir_binary(func, OP_add, sum, part) : part;
    }
    for (int k = 0; k < type.rank - 1; k++) shape[k] = type.dim[k + (k > axis)];
    shape[axis] = rows * stride;
    sum = ir_reshape(func, sum, type.rank - 1, shape);
    return widen_axis(func, sum, axis, 0, size - rows * stride, 0);
}
