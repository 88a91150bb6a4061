/* Micro-kernels: see micro.h. Each is an internal function, made once a module. */
#include "codegen/gemm/micro_body.h"

#include <stdio.h>
#include <string.h>

int64_t micro_units(const MicroKernel *kernel, int64_t k) {
    int64_t step = kernel->unit_elements * kernel->unit_step;
    return (k + step - 1) / step * kernel->unit_step;
}

LLVMValueRef micro_units_of(FunctionBuilder *fb, const MicroKernel *kernel, LLVMValueRef k) {
    int64_t step = kernel->unit_elements * kernel->unit_step;
    if (step == 1) return k;
    k = LLVMBuildAdd(fb->builder, k, build_i64(fb, step - 1), "");
    if (kernel->unit_step > 1) k = LLVMBuildAnd(fb->builder, k, build_i64(fb, -step), "");
    return kernel->unit_elements > 1 ? LLVMBuildAShr(fb->builder, k, build_i64(fb, 1), "") : k;
}

void micro_begin(FunctionBuilder *fb, const MicroKernel *kernel) {
    if (kernel->tiles && kernel->tiles->begin) kernel->tiles->begin(fb);
}

void micro_end(FunctionBuilder *fb, const MicroKernel *kernel) {
    if (kernel->tiles && kernel->tiles->end) kernel->tiles->end(fb);
}

static void micro_body(FunctionBuilder *fb, const LLVMValueRef *params, const void *user) {
    Micro m = *(const Micro *)user;
    m.fb = fb;
    m.a = params[0];
    m.b = params[1];
    m.units = params[2];
    m.tile = params[3];
    Ahead ahead = {0};
    if (m.ahead) {
        ahead = (Ahead){m.ahead->units, params[4], params[5], params[6]};
        m.ahead = &ahead;
    }
    if (m.kernel->tiles)
        micro_tiles(&m);
    else if (m.kernel->multiply_blocks)
        micro_blocks(&m);
    else
        micro_vectors(&m);
}

void micro_call(FunctionBuilder *fb, const MicroKernel *kernel, const MicroSpec *spec, LLVMValueRef a,
                LLVMValueRef b, LLVMValueRef units, LLVMValueRef tile, const Ahead *ahead) {
    if (!kernel->multiply_add) ahead = NULL;
    Micro micro = {.kernel = kernel, .spec = *spec, .ahead = ahead};
    MicroSpec *s = &micro.spec;
    if (kernel->tiles) s->rows = (s->rows + TILE_EDGE - 1) / TILE_EDGE * TILE_EDGE;
    char name[64];
    snprintf(name, sizeof name, "micro_%s_%dx%d_%d_%d_%d%s", kernel->name, s->rows, s->vectors, s->line,
             s->step, s->block, s->accumulate ? "_more" : "");
    if (ahead) snprintf(name + strlen(name), sizeof name - strlen(name), "_ahead%d", ahead->units);
    LLVMValueRef args[] = {a, b, units, tile, NULL, NULL, NULL};
    if (ahead) args[4] = ahead->from, args[5] = ahead->stride, args[6] = ahead->bytes;
    build_call_internal(fb, name, args, ahead ? 7 : 4, micro_body, &micro);
}
