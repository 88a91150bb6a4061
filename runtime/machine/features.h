/* What the processor that we run on can do, by the names that LLVM has for it ("avx2", "avx512bf16"; without a +): a
 * feature is here if the processor has it and the operating system saves the registers that it uses. Code that asks is
 * code for the baseline of its architecture, so that it runs everywhere and can say what is missing.
 *
 * A trait is asked for by its name as a feature is, and says what a processor is good at: no code needs it, and LLVM
 * does not know it. "fast-bf16-dot": dot products of bf16 are faster than FMAs.
 *
 * VITC_CPU_WITHOUT=avx2,fma in the environment takes features away (there is no way to add one): so a machine can be
 * made to choose what a lesser one would. It is read once. */
#ifndef VITC_RUNTIME_MACHINE_FEATURES_H
#define VITC_RUNTIME_MACHINE_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

enum { VT_FEATURE_NAME = 32 };

/* The architecture that this code is for, as triples begin: "x86_64", "aarch64"; "" is another. */
extern const char vt_architecture[];

/* All features that are known of this architecture, without traits; *n: how many. */
const char *const *vt_feature_names(int *n);

/* A name that is not known is not here. */
bool vt_feature_here(const char *name);

/* Whether all of a list is here: "avx2,fma"; "" is. If not, the first one missing is in `missing` (cut to its size). */
bool vt_features_here(const char *list, char missing[VT_FEATURE_NAME]);

/* As if features of `without`, a list, were not here either. */
bool vt_features_here_without(const char *list, const char *without, char missing[VT_FEATURE_NAME]);

/* Asks the system for what it only gives on request, for all threads of the process: tile registers (amx-tile), whose
 * 8 KiB a thread the kernel then saves. It must be asked before code with these features runs, and costs nothing when
 * it is asked again. 0, or the errno of a refusal. */
int vt_features_permit(const char *list);

#endif
