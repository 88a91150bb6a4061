/* The canonical text of kernels: see canonical.h. */
#include "ir/canonical.h"

#include <math.h>

typedef struct {
    char *text;
    size_t size, capacity;
} Text;

static void put(Arena *arena, Text *text, const char *format, ...) {
    char piece[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    for (int i = 0; i < n; i++) ARENA_PUSH(arena, text->text, text->size, text->capacity, piece[i]);
}

static void put_attrs(Arena *arena, Text *text, const Node *node) {
    const OpInfo *info = op_info(node->op);
    for (int a = 0; a < info->n_attrs; a++) {
        const Attr *attr = &node->attrs[a];
        switch (info->attrs[a].kind) {
        case ATTR_REAL: put(arena, text, "%a,", attr->f); break;
        case ATTR_BOOL: put(arena, text, "%d,", attr->b); break;
        case ATTR_INTS:
            for (int i = 0; i < attr->ints.n; i++) put(arena, text, "%lld.", (long long)attr->ints.v[i]);
            put(arena, text, ",");
            break;
        default: put(arena, text, "%lld,", (long long)attr->i);
        }
    }
}

uint32_t outside_number(Arena *arena, Outside *outside, ValueId value) {
    for (size_t i = 0; i < outside->count; i++)
        if (outside->values[i] == value) return (uint32_t)i;
    ARENA_PUSH(arena, outside->values, outside->count, outside->capacity, value);
    return (uint32_t)outside->count - 1;
}

bool node_is_literal(const Node *node) {
    if (node->op != OP_constant || node->type.dtype != DT_F32) return false;
    double x = node->attrs[0].f;
    int exponent;
    return isfinite(x) && x != floor(x) && fabs(frexp(x, &exponent)) != 0.5;
}

const char *kernel_canonical(Arena *arena, const Func *func, const Placement *placement,
                             const ClusterSpan *span, Outside *outside) {
    Text text = {0};
    for (ValueId id = span->first; id <= span->last; id++) {
        const Node *node = func_node(func, id);
        put(arena, &text, "%d%s", node->op, placement->places[id].kind == PLACE_LOOPS ? "" : "!");
        put(arena, &text, "<%s>", type_text(arena, &node->type));
        if (node_is_literal(node))
            ARENA_PUSH(arena, outside->literals, outside->n_literals, outside->literals_capacity,
                       (float)node->attrs[0].f);
        else
            put_attrs(arena, &text, node);
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            if (x >= span->first && func_node(func, x)->cluster == node->cluster)
                put(arena, &text, "l%u ", x - span->first);
            else
                put(arena, &text, "o%u%s ", outside_number(arena, outside, x),
                    type_text(arena, func_type(func, x)));
        }
        put(arena, &text, ";");
    }
    put(arena, &text, "%c", 0);
    return text.text;
}
