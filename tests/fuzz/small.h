/* For fuzz targets: is a module small enough to go on with, and what passes should know of a target. */
#ifndef VITC_TESTS_FUZZ_SMALL_H
#define VITC_TESTS_FUZZ_SMALL_H

#include "ir/loop.h"

/* What is compiled and run. */
enum { SMALL_NODES = 300, SMALL_ELEMENTS = 1 << 20 };

/* FLOPs of operators that are C functions, which the sanitizers make slow. */
#define SMALL_FUNCTIONS 1e8

/* Nodes that a run of a function computes, those of loops in all iterations. */
#define SMALL_RUNS 1e6
static inline double runs_of(const Func *func) {
    double runs = 0;
    for (ValueId id = 0; id < func->count; id++) {
        const Node *node = func_node(func, id);
        runs +=
            node->op == OP_loop ? (double)loop_attrs(node)->count * (1 + runs_of(loop_body(func, node))) : 1;
    }
    return runs;
}

/* At most so many nodes, and elements in all of them together; no long factorisations, and no long loops. */
static inline bool is_small(const Module *module, size_t max_nodes, int64_t max_elements) {
    size_t nodes = 0;
    int64_t elements = 0;
    double flops = 0;
    for (size_t f = 0; f < module->n_funcs; f++) {
        const Func *func = module->funcs[f];
        nodes += func->count;
        if (runs_of(func) > SMALL_RUNS) return false;
        for (size_t i = 0; i < func->count; i++) {
            KernelClass kernel = op_info((OpKind)func->nodes[i].op)->kernel;
            if (kernel == KERNELS_FUNCTION || kernel == KERNELS_BODY)
                flops += node_flops(func, &func->nodes[i]);
            if (__builtin_add_overflow(elements, type_elements(&func->nodes[i].type), &elements))
                return false;
        }
    }
    for (size_t i = 0; i < module->n_states; i++)
        if (__builtin_add_overflow(elements, type_elements(&module->states[i].type), &elements)) return false;
    return nodes <= max_nodes && elements <= max_elements && flops <= SMALL_FUNCTIONS;
}

/* A target that packs weights and makes chains, whatever the machine is. */
static inline void small_target(Module *module) {
    module->machine.panel[module->precision] = (PanelShape){.columns = 32, .rows = 1};
    module->machine.tile[module->precision] = (TileShape){.rows = 12, .columns = 32};
    module->machine.own_cache = 1 << 20;
    module->machine.cores = 2;
}

#endif
