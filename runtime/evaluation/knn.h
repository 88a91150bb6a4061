/* Weighted k-NN (Wu et al. 2018, section 3.4), as the literature evaluates features: the k training images of largest
 * cosine similarity s vote exp(s / temperature). Images without a label, and training images of features 0, take no
 * part; a test image of features 0 is never right. Top-1 and top-5 count classes with votes alone; of equal votes the
 * class whose nearest image is nearer goes first, and of equally near images the earlier of the data set. */
#ifndef VITC_RUNTIME_EVALUATION_KNN_H
#define VITC_RUNTIME_EVALUATION_KNN_H

#include "runtime/evaluation/similarities.h"

typedef struct {
    const int *ks; /* numbers of neighbours, each from 1 to the training images that take part */
    int n_ks;
    const double *temperatures; /* each above 0 */
    int n_temperatures;
} VtKnn;
typedef struct {
    int k;
    double temperature;
    double top1, top5;        /* percent of `test` */
    int64_t train, test;      /* images that took part */
    int classes;              /* of the training images */
    int64_t unlabelled, zero; /* images without a label; with features that are all 0 */
} VtKnnResult;
/* One result for each of the temperatures and, within it, of the ks: results[t * n_ks + i]. One pass over the
 * similarities serves all. The instance is of a program with function "similarities". Refused: no labels, a single
 * class, features that are all zero. Polls vt_stop_signal(). */
bool vt_knn(VtInstance *instance, const VtProgram *program, const VtFeatures *train, const VtFeatures *test,
            const VtKnn *options, VtKnnResult *results, VtError *error);

#endif
