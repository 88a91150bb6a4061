/* Initial values that come from files: which tensor of a file is for which state, and reading them. */
#ifndef VITC_RUNTIME_PROGRAM_WEIGHTS_H
#define VITC_RUNTIME_PROGRAM_WEIGHTS_H

#include "runtime/base/error.h"
#include "runtime/program.h"

/* What a tensor of a file is called here by the first rule that matches; without one as there. In `out`, or `name`. */
const char *vt_renamed(const VtRename *rules, int n, const char *name, char *out, size_t size);

/* Where a file with a hash is now, far from where its recipe was compiled: at its path, or, if nothing is there, in the
 * current folder by the name that it had. */
const char *vt_weights_place(const VtWeights *weights);

typedef struct VtInitialWeights VtInitialWeights;
/* Opens n files and finds what of them is for which of the states; rules of VtWeights.rename are in `rules` already.
 * A tensor is taken for the state of its name, or where VtWeights.target is a network for the one of that name in it.
 * Errors: a file that cannot be read or has nothing that is wanted here, and shapes that differ, but for those of grids
 * (VtState.grid) and of single numbers. What is given stays the caller's and is used until the end. */
VtInitialWeights *vt_weights_open(const VtState *states, int n_states, const VtWeights *weights, int n,
                                  VtError *error);
void vt_weights_close(VtInitialWeights *weights);
int vt_weights_files(const VtInitialWeights *weights);
/* "encoder: 150 of 152 tensors from FILE; not in it: …; left of it: …" */
void vt_weights_describe(const VtInitialWeights *weights, int file, char *text, size_t size);
/* Reads them all into states[]; loaded[s] then says whether state s was among them. Values that are not finite are an
 * error. */
bool vt_weights_read(const VtInitialWeights *weights, void *const *states, bool *loaded, VtError *error);

#endif
