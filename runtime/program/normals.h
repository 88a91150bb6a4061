/* Many random numbers at once; used inside runtime/ only. */
#ifndef VITC_RUNTIME_PROGRAM_NORMALS_H
#define VITC_RUNTIME_PROGRAM_NORMALS_H

#include "runtime/base/rng.h"

/* Takes n normal numbers x from `rng`, whose index is even, and writes (float)(a + b * x) of those with |x| <= most,
 * one after another. The same to the last bit as from vt_rng_normal. Returns how many. */
int64_t vt_normals(VtRng *rng, int64_t n, double a, double b, double most, float *out);
/* Takes n numbers u of vt_rng_uniform and writes (float)(a + b * u), to the last bit. */
void vt_uniforms(VtRng *rng, int64_t n, double a, double b, float *out);

#endif
