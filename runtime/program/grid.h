/* Tables of values on a square grid, for a grid of another size. Used inside runtime/ only. */
#ifndef VITC_RUNTIME_PROGRAM_GRID_H
#define VITC_RUNTIME_PROGRAM_GRID_H

#include "runtime/base/error.h"
#include <stdint.h>

/* The edge of a square grid of so many places; 0: they are none. */
int64_t vt_grid_edge(int64_t places);
/* [from², width] to [to², width], row-major: bicubic (Keys 1981, a = -0.75) with half-pixel centres, no antialiasing,
 * samples beyond the edge repeat it; as torch.nn.functional.interpolate(mode='bicubic', align_corners=False). */
bool vt_grid_resize(const float *in, int64_t from, float *out, int64_t to, int64_t width, VtError *error);

#endif
