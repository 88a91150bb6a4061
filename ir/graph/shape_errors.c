/* How shape rules refuse: see shape.h. */
#include "ir/graph/shape.h"

#include <stdarg.h>

bool refuse(ShapeRule *r, const char *format, ...) {
    int n = snprintf(r->error, r->size, "%s: ", op_info(r->node->op)->name);
    va_list args;
    va_start(args, format);
    if (n >= 0 && (size_t)n < r->size) vsnprintf(r->error + n, r->size - (size_t)n, format, args);
    va_end(args);
    return false;
}

const char *show(const Type *type) {
    static _Thread_local char texts[4][256];
    static _Thread_local int next;
    char *text = texts[next++ & 3];
    int n = snprintf(text, 256, "%s[", dtype_name(type->dtype));
    for (int k = 0; k < type->rank; k++)
        n += snprintf(text + n, 256 - (size_t)n, "%s%lld", k ? "x" : "", (long long)type->dim[k]);
    snprintf(text + n, 256 - (size_t)n, "]");
    if (type->rank == 0) snprintf(text, 256, "%s", dtype_name(type->dtype));
    return text;
}
