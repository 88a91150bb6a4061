/* What a target is: all that code for one kind of processor has of its own. A target is a file of codegen/target/
 * and a row of codegen/target/targets.def; nothing else knows it by name (CONTRIBUTING.md).
 *
 * Loops, addresses and arithmetic are LLVM's vectors, which it has for every processor. A target says how wide they
 * are, and supplies what LLVM would not find by itself: micro-kernels of matrix products, look-ups in small tables.
 * It is chosen by the features of the processor (runtime/machine/features.h), never by its name. */
#ifndef VITC_CODEGEN_TARGET_H
#define VITC_CODEGEN_TARGET_H

#include "ir/machine.h"
#include <llvm-c/Core.h>
#include <stdbool.h>
#include <stdint.h>

struct FunctionBuilder; /* codegen/emit/builder.h */

/* ---- matrix products --------------------------------------------------------------------------------------------- */

/* Eight tile registers of 16 rows of 64 bytes, by their numbers. Addresses are of f32s, or of pairs of bf16 as wide;
 * strides, from row to row, in these. */
enum { TILE_EDGE = 16, TILE_UNITS = TILE_EDGE * TILE_EDGE, N_TILES = 8 };
typedef struct {
    /* Around all products of one kernel; NULL: nothing to do. */
    void (*begin)(struct FunctionBuilder *fb);
    void (*end)(struct FunctionBuilder *fb);
    LLVMValueRef (*tile)(struct FunctionBuilder *fb, int number); /* what the others take for it */
    void (*load)(struct FunctionBuilder *fb, LLVMValueRef tile, LLVMValueRef from, int64_t stride);
    void (*store)(struct FunctionBuilder *fb, LLVMValueRef tile, LLVMValueRef to, int64_t stride);
    void (*zero)(struct FunctionBuilder *fb, LLVMValueRef tile);
    /* c[m][n] += a[m][k].first·b[k][n].first + a[m][k].second·b[k][n].second: f32s, of pairs of bf16 */
    void (*dot)(struct FunctionBuilder *fb, LLVMValueRef c, LLVMValueRef a, LLVMValueRef b);
} TileRegisters;

/* A micro-kernel (BLIS): it keeps an mr × nr tile of C in registers and adds to it, unit by unit along K, the
 * products of a panel of A and a panel of B. A unit is what lies in four bytes of a packed panel: an f32, or a pair
 * of bf16 that follow each other along K. It has one of `multiply_add`, `multiply_blocks` and `tiles`. */
typedef struct {
    const char *name; /* in the names of functions: "fma" */
    int mr, nr; /* rows and columns of the tile; nr is a multiple of lanes, and so is mr, unless it is less */
    int lanes;  /* columns that are left out together at the right edge of C */
    int unit_elements; /* 1: f32; 2: pairs of bf16 */
    int unit_step; /* panels have whole multiples of so many units along K, and those of A are in blocks (pack.h) */
    /* sum + x·y for vectors of `lanes` f32: x is one unit of A in every lane, y units of B. */
    LLVMValueRef (*multiply_add)(struct FunctionBuilder *fb, int lanes, LLVMValueRef x, LLVMValueRef y,
                                 LLVMValueRef sum);
    bool by_lane; /* x is best a lane of a longer vector, all of which takes it */
    /* sum + x·y for vectors of four f32, a matrix of two by two, row by row: x holds two units of a row of A, then two
     * of the next row, y two units of a column of B, then two of the next. unit_step is 2. */
    LLVMValueRef (*multiply_blocks)(struct FunctionBuilder *fb, LLVMValueRef x, LLVMValueRef y,
                                    LLVMValueRef sum);
    const TileRegisters *tiles; /* mr and nr are two tiles; unit_step is that of one */
} MicroKernel;

/* ---- the target -------------------------------------------------------------------------------------------------- */

/* Tables of 16 floats in registers: with them a function can be a short polynomial per interval, which takes half the
 * time of one long polynomial (vecmath.c). */
enum { TABLE_ENTRIES = 16 };
typedef struct {
    /* Of 16 lanes: table[the low four bits of the index]. */
    LLVMValueRef (*look_up)(struct FunctionBuilder *fb, LLVMValueRef table, LLVMValueRef index);
    /* y·2^⌊n⌋ of 16 lanes each; denormal results are rounded once. */
    LLVMValueRef (*scale)(struct FunctionBuilder *fb, LLVMValueRef y, LLVMValueRef n);
} TableMath;

/* What targets of one instruction set have in common. */
typedef struct {
    const char *name;   /* as triples begin: "x86_64" */
    const char *triple; /* that code is made for, whatever the host's is called */
    /* LLVM's name of a baseline processor; never the host's own, so that all hosts get the same code. */
    const char *cpu;
    /* Features that are not about what the processor can do, but about what LLVM is to choose: "-idivq-to-divl". */
    const char *preferences;
} Architecture;

typedef struct {
    const char *name; /* "x86-64-v4": --target */
    const Architecture *architecture;
    /* All that code may use, and a machine must have: "avx2,fma"; "": nothing but the architecture's baseline. */
    const char *features;
    const char *preferences; /* as those of the architecture; "": none */
    /* What a host must have besides for this to be its best: traits (features.h); NULL: nothing. */
    const char *traits;
    bool by_name_only; /* never chosen for a host, only asked for */
    /* Of machines that it is for, where no machine is known: code for a target that was named is the same wherever it
     * is made. No result depends on them. */
    int64_t cores, own_cache;
    int lanes;        /* f32 lanes of a vector */
    bool native_bf16; /* vectors of f32 become bf16 in one instruction, which LLVM knows */
    /* Of products of each precision. A micro-kernel of f32 units may serve bf16: factors are then rounded to bf16 as
     * they are packed. */
    const MicroKernel *micro[PRECISION_COUNT];
    const TableMath *tables; /* NULL: none */
} Target;

/* The targets, in the order in which they are tried: the first that the host has, with its traits, is chosen. */
const Target *const *target_all(int *n);
const Target *target_find(const char *name); /* also by what it was once called; NULL: there is none */

/* How products of a precision want their second operand packed; columns 0: it cannot be packed beforehand. */
PanelShape target_panel(const Target *target, Precision precision);
/* The tiles of the result that the micro-kernel of a precision computes. */
TileShape target_tile(const Target *target, Precision precision);

/* How many terms each factor of a product is split into when packed: 3 where bf16x3 is computed with pairs of bf16,
 * else 1. */
int micro_terms(const MicroKernel *micro, Precision precision);

#endif
