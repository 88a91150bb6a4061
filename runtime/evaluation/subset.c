/* Parts of a split: see subset.h. */
#include "runtime/evaluation/subset.h"
#include "runtime/base/error.h"
#include "runtime/base/rng.h"

#include <math.h>
#include <stdlib.h>

/* How many images each class has, by class; *classes: how many there are. NULL with an error. */
static int64_t *count_classes(const VtFeatures *f, int *classes, VtError *error) {
    int most = 0;
    for (int64_t i = 0; i < f->n; i++) most = f->labels[i] >= most ? f->labels[i] + 1 : most;
    int64_t *counts = calloc((size_t)most + 1, sizeof *counts);
    if (!counts) return vt_fail(error, 1, "out of memory"), NULL;
    for (int64_t i = 0; i < f->n; i++)
        if (f->labels[i] >= 0) counts[f->labels[i]]++;
    *classes = most;
    return counts;
}

/* Of a class's images so many are wanted: counts[c] becomes that. */
static bool choose_counts(int64_t *counts, int classes, VtAmount amount, int least, VtError *error) {
    for (int c = 0; c < classes; c++) {
        if (counts[c] == 0) continue;
        double wanted = amount.percent ? floor((double)counts[c] * amount.value / 100 + 0.5) : amount.value;
        if (amount.percent && wanted < least) wanted = least < counts[c] ? least : (double)counts[c];
        if (wanted > (double)counts[c])
            return vt_fail(error, 2, "%.0f images of each class are wanted, and class %d has %lld among %s",
                           wanted, c, (long long)counts[c], "the labelled training images");
        counts[c] = (int64_t)wanted;
    }
    return true;
}

int64_t vt_subset_draw(const VtFeatures *f, VtAmount amount, const VtSubset *subset, int32_t *drawn,
                       int32_t *others, VtError *error) {
    int classes = 0;
    int64_t n = 0;
    int64_t *left = count_classes(f, &classes, error);
    int32_t *order = left ? malloc(sizeof *order * (size_t)f->n + 64) : NULL;
    if (left && !order) vt_fail(error, 1, "out of memory");
    bool good = order && choose_counts(left, classes, amount, subset->least, error);
    if (good) {
        VtRng rng = {.seed = subset->seed, .stream = vt_stream(subset->stream), .step = subset->draw};
        vt_rng_permutation(&rng, order, f->n);
    }
    for (int64_t i = 0; good && i < f->n; i++) {
        int32_t row = order[i], label = f->labels[row];
        bool takes = label >= 0 && left[label] > 0;
        if (takes) left[label]--;
        n += takes;
        if (drawn) drawn[row] = takes ? label : -1;
        if (others) others[row] = takes ? -1 : label;
    }
    free(left);
    free(order);
    return good ? n : -1;
}
