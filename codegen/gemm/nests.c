/* Packing sides that are nests of loops: see nests.h. Elements of a run, the innermost loop of stride 1, are copied as
 * vectors into a few lines that lie as packers want them, or straight into the panel where that is the same. */
#include "codegen/gemm/nests.h"

enum {
    ROWS_AT_ONCE =
        64,  /* elements along K that are laid out before they are packed, where lines lie side by side */
    PAD = 16 /* elements between lines: no power of two, so that they do not share sets of the cache */
};

typedef struct {
    FunctionBuilder *fb;
    const Panels *panels;
    bool side_b;
    const GemmNests *nests;
    const NestedPart *part;
    LLVMTypeRef element;
    int width;
} Packing;

static bool runs_along(const GemmNests *nests) {
    return nests->along.stride[nests->along.n - 1] == 1;
}

/* Whether lines that lie side by side are copied as a panel has them. */
static bool copies_into_panel(const Panels *panels, bool side_b, DType dtype) {
    return dtype == DT_F32 && panels->unit == UNIT_F32 && (side_b || panels->kernel->unit_step == 1);
}

static int width_of(const Panels *panels, bool side_b) {
    return side_b ? panels->kernel->nr : panels->kernel->mr;
}

static int64_t made_stride(int64_t k_block) {
    return (k_block + 15) / 16 * 16 + PAD;
}

int64_t nests_room(const Panels *panels, bool side_b, const GemmNests *nests, int64_t k_block) {
    int width = width_of(panels, side_b);
    return width * (runs_along(nests) ? made_stride(k_block) : ROWS_AT_ONCE) + PAD;
}

static LLVMValueRef at(Packing *p, LLVMValueRef base, LLVMValueRef index) {
    return build_element(p->fb, p->element, base, index);
}

static LLVMValueRef less(Packing *p, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildSub(p->fb->builder, a, b, "");
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

/* The part of a run, elements [low, low + length) of it, that belongs to the positions [first, first + count) of a
 * nest; `place`: its first position, counted from `first`. */
typedef struct {
    Loop loop;
    LLVMValueRef number, low, length, place;
} Run;

/* Loops over the runs of a nest: its innermost loop, once for each round of those around it. */
static Run run_begin(Packing *p, const GemmNest *nest, LLVMValueRef first, LLVMValueRef count) {
    FunctionBuilder *fb = p->fb;
    LLVMBuilderRef b = fb->builder;
    int64_t extent = nest->extent[nest->n - 1];
    LLVMValueRef size = build_i64(fb, extent), end = build_add(fb, first, count);
    LLVMValueRef runs = LLVMBuildUDiv(b, build_add(fb, end, build_i64(fb, extent - 1)), size, "");
    Run run = {.loop = build_loop_begin(fb, LLVMBuildUDiv(b, first, size, ""), runs, 1, "run")};
    run.number = run.loop.counter;
    LLVMValueRef before = build_mul(fb, run.number, size);
    run.low = build_larger(fb, less(p, first, before), build_i64(fb, 0));
    run.length = less(p, build_smaller(fb, less(p, end, before), size), run.low);
    run.place = less(p, build_add(fb, before, run.low), first);
    return run;
}

/* Where a run begins, elements from where the nest does. */
static LLVMValueRef run_offset(Packing *p, const GemmNest *nest, const Run *run) {
    LLVMValueRef outer = build_batch_offset(p->fb, run->number, nest->n - 1, nest->extent, nest->stride, 0);
    return build_add(p->fb, outer, build_scaled(p->fb, run->low, nest->stride[nest->n - 1]));
}

static void copy_vector(Packing *p, LLVMValueRef from, LLVMValueRef to, LLVMValueRef index,
                        LLVMValueRef mask) {
    FunctionBuilder *fb = p->fb;
    from = at(p, from, index);
    to = at(p, to, index);
    unsigned align = p->part->dtype == DT_BF16 ? 2 : 4;
    LLVMTypeRef vector = build_vector_type(p->element, fb->lanes);
    if (mask) {
        build_masked_store(fb, build_masked_load(fb, vector, from, align, mask), to, align, mask);
        return;
    }
    LLVMValueRef x = LLVMBuildLoad2(fb->builder, vector, from, "");
    LLVMSetAlignment(x, align);
    LLVMSetAlignment(LLVMBuildStore(fb->builder, x, to), align);
}

/* `count` elements side by side. */
static void copy(Packing *p, LLVMValueRef from, LLVMValueRef to, LLVMValueRef count) {
    FunctionBuilder *fb = p->fb;
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), count, fb->lanes, "copy");
    copy_vector(p, from, to, loop.counter, NULL);
    build_loop_end(fb, &loop);
    Fork rest = build_if(fb, LLVMBuildICmp(fb->builder, LLVMIntSLT, loop.counter, count, ""));
    LLVMValueRef mask = build_lanes_below(fb, fb->lanes, 0, less(p, count, loop.counter));
    copy_vector(p, from, to, loop.counter, mask);
    build_end_if(fb, &rest);
}

/* As many as are known now. */
static void copy_known(Packing *p, LLVMValueRef from, LLVMValueRef to, int64_t count) {
    FunctionBuilder *fb = p->fb;
    for (int64_t i = 0; i < count; i += fb->lanes) {
        LLVMValueRef mask = NULL, index = build_i64(fb, i);
        if (count - i < fb->lanes) mask = build_lanes_below(fb, fb->lanes, 0, build_i64(fb, count - i));
        copy_vector(p, from, to, index, mask);
    }
}

/* ---- elements along K side by side ------------------------------------------------------------------------------- */

enum { UNROLLED = 24 }; /* vectors of a run that are copied without a loop */

static void copy_line(Packing *p, LLVMValueRef from, LLVMValueRef to) {
    FunctionBuilder *fb = p->fb;
    const GemmNest *along = &p->nests->along;
    int64_t extent = along->extent[along->n - 1], all = 1;
    for (int i = 0; i < along->n; i++) all *= along->extent[i];
    if (p->part->k_block >= all && extent <= (int64_t)UNROLLED * fb->lanes) { /* whole runs */
        Loop loop = build_loop_begin(fb, build_i64(fb, 0), build_i64(fb, all / extent), 1, "run");
        LLVMValueRef offset =
            build_batch_offset(fb, loop.counter, along->n - 1, along->extent, along->stride, 0);
        from = at(p, from, offset);
        copy_known(p, from, at(p, to, build_scaled(fb, loop.counter, extent)), extent);
        build_loop_end(fb, &loop);
        return;
    }
    Run run = run_begin(p, along, p->part->first, p->part->k);
    from = at(p, from, run_offset(p, along, &run));
    copy(p, from, at(p, to, run.place), run.length);
    build_loop_end(fb, &run.loop);
}

static void pack_along(Packing *p, LLVMValueRef first, LLVMValueRef count, LLVMValueRef to) {
    FunctionBuilder *fb = p->fb;
    const NestedPart *part = p->part;
    const GemmNest *across = &p->nests->lines;
    Lines lines = {part->dtype, made_stride(part->k_block), 1};
    Loop loop = build_loop_begin(fb, build_i64(fb, 0), count, 1, "line");
    LLVMValueRef number = build_add(fb, first, loop.counter);
    LLVMValueRef offset = build_batch_offset(fb, number, across->n, across->extent, across->stride, 0);
    LLVMValueRef from = at(p, part->from, offset);
    copy_line(p, from, at(p, part->made, build_scaled(fb, loop.counter, lines.across)));
    build_loop_end(fb, &loop);
    panels_pack_one(fb, p->panels, p->side_b, &lines, part->made, count, part->k, to, part->term_stride);
}

/* ---- lines side by side ------------------------------------------------------------------------------------------ */

/* Lines [first, first + count), elements [k0, k0 + k) along K, to rows of a panel's width. */
static void lay_out(Packing *p, LLVMValueRef first, LLVMValueRef count, LLVMValueRef k0, LLVMValueRef k,
                    LLVMValueRef to) {
    FunctionBuilder *fb = p->fb;
    const GemmNest *across = &p->nests->lines, *along = &p->nests->along;
    LLVMValueRef width = build_i64(fb, p->width);
    Run lines = run_begin(p, across, first, count);
    LLVMValueRef from = at(p, p->part->from, run_offset(p, across, &lines));
    LLVMValueRef whole = LLVMBuildICmp(fb->builder, LLVMIntEQ, lines.length, width, "");
    Run rows = run_begin(p, along, k0, k);
    LLVMValueRef row_from = at(p, from, run_offset(p, along, &rows));
    LLVMValueRef row_to = at(p, to, build_add(fb, build_mul(fb, rows.place, width), lines.place));
    Fork fork = build_if_else(fb, whole);
    for (int part = 0; part < 2; part++) {
        Loop loop = build_loop_begin(fb, build_i64(fb, 0), rows.length, 1, "row");
        LLVMValueRef x = at(p, row_from, build_scaled(fb, loop.counter, along->stride[along->n - 1])),
                     y = at(p, row_to, build_mul(fb, loop.counter, width));
        if (part == 0)
            copy_known(p, x, y, p->width);
        else
            copy(p, x, y, lines.length);
        build_loop_end(fb, &loop);
        if (part == 0) build_else(fb, &fork);
    }
    build_end_if(fb, &fork);
    build_loop_end(fb, &rows.loop);
    build_loop_end(fb, &lines.loop);
}

static void pack_across(Packing *p, LLVMValueRef first, LLVMValueRef count, LLVMValueRef to) {
    FunctionBuilder *fb = p->fb;
    const NestedPart *part = p->part;
    LLVMTypeRef unit = LLVMInt32TypeInContext(fb->context);
    Lines lines = {part->dtype, 1, p->width};
    LLVMValueRef k;
    if (copies_into_panel(p->panels, p->side_b, part->dtype)) {
        lay_out(p, first, count, part->first, part->k, to);
        return;
    }
    Loop loop = build_block_loop(fb, build_i64(fb, 0), part->k, ROWS_AT_ONCE, "rows", &k);
    lay_out(p, first, count, build_add(fb, part->first, loop.counter), k, part->made);
    LLVMValueRef before = build_scaled(fb, micro_units_of(fb, p->panels->kernel, loop.counter), p->width);
    panels_pack_one(fb, p->panels, p->side_b, &lines, part->made, count, k,
                    build_element(fb, unit, to, before), part->term_stride);
    build_loop_end(fb, &loop);
}

void nests_pack(FunctionBuilder *fb, const Panels *panels, bool side_b, const GemmNests *nests,
                const NestedPart *part) {
    Packing p = {fb, panels, side_b, nests, part, panels_element(fb, part->dtype), width_of(panels, side_b)};
    LLVMTypeRef unit = LLVMInt32TypeInContext(fb->context);
    LLVMValueRef units = micro_units_of(fb, panels->kernel, part->k), count;
    Loop panel = build_block_loop(fb, build_i64(fb, 0), part->lines, p.width, "panel", &count);
    LLVMValueRef first = build_add(fb, part->line, panel.counter),
                 to = build_element(fb, unit, part->to, build_mul(fb, panel.counter, units));
    if (runs_along(nests))
        pack_along(&p, first, count, to);
    else
        pack_across(&p, first, count, to);
    build_loop_end(fb, &panel);
}
