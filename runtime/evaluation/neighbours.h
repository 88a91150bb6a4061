/* The k images of a set that are nearest to each image of another, by cosine similarity. Only the best so far of the
 * images that a tile compares are in memory. */
#ifndef VITC_RUNTIME_EVALUATION_NEIGHBOURS_H
#define VITC_RUNTIME_EVALUATION_NEIGHBOURS_H

#include "runtime/evaluation/similarities.h"

typedef struct {
    float similarity;
    int32_t index; /* of the key */
} VtNeighbour;

typedef struct {
    int k; /* from 1 to the number of keys */
    void *user;
    /* The k nearest keys of a query, nearest first; of equally near ones the earlier. On all threads of the team. */
    void (*visit)(void *user, int thread, int64_t query, const VtNeighbour *nearest);
} VtNeighbourUse;
bool vt_neighbours(VtSimilarities *similarities, const VtDirections *queries, const VtDirections *keys,
                   const VtNeighbourUse *use, VtError *error);

#endif
