/* Packed panels: see panels.h. */
#include "codegen/gemm/panels.h"

Panels panels_choose(const Target *target, Precision precision) {
    const MicroKernel *kernel = target->micro[precision];
    UnitKind unit = kernel->unit_elements > 1     ? UNIT_BF16_PAIR
                    : precision == PRECISION_BF16 ? UNIT_F32_ROUNDED
                                                  : UNIT_F32;
    return (Panels){kernel, micro_terms(kernel, precision), unit};
}

int64_t panels_room(const Panels *p, int64_t lines, int64_t k) {
    int64_t units = (lines * micro_units(p->kernel, k) + 15) / 16 * 16;
    return p->terms * (units + 64); /* a packer writes up to a vector beyond the end */
}

LLVMTypeRef panels_element(const FunctionBuilder *fb, DType dtype) {
    return dtype == DT_BF16 ? LLVMInt16TypeInContext(fb->context) : LLVMFloatTypeInContext(fb->context);
}

static LLVMValueRef unit_at(FunctionBuilder *fb, LLVMValueRef base, LLVMValueRef index) {
    return build_element(fb, LLVMInt32TypeInContext(fb->context), base, index);
}

static int width_of(const Panels *p, bool side_b) {
    return side_b ? p->kernel->nr : p->kernel->mr;
}

void panels_pack_one(FunctionBuilder *fb, const Panels *p, bool side_b, const Lines *lines, LLVMValueRef from,
                     LLVMValueRef count, LLVMValueRef k, LLVMValueRef to, int64_t term_stride) {
    PackSpec spec = {.source = lines->dtype,
                     .unit = p->unit,
                     .kind = pack_kind(lines->across, lines->along),
                     .block = side_b ? 1 : p->kernel->unit_step,
                     .width = width_of(p, side_b),
                     .lanes = p->kernel->lanes};
    PackArgs args = {.from = from,
                     .across = build_i64(fb, lines->across),
                     .along = build_i64(fb, lines->along),
                     .count = count,
                     .k = k,
                     .units = micro_units_of(fb, p->kernel, k),
                     .to = to};
    pack_call(fb, &spec, &args);
    for (spec.term = 1; spec.term < p->terms; spec.term++) {
        args.to = unit_at(fb, to, build_i64(fb, spec.term * term_stride));
        pack_call(fb, &spec, &args);
    }
}

/* Addresses that differ by a multiple of this share a set of a core's first cache, of eight ways at least. */
enum { SETS_BYTES = 4096, MOST_IN_SET = 6 };

static int64_t common_divisor(int64_t a, int64_t b) {
    return b ? common_divisor(b, a % b) : a;
}

bool panels_lie_as_units(const Panels *p, const Lines *lines, int64_t k) {
    if (p->kernel->tiles || p->terms > 1 || lines->along != 1) return false;
    if (p->unit == UNIT_F32) return lines->dtype == DT_F32;
    return p->unit == UNIT_BF16_PAIR && lines->dtype == DT_BF16 && lines->across % 2 == 0 &&
           2 * micro_units(p->kernel, k) == k;
}

bool panels_read_in_place(const Panels *p, const Lines *lines, int64_t k) {
    const MicroKernel *kernel = p->kernel;
    if (!kernel->multiply_add || kernel->by_lane || !panels_lie_as_units(p, lines, k)) return false;
    if (lines->across == 0) return false; /* of one row: lines of panels are told by 0 */
    int64_t bytes = lines->across * (int64_t)dtype_size(lines->dtype);
    return common_divisor(bytes, SETS_BYTES) * kernel->mr <= MOST_IN_SET * SETS_BYTES;
}

/* Where lines lie side by side, a few rows of the source at a time are packed for all panels, so that memory is read
 * in order. */
void panels_pack(FunctionBuilder *fb, const Panels *p, bool side_b, const Lines *lines, LLVMValueRef from,
                 LLVMValueRef count, LLVMValueRef k, LLVMValueRef to, int64_t term_stride) {
    int width = width_of(p, side_b);
    LLVMTypeRef element = panels_element(fb, lines->dtype);
    LLVMValueRef units = micro_units_of(fb, p->kernel, k), size, rows = k, before = build_i64(fb, 0);
    bool side_by_side = lines->across == 1;
    Loop along;
    if (side_by_side) {
        along = build_block_loop(fb, build_i64(fb, 0), k, PACK_ROWS_AT_ONCE, "rows", &rows);
        from = build_element(fb, element, from, build_scaled(fb, along.counter, lines->along));
        before = build_scaled(fb, micro_units_of(fb, p->kernel, along.counter), width);
    }
    Loop panel = build_block_loop(fb, build_i64(fb, 0), count, width, "panel", &size);
    LLVMValueRef first = build_element(fb, element, from, build_scaled(fb, panel.counter, lines->across));
    LLVMValueRef at = build_add(fb, build_mul(fb, panel.counter, units), before);
    panels_pack_one(fb, p, side_b, lines, first, size, rows, unit_at(fb, to, at), term_stride);
    build_loop_end(fb, &panel);
    if (side_by_side) build_loop_end(fb, &along);
}

void panels_multiply(FunctionBuilder *fb, const Panels *p, int rows, int vectors, Panel a, Panel b,
                     LLVMValueRef units, LLVMValueRef tile, bool accumulate, const Ahead *ahead) {
    int block = p->kernel->unit_step;
    MicroSpec spec = {.rows = rows, .vectors = vectors, .line = block, .step = p->kernel->mr, .block = block};
    if (a.line) spec.line = (int)a.line, spec.step = (int)a.step, spec.block = 1;
    /* Term i is 2^-8i of the whole: pairs whose product is below an f32's last bit are left out. */
    for (int i = 0; i < p->terms; i++)
        for (int j = 0; i + j < p->terms; j++) {
            LLVMValueRef of_a = unit_at(fb, a.at, build_i64(fb, i * a.term_stride)),
                         of_b = unit_at(fb, b.at, build_i64(fb, j * b.term_stride));
            spec.accumulate = accumulate || i + j > 0;
            micro_call(fb, p->kernel, &spec, of_a, of_b, units, tile, ahead);
        }
}
