/* Retrieval: each query image ranks the images of a database by cosine similarity, of equally near ones the earlier
 * first; those of its class are relevant. Images without a label take no part, nor do images of the database whose
 * features are all 0; a query of features 0 finds nothing. Queries to which no image is relevant are counted and left
 * out, as the benchmarks of Radenović et al. 2018 do. */
#ifndef VITC_RUNTIME_EVALUATION_RETRIEVAL_H
#define VITC_RUNTIME_EVALUATION_RETRIEVAL_H

#include "runtime/evaluation/similarities.h"

#define VT_RECALLS 3
extern const int vt_recall_at[VT_RECALLS]; /* 1, 5, 10 */

typedef struct {
    /* Percent. A query's average precision is the mean, over the images that are relevant to it, of the share of
     * relevant ones among the images up to that one; `map` is its mean over queries. Recall at K: the share of queries
     * with a relevant image among the first K (Song et al. 2016). */
    double map, recall[VT_RECALLS];
    int64_t database, queries; /* images that took part */
    int64_t alone;             /* queries to which no image is relevant */
    int classes;               /* of the database */
    int64_t unlabelled, zero;  /* images without a label; with features that are all 0 */
} VtRetrievalResult;
/* queries NULL: the images of the database, each of which leaves itself out. Memory: rows of similarities to the whole
 * database, no more than the features of the database or 64 MiB take. Polls vt_stop_signal(). */
bool vt_retrieval(VtInstance *instance, const VtProgram *program, const VtFeatures *database,
                  const VtFeatures *queries, VtRetrievalResult *result, VtError *error);

#endif
