/* An instance whose program has function "similarities" alone, as a kernel in C: what comparisons of features run on
 * where there is no compiler. Its tiles are small, so that few images take several. */
#ifndef VITC_TESTS_RUNTIME_COMPARING_H
#define VITC_TESTS_RUNTIME_COMPARING_H

#include "runtime/runtime.h"

enum { COMPARING_ROWS = 8, COMPARING_COLUMNS = 48 };

static VtInput comparing_inputs[] = {
    {.tensor = {"similarities.queries", VT_F32, 2, {COMPARING_ROWS, 0}}, .source = VT_SOURCE_FEED},
    {.tensor = {"similarities.keys", VT_F32, 2, {COMPARING_COLUMNS, 0}}, .source = VT_SOURCE_FEED}};

static void comparing_kernel(void *const *args, int32_t thread, int32_t threads) {
    const float *queries = args[0], *keys = args[1];
    int64_t width = comparing_inputs[0].tensor.dim[1];
    for (int64_t q = COMPARING_ROWS * thread / threads; q < COMPARING_ROWS * (thread + 1) / threads; q++)
        for (int64_t k = 0; k < COMPARING_COLUMNS; k++) {
            float sums[16] = {0}, sum = 0;
            int64_t d = 0;
            for (; d + 16 <= width; d += 16)
                for (int l = 0; l < 16; l++) sums[l] += queries[q * width + d + l] * keys[k * width + d + l];
            for (; d < width; d++) sum += queries[q * width + d] * keys[k * width + d];
            for (int l = 0; l < 16; l++) sum += sums[l];
            ((float *)args[2])[q * COMPARING_COLUMNS + k] = sum;
        }
}

static const VtProgram comparing_program = {
    .abi = VT_ABI,
    .name = "comparing",
    .n_inputs = 2,
    .inputs = comparing_inputs,
    .n_functions = 1,
    .functions = &(const VtFunction){
        .name = "similarities",
        .n_calls = 1,
        .calls = &(const VtCall){.kernel = comparing_kernel, .name = "similarities", .n_args = 3},
        .n_args = 3,
        .args = (const VtArg[]){{.kind = VT_ARG_INPUT},
                                {.kind = VT_ARG_INPUT, .index = 1},
                                {.kind = VT_ARG_OUTPUT}},
        .n_inputs = 2,
        .inputs = (const int32_t[]){0, 1},
        .n_outputs = 1,
        .outputs =
            &(const VtOutput){.tensor = {"similarities", VT_F32, 2, {COMPARING_ROWS, COMPARING_COLUMNS}}}}};

/* Features are cut into parts of `width`. NULL without memory. */
static VtInstance *comparing_instance(int64_t width) {
    for (int i = 0; i < 2; i++) comparing_inputs[i].tensor.dim[1] = width;
    return vt_instance_new(&comparing_program, NULL);
}

#endif
