/* Kernels for operators whose memory access depends on data, or that sort: plain C, called like generated ones. The
 * last argument is a constant array of int64 that describes the shapes (codegen/program/irregular.c writes it). */
#ifndef VITC_RUNTIME_KERNELS_IRREGULAR_H
#define VITC_RUNTIME_KERNELS_IRREGULAR_H

#include "runtime/program.h"

/* args: x, index, result; shape: {batch, n, k, row_bytes, index_is_64}: result[b, k] = x[b, index[b, k]]. */
void vt_kernel_gather(void *const *args, int32_t thread, int32_t threads);
/* args: x, index, rows, result; shape: {batch, n, k, row_elements, index_is_64, dtype}. */
void vt_kernel_scatter(void *const *args, int32_t thread, int32_t threads);
void vt_kernel_scatter_add(void *const *args, int32_t thread, int32_t threads);
/* args: x, result; shape: {outer, n, inner, dtype}. */
void vt_kernel_argmax(void *const *args, int32_t thread, int32_t threads);
void vt_kernel_argsort(void *const *args, int32_t thread, int32_t threads);
/* args: x, result; shape: {batch, channels, h, w, kh, kw, sh, sw, ph, pw, oh, ow}, f32. */
void vt_kernel_unfold(void *const *args, int32_t thread, int32_t threads);
void vt_kernel_fold(void *const *args, int32_t thread, int32_t threads);
/* args: from, to; shape: {bytes}. */
void vt_kernel_copy(void *const *args, int32_t thread, int32_t threads);

#endif
