/* Retrieval: see retrieval.h. Where the relevant images stand among all is what counts, and no other order: each row of
 * similarities is sorted by digits, with a bit for relevance. */
#include "runtime/evaluation/retrieval.h"
#include "runtime/base/error.h"
#include "runtime/threads/team.h"

#include <stdlib.h>
#include <string.h>

const int vt_recall_at[VT_RECALLS] = {1, 5, 10};

enum { DIGIT = 11, DIGITS = 3, BUCKETS = 1 << DIGIT };
#define LEAST_BYTES ((int64_t)64 << 20) /* of rows of similarities */

typedef struct
{ /* a similarity and what it is of, as a number that is less the nearer it is: its upper 32 bits */
    uint64_t *from, *to;
    int64_t hits[VT_RECALLS], queries, alone;
} Scratch;

typedef struct {
    const VtDirections *database, *queries;
    bool within;
    int classes;        /* of the database */
    float *rows;        /* [queries at once][database] */
    double *precisions; /* of each query: its average precision */
    int threads;
    Scratch *scratch;
} Retrieval;

/* ---- a query ----------------------------------------------------------------------------------------------------- */

static uint64_t entry_of(float similarity, bool relevant) {
    uint32_t bits;
    similarity += 0.0f; /* -0 is 0 */
    memcpy(&bits, &similarity, sizeof bits);
    bits = bits & 0x80000000u ? bits : ~bits & 0x7fffffffu; /* from the greatest to the least */
    return (uint64_t)bits << 32 | relevant;
}

/* By the upper 32 bits, a digit at a time from the lowest on; equal ones keep their order. */
static void sort_entries(Scratch *d, int64_t n) {
    for (int digit = 0; digit < DIGITS; digit++) {
        int64_t places[BUCKETS] = {0}, at = 0;
        int shift = 32 + digit * DIGIT;
        for (int64_t i = 0; i < n; i++) places[d->from[i] >> shift & (BUCKETS - 1)]++;
        for (int b = 0; b < BUCKETS; b++) {
            int64_t count = places[b];
            places[b] = at;
            at += count;
        }
        for (int64_t i = 0; i < n; i++) d->to[places[d->from[i] >> shift & (BUCKETS - 1)]++] = d->from[i];
        uint64_t *sorted = d->to;
        d->to = d->from;
        d->from = sorted;
    }
}

/* Counts the query's hits. Returns its average precision. */
static double rank(const Retrieval *r, Scratch *d, int64_t query, const float *row) {
    int64_t n = 0, relevant = 0, found = 0;
    int32_t truth = r->queries->labels[query];
    double sum = 0;
    for (int64_t i = 0; i < r->database->n; i++) {
        if (r->within && i == query) continue;
        bool same = r->database->labels[i] == truth;
        relevant += same;
        d->from[n++] = entry_of(row[i], same);
    }
    d->alone += relevant == 0;
    if (relevant == 0) return 0;
    d->queries++;
    if (vt_direction_is_zero(r->queries, query)) return 0;
    sort_entries(d, n);
    for (int64_t i = 0; i < n; i++) {
        if (!(d->from[i] & 1)) continue;
        for (int k = 0; k < VT_RECALLS && found == 0; k++) d->hits[k] += i < vt_recall_at[k];
        sum += (double)++found / (double)(i + 1);
    }
    return sum / (double)relevant;
}

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

static void keep(void *user, const VtTile *tile, int thread, int threads) {
    const Retrieval *r = user;
    for (int64_t q = tile->n_queries * thread / threads; q < tile->n_queries * (thread + 1) / threads; q++)
        memcpy(r->rows + q * r->database->n + tile->key, tile->x + q * tile->stride,
               sizeof(float) * (size_t)tile->n_keys);
}

static void rank_all(void *user, int64_t query, int64_t n, int thread, int threads) {
    const Retrieval *r = user;
    for (int64_t q = n * thread / threads; q < n * (thread + 1) / threads; q++)
        r->precisions[query + q] = rank(r, &r->scratch[thread], query + q, r->rows + q * r->database->n);
}

/* ---- the door ---------------------------------------------------------------------------------------------------- */

static bool make_room(Retrieval *r, int64_t rows) {
    size_t n = (size_t)r->database->n;
    r->threads = vt_threads();
    r->rows = malloc(sizeof *r->rows * (size_t)rows * n);
    r->precisions = malloc(sizeof *r->precisions * (size_t)r->queries->n);
    r->scratch = calloc((size_t)r->threads, sizeof *r->scratch);
    bool good = r->rows && r->precisions && r->scratch;
    for (int t = 0; good && t < r->threads; t++) {
        r->scratch[t].from = malloc(sizeof *r->scratch[t].from * n);
        r->scratch[t].to = malloc(sizeof *r->scratch[t].to * n);
        good = r->scratch[t].from && r->scratch[t].to;
    }
    return good;
}

static void free_room(Retrieval *r) {
    for (int t = 0; r->scratch && t < r->threads; t++) {
        free(r->scratch[t].from);
        free(r->scratch[t].to);
    }
    free(r->scratch);
    free(r->precisions);
    free(r->rows);
}

static bool check_sides(Retrieval *r, VtError *error) {
    if (!vt_directions_check(r->database, "retrieval", "images of the database", error) ||
        !vt_directions_check(r->queries, "retrieval", "queries", error))
        return false;
    int32_t *classes = vt_directions_classes(r->database, &r->classes);
    free(classes);
    if (!classes) return vt_fail(error, 1, "out of memory in retrieval");
    return r->classes > 1 || vt_fail(error, 2,
                                     "all %lld images of the database are of one class: all are relevant, "
                                     "and that says nothing about "
                                     "the features",
                                     (long long)r->database->n);
}

static bool fill_result(const Retrieval *r, VtRetrievalResult *out, VtError *error) {
    const VtDirections *database = r->database, *queries = r->queries;
    *out = (VtRetrievalResult){.database = database->n,
                               .classes = r->classes,
                               .unlabelled = database->unlabelled + (r->within ? 0 : queries->unlabelled),
                               .zero = database->zero + (r->within ? 0 : queries->zero)};
    int64_t hits[VT_RECALLS] = {0};
    for (int t = 0; t < r->threads; t++) {
        out->queries += r->scratch[t].queries;
        out->alone += r->scratch[t].alone;
        for (int k = 0; k < VT_RECALLS; k++) hits[k] += r->scratch[t].hits[k];
    }
    if (out->queries == 0)
        return vt_fail(error, 2,
                       "no query has an image of its class in the database: there is nothing to retrieve");
    for (int64_t q = 0; q < queries->n; q++)
        out->map += r->precisions[q]; /* the same on any number of threads */
    out->map *= 100.0 / (double)out->queries;
    for (int k = 0; k < VT_RECALLS; k++) out->recall[k] = 100.0 * (double)hits[k] / (double)out->queries;
    return true;
}

bool vt_retrieval(VtInstance *instance, const VtProgram *program, const VtFeatures *database,
                  const VtFeatures *queries, VtRetrievalResult *result, VtError *error) {
    VtDirections a = {0}, b = {0};
    VtSimilarities similarities = {0};
    Retrieval r = {.database = &a, .queries = queries ? &b : &a, .within = !queries};
    bool good = vt_similarities_open(&similarities, instance, program, error) &&
                vt_similarities_directions(&similarities, database, false, &a, error) &&
                (!queries || vt_similarities_directions(&similarities, queries, true, &b, error)) &&
                check_sides(&r, error);
    if (good) {
        int64_t row = (int64_t)sizeof *r.rows * a.n, all = row * database->dim,
                rows = (all > LEAST_BYTES ? all : LEAST_BYTES) / row;
        VtTileUse tiles = {&r, rows < similarities.rows ? rows : similarities.rows, keep, rank_all};
        if (tiles.rows < 1) tiles.rows = 1;
        good = make_room(&r, tiles.rows) ||
               vt_fail(error, 1, "out of memory to rank %lld images", (long long)a.n);
        good = good && vt_similarities_run(&similarities, r.queries, &a, &tiles, error);
        good = good && fill_result(&r, result, error);
    }
    free_room(&r);
    vt_directions_free(&a);
    vt_directions_free(&b);
    vt_similarities_close(&similarities);
    return good;
}
