/* The k nearest: see neighbours.h. A query has room for some more than k candidates. Whatever is nearer than the k-th
 * nearest so far is put there; when the room is full the nearest k stay, and that bound rises. So most similarities
 * cost a comparison, and the few candidates no insertion into sorted rows. */
#include "runtime/evaluation/neighbours.h"
#include "runtime/base/error.h"
#include "runtime/threads/team.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LANES = 32, /* similarities that are looked at together, a bit each */
    GROUPS = LANES / 4,
    SLACK = 64, /* room beyond k, at least; LANES of it for what comes next */
    SHORT = 12  /* candidates that are sorted by insertion */
};
typedef float Floats __attribute__((vector_size(16), aligned(4)));
typedef int32_t Lane __attribute__((vector_size(16)));
#define MOST_BYTES ((int64_t)64 << 20) /* of candidates, unless those of one query are more */

/* A key and its similarity as one number: greater ones are nearer, of equally near ones the earlier key's. */
typedef uint64_t Candidate;

typedef struct {
    const VtNeighbourUse *use;
    int64_t room;          /* candidates of a query */
    Candidate *candidates; /* [rows][room] */
    int64_t *counts;       /* of each query */
    float *bounds;         /* the similarity of the k-th nearest so far */
    VtNeighbour *nearest;  /* [threads][k] */
} Search;

static Candidate candidate_of(float similarity, int64_t key) {
    uint32_t bits;
    similarity += 0.0f; /* -0 is 0 */
    memcpy(&bits, &similarity, sizeof bits);
    bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u; /* in the order of numbers */
    return (uint64_t)bits << 32 | (uint32_t)~(uint32_t)key;
}

static VtNeighbour neighbour_of(Candidate candidate) {
    VtNeighbour n = {.index = (int32_t)~(uint32_t)candidate};
    uint32_t bits = (uint32_t)(candidate >> 32);
    bits = bits & 0x80000000u ? bits & 0x7fffffffu : ~bits;
    memcpy(&n.similarity, &bits, sizeof bits);
    return n;
}

/* Puts those of x[0 … n - 1] that are greater than one of them before it, the others behind; returns where it is then.
 * Which one: the median of three. All are moved, so that no branch depends on them. */
static int64_t part(Candidate *x, int64_t n) {
    Candidate a = x[0], b = x[n / 2], c = x[n - 1],
              pivot = a > b ? (b > c   ? b
                               : a > c ? c
                                       : a)
                            : (a > c   ? a
                               : b > c ? c
                                       : b);
    int64_t at = pivot == a ? 0 : pivot == b ? n / 2 : n - 1, greater = 0;
    x[at] = x[n - 1];
    for (int64_t i = 0; i < n - 1; i++) {
        Candidate t = x[i];
        x[i] = x[greater];
        x[greater] = t;
        greater += t > pivot;
    }
    x[n - 1] = x[greater];
    x[greater] = pivot;
    return greater;
}

/* Moves the k greatest of n to the front; x[k - 1] is the least of them. All are different. */
static void select_greatest(Candidate *x, int64_t n, int64_t k) {
    for (int64_t low = 0, high = n; high - low > 1;) {
        int64_t at = low + part(x + low, high - low);
        if (at == k - 1) return;
        if (at < k - 1)
            low = at + 1;
        else
            high = at;
    }
}

/* The greatest first. */
static void sort(Candidate *x, int64_t n) {
    while (n > SHORT) {
        int64_t at = part(x, n);
        if (at < n / 2) {
            sort(x, at);
            x += at + 1;
            n -= at + 1;
        } else {
            sort(x + at + 1, n - at - 1);
            n = at;
        }
    }
    for (int64_t i = 1; i < n; i++) {
        Candidate c = x[i];
        int64_t k = i;
        for (; k > 0 && x[k - 1] < c; k--) x[k] = x[k - 1];
        x[k] = c;
    }
}

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

static void shrink(const Search *s, int64_t row) {
    int64_t k = s->use->k;
    Candidate *x = s->candidates + row * s->room;
    if (s->counts[row] < k) return;
    select_greatest(x, s->counts[row], k);
    s->counts[row] = k;
    s->bounds[row] = neighbour_of(x[k - 1]).similarity;
}

/* Which of LANES similarities are above the bound: of x[4·g + l], bit GROUPS·l + g. */
static uint32_t above(const float *x, float bound) {
    Lane found = {0};
#pragma GCC unroll 8
    for (int g = 0; g < GROUPS; g++) found |= (*(const Floats *)(x + 4 * g) > bound) & 1 << g;
    uint32_t bits = 0;
    for (int l = 3; l >= 0; l--) bits = bits << GROUPS | (uint32_t)found[l];
    return bits;
}

/* Those that `found` has of a block. Keys come in their order, so that one which is as near as the k-th so far is
 * behind it. */
static void put(const Search *s, int64_t row, const float *x, uint32_t found, int64_t key) {
    if (s->counts[row] + LANES > s->room) shrink(s, row);
    Candidate *candidates = s->candidates + row * s->room, *to = candidates + s->counts[row];
    for (; found; found &= found - 1) {
        int bit = __builtin_ctz(found), i = 4 * (bit % GROUPS) + bit / GROUPS;
        *to++ = candidate_of(x[i], key + i);
    }
    s->counts[row] = to - candidates;
}

/* Of fewer than LANES, the last of a tile. */
static void put_last(const Search *s, int64_t row, const float *x, int64_t n, int64_t key) {
    float block[LANES];
    for (int i = 0; i < LANES; i++) block[i] = i < n ? x[i] : NAN; /* above nothing */
    put(s, row, block, above(block, s->bounds[row]), key);
}

static void take(void *user, const VtTile *tile, int thread, int threads) {
    const Search *s = user;
    for (int64_t row = tile->n_queries * thread / threads; row < tile->n_queries * (thread + 1) / threads;
         row++) {
        const float *x = tile->x + row * tile->stride;
        int64_t k = 0;
        uint32_t found;
        if (tile->key == 0) {
            s->counts[row] = 0;
            s->bounds[row] = -INFINITY;
        }
        for (; k + LANES <= tile->n_keys; k += LANES)
            if ((found = above(x + k, s->bounds[row]))) put(s, row, x + k, found, tile->key + k);
        if (k < tile->n_keys) put_last(s, row, x + k, tile->n_keys - k, tile->key + k);
    }
}

static void finish(void *user, int64_t query, int64_t n_queries, int thread, int threads) {
    const Search *s = user;
    int64_t k = s->use->k;
    VtNeighbour *nearest = s->nearest + thread * k;
    for (int64_t row = n_queries * thread / threads; row < n_queries * (thread + 1) / threads; row++) {
        Candidate *x = s->candidates + row * s->room;
        shrink(s, row);
        sort(x, k);
        for (int64_t i = 0; i < k; i++) nearest[i] = neighbour_of(x[i]);
        s->use->visit(s->use->user, thread, query + row, nearest);
    }
}

bool vt_neighbours(VtSimilarities *similarities, const VtDirections *queries, const VtDirections *keys,
                   const VtNeighbourUse *use, VtError *error) {
    Search s = {.use = use, .room = use->k + use->k / 2 + SLACK};
    int64_t rows = MOST_BYTES / (s.room * (int64_t)sizeof *s.candidates);
    rows = rows < 1 ? 1 : rows < similarities->rows ? rows : similarities->rows;
    VtTileUse tiles = {&s, rows, take, finish};
    s.candidates = malloc(sizeof *s.candidates * (size_t)(rows * s.room));
    s.counts = calloc((size_t)rows, sizeof *s.counts);
    s.bounds = calloc((size_t)rows, sizeof *s.bounds);
    s.nearest = malloc(sizeof *s.nearest * (size_t)use->k * (size_t)vt_threads());
    bool good = s.candidates && s.counts && s.bounds && s.nearest;
    if (!good) vt_fail(error, 1, "out of memory for %d neighbours of each image", use->k);
    good = good && vt_similarities_run(similarities, queries, keys, &tiles, error);
    free(s.candidates);
    free(s.counts);
    free(s.bounds);
    free(s.nearest);
    return good;
}
