/* Packing weights, operator `pack`: see packing.h. */
#include "codegen/kernels/packing.h"
#include "codegen/emit/bf16.h"
#include "codegen/gemm/panels.h"
#include "codegen/kernels/kernels.h"

/* Units of 32 bits hold an f32, or two bf16 that follow each other along K. */
static int64_t elements_of_unit(const Node *pack) {
    return pack_attrs(pack)->rows > 1 ? 2 : 1;
}

static Panels panels_for(const Emitter *e, const Node *pack) {
    return panels_choose(e->fb->target, pack_attrs(pack)->precision);
}

static LLVMValueRef unit_at(FunctionBuilder *fb, LLVMValueRef base, LLVMValueRef index) {
    return build_element(fb, LLVMInt32TypeInContext(fb->context), base, index);
}

/* ---- a kernel of its own ----------------------------------------------------------------------------------------- */

/* Threads share the panels. These are whole and as wide as whole vectors, so none is written beyond its end. */
void emit_pack_kernel(Emitter *e) {
    FunctionBuilder *fb = e->fb;
    const Node *node = func_node(e->func, e->kernel->core);
    ValueId views[16];
    int n_views;
    bool tb = pack_attrs(node)->tb;
    Strided x = kernel_operand(e->func, node, 0, views, &n_views);
    const Type *matrix = func_type(e->func, node->operands[0]);
    int64_t k = matrix->dim[tb], n = matrix->dim[!tb];
    Panels panels = panels_for(e, node);
    Lines lines = {DT_F32, x.stride[!tb], x.stride[tb]};
    LLVMValueRef from, to;
    build_share(fb, n, panels.kernel->nr, &from, &to);
    LLVMValueRef first = build_scaled(fb, from, lines.across);
    first = build_add(fb, first, build_i64(fb, x.offset));
    first = build_f32_at(fb, emit_pointer(e, x.base, false), first);
    LLVMValueRef place = build_scaled(fb, from, micro_units(panels.kernel, k));
    place = unit_at(fb, emit_pointer(e, e->kernel->core, true), place);
    panels_pack(fb, &panels, true, &lines, first, LLVMBuildSub(fb->builder, to, from, ""), build_i64(fb, k),
                place, 0);
}

/* Where element (k, n) lies, in units of `of` rows along K: scalars, or vectors of `width` lanes. */
static LLVMValueRef place_in_panels(FunctionBuilder *fb, int width, const Type *packed, LLVMValueRef k,
                                    LLVMValueRef n, int64_t of) {
    LLVMBuilderRef b = fb->builder;
    int64_t panel = packed->dim[2], units = packed->dim[1] * panel; /* of a panel of columns */
    LLVMValueRef columns = build_splat(fb, width, build_i64(fb, panel)),
                 rows = build_splat(fb, width, build_i64(fb, of));
    LLVMValueRef at = LLVMBuildUDiv(b, n, columns, "");
    at = build_mul(fb, at, build_splat(fb, width, build_i64(fb, units)));
    at = build_add(fb, at, build_mul(fb, LLVMBuildUDiv(b, k, rows, ""), columns));
    return build_add(fb, at, LLVMBuildURem(b, n, columns, ""));
}

/* ---- rows of the operand that were just stored ------------------------------------------------------------------- */

bool emit_can_pack_block(const Emitter *e, const KernelMember *member, int64_t columns) {
    const Node *node = func_node(e->func, member->value);
    Panels panels = panels_for(e, node);
    return pack_attrs(node)->tb && columns % (panels.kernel->lanes * elements_of_unit(node)) == 0;
}

/* `count` rows from `first` on, as many as a square has at most. */
static void pack_square(Emitter *e, const KernelMember *member, LLVMValueRef first, LLVMValueRef count,
                        LLVMValueRef column, int64_t columns) {
    FunctionBuilder *fb = e->fb;
    LLVMBuilderRef b = fb->builder;
    const Node *node = func_node(e->func, member->value);
    const Type *packed = &node->type;
    Panels panels = panels_for(e, node);
    PackSpec spec = {.source = DT_F32,
                     .unit = panels.unit,
                     .kind = PACK_ALONG,
                     .block = 1,
                     .width = panels.kernel->nr,
                     .lanes = panels.kernel->lanes};
    int64_t of = elements_of_unit(node), panel = packed->dim[2],
            k = func_type(e->func, node->operands[0])->dim[1];
    LLVMValueRef from = build_add(fb, build_scaled(fb, first, k), column);
    LLVMValueRef to = place_in_panels(fb, 1, packed, column, first, of);
    LLVMValueRef in_panel = LLVMBuildURem(b, first, build_i64(fb, panel), "");
    PackBlock block = {.from = build_f32_at(fb, emit_pointer(e, node->operands[0], true), from),
                       .across = build_i64(fb, k),
                       .count = count,
                       .units = build_i64(fb, columns / of),
                       .to = unit_at(fb, emit_pointer(e, member->value, true), to),
                       .room = LLVMBuildSub(b, build_i64(fb, panel), in_panel, ""),
                       .jump = build_i64(fb, (packed->dim[1] - 1) * panel)};
    pack_block_call(fb, &spec, &block);
}

void emit_pack_block(Emitter *e, const KernelMember *member, LLVMValueRef row, LLVMValueRef rows,
                     LLVMValueRef column, int64_t columns, int64_t most_rows) {
    FunctionBuilder *fb = e->fb;
    LLVMBuilderRef b = fb->builder;
    int lanes = panels_for(e, func_node(e->func, member->value)).kernel->lanes;
    for (int64_t line = 0; line < most_rows; line += lanes) {
        LLVMValueRef first = build_add(fb, row, build_i64(fb, line));
        LLVMValueRef left = LLVMBuildSub(b, rows, build_i64(fb, line), "");
        LLVMValueRef count = build_smaller(fb, left, build_i64(fb, lanes));
        Fork fork = build_if(fb, LLVMBuildICmp(b, LLVMIntSGT, count, build_i64(fb, 0), ""));
        pack_square(e, member, first, count, column, columns);
        build_end_if(fb, &fork);
    }
}

void emit_prefetch_pack(Emitter *e, const KernelMember *member, LLVMValueRef row, LLVMValueRef column,
                        int64_t columns, int64_t rows) {
    FunctionBuilder *fb = e->fb;
    const Node *node = func_node(e->func, member->value);
    int64_t of = elements_of_unit(node), panel = node->type.dim[2];
    LLVMValueRef to = place_in_panels(fb, 1, &node->type, column, row, of),
                 base = emit_pointer(e, member->value, true);
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, columns / of), 1, "unit");
    for (int end = 0; end < 2; end++) { /* of the lines of one unit */
        LLVMValueRef at = build_add(fb, to, build_scaled(fb, loop.counter, panel));
        at = build_add(fb, at, build_i64(fb, end * (rows - 1)));
        build_prefetch(fb, unit_at(fb, base, at), 4, PREFETCH_WRITE);
    }
    build_loop_end(fb, &loop);
}

/* ---- element by element ------------------------------------------------------------------------------------------ */

/* The first lane of an index that may be a vector. */
static LLVMValueRef first_lane(FunctionBuilder *fb, LLVMValueRef index) {
    if (!build_is_vector(index)) return index;
    return LLVMBuildExtractElement(fb->builder, index, build_i64(fb, 0), "");
}

/* A vector along K: lanes two by two are units. */
static void store_pairs(Emitter *e, LLVMValueRef value, LLVMValueRef base, const Type *packed, LLVMValueRef k,
                        LLVMValueRef n) {
    FunctionBuilder *fb = e->fb;
    int pairs = e->lanes.width / 2;
    LLVMTypeRef i32 = LLVMInt32TypeInContext(fb->context);
    LLVMValueRef even[64], mask = e->lanes.mask;
    for (int i = 0; i < pairs; i++) even[i] = LLVMConstInt(i32, 2 * (unsigned)i, false);
    if (mask)
        mask = LLVMBuildShuffleVector(fb->builder, mask, LLVMGetPoison(LLVMTypeOf(mask)),
                                      LLVMConstVector(even, (unsigned)pairs), "");
    value = LLVMBuildBitCast(fb->builder, value, LLVMVectorType(i32, (unsigned)pairs), "");
    LLVMValueRef at = place_in_panels(fb, 1, packed, first_lane(fb, k), n, 2);
    at = build_add(fb, build_splat(fb, pairs, at), build_lane_numbers(fb, pairs, 0, packed->dim[2]));
    build_scatter(fb, value, base, at, 4, mask);
}

/* A vector along N, all in one panel: its elements lie side by side. */
static void store_line(Emitter *e, LLVMValueRef value, LLVMValueRef base, const Type *packed, LLVMValueRef k,
                       LLVMValueRef n) {
    LLVMValueRef at = place_in_panels(e->fb, 1, packed, k, first_lane(e->fb, n), 1);
    build_store(e->fb, value, build_element(e->fb, LLVMGetElementType(LLVMTypeOf(value)), base, at));
}

static void store_anywhere(Emitter *e, LLVMValueRef value, LLVMValueRef base, const Type *packed,
                           LLVMValueRef k, LLVMValueRef n, bool pairs) {
    FunctionBuilder *fb = e->fb;
    k = emit_splat(e, k);
    n = emit_splat(e, n);
    LLVMValueRef at = place_in_panels(fb, e->lanes.width, packed, k, n, pairs ? 2 : 1);
    if (pairs) { /* elements of units */
        LLVMValueRef two = emit_splat(e, build_i64(fb, 2));
        at = build_mul(fb, at, two);
        at = build_add(fb, at, LLVMBuildURem(fb->builder, k, two, ""));
    }
    build_scatter(fb, value, base, at, packed->dtype == DT_BF16 ? 2 : 4, e->lanes.mask);
}

bool emit_is_pack(const Emitter *e, const KernelMember *member) {
    return func_node(e->func, member->value)->op == OP_pack;
}

void emit_pack_elements(Emitter *e, const KernelMember *member) {
    FunctionBuilder *fb = e->fb;
    const Node *node = func_node(e->func, member->value);
    const Type *packed = &node->type;
    const Access *access = &member->access;
    int along_k = pack_attrs(node)->tb, along_n = !along_k, width = e->lanes.width,
        last = e->nest.last[e->nest.vector];
    bool pairs = elements_of_unit(node) > 1;
    int64_t extent = e->nest.extent[e->nest.vector], panel = packed->dim[2],
            step_k = access->coef[along_k][last], step_n = access->coef[along_n][last];
    LLVMValueRef value = emit_splat(e, emit_value(e, node->operands[0], access, NULL));
    LLVMValueRef base = emit_pointer(e, member->value, true);
    LLVMValueRef k = emit_axis_index(e, access, along_k), n = emit_axis_index(e, access, along_n);
    if (packed->dtype == DT_BF16)
        value = bf16_to_memory(fb, value);
    else if (pack_attrs(node)->precision == PRECISION_BF16)
        value = bf16_rounded(fb, value);
    if (pairs && step_k == 1 && extent % 2 == 0 && width % 2 == 0)
        store_pairs(e, value, base, packed, k, n);
    else if (!pairs && step_n == 1 && extent % width == 0 && panel % width == 0)
        store_line(e, value, base, packed, k, n);
    else
        store_anywhere(e, value, base, packed, k, n, pairs);
}
