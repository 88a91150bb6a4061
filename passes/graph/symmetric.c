/* Marking products whose result is symmetric (attribute `symmetric`): the product then leaves out the tiles above the
 * diagonal (codegen/gemm/symmetric.h). That saves almost half of its work, and costs that each element below the
 * diagonal is moved once more. */
#include "passes/graph/symmetric.h"
#include "ir/remarks.h"
#include "passes/graph/symmetry.h"

/* Seconds that one core needs less. Tiles that the diagonal crosses are computed whole. */
static double seconds_saved(const Module *module, const Node *product, double *flops) {
    Precision precision = module->precision;
    Machine machine = machine_with_usual(&module->machine);
    TileShape tile = machine.tile[precision];
    if (!tile.rows) tile = (TileShape){16, MACHINE_WIDEST_PANEL};
    double n = (double)product->type.dim[product->type.rank - 1],
           elements = (double)type_elements(&product->type);
    double left_out = 0.5 - (double)(tile.rows + tile.columns) / (2 * n);
    *flops *= left_out;
    return *flops / machine_core_peak(&machine, precision) - elements / 2 / machine.packing;
}

static bool is_candidate(const Func *func, const Node *node, ValueId id) {
    return node->op == OP_matmul && !matmul_attrs(node)->symmetric && !matmul_attrs(node)->panel &&
           node->type.dtype == DT_F32 && is_symmetric(func, id);
}

bool pass_symmetric(Module *module, Diags *diags) {
    (void)diags;
    for (size_t f = 0; f < module->n_funcs; f++) {
        Func *func = module->funcs[f];
        for (ValueId id = 0; id < func->count; id++) {
            Node *node = &func->nodes[id];
            if (!is_candidate(func, node, id)) continue;
            double flops = node_flops(func, node);
            bool saves = seconds_saved(module, node, &flops) > 0;
            remark(func, saves ? RULE_symmetric_half : RULE_symmetric_missed, node->number, IR_NONE, flops, 0,
                   NULL);
            if (!saves) continue;
            MatmulAttrs attrs = *matmul_attrs(node);
            attrs.symmetric = true;
            node->attrs = attrs_copy(module->arena, OP_matmul, &attrs);
        }
    }
    return true;
}
