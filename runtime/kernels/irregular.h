/* Kernels for operators whose memory access depends on data, that sort, or that factor matrices: plain C, called like
 * generated ones. After operands and result comes a constant array of int64 that describes the shapes
 * (codegen/program/irregular.c writes it), and then room of the thread's own where the kernel wants some. */
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
/* args: x, result; shape: {outer, n, inner, dtype, reverse}. */
void vt_kernel_cumsum(void *const *args, int32_t thread, int32_t threads);
/* args: x, result [outer, count, inner], shape, room; shape: {outer, n, inner, dtype, descending, count, whether by
 * radix}; room: 2n of 8 bytes, by radix alone, which is for types of 32 bits or less. */
void vt_kernel_argsort(void *const *args, int32_t thread, int32_t threads);
/* args: x, w, result; dy, w, result; x, dy, result; shape: {batch, channels, h, w, outputs, kh, kw, sh, sw, ph, pw, oh,
 * ow, groups}, f32. */
void vt_kernel_conv2d(void *const *args, int32_t thread, int32_t threads);
void vt_kernel_conv2d_image(void *const *args, int32_t thread, int32_t threads);
void vt_kernel_conv2d_weight(void *const *args, int32_t thread, int32_t threads);
/* args: x[batch, n, n], result, shape, room; shape: {batch, n, whether f64}; room: n² f64. */
void vt_kernel_cholesky(void *const *args, int32_t thread, int32_t threads);
/* args: a[batch, n, n], b[batch, n, m], result, shape, room; shape: {batch, n, m, whether f64, ta}; room: n(n + m). */
void vt_kernel_solve(void *const *args, int32_t thread, int32_t threads);
/* The same with a triangle a; shape: {…, ta, lower, unit}; room: 65n. */
void vt_kernel_triangular_solve(void *const *args, int32_t thread, int32_t threads);
/* args: x[batch, n, n], result [batch, n + 1, n], shape, room; shape: {batch, n, whether f64}; room: 2n² + 4n. */
void vt_kernel_eigh(void *const *args, int32_t thread, int32_t threads);
/* args: x[batch, m, n], result [batch, m + 1 + n, k], shape, room; shape: {batch, m, n, whether f64}; room:
 * k(m + n + k + 65), k being the smaller of m and n. */
void vt_kernel_svd(void *const *args, int32_t thread, int32_t threads);
/* args: x, result; shape: {byte, bytes}: bytes of x from that one on. */
void vt_kernel_part(void *const *args, int32_t thread, int32_t threads);
/* args: from, to; shape: {bytes}. */
void vt_kernel_copy(void *const *args, int32_t thread, int32_t threads);

#endif
