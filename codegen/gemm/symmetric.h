/* Products whose result is symmetric, z·zᵀ or zᵀ·z: tiles that lie above the diagonal are not computed. Of the others
 * what has no tile of its own on the other side is handed over a second time, mirrored. Tiles begin at multiples of mr
 * rows and nr columns of the whole matrix, however threads share its rows; so which element is computed and which is
 * mirrored depends on neither threads nor blocks. */
#ifndef VITC_CODEGEN_GEMM_SYMMETRIC_H
#define VITC_CODEGEN_GEMM_SYMMETRIC_H

#include "codegen/gemm/gemm.h"

/* The first row of the tiles, mr rows high, in which a tile that begins at column `col` is computed: that of the
 * diagonal. */
LLVMValueRef symmetric_first_row(FunctionBuilder *fb, LLVMValueRef col, int mr);

/* A thread's share of the rows [0, n), in grains: all have about as much to compute, those further down fewer rows. */
void symmetric_share(FunctionBuilder *fb, int64_t n, int64_t grain, LLVMValueRef *from, LLVMValueRef *to);

/* The tiles of one panel of columns, mirrored: nr rows of the result, whose columns are the rows of a block. */
typedef struct {
    int mr, nr;
    int64_t stride;      /* from row to row: as many as a block has rows, and some that are read beyond */
    LLVMValueRef buffer; /* f32[nr][stride] */
} Mirror;

/* Of a block of at most `rows` rows. */
int64_t symmetric_stride(int64_t rows);
int64_t symmetric_units(int64_t rows, int nr); /* room for the buffer, in f32s */

/* Keeps a finished tile, f32[mr][nr], whose rows are the block's from `row` on. */
void symmetric_keep(FunctionBuilder *fb, const Mirror *mirror, LLVMValueRef tile, LLVMValueRef row);

/* Hands over the mirrored tiles of columns [col, col + columns) and of the block's rows [row, row + rows). */
void symmetric_hand_over(FunctionBuilder *fb, const Mirror *mirror, LLVMValueRef batch, LLVMValueRef col,
                         LLVMValueRef columns, LLVMValueRef row, LLVMValueRef rows, GemmEpilogue epilogue,
                         void *user);

#endif
