/* Features that were computed before: RUN/features/KEY.safetensors, or without a run a folder `features` in the user's
 * cache. The key is a SHA-256 of all that they depend on: the weights' bytes, the recipe as it is resolved with all
 * settings, target, the images and which of them, and vitc's own build. A file that is damaged, or cannot be read or
 * written, is as good as none; the folder is bounded ($VITC_CACHE_LIMIT, 8 GiB unless it is set). */
#ifndef VITC_COMMAND_EVAL_CACHE_H
#define VITC_COMMAND_EVAL_CACHE_H

#include "command/eval/encoded.h"

typedef struct {
    char folder[4096], path[4300]; /* path "": features are not kept */
} FeatureCache;
/* Where the features of a split are, or would be. */
void feature_cache_find(const EvalRequest *request, Encoder encoder, const VtDataset *data, const char *split,
                        FeatureCache *out);
/* False: there are none. Files with more broken images than are allowed are left to who computes them, to tell. */
bool feature_cache_read(const FeatureCache *cache, int64_t max_broken, VtFeatures *out);
void feature_cache_write(const FeatureCache *cache, const VtFeatures *features);

#endif
