/* What operators and kernels cost, for reports: FLOPs by the table, bytes by what reaches memory. */
#include "ir/plan/cost.h"

#include <string.h>

/* Slices and gathers read no more of their first operand than they make. */
static int64_t bytes_read(const Func *func, const Node *node, int operand) {
    int64_t all = type_bytes(func_type(func, node->operands[operand]));
    bool part = operand == 0 && (node->op == OP_slice || node->op == OP_gather);
    return part && type_bytes(&node->type) < all ? type_bytes(&node->type) : all;
}

KernelCost kernel_cost(const Func *func, const Kernel *kernel) {
    KernelCost cost = {.named = kernel->last};
    while (cost.named > kernel->first && kernel_packs(func, kernel, cost.named)) cost.named--;
    Arena *arena = arena_new();
    int64_t *loaded = ARENA_ARRAY(arena, int64_t, kernel->n_reads + 1); /* of each read */
    for (ValueId id = kernel->first; id <= kernel->last; id++) {
        const Node *node = func_node(func, id);
        cost.flops += node_flops(func, node);
        if (op_is_product(node->op) || op_is_reduce(node->op)) cost.named = id;
        for (int o = 0; o < node->n_operands; o++) {
            if (kernel_has(kernel, node->operands[o])) continue;
            size_t i = 0;
            while (kernel->reads[i] != node->operands[o]) i++;
            loaded[i] += bytes_read(func, node, o);
        }
    }
    for (size_t i = 0; i < kernel->n_stores; i++)
        cost.bytes += (double)type_bytes(func_type(func, kernel->stores[i]));
    for (size_t i = 0; i < kernel->n_reads; i++) {
        int64_t all = type_bytes(func_type(func, kernel->reads[i]));
        cost.bytes += (double)(loaded[i] < all ? loaded[i] : all);
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
