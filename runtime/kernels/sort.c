/* argsort: a stable order of each line, by radix of whole keys where all of a line is wanted, by a heap where only the
 * first few are or an element has more than 32 bits. See irregular.h. */
#include "runtime/kernels/irregular.h"
#include "runtime/kernels/elements.h"

#include <stdbool.h>
#include <string.h>

/* One line to sort: elements, from x_base on, and places lie `stride` apart. */
typedef struct {
    const void *x;
    int32_t *order;
    int64_t x_base, stride;
    int dtype;
    bool descending;
} Line;

/* By value, NaN being above all numbers, then by place: so the order is the stable one. */
static bool comes_before(const Line *l, int32_t i, int32_t j) {
    double a = element_at(l->x, l->x_base + i * l->stride, l->dtype),
           b = element_at(l->x, l->x_base + j * l->stride, l->dtype);
    if (a < b || b < a) return (a < b) != l->descending;
    if ((a != a) != (b != b)) return (b != b) != l->descending;
    return i < j;
}

/* `place` goes into the heap of n places from its root `at` down: a parent comes after its children. */
static void sift_down(const Line *l, int32_t place, int64_t at, int64_t n) {
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && comes_before(l, l->order[child * l->stride], l->order[(child + 1) * l->stride]))
            child++;
        if (!comes_before(l, place, l->order[child * l->stride])) break;
        l->order[at * l->stride] = l->order[child * l->stride];
    }
    l->order[at * l->stride] = place;
}

/* The first `count` places of n in order: the heap holds the best so far, the last of them at its root. */
static void heap_sort(const Line *l, int64_t n, int64_t count) {
    for (int64_t j = 0; j < count; j++) l->order[j * l->stride] = (int32_t)j;
    for (int64_t at = count / 2 - 1; at >= 0; at--) sift_down(l, l->order[at * l->stride], at, count);
    for (int64_t j = count; j < n; j++)
        if (comes_before(l, (int32_t)j, l->order[0])) sift_down(l, (int32_t)j, 0, count);
    for (int64_t last = count - 1; last > 0; last--) {
        int32_t place = l->order[last * l->stride];
        l->order[last * l->stride] = l->order[0];
        sift_down(l, place, 0, last);
    }
}

/* ---- by radix ---------------------------------------------------------------------------------------------------- */

/* A number whose order among unsigned ones is that of the element, NaN above all; -0 and 0 are equal. */
static uint32_t key_of(const Line *l, int64_t j) {
    int64_t at = l->x_base + j * l->stride;
    uint32_t bits;
    if (l->dtype == VT_BOOL) return ((const uint8_t *)l->x)[at];
    if (l->dtype == VT_I32) return (uint32_t)((const int32_t *)l->x)[at] ^ 0x80000000u;
    float x = ((const float *)l->x)[at];
    if (x != x) return UINT32_MAX;
    if (x == 0) return 0x80000000u;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

enum { BITS = 8, BUCKETS = 1 << BITS, PASSES = 32 / BITS, FEW = 48 };

static void insertion_sort(uint64_t *items, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        uint64_t item = items[i];
        int64_t at = i;
        for (; at > 0 && items[at - 1] > item; at--) items[at] = items[at - 1];
        items[at] = item;
    }
}

/* Items by their upper halves, from the lowest byte on, each pass stable. Where the result is: `items` or `spare`. */
static uint64_t *radix_sort(uint64_t *items, uint64_t *spare, int64_t n) {
    int64_t counts[PASSES][BUCKETS] = {{0}};
    for (int64_t j = 0; j < n; j++)
        for (int p = 0; p < PASSES; p++) counts[p][items[j] >> (32 + p * BITS) & (BUCKETS - 1)]++;
    for (int p = 0; p < PASSES; p++) {
        int64_t begin = 0, *count = counts[p];
        int shift = 32 + p * BITS;
        if (count[items[0] >> shift & (BUCKETS - 1)] == n) continue; /* all alike */
        for (int b = 0; b < BUCKETS; b++) {
            int64_t size = count[b];
            count[b] = begin;
            begin += size;
        }
        for (int64_t j = 0; j < n; j++) spare[count[items[j] >> shift & (BUCKETS - 1)]++] = items[j];
        uint64_t *sorted = spare;
        spare = items;
        items = sorted;
    }
    return items;
}

/* `room` holds 2n items: a key above its place. */
static void sort_keys(const Line *l, int64_t n, int64_t count, uint64_t *room) {
    for (int64_t j = 0; j < n; j++) {
        uint32_t key = key_of(l, j);
        room[j] = (uint64_t)(l->descending ? ~key : key) << 32 | (uint64_t)j;
    }
    if (n <= FEW)
        insertion_sort(room, n);
    else
        room = radix_sort(room, room + n, n);
    for (int64_t j = 0; j < count; j++) l->order[j * l->stride] = (int32_t)(uint32_t)room[j];
}

void vt_kernel_argsort(void *const *args, int32_t thread, int32_t threads) {
    const int64_t *s = args[2];
    int64_t n = s[1], inner = s[2], count = s[5], from, to;
    share_of(s[0] * inner, thread, threads, &from, &to);
    for (int64_t i = from; i < to; i++) {
        int64_t block = i / inner * inner, column = i % inner;
        int32_t *order = (int32_t *)args[1] + block * count + column;
        Line line = {args[0], order, block * n + column, inner, (int)s[3], s[4]};
        if (s[6])
            sort_keys(&line, n, count, args[3]);
        else
            heap_sort(&line, n, count);
    }
}
