/* The index maps (Access) of a kernel in the text form: "over [i1, 2*i0 + i2, 3]" behind what it computes or reads says
 * for each dimension where in it the loops are. Loops of a prologue are p0, p1, …. What runs along the loops as they
 * come, dimension by dimension, goes without saying. */
#ifndef VITC_IR_TEXT_ACCESSES_H
#define VITC_IR_TEXT_ACCESSES_H

#include "ir/plan/plan.h"

#include <stdio.h>

typedef struct {
    ValueId value;
    uint32_t turn; /* several of one value stand in the order they came in */
    bool prologue; /* over the prologue's loops */
    const Access *access;
} ValueAccess;

/* At which a kernel computes its members, and reads values of others inside its loops; by value. */
typedef struct {
    const Func *func;
    const Kernel *kernel;
    ValueAccess *of;
    size_t n;
} KernelAccesses;

KernelAccesses accesses_of(Arena *arena, const Func *func, const Kernel *kernel);
/* The first of a value, and how many it has. */
const ValueAccess *accesses_find(const KernelAccesses *all, ValueId value, size_t *n);
/* The loops that it is an index map of. */
const Domain *accesses_domain(const KernelAccesses *all, const ValueAccess *one);

/* " over [i1, i0] and [i0, i1]"; nothing if the value has none, or says nothing by them. */
void accesses_print(FILE *out, const KernelAccesses *all, ValueId value);
/* The same of n that are given, whatever they say. */
void accesses_print_given(FILE *out, const KernelAccesses *all, const ValueAccess *of, size_t n);

#endif
