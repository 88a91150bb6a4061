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

LLVMTypeRef panels_element(const Emitter *e, DType dtype) {
    return dtype == DT_BF16 ? LLVMInt16TypeInContext(e->context) : LLVMFloatTypeInContext(e->context);
}

static LLVMValueRef unit_at(Emitter *e, LLVMValueRef base, LLVMValueRef index) {
    return LLVMBuildGEP2(e->builder, LLVMInt32TypeInContext(e->context), base, &index, 1, "");
}

void panels_pack_one(Emitter *e, const Panels *p, bool side_b, const Lines *lines, LLVMValueRef from,
                     LLVMValueRef count, LLVMValueRef k, LLVMValueRef to, int64_t rest) {
    PackSpec spec = {.source = lines->dtype,
                     .unit = p->unit,
                     .kind = pack_kind(lines->across, lines->along),
                     .blocked = p->micro.kind == MICRO_TILE && !side_b,
                     .width = side_b ? p->micro.nr : p->micro.mr,
                     .lanes = p->micro.lanes};
    PackArgs args = {.from = from,
                     .across = emit_i64(e, lines->across),
                     .along = emit_i64(e, lines->along),
                     .count = count,
                     .k = k,
                     .units = micro_units_of(e, &p->micro, k),
                     .to = to};
    pack_call(e, &spec, &args);
    for (int part = 1; part < p->parts; part++) {
        spec.unit = part == 1 ? UNIT_PAIR_REST : UNIT_PAIR_LAST;
        args.to = unit_at(e, to, emit_i64(e, part * rest));
        pack_call(e, &spec, &args);
    }
}

/* The panels' lines lie side by side: a few rows of the source at a time for all panels, so that memory is read in long pieces. */
void panels_pack(Emitter *e, const Panels *p, bool side_b, const Lines *lines, LLVMValueRef from,
                 LLVMValueRef count, LLVMValueRef k, LLVMValueRef to, int64_t rest) {
    int width = side_b ? p->micro.nr : p->micro.mr;
    LLVMValueRef units = micro_units_of(e, &p->micro, k), size, rows = k, before = emit_i64(e, 0);
    bool across = lines->across == 1;
    Loop pieces;
    if (across) {
        pieces = emit_block_loop(e, emit_i64(e, 0), k, PACK_ROWS_AT_ONCE, "rows", &rows);
        LLVMValueRef step = LLVMBuildMul(e->builder, pieces.counter, emit_i64(e, lines->along), "");
        from = LLVMBuildGEP2(e->builder, panels_element(e, lines->dtype), from, &step, 1, "");
        before =
            LLVMBuildMul(e->builder, micro_units_of(e, &p->micro, pieces.counter), emit_i64(e, width), "");
    }
    Loop loop = emit_block_loop(e, emit_i64(e, 0), count, width, "panel", &size);
    LLVMValueRef step = LLVMBuildMul(e->builder, loop.counter, emit_i64(e, lines->across), "");
    LLVMValueRef first = LLVMBuildGEP2(e->builder, panels_element(e, lines->dtype), from, &step, 1, "");
    LLVMValueRef panel =
        LLVMBuildAdd(e->builder, LLVMBuildMul(e->builder, loop.counter, units, ""), before, "");
    panels_pack_one(e, p, side_b, lines, first, size, rows, unit_at(e, to, panel), rest);
    emit_loop_end(e, &loop);
    if (across) emit_loop_end(e, &pieces);
}

void panels_multiply(Emitter *e, const Panels *p, int rows, int vectors, Panel a, Panel b, LLVMValueRef units,
                     LLVMValueRef tile, bool accumulate) {
    /* Part i is 2^-8i of the whole: pairs whose product is below an f32's last bit are left out. */
    for (int i = 0; i < p->parts; i++)
        for (int j = 0; i + j < p->parts; j++)
            micro_call(e, &p->micro, rows, vectors, unit_at(e, a.at, emit_i64(e, i * a.rest)),
                       unit_at(e, b.at, emit_i64(e, j * b.rest)), units, tile, accumulate || i + j > 0);
}
