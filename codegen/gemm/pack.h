/* Packing a panel of a matrix for a micro-kernel (micro.h): `width` lines (rows of A, or columns of B) interleaved, so
 * that the micro-kernel reads memory in order as it goes along K.
 *
 * A panel is made of units of four bytes: an f32, or a pair of bf16 that follow each other along K. `block` units of a
 * line follow each other, 1 for vectors, 2 for blocks of two by two, 16 for tile registers: unit u of line p lies at
 * to[⌊u/block⌋·block·width + block·p + u mod block]. */
#ifndef VITC_CODEGEN_PACK_H
#define VITC_CODEGEN_PACK_H

#include "codegen/emit/builder.h"

/* How the elements of the source lie: side by side across the lines, along them, or neither. */
typedef enum { PACK_ACROSS, PACK_ALONG, PACK_STRIDED } PackKind;
PackKind pack_kind(int64_t across, int64_t along); /* of these steps, in elements */

/* What a unit holds: an f32; an f32 rounded to bf16; a pair of bf16. */
typedef enum { UNIT_F32, UNIT_F32_ROUNDED, UNIT_BF16_PAIR } UnitKind;

typedef struct {
    DType source; /* DT_F32 or DT_BF16 */
    UnitKind unit;
    /* Of pairs, which bf16 term of x is packed. t0 = bf16(x), t1 = bf16(x - t0), t2 = bf16(x - t0 - t1); the three add
     * up to x. */
    int term;
    PackKind kind;
    int block; /* `lanes`, or a power of two below */
    int width, lanes;
} PackSpec;

typedef struct {
    LLVMValueRef from;          /* the first element */
    LLVMValueRef across, along; /* i64: steps from line to line, and along K, in elements */
    LLVMValueRef count;    /* lines of the source; those that the panel has beyond hold any finite numbers */
    LLVMValueRef k, units; /* elements of the source along K; units to write, zeros beyond k */
    LLVMValueRef to;
} PackArgs;

/* A few lines whose elements are contiguous along K, packed into a part of a panel, or into the end of one and the
 * beginning of the next. */
typedef struct {
    LLVMValueRef from;   /* the first element; f32 */
    LLVMValueRef across; /* i64: from line to line */
    LLVMValueRef count;  /* lines, `lanes` at most */
    LLVMValueRef units;  /* of each: a multiple of `lanes` */
    LLVMValueRef to;     /* the first line's first unit */
    LLVMValueRef room;   /* lines that the panel has from there on */
    LLVMValueRef jump;   /* units from where the line after those would lie to where it does */
} PackBlock;
void pack_block_call(FunctionBuilder *fb, const PackSpec *spec, const PackBlock *block);

/* Where lines lie side by side in the source (PACK_ACROSS), callers pack so many rows for all panels before they go on,
 * so that memory is read in order. */
enum { PACK_ROWS_AT_ONCE = 32 };

/* Emits a call of the packer. Where lines do not lie side by side a panel may be written up to a vector beyond its
 * end. */
void pack_call(FunctionBuilder *fb, const PackSpec *spec, const PackArgs *args);

#endif
