/* Micro-kernels as functions by themselves: see micro_entries.h. */
#include "codegen/gemm/micro_entries.h"
#include "codegen/gemm/micro.h"

#include <stdio.h>

/* Where A lies: in a panel, or, which kernels of vectors alone can read, as lines in memory (attention reads both
 * kinds). */
typedef enum { IN_PANEL, LINES_SIDE_BY_SIDE, LINES_ALONG, N_LAYOUTS } Layout;
static const char *const LAYOUT_NAMES[] = {"", " across", " along"};

/* Units between lines in memory that are not packed: more than a panel's, and no power of two. */
enum { MEMORY_STEP = 72 };

typedef struct {
    FunctionBuilder *fb;
    Arena *arena;
    VtMicro *micros;
    LLVMValueRef *functions;
    size_t n, capacity, n_functions, functions_capacity;
} Entries;

static MicroSpec spec_of(const MicroKernel *kernel, int rows, int vectors, Layout layout, bool accumulate) {
    int block = kernel->unit_step;
    MicroSpec spec = {.rows = rows,
                      .vectors = vectors,
                      .line = block,
                      .step = kernel->mr,
                      .block = block,
                      .accumulate = accumulate};
    if (layout == LINES_SIDE_BY_SIDE) spec.line = spec.block = 1, spec.step = MEMORY_STEP;
    if (layout == LINES_ALONG) spec.line = MEMORY_STEP, spec.step = spec.block = 1;
    return spec;
}

/* What the checker is told. */
static VtMicro describe(const Entries *e, const MicroKernel *kernel, const MicroSpec *spec, Layout layout) {
    VtMicro micro = {.rows = spec->rows,
                     .columns = spec->vectors * kernel->lanes,
                     .tile_columns = kernel->nr,
                     .unit_elements = kernel->unit_elements,
                     .unit_step = kernel->unit_step,
                     .line = spec->line,
                     .step = spec->step,
                     .block = spec->block,
                     .accumulate = spec->accumulate};
    micro.name = arena_printf(e->arena, "%s %dx%d%s%s", kernel->name, micro.rows, micro.columns,
                              LAYOUT_NAMES[layout], micro.accumulate ? " adding" : "");
    return micro;
}

static LLVMValueRef emit_entry(const Entries *e, const MicroKernel *kernel, const MicroSpec *spec) {
    FunctionBuilder *fb = e->fb;
    char name[32];
    LLVMTypeRef pointer = LLVMPointerTypeInContext(fb->context, 0);
    LLVMTypeRef params[] = {pointer, pointer, LLVMInt64TypeInContext(fb->context), pointer};
    snprintf(name, sizeof name, "micro_entry_%zu", e->n);
    builder_function(fb, name, LLVMFunctionType(LLVMVoidTypeInContext(fb->context), params, 4, false));
    micro_begin(fb, kernel);
    micro_call(fb, kernel, spec, LLVMGetParam(fb->function, 0), LLVMGetParam(fb->function, 1),
               LLVMGetParam(fb->function, 2), LLVMGetParam(fb->function, 3), NULL);
    micro_end(fb, kernel);
    LLVMBuildRetVoid(fb->builder);
    return fb->function;
}

static void add_entry(Entries *e, const MicroKernel *kernel, int rows, int vectors, Layout layout,
                      bool accumulate) {
    MicroSpec spec = spec_of(kernel, rows, vectors, layout, accumulate);
    LLVMValueRef function = emit_entry(e, kernel, &spec);
    ARENA_PUSH(e->arena, e->micros, e->n, e->capacity, describe(e, kernel, &spec, layout));
    ARENA_PUSH(e->arena, e->functions, e->n_functions, e->functions_capacity, function);
}

static void add_kernel(Entries *e, const MicroKernel *kernel) {
    int all = kernel->nr / kernel->lanes, row_step = kernel->tiles ? TILE_EDGE : 1;
    for (int rows = row_step; rows <= kernel->mr; rows += row_step)
        add_entry(e, kernel, rows, all, IN_PANEL, false);
    for (int vectors = 1; vectors < all; vectors++)
        add_entry(e, kernel, kernel->mr, vectors, IN_PANEL, false);
    add_entry(e, kernel, kernel->mr, all, IN_PANEL, true);
    if (kernel->tiles) return;
    for (Layout layout = LINES_SIDE_BY_SIDE; layout < N_LAYOUTS; layout++)
        for (int accumulate = 0; accumulate < 2; accumulate++)
            add_entry(e, kernel, kernel->mr, all, layout, accumulate);
}

MicroEntries micro_entries_emit(FunctionBuilder *fb, Arena *arena) {
    Entries e = {.fb = fb, .arena = arena};
    const MicroKernel *const *kernels = fb->target->micro;
    for (int p = 0; p < PRECISION_COUNT; p++) {
        bool seen = false;
        for (int q = 0; q < p; q++) seen = seen || kernels[q] == kernels[p];
        if (!seen) add_kernel(&e, kernels[p]);
    }
    return (MicroEntries){e.micros, e.functions, (int)e.n};
}
