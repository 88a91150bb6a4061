/* Packing beforehand: see prepack.h. */
#include "codegen/prepack.h"
#include "codegen/panels.h"

static Panels panels_of(const Target *target, Precision precision) {
    static const int products[] = {[PRECISION_FP32] = 0, [PRECISION_BF16] = 1, [PRECISION_BF16X3] = 3};
    return panels_choose(target, products[precision]);
}

TileShape tile_shape(const Target *target, Precision precision) {
    Panels panels = panels_of(target, precision);
    return (TileShape){panels.micro.mr, panels.micro.nr};
}

PanelShape panel_shape(const Target *target, Precision precision) {
    Panels panels = panels_of(target, precision);
    if (panels.parts > 1) return (PanelShape){0, 1}; /* one matrix in two parts: no type says so */
    int rows = panels.micro.kind == MICRO_FMA ? 1 : panels.micro.kind == MICRO_DOT ? 2 : 2 * TILE_EDGE;
    return (PanelShape){panels.micro.nr, rows};
}

/* Threads share the panels. These are whole and as wide as whole vectors, so none is written beyond its end. */
void emit_pack_kernel(Emitter *e, const Target *target) {
    const Node *node = func_node(e->func, e->kernel->core);
    ValueId views[16];
    int n_views;
    bool tb = node->attrs[2].b;
    Strided x = kernel_strided(e->func, node->operands[0], views, &n_views);
    const Type *matrix = func_type(e->func, node->operands[0]);
    int64_t k = matrix->dim[tb], n = matrix->dim[!tb];
    Panels panels = panels_choose(target, (int)node->attrs[3].i);
    Lines lines = {DT_F32, x.stride[!tb], x.stride[tb]};
    LLVMValueRef from, to;
    emit_share(e, n, panels.micro.nr, &from, &to);
    LLVMValueRef first = LLVMBuildMul(e->builder, from, emit_i64(e, lines.across), "");
    first = LLVMBuildAdd(e->builder, first, emit_i64(e, x.offset), "");
    first = LLVMBuildGEP2(e->builder, panels_element(e, DT_F32), emit_buffer(e, x.base, false)->pointer,
                          &first, 1, "");
    LLVMValueRef place = LLVMBuildMul(e->builder, from, emit_i64(e, micro_units(&panels.micro, k)), "");
    place = LLVMBuildGEP2(e->builder, LLVMInt32TypeInContext(e->context),
                          emit_buffer(e, e->kernel->core, true)->pointer, &place, 1, "");
    panels_pack(e, &panels, true, &lines, first, LLVMBuildSub(e->builder, to, from, ""), emit_i64(e, k),
                place, 0);
}
