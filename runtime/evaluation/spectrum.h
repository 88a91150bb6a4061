/* How much of their space features fill. */
#ifndef VITC_RUNTIME_EVALUATION_SPECTRUM_H
#define VITC_RUNTIME_EVALUATION_SPECTRUM_H

#include "runtime/evaluation/features.h"

/* The effective rank of the matrix of features: exp of the entropy of its singular values, as shares of their sum (Roy
 * and Vetterli 2007; as a criterion for features: RankMe, Garrido et al. 2023). From 1 to dim; 0 if all are 0. Of many
 * images at most 4096, spread over the set, are taken. */
bool vt_effective_rank(const VtFeatures *features, double *rank, VtError *error);
/* The mean over dimensions of the standard deviation of L2-normalised features, times √dim: near 1 when they are spread
 * over the sphere, 0 when all are alike (Chen and He 2021, section 4.1). */
bool vt_feature_std(const VtFeatures *features, double *std, VtError *error);

#endif
