/* Initial weights: see weights.h. */
#include "command/weights.h"

#include <stdlib.h>
#include <string.h>

bool hash_file(const char *path, char out[VT_HASH_TEXT]) {
    VtError error;
    return vt_file_hash(path, out, &error) || fail(error.code, "%s", error.message) < 0;
}

bool init_flags(const Flag *init, const Flag *rename, const Flag *only, InitFlags *out) {
    *out = (InitFlags){.path = init->value, .rename = rename->value, .only = only->value};
    if (init->given || (!rename->given && !only->given)) return true;
    return fail(2, "--rename and --only go with --init FILE.safetensors") < 0;
}

/* "a.*,b.*"; false: no memory. */
static bool split_patterns(const char *text, Weights *out, VtWeights *w) {
    out->only_text = strdup(text);
    out->only = malloc(sizeof *out->only * (strlen(text) + 1));
    if (!out->only_text || !out->only) return false;
    for (char *rest = out->only_text, *word; (word = strsep(&rest, ","));)
        if (*word) out->only[w->n_only++] = word;
    w->only = out->only;
    return true;
}

/* Rules and hash. */
static bool settle(Made *made, VtWeights *w, char hash[VT_HASH_TEXT]) {
    if (w->rename && !command->read_renames(made, w->rename, w)) return false;
    if (!command->compiles) w->path = vt_weights_place(w);
    if (!hash_file(w->path, hash)) return false;
    if (w->hash && strcmp(w->hash, hash) != 0)
        return fail(2, "'%s' is another file than it was: it has %s, the recipe wants %s", w->path, hash,
                    w->hash) < 0;
    w->hash = hash;
    return true;
}

bool weights_open(const VtProgram *p, Made *made, const InitFlags *init, bool of_recipe, Weights *out) {
    VtError error = {0};
    size_t most = (size_t)p->n_weights + 1;
    *out = (Weights){.items = calloc(most, sizeof *out->items), .hashes = calloc(most, sizeof *out->hashes)};
    bool good = out->items && out->hashes;
    for (int i = 0; good && of_recipe && i < p->n_weights; i++) out->items[out->count++] = p->weights[i];
    if (good && init->path) {
        VtWeights w = {.path = init->path, .rename = init->rename, .hash = init->hash};
        good = !init->only || split_patterns(init->only, out, &w);
        out->items[out->count++] = w;
    }
    if (!good) return fail(1, "out of memory") < 0;
    for (int i = 0; i < out->count; i++)
        if (!settle(made, &out->items[i], out->hashes[i])) return false;
    if (!out->count) return true;
    out->open = vt_weights_open(p->states, p->n_states, out->items, out->count, &error);
    return out->open || fail(error.code, "%s", error.message) < 0;
}

void weights_close(Weights *weights) {
    vt_weights_close(weights->open);
    free(weights->items);
    free(weights->hashes);
    free(weights->only_text);
    free(weights->only);
    *weights = (Weights){.count = 0};
}

void weights_tell(const Weights *weights, FILE *out) {
    char text[2048], shown[2048];
    for (int i = 0; weights->open && i < vt_weights_files(weights->open); i++) {
        vt_weights_describe(weights->open, i, text, sizeof text);
        fprintf(out, "%s\n", vt_show_text(text, shown, sizeof shown));
    }
}
