/* Products with the windows of images: see windows_parts.h. */
#include "passes/graph/windows_parts.h"

#include <string.h>

ValueId window_rows(Func *func, ValueId x, const Filter *of, int64_t out[3]) {
    x = cut_windows(func, x, 1, of->kernel[0], of->stride[0]);
    x = cut_windows(func, x, 3, of->kernel[1], of->stride[1]);
    x = ir_transpose(func, x, (int64_t[]){0, 1, 3, 2, 4, 5});
    const Type t = *func_type(func, x);
    int64_t rows = t.dim[0] * t.dim[1] * t.dim[2], area = t.dim[3] * t.dim[4], g = of->groups;
    memcpy(out, t.dim, 3 * sizeof *out);
    if (g == 1) return ir_reshape(func, x, 2, (int64_t[]){rows, area * t.dim[5]});
    int64_t c = t.dim[5] / g;
    x = ir_reshape(func, x, 4, (int64_t[]){rows, area, g, c});
    x = ir_transpose(func, x, (int64_t[]){2, 0, 1, 3});
    return ir_reshape(func, x, 3, (int64_t[]){g, rows, area * c});
}

ValueId contract_windows(Func *func, ValueId x, const Filter *of, ValueId filters) {
    int64_t out[3], g = of->groups;
    ValueId y = ir_matmul(func, window_rows(func, x, of, out), filters, false, true);
    const Type *type = func_type(func, y);
    int64_t n = type->dim[type->rank - 1], rows = out[0] * out[1] * out[2];
    if (g > 1) {
        y = ir_transpose(func, ir_reshape(func, y, 3, (int64_t[]){g, rows, n}), (int64_t[]){1, 0, 2});
        n *= g;
    }
    return ir_reshape(func, y, 4, (int64_t[]){out[0], out[1], out[2], n});
}
