/* What operators and kernels cost, for reports: FLOPs by the table, bytes by what reaches memory. */
#include "ir/plan/cost.h"

#include <string.h>

/* Slices and gathers read no more of their first operand than they make. */
static int64_t bytes_read(const Func *func, const Node *node, int operand) {
    int64_t all = type_bytes(func_type(func, node->operands[operand]));
    bool part = operand == 0 && (node->op == OP_slice || node->op == OP_gather);
    return part && type_bytes(&node->type) < all ? type_bytes(&node->type) : all;
}

typedef struct {
    ValueId value;
    int64_t bytes;
} Load;

KernelCost kernel_cost(const Func *func, const Placement *placement, const ClusterSpan *span) {
    KernelCost cost = {.named = span->last};
    while (cost.named > span->first && kernel_packs(func, cost.named)) cost.named--;
    Arena *arena = arena_new();
    Load *loads = NULL;
    size_t n_loads = 0, capacity = 0;
    for (ValueId id = span->first; id <= span->last; id++) {
        const Node *node = func_node(func, id);
        cost.flops += node_flops(func, node);
        if (op_is_product(node->op) || op_is_reduce(node->op)) cost.named = id;
        if (placement->places[id].kind != PLACE_LOOPS) cost.bytes += (double)type_bytes(&node->type);
        for (int o = 0; o < node->n_operands; o++) {
            ValueId x = node->operands[o];
            if (func_node(func, x)->cluster == node->cluster) continue;
            size_t i = 0;
            while (i < n_loads && loads[i].value != x) i++;
            if (i == n_loads) ARENA_PUSH(arena, loads, n_loads, capacity, ((Load){x, 0}));
            loads[i].bytes += bytes_read(func, node, o);
        }
    }
    for (size_t i = 0; i < n_loads; i++) {
        int64_t all = type_bytes(func_type(func, loads[i].value));
        cost.bytes += (double)(loads[i].bytes < all ? loads[i].bytes : all);
    }
    arena_free(arena);
    return cost;
}

const char *node_origin(Arena *arena, const Func *func, ValueId id) {
    const Node *node = func_node(func, id);
    if (node->scope) return node->scope;
    const char *file = func->module->diags ? diags_source_name(func->module->diags, node->loc.file) : NULL;
    if (!file) return "";
    const char *slash = strrchr(file, '/');
    return arena_printf(arena, "(%s:%u)", slash ? slash + 1 : file, node->loc.line);
}

const char *kernel_name(Arena *arena, const Func *func, ValueId named) {
    const Node *node = func_node(func, named);
    const char *origin = node_origin(arena, func, named);
    return arena_printf(arena, "%s %s%s%s", op_info(node->op)->name, type_text(arena, &node->type),
                        *origin ? " " : "", origin);
}
