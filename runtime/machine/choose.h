/* Which variant of a built program this machine runs: the first, for the best stand first, of which it has every
 * feature and every trait (features.h); if there is none, every feature. Names of processors are never asked for.
 *
 * This is baseline code and runs before any code of a variant, and before there are threads: a machine that has none of
 * the targets gets a sentence, not a signal. */
#ifndef VITC_RUNTIME_MACHINE_CHOOSE_H
#define VITC_RUNTIME_MACHINE_CHOOSE_H

#include "runtime/built.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct {
    const VtVariant *variant; /* NULL: none, and then: */
    int code; /* 1: this machine runs none of them; 2: `target` is none of them, or does not run here */
    char message[1024]; /* a sentence */
} VtChoice;

/* target: a name among the variants; NULL or "native": the best. What a variant may only use with permission has been
 * permitted. */
VtChoice vt_choose_variant(const VtBuilt *built, const char *target);

/* Whether the machine has what the variant uses; if not, why: "this machine lacks avx512f". */
bool vt_variant_runs(const VtVariant *variant, char *why, size_t size);

/* A line a variant, for `--target list` and `info`: its name, and "chosen", "runs here too" or why it does not run.
 * `chosen`: NULL: none. */
void vt_print_variants(const VtBuilt *built, const VtVariant *chosen, FILE *out);

#endif
