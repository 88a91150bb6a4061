/* Cosine similarities of many images with many, a tile at a time, by function "similarities" of the encoder's program
 * (frontend/elaborate/similarities.c): f32[Q, W] and f32[K, W] give f32[Q, K]. So a tile is a compiled matrix product,
 * and no more than a tile is in memory. Features that are wider than W are multiplied in parts and added up. */
#ifndef VITC_RUNTIME_EVALUATION_SIMILARITIES_H
#define VITC_RUNTIME_EVALUATION_SIMILARITIES_H

#include "runtime/evaluation/directions.h"
#include "runtime/program/instance.h"

typedef struct {
    VtInstance *instance;
    void **inputs;                /* by VtProgram.inputs; owned */
    int queries, keys;            /* which of them are the function's */
    int64_t rows, columns, width; /* Q, K and W */
    const float *out;             /* what the function wrote last */
    float *sum;                   /* of the parts so far; NULL until features have several; owned */
} VtSimilarities;
/* Refused: programs without the function, which were built before there was one. */
bool vt_similarities_open(VtSimilarities *out, VtInstance *instance, const VtProgram *program,
                          VtError *error);
void vt_similarities_close(VtSimilarities *similarities); /* zeroed ones too */

/* Both sides as directions for it: see directions.h. */
bool vt_similarities_directions(const VtSimilarities *similarities, const VtFeatures *features,
                                bool keep_zero, VtDirections *out, VtError *error);

typedef struct {
    int64_t query, n_queries, key, n_keys; /* which images of either side */
    const float *x;                        /* that of query + q and key + k is x[q * stride + k] */
    int64_t stride;
} VtTile;

/* What is done with tiles, on all threads of the team at once, each of which takes its share of the queries. */
typedef struct {
    void *user;
    int64_t rows; /* queries that are compared at once, at most; 0: a tile's */
    void (*take)(void *user, const VtTile *tile, int thread, int threads);
    /* All keys were taken of these queries, in their order. */
    void (*finish)(void *user, int64_t query, int64_t n_queries, int thread, int threads);
} VtTileUse;
/* Goes through all tiles, query by query. Polls vt_stop_signal(). */
bool vt_similarities_run(VtSimilarities *similarities, const VtDirections *queries, const VtDirections *keys,
                         const VtTileUse *use, VtError *error);

#endif
