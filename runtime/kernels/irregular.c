/* Data-dependent kernels: see irregular.h. An index out of range takes no part: it reads as zeros and writes
 * nothing. */
#include "runtime/kernels/irregular.h"
#include "runtime/kernels/elements.h"

#include <stdbool.h>
#include <string.h>

static int64_t index_at(const void *index, int64_t i, bool wide) {
    return wide ? ((const int64_t *)index)[i] : ((const int32_t *)index)[i];
}

void vt_kernel_gather(void *const *args, int32_t thread, int32_t threads) {
    const int64_t *s = args[3];
    int64_t n = s[1], k = s[2], row = s[3], from, to;
    share_of(s[0] * k, thread, threads, &from, &to);
    for (int64_t i = from; i < to; i++) {
        int64_t at = index_at(args[1], i, s[4]);
        char *out = (char *)args[2] + i * row;
        if (at < 0 || at >= n)
            memset(out, 0, (size_t)row);
        else
            memcpy(out, (const char *)args[0] + (i / k * n + at) * row, (size_t)row);
    }
}

#define ADD_ROW(type)                                                                                        \
    for (int64_t c = 0; c < row; c++) ((type *)to)[c] += ((const type *)from)[c]

static void add_row(void *to, const void *from, int64_t row, int dtype) {
    switch (dtype) {
    case VT_F32: ADD_ROW(float); break;
    case VT_F64: ADD_ROW(double); break;
    case VT_I32: ADD_ROW(int32_t); break;
    default: ADD_ROW(int64_t);
    }
}

static void scatter(void *const *args, int32_t thread, int32_t threads, bool add) {
    static const int64_t sizes[] = {4, 8, 2, 4, 8, 1};
    const int64_t *s = args[4];
    int64_t n = s[1], k = s[2], row = s[3], size = sizes[s[5]], from, to;
    char *out = args[3];
    if (s[0] == 1) { /* one set of rows: threads share their columns */
        int64_t first, last;
        share_of(row, thread, threads, &first, &last);
        if (first == last) return;
        for (int64_t r = 0; r < n; r++)
            memcpy(out + (r * row + first) * size, (const char *)args[0] + (r * row + first) * size,
                   (size_t)((last - first) * size));
        for (int64_t i = 0; i < k; i++) {
            int64_t at = index_at(args[1], i, s[4]);
            if (at < 0 || at >= n) continue;
            char *target = out + (at * row + first) * size;
            const char *rows = (const char *)args[2] + (i * row + first) * size;
            if (add)
                add_row(target, rows, last - first, (int)s[5]);
            else
                memcpy(target, rows, (size_t)((last - first) * size));
        }
        return;
    }
    share_of(s[0], thread, threads, &from, &to);
    memcpy(out + from * n * row * size, (const char *)args[0] + from * n * row * size,
           (size_t)((to - from) * n * row * size));
    for (int64_t i = from * k; i < to * k; i++) {
        int64_t at = index_at(args[1], i, s[4]);
        if (at < 0 || at >= n) continue;
        char *target = out + (i / k * n + at) * row * size;
        const char *rows = (const char *)args[2] + i * row * size;
        if (add)
            add_row(target, rows, row, (int)s[5]);
        else
            memcpy(target, rows, (size_t)(row * size));
    }
}

void vt_kernel_scatter(void *const *args, int32_t thread, int32_t threads) {
    scatter(args, thread, threads, false);
}

void vt_kernel_scatter_add(void *const *args, int32_t thread, int32_t threads) {
    scatter(args, thread, threads, true);
}

void vt_kernel_argmax(void *const *args, int32_t thread, int32_t threads) {
    const int64_t *s = args[2];
    int64_t n = s[1], inner = s[2], from, to;
    share_of(s[0] * inner, thread, threads, &from, &to);
    for (int64_t i = from; i < to; i++) {
        int64_t base = i / inner * n * inner + i % inner, best = 0;
        for (int64_t j = 1; j < n; j++)
            if (element_at(args[0], base + j * inner, (int)s[3]) >
                element_at(args[0], base + best * inner, (int)s[3]))
                best = j;
        ((int32_t *)args[1])[i] = (int32_t)best;
    }
}

/* Sums in f64 of reals, in i64 of integers, as long as a column of sums fits; each is stored as it is met. */
#define SUM_LINES(type, sum)                                                                                 \
    for (int64_t c = first; c < last; c += COLUMNS) {                                                        \
        sum sums[COLUMNS] = {0};                                                                             \
        int64_t width = last - c < COLUMNS ? last - c : COLUMNS;                                             \
        for (int64_t k = 0; k < n; k++) {                                                                    \
            int64_t at = base + (reverse ? n - 1 - k : k) * inner + c;                                       \
            for (int64_t j = 0; j < width; j++)                                                              \
                ((type *)y)[at + j] = (type)(sums[j] += ((const type *)x)[at + j]);                          \
        }                                                                                                    \
    }

enum { COLUMNS = 64 };

/* Columns [first, last) of x[n][inner], which begins at element `base`. */
static void sum_along(const void *x, void *y, const int64_t *s, int64_t base, int64_t first, int64_t last) {
    int64_t n = s[1], inner = s[2];
    bool reverse = s[4];
    switch (s[3]) {
    case VT_F32: SUM_LINES(float, double); break;
    case VT_F64: SUM_LINES(double, double); break;
    case VT_I32: SUM_LINES(int32_t, uint64_t); break;
    default: SUM_LINES(int64_t, uint64_t);
    }
}

void vt_kernel_cumsum(void *const *args, int32_t thread, int32_t threads) {
    const int64_t *s = args[2];
    int64_t n = s[1], inner = s[2], from, to;
    share_of(s[0] * inner, thread, threads, &from, &to);
    while (from < to) { /* line by line, or the columns of one block at once */
        int64_t block = from / inner, end = (block + 1) * inner < to ? (block + 1) * inner : to;
        sum_along(args[0], args[1], s, block * n * inner, from - block * inner, end - block * inner);
        from = end;
    }
}

void vt_kernel_part(void *const *args, int32_t thread, int32_t threads) {
    const int64_t *s = args[2];
    vt_kernel_copy((void *[]){(char *)args[0] + s[0], args[1], (void *)&s[1]}, thread, threads);
}

void vt_kernel_copy(void *const *args, int32_t thread, int32_t threads) {
    int64_t from, to;
    share_of(((const int64_t *)args[2])[0], thread, threads, &from, &to);
    memmove((char *)args[1] + from, (const char *)args[0] + from, (size_t)(to - from));
}
