/* For the tests of passes: numbers drawn from a seed, and functions run on tensors. */
#ifndef VITC_TESTS_PASSES_GRAPH_H
#define VITC_TESTS_PASSES_GRAPH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ir/ir.h"
#include "ir/base/stream.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A whole file of text, or the test fails; in the arena. */
static inline char *read_file(Arena *arena, const char *path) {
    size_t size;
    char *text = stream_read_file(arena, path, 1 << 24, &size);
    if (!text) fail_msg("cannot read %s", path);
    return text;
}

/* splitmix64 */
static inline uint64_t draw_bits(uint64_t *seed) {
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline int64_t draw_below(uint64_t *seed, int64_t n) {
    return (int64_t)(draw_bits(seed) % (uint64_t)n);
}

static inline double draw_real(uint64_t *seed, double low, double high) {
    return low + (high - low) * (double)(draw_bits(seed) >> 11) * 0x1p-53;
}

static inline Tensor tensor_new(Arena *arena, const Type *type) {
    return (Tensor){*type, ARENA_ARRAY(arena, double, type_elements(type))};
}

/* Whole numbers below `n` (n > 0), or reals between low and high. */
static inline Tensor tensor_draw(Arena *arena, const Type *type, int64_t n, double low, double high,
                                 uint64_t *seed) {
    Tensor tensor = tensor_new(arena, type);
    for (int64_t i = 0; i < type_elements(type); i++)
        tensor.data[i] = n > 0 ? (double)draw_below(seed, n) : draw_real(seed, low, high);
    return tensor;
}

/* Outputs of a function without states; fails the test with the interpreter's message. */
static inline Tensor *run_func(const Func *func, const Tensor *inputs, Arena *arena) {
    Tensor *outputs = ARENA_ARRAY(arena, Tensor, func->n_outputs + 1);
    char error[512];
    if (!func_interpret(func, inputs, NULL, outputs, NULL, arena, error, sizeof error)) fail_msg("%s", error);
    return outputs;
}

/* The first element where got is further from want than absolute + relative·|want|, or -1. NaN equals NaN. */
static inline int64_t tensor_differs(const Tensor *got, const Tensor *want, double absolute,
                                     double relative) {
    for (int64_t i = 0; i < type_elements(&want->type); i++) {
        double g = got->data[i], w = want->data[i];
        if (g == w || (isnan(g) && isnan(w))) continue;
        if (!(fabs(g - w) <= absolute + relative * fabs(w))) return i;
    }
    return -1;
}

#define assert_tensor_near(got, want, absolute, relative, ...)                                               \
    do {                                                                                                     \
        int64_t at_ = tensor_differs((got), (want), (absolute), (relative));                                 \
        if (at_ >= 0) {                                                                                      \
            char what_[256];                                                                                 \
            snprintf(what_, sizeof what_, __VA_ARGS__);                                                      \
            fail_msg("%s: element %lld is %.10g, not %.10g", what_, (long long)at_, (got)->data[at_],        \
                     (want)->data[at_]);                                                                     \
        }                                                                                                    \
    } while (0)

/* x · weights, summed over everything: a scalar that depends on every element. */
static inline ValueId weighed(Func *func, ValueId x, ValueId weights) {
    int64_t axes[IR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    return ir_reduce(func, OP_sum, ir_binary(func, OP_mul, x, weights), func_type(func, x)->rank, axes,
                     false);
}

static inline ValueId emit_grad(Func *func, ValueId loss, ValueId leaf) {
    return ir_binary(func, OP_grad, loss, leaf);
}

#endif
