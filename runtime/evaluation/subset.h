/* Parts of the labelled images of a split, drawn at random class by class: few-shot training sets, held-out images. A
 * part is a list of labels beside the features: -1 for what is not in it, and so takes no part in anything. */
#ifndef VITC_RUNTIME_EVALUATION_SUBSET_H
#define VITC_RUNTIME_EVALUATION_SUBSET_H

#include "runtime/evaluation/features.h"

/* Images of each class: a number, or percent of those that it has. */
typedef struct {
    double value;
    bool percent;
} VtAmount;

typedef struct {
    const char *stream; /* random numbers are a function of this name, */
    uint64_t seed;      /* the seed, */
    uint64_t
        draw;  /* and this. What is drawn of one of them for an amount is among what is drawn for a larger */
    int least; /* images of a class, of what percent give */
} VtSubset;
/* Labels of those that are drawn, and of the others (either may be NULL): i32[features.n] of the caller's. Returns how
 * many are drawn; -1 with an error: a class has fewer images than `amount`, though not none. */
int64_t vt_subset_draw(const VtFeatures *features, VtAmount amount, const VtSubset *subset, int32_t *drawn,
                       int32_t *others, VtError *error);

#endif
