/* Inside runtime/kernels: a thread's share of the work, and elements of tensors by their type. */
#ifndef VITC_RUNTIME_KERNELS_ELEMENTS_H
#define VITC_RUNTIME_KERNELS_ELEMENTS_H

#include "runtime/program.h"

/* This thread's share of n units. */
static inline void share_of(int64_t n, int32_t thread, int32_t threads, int64_t *from, int64_t *to) {
    *from = n * thread / threads;
    *to = n * (thread + 1) / threads;
}

/* Of any type but bf16. */
static inline double element_at(const void *x, int64_t i, int dtype) {
    switch (dtype) {
    case VT_F32: return ((const float *)x)[i];
    case VT_F64: return ((const double *)x)[i];
    case VT_I32: return ((const int32_t *)x)[i];
    case VT_I64: return (double)((const int64_t *)x)[i];
    default: return ((const uint8_t *)x)[i];
    }
}

/* Elements of tensors of f32 or f64. */
static inline double real_at(const void *x, int64_t i, bool f64) {
    return f64 ? ((const double *)x)[i] : ((const float *)x)[i];
}
static inline void real_set(void *x, int64_t i, bool f64, double value) {
    if (f64)
        ((double *)x)[i] = value;
    else
        ((float *)x)[i] = (float)value;
}

#endif
