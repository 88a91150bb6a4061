/* Packing beforehand: see prepack.h. */
#include "codegen/kernels/prepack.h"
#include "codegen/emit/bf16.h"
#include "codegen/gemm/panels.h"

static Panels panels_of(const Target *target, Precision precision) {
    return panels_choose(target, precision);
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
    bool tb = pack_attrs(node)->tb;
    Strided x = kernel_strided(e->func, node->operands[0], views, &n_views);
    const Type *matrix = func_type(e->func, node->operands[0]);
    int64_t k = matrix->dim[tb], n = matrix->dim[!tb];
    Panels panels = panels_choose(target, pack_attrs(node)->precision);
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

/* Where element (k, n) lies, in units of `of` rows along K: scalars or vectors of e->width. */
static LLVMValueRef place_in_panels(Emitter *e, const Type *packed, LLVMValueRef k, LLVMValueRef n,
                                    int64_t of) {
    LLVMBuilderRef b = e->builder;
    int64_t panel = packed->dim[2], units = packed->dim[1] * panel; /* of a panel of columns */
    LLVMValueRef columns = emit_splat(e, emit_i64(e, panel)), rows = emit_splat(e, emit_i64(e, of));
    LLVMValueRef at =
        LLVMBuildMul(b, LLVMBuildUDiv(b, n, columns, ""), emit_splat(e, emit_i64(e, units)), "");
    at = LLVMBuildAdd(b, at, LLVMBuildMul(b, LLVMBuildUDiv(b, k, rows, ""), columns, ""), "");
    return LLVMBuildAdd(b, at, LLVMBuildURem(b, n, columns, ""), "");
}

/* ---- rows of the operand that were just stored ------------------------------------------------------------------- */

bool emit_packs_blocks(const Emitter *e, const Target *target, const KernelMember *member, int64_t columns) {
    const Node *node = func_node(e->func, member->value);
    Panels panels = panels_choose(target, pack_attrs(node)->precision);
    return pack_attrs(node)->tb && columns % (panels.micro.lanes * (pack_attrs(node)->rows > 1 ? 2 : 1)) == 0;
}

void emit_packed_block(Emitter *e, const Target *target, const KernelMember *member, LLVMValueRef row,
                       LLVMValueRef rows, LLVMValueRef column, int64_t columns, int64_t most_rows) {
    const Node *node = func_node(e->func, member->value);
    const Type *packed = &node->type;
    Panels panels = panels_choose(target, pack_attrs(node)->precision);
    int lanes = panels.micro.lanes, width = e->width;
    PackSpec spec = {
        .source = DT_F32, .unit = panels.unit, .kind = PACK_ALONG, .width = panels.micro.nr, .lanes = lanes};
    int64_t per_unit = pack_attrs(node)->rows > 1 ? 2 : 1, panel = packed->dim[2],
            k = func_type(e->func, node->operands[0])->dim[1];
    LLVMBuilderRef b = e->builder;
    e->width = 1;
    for (int64_t line = 0; line < most_rows; line += lanes) { /* of the rows, as many as a square has */
        LLVMValueRef first = LLVMBuildAdd(b, row, emit_i64(e, line), ""), zero = emit_i64(e, 0);
        LLVMValueRef left = LLVMBuildSub(b, rows, emit_i64(e, line), ""), i64_lanes = emit_i64(e, lanes);
        LLVMValueRef count =
            emit_intrinsic(e, "llvm.smin", LLVMTypeOf(left), (LLVMValueRef[]){left, i64_lanes}, 2);
        LLVMBasicBlockRef yes = emit_new_block(e, "pack"), no = emit_new_block(e, "packed");
        LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSGT, count, zero, ""), yes, no);
        LLVMPositionBuilderAtEnd(b, yes);
        LLVMValueRef from = LLVMBuildAdd(b, LLVMBuildMul(b, first, emit_i64(e, k), ""), column, "");
        LLVMValueRef to = place_in_panels(e, packed, column, first, per_unit);
        LLVMValueRef in_panel = LLVMBuildURem(b, first, emit_i64(e, panel), "");
        PackBlock block = {.from =
                               LLVMBuildGEP2(b, panels_element(e, DT_F32),
                                             emit_buffer(e, node->operands[0], true)->pointer, &from, 1, ""),
                           .across = emit_i64(e, k),
                           .count = count,
                           .units = emit_i64(e, columns / per_unit),
                           .to = LLVMBuildGEP2(b, LLVMInt32TypeInContext(e->context),
                                               emit_buffer(e, member->value, true)->pointer, &to, 1, ""),
                           .room = LLVMBuildSub(b, emit_i64(e, panel), in_panel, ""),
                           .jump = emit_i64(e, (packed->dim[1] - 1) * panel)};
        pack_block_call(e, &spec, &block);
        LLVMBuildBr(b, no);
        LLVMPositionBuilderAtEnd(b, no);
    }
    e->width = width;
}

void emit_prefetch_packed(Emitter *e, const KernelMember *member, LLVMValueRef row, LLVMValueRef column,
                          int64_t columns, int64_t rows) {
    const Node *node = func_node(e->func, member->value);
    LLVMTypeRef unit = LLVMInt32TypeInContext(e->context);
    int64_t per_unit = pack_attrs(node)->rows > 1 ? 2 : 1, panel = node->type.dim[2];
    int width = e->width;
    e->width = 1;
    LLVMValueRef to = place_in_panels(e, &node->type, column, row, per_unit),
                 base = emit_buffer(e, member->value, true)->pointer;
    Loop loop = emit_loop_begin(e, emit_i64(e, 0), emit_i64(e, columns / per_unit), 1, "unit");
    for (int end = 0; end < 2; end++) { /* of the lines of one unit */
        LLVMValueRef at = LLVMBuildMul(e->builder, loop.counter, emit_i64(e, panel), "");
        at =
            LLVMBuildAdd(e->builder, LLVMBuildAdd(e->builder, to, at, ""), emit_i64(e, end * (rows - 1)), "");
        emit_prefetch(e, LLVMBuildGEP2(e->builder, unit, base, &at, 1, ""), 4, PREFETCH_WRITE);
    }
    emit_loop_end(e, &loop);
    e->width = width;
}

/* ---- element by element ------------------------------------------------------------------------------------------ */

/* The first lane of an index that may be a vector. */
static LLVMValueRef first_lane(Emitter *e, LLVMValueRef index) {
    if (LLVMGetTypeKind(LLVMTypeOf(index)) != LLVMVectorTypeKind) return index;
    return LLVMBuildExtractElement(e->builder, index, emit_i64(e, 0), "");
}

static LLVMValueRef lanes_from(Emitter *e, LLVMValueRef first, int lanes, int64_t step) {
    LLVMValueRef numbers[64];
    int width = e->width;
    for (int i = 0; i < lanes; i++) numbers[i] = emit_i64(e, i * step);
    e->width = lanes;
    first = LLVMBuildAdd(e->builder, emit_splat(e, first), LLVMConstVector(numbers, (unsigned)lanes), "");
    e->width = width;
    return first;
}

/* A vector along K: lanes two by two are units of 32 bits. */
static void store_pairs(Emitter *e, LLVMValueRef value, LLVMValueRef base, const Type *packed, LLVMValueRef k,
                        LLVMValueRef n) {
    int pairs = e->width / 2, width = e->width;
    LLVMTypeRef i32 = LLVMInt32TypeInContext(e->context);
    LLVMValueRef even[64], mask = e->mask;
    for (int i = 0; i < pairs; i++) even[i] = LLVMConstInt(i32, 2 * (unsigned)i, false);
    if (mask)
        mask = LLVMBuildShuffleVector(e->builder, mask, LLVMGetPoison(LLVMTypeOf(mask)),
                                      LLVMConstVector(even, (unsigned)pairs), "");
    value = LLVMBuildBitCast(e->builder, value, LLVMVectorType(i32, (unsigned)pairs), "");
    e->width = 1;
    LLVMValueRef at = place_in_panels(e, packed, first_lane(e, k), n, 2);
    e->width = width;
    emit_scatter(e, value, base, lanes_from(e, at, pairs, packed->dim[2]), mask);
}

bool emit_is_packed(const Emitter *e, const KernelMember *member) {
    return func_node(e->func, member->value)->op == OP_pack;
}

void emit_packed(Emitter *e, const KernelMember *member) {
    const Node *node = func_node(e->func, member->value);
    const Type *packed = &node->type;
    const Access *access = &member->access;
    int along_k = pack_attrs(node)->tb, along_n = !along_k;
    bool pairs = pack_attrs(node)->rows > 1;
    int64_t extent = e->group_extent[e->vector_group], panel = packed->dim[2];
    int64_t step_k = access->coef[along_k][e->last_of[e->vector_group]],
            step_n = access->coef[along_n][e->last_of[e->vector_group]];
    LLVMValueRef value = emit_splat(e, emit_value(e, node->operands[0], access, NULL));
    LLVMValueRef base = emit_buffer(e, member->value, true)->pointer;
    LLVMValueRef k = emit_axis_index(e, access, along_k), n = emit_axis_index(e, access, along_n);
    if (packed->dtype == DT_BF16)
        value = bf16_to_memory(e->builder, e->native_bf16, value);
    else if (pack_attrs(node)->precision == PRECISION_BF16)
        value = bf16_rounded(e->builder, e->native_bf16, value);
    if (pairs && step_k == 1 && extent % 2 == 0 && e->width % 2 == 0) {
        store_pairs(e, value, base, packed, k, n);
        return;
    }
    if (!pairs && step_n == 1 && extent % e->width == 0 && panel % e->width == 0) { /* side by side */
        int width = e->width;
        e->width = 1;
        LLVMValueRef at = place_in_panels(e, packed, k, first_lane(e, n), 1);
        e->width = width;
        LLVMValueRef to = LLVMBuildGEP2(e->builder, LLVMGetElementType(LLVMTypeOf(value)), base, &at, 1, "");
        LLVMSetAlignment(LLVMBuildStore(e->builder, value, to), 4);
        return;
    }
    k = emit_splat(e, k);
    n = emit_splat(e, n);
    LLVMValueRef at = place_in_panels(e, packed, k, n, pairs ? 2 : 1);
    if (pairs) { /* elements of units */
        LLVMValueRef two = emit_splat(e, emit_i64(e, 2));
        at = LLVMBuildAdd(e->builder, LLVMBuildMul(e->builder, at, two, ""),
                          LLVMBuildURem(e->builder, k, two, ""), "");
    }
    emit_scatter(e, value, base, at, e->mask);
}
