/* The frozen encoder over a data set, all features in memory. */
#include "runtime/evaluation/features.h"
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/evaluation/embedder.h"

#include <stdlib.h>
#include <string.h>

/* Takes the rows of a batch that are of good images. */
static void take(const VtEmbedded *batch, const VtDataset *dataset, const int64_t *indices, VtFeatures *out) {
    for (int64_t i = 0; i < batch->count; i++) {
        if (!batch->good[i]) continue;
        memcpy(out->values + out->n * out->dim, batch->rows + i * out->dim, sizeof(float) * (size_t)out->dim);
        out->labels[out->n++] = vt_dataset_label(dataset, indices[batch->first + i]);
    }
}

bool vt_encode(const VtEncode *r, VtFeatures *out, VtError *error) {
    int64_t all = vt_dataset_size(r->dataset), n = r->limit > 0 && r->limit < all ? r->limit : all;
    *out = (VtFeatures){0};
    int64_t *indices = malloc(sizeof *indices * (size_t)n + 64);
    if (!indices) return vt_fail(error, 1, "out of memory for the features of %lld images", (long long)n);
    vt_dataset_spread(r->dataset, n, indices);
    VtEmbedder *embedder =
        vt_embedder_new(r->instance, r->program, r->dataset, indices, n, r->max_broken, error);
    bool good = embedder && vt_embedder_crops(embedder, r->crops ? r->crops : 1, error);
    if (good) {
        out->dim = vt_embedder_dim(embedder);
        out->values = malloc(sizeof *out->values * (size_t)(n * out->dim) + 64);
        out->labels = malloc(sizeof *out->labels * (size_t)n + 64);
        good = out->values && out->labels;
        if (!good) vt_fail(error, 1, "out of memory for the features of %lld images", (long long)n);
    }
    VtEmbedded batch = {.count = 1};
    while (good && batch.count > 0) {
        good = vt_embedder_next(embedder, &batch, error);
        if (good) take(&batch, r->dataset, indices, out);
        if (good && batch.count && r->tell) r->tell(r->user, batch.first + batch.count, n);
    }
    if (good) out->broken = vt_embedder_broken(embedder, &out->first_broken);
    good = good && vt_embedder_finite(embedder, error);
    if (good && out->n == 0) good = vt_fail(error, 1, "no image of the data set can be read");
    vt_embedder_free(embedder);
    free(indices);
    if (!good) vt_features_free(out);
    return good;
}

int64_t vt_features_usable(const VtFeatures *features) {
    int64_t count = 0;
    for (int64_t i = 0; i < features->n; i++) {
        const float *row = features->values + i * features->dim;
        int64_t d = 0;
        while (d < features->dim && row[d] == 0) d++;
        count += features->labels[i] >= 0 && d < features->dim;
    }
    return count;
}

int vt_features_classes(const VtFeatures *train, const VtFeatures *test) {
    const VtFeatures *splits[] = {train, test};
    int most = 0;
    for (int s = 0; s < 2; s++)
        for (int64_t i = 0; i < splits[s]->n; i++)
            most = splits[s]->labels[i] >= most ? splits[s]->labels[i] + 1 : most;
    return most;
}

void vt_features_free(VtFeatures *features) {
    free(features->values);
    free(features->labels);
    *features = (VtFeatures){0};
}
