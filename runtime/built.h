/* What `vitc build` makes of a recipe: its program, once for each kind of processor, and what there is to know of it.
 * An object file of --emit=obj defines one symbol, NAME_program, a VtBuilt; command/ and library/ run it.
 *
 * Plain C11 data as in program.h: no pointers to mutable memory, every `const char *` is NUL-terminated UTF-8. */
#ifndef VITC_RUNTIME_BUILT_H
#define VITC_RUNTIME_BUILT_H

#include "runtime/program.h"

/* A micro-kernel: tile[r][c] = (or +=, if `accumulate`) the sum over units of a·b, for `rows` rows, the first `columns`
 * of `tile_columns` columns. A unit is four bytes: an f32, or a pair of bf16 that follow each other along K. `block`
 * units of a line of A follow each other: unit u of line r lies at a[r·line + ⌊u/block⌋·block·step + u mod block]; unit
 * u of column c of B at b[u·tile_columns + c]. `units` is a multiple of unit_step, of which K may fill a part. */
typedef struct {
    const char *name;
    void (*run)(const void *a, const void *b, int64_t units, float *tile);
    int32_t rows, columns, tile_columns;
    int32_t unit_elements, unit_step; /* of an f32: 1; of a pair of bf16: 2 */
    int32_t line, step, block;        /* in units */
    int32_t accumulate;
} VtMicro;

/* The program for one kind of processor. */
typedef struct {
    const char *target;   /* "x86-64-v3" */
    const char *features; /* all that its code uses, by the names of runtime/machine/features.h: "avx2,fma" */
    const char *traits;   /* what a machine is best to have besides; "": nothing */
    const char *machine;  /* what passes took the machine to be: "cores 2, cache 1048576" */
    const VtProgram *program;
    const VtMicro *micros; /* every one of the target's */
    int32_t n_micros;
} VtVariant;

/* A knob, and whether it is fixed or may be set when the program runs. */
typedef struct {
    const char *name, *value, *help; /* value: as the recipe has it; help: "" for none */
    int32_t fixed;
} VtKnob;

typedef struct {
    int32_t abi, n_variants, n_knobs;
    const char *name;                 /* of the recipe */
    const char *version, *llvm;       /* of vitc and LLVM that made it */
    const char *recipe, *recipe_hash; /* the resolved recipe; 64 digits of its SHA-256 */
    const VtKnob *knobs;
    const VtVariant *variants; /* the best first */
} VtBuilt;

#endif
