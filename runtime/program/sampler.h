/* Random inputs of a step. */
#ifndef VITC_RUNTIME_PROGRAM_SAMPLER_H
#define VITC_RUNTIME_PROGRAM_SAMPLER_H

#include "runtime/program.h"

/* Fills the storage of `tensor`, at `out`, for one step. */
void vt_draw_fill(const VtDraw *draw, const VtTensor *tensor, uint64_t seed, uint64_t step, void *out);

#endif
