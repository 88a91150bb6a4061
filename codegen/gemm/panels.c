/* Packed panels: see panels.h. */
#include "codegen/gemm/panels.h"

Panels panels_choose(const Target *target, Precision precision) {
    Panels p = {.micro = micro_choose(target, precision), .parts = 1};
    bool pairs = p.micro.kind != MICRO_FMA;
    if (pairs) p.parts = precision_terms(precision);
    p.unit = pairs ? UNIT_PAIR : precision == PRECISION_BF16 ? UNIT_ROUNDED : UNIT_F32;
    return p;
}

int64_t panels_room(const Panels *p, int64_t lines, int64_t k) {
    int64_t units = (lines * micro_units(&p->micro, k) + 15) / 16 * 16;
    return p->parts * (units + 64); /* a packer writes up to a vector beyond the end */
}

LLVMTypeRef panels_element(const FunctionBuilder *fb, DType dtype) {
    return dtype == DT_BF16 ? LLVMInt16TypeInContext(fb->context) : LLVMFloatTypeInContext(fb->context);
}

static LLVMValueRef unit_at(FunctionBuilder *fb, LLVMValueRef base, LLVMValueRef index) {
    return LLVMBuildGEP2(fb->builder, LLVMInt32TypeInContext(fb->context), base, &index, 1, "");
}

void panels_pack_one(FunctionBuilder *fb, const Panels *p, bool side_b, const Lines *lines, LLVMValueRef from,
                     LLVMValueRef count, LLVMValueRef k, LLVMValueRef to, int64_t rest) {
    PackSpec spec = {.source = lines->dtype,
                     .unit = p->unit,
                     .kind = pack_kind(lines->across, lines->along),
                     .blocked = p->micro.kind == MICRO_TILE && !side_b,
                     .width = side_b ? p->micro.nr : p->micro.mr,
                     .lanes = p->micro.lanes};
    PackArgs args = {.from = from,
                     .across = build_i64(fb, lines->across),
                     .along = build_i64(fb, lines->along),
                     .count = count,
                     .k = k,
                     .units = micro_units_of(fb, &p->micro, k),
                     .to = to};
    pack_call(fb, &spec, &args);
    for (int part = 1; part < p->parts; part++) {
        spec.unit = part == 1 ? UNIT_PAIR_REST : UNIT_PAIR_LAST;
        args.to = unit_at(fb, to, build_i64(fb, part * rest));
        pack_call(fb, &spec, &args);
    }
}

/* The panels' lines lie side by side: a few rows of the source at a time for all panels, so that memory is read in long pieces. */
void panels_pack(FunctionBuilder *fb, const Panels *p, bool side_b, const Lines *lines, LLVMValueRef from,
                 LLVMValueRef count, LLVMValueRef k, LLVMValueRef to, int64_t rest) {
    int width = side_b ? p->micro.nr : p->micro.mr;
    LLVMValueRef units = micro_units_of(fb, &p->micro, k), size, rows = k, before = build_i64(fb, 0);
    bool across = lines->across == 1;
    Loop pieces;
    if (across) {
        pieces = build_block_loop(fb, build_i64(fb, 0), k, PACK_ROWS_AT_ONCE, "rows", &rows);
        LLVMValueRef step = LLVMBuildMul(fb->builder, pieces.counter, build_i64(fb, lines->along), "");
        from = LLVMBuildGEP2(fb->builder, panels_element(fb, lines->dtype), from, &step, 1, "");
        before = LLVMBuildMul(fb->builder, micro_units_of(fb, &p->micro, pieces.counter),
                              build_i64(fb, width), "");
    }
    Loop loop = build_block_loop(fb, build_i64(fb, 0), count, width, "panel", &size);
    LLVMValueRef step = LLVMBuildMul(fb->builder, loop.counter, build_i64(fb, lines->across), "");
    LLVMValueRef first = LLVMBuildGEP2(fb->builder, panels_element(fb, lines->dtype), from, &step, 1, "");
    LLVMValueRef panel =
        LLVMBuildAdd(fb->builder, LLVMBuildMul(fb->builder, loop.counter, units, ""), before, "");
    panels_pack_one(fb, p, side_b, lines, first, size, rows, unit_at(fb, to, panel), rest);
    build_loop_end(fb, &loop);
    if (across) build_loop_end(fb, &pieces);
}

void panels_multiply(FunctionBuilder *fb, const Panels *p, int rows, int vectors, Panel a, Panel b,
                     LLVMValueRef units, LLVMValueRef tile, bool accumulate) {
    /* Part i is 2^-8i of the whole: pairs whose product is below an f32's last bit are left out. */
    for (int i = 0; i < p->parts; i++)
        for (int j = 0; i + j < p->parts; j++)
            micro_call(fb, &p->micro, rows, vectors, unit_at(fb, a.at, build_i64(fb, i * a.rest)),
                       unit_at(fb, b.at, build_i64(fb, j * b.rest)), units, tile, accumulate || i + j > 0);
}
