/* The header of a .npy file, an array in NumPy's own form:
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#ifndef VITC_RUNTIME_IMAGES_NPY_H
#define VITC_RUNTIME_IMAGES_NPY_H

#include <stdbool.h>
#include <stdint.h>

enum { NPY_MAX_AXES = 4 };

typedef struct {
    int64_t at, size; /* where the elements begin, and their bytes to the end of the file */
    char type[8];     /* "|u1", "<i8", … */
    int rank;
    int64_t dim[NPY_MAX_AXES];
} NpyHeader;

/* False: no array in row-major order of at most four axes. */
bool npy_read_header(const uint8_t *bytes, int64_t size, NpyHeader *out);
/* Whether there are as many elements, of so many bytes each, as the axes say. */
bool npy_is_whole(const NpyHeader *header, int64_t element);

/* The header of an array in row-major order, always of the same length: it may be written again over another. type:
 * "<f4". */
enum { NPY_HEADER = 128 };
void npy_write_header(char out[NPY_HEADER], const char *type, const int64_t *dim, int rank);

#endif
