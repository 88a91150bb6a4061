/* The header of a .npy file: see npy.h. */
#include "runtime/images/npy.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DIM ((int64_t)8 << 30)

/* The text behind 'key': in the dictionary that a .npy file begins with; NULL: it is not there. */
static const char *value_of(const char *header, const char *key) {
    const char *at = strstr(header, key);
    if (!at) return NULL;
    at += strlen(key);
    return at + strspn(at, "'\": ");
}

/* What the dictionary says of the array; false: it says something else than an array in C order of few axes. */
static bool read_dictionary(const char *header, NpyHeader *npy) {
    const char *type = value_of(header, "descr"), *order = value_of(header, "fortran_order"),
               *shape = value_of(header, "shape");
    if (!type || !order || !shape || strncmp(order, "False", 5) != 0 || *shape != '(') return false;
    size_t length = strcspn(type, "'\"");
    if (length >= sizeof npy->type) return false;
    memcpy(npy->type, type, length);
    for (const char *at = shape + 1; *at && *at != ')';) {
        char *end;
        long long n = strtoll(at, &end, 10);
        if (end == at || n < 0 || n > MAX_DIM || npy->rank == NPY_MAX_AXES) return false;
        npy->dim[npy->rank++] = n;
        at = end + strspn(end, ", L");
    }
    return true;
}

bool npy_read_header(const uint8_t *b, int64_t size, NpyHeader *out) {
    *out = (NpyHeader){0};
    bool good = size >= 12 && memcmp(b, "\x93NUMPY", 6) == 0 && b[6] >= 1 && b[6] <= 3;
    int64_t length = good ? b[8] | b[9] << 8 : 0, begin = 10;
    if (good && b[6] > 1) {
        length |= (int64_t)b[10] << 16 | (int64_t)b[11] << 24;
        begin = 12;
    }
    if (!good || length > 4096 || begin + length > size) return false;
    char header[4097];
    memcpy(header, b + begin, (size_t)length);
    header[length] = '\0';
    out->at = begin + length;
    out->size = size - out->at;
    return read_dictionary(header, out);
}

bool npy_is_whole(const NpyHeader *npy, int64_t element) {
    int64_t size = element;
    for (int k = 0; k < npy->rank; k++)
        if (__builtin_mul_overflow(size, npy->dim[k], &size)) return false;
    return size == npy->size;
}

void npy_write_header(char out[NPY_HEADER], const char *type, const int64_t *dim, int rank) {
    enum { BEGIN = 10 }; /* the magic, the version, and the length of the dictionary in two bytes */
    char text[NPY_HEADER - BEGIN];
    size_t n =
        (size_t)snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (int k = 0; k < rank; k++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%lld%s", (long long)dim[k],
                              rank == 1      ? ","
                              : k + 1 < rank ? ", "
                                             : "");
    n += (size_t)snprintf(text + n, sizeof text - n, "), }");
    memset(text + n, ' ', sizeof text - n);
    text[sizeof text - 1] = '\n';
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (char)sizeof text;
    out[9] = 0;
    memcpy(out + BEGIN, text, sizeof text);
}
