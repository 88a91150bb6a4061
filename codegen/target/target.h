/* The machine the code is for: a row of the target table chosen by features, never by the processor's name. */
#ifndef VITC_CODEGEN_TARGET_H
#define VITC_CODEGEN_TARGET_H

#include "ir/machine.h"
#include <llvm-c/TargetMachine.h>
#include <stdbool.h>
#include <stdint.h>

/* What multiplies and adds in a matrix product's inner loop: see micro.h. */
typedef enum { MICRO_FMA, MICRO_DOT, MICRO_TILE } MicroKind;

typedef struct {
    const char *name; /* "avx512" */
    const char *
        requires;   /* features, all needed: "+avx512f,+avx512vl" */
    int lanes;      /* f32 lanes of a vector */
    int mr, nv;     /* the fp32 micro-kernel: rows, and vectors of columns */
    MicroKind bf16; /* for bf16 products; FMA: of rounded f32 */
    bool model;     /* tile registers are imitated; chosen by name alone */
} TargetRow;

typedef struct {
    const TargetRow *row;
    char *features; /* of LLVM, owned */
    char *triple;
    LLVMTargetMachineRef machine;
    Machine host; /* what is known of where this runs */
} Target;

/* `restrict_to`: NULL for all the host has; the name of a row ("avx2", "generic") to pretend that it has no more; or
 * features to add or take away ("-avx512f,…"). False with a message. */
bool target_open(Target *target, const char *restrict_to, char *error, size_t size);
void target_close(Target *target);
const TargetRow *target_rows(int *n);
const TargetRow *target_row(const char *name); /* NULL: there is none */
bool target_has_bf16(const TargetRow *row);    /* conversions between f32 and bf16 */
bool target_host_has(const TargetRow *row);

#endif
