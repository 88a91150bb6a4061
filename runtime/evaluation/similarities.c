/* Cosine similarities, a tile at a time: see similarities.h. */
#include "runtime/evaluation/similarities.h"
#include "runtime/base/error.h"
#include "runtime/base/stop.h"
#include "runtime/threads/team.h"

#include <stdlib.h>
#include <string.h>

static const char FUNCTION[] = "similarities";

bool vt_similarities_open(VtSimilarities *s, VtInstance *instance, const VtProgram *program, VtError *error) {
    const VtFunction *function = vt_find_function(program, FUNCTION);
    *s = (VtSimilarities){.instance = instance};
    if (!function || function->n_inputs != 2)
        return vt_fail(
            error, 2,
            "program '%s' has no function '%s', by which features are compared: it is of an older vitc; "
            "build it again",
            program->name, FUNCTION);
    s->queries = function->inputs[0];
    s->keys = function->inputs[1];
    s->rows = function->outputs[0].tensor.dim[0];
    s->columns = function->outputs[0].tensor.dim[1];
    s->width = program->inputs[s->queries].tensor.dim[1];
    s->out = vt_instance_output(instance, FUNCTION, function->outputs[0].tensor.name, NULL);
    s->inputs = calloc((size_t)program->n_inputs, sizeof *s->inputs);
    return s->inputs || vt_fail(error, 1, "out of memory");
}

void vt_similarities_close(VtSimilarities *s) {
    free(s->inputs);
    free(s->sum);
    *s = (VtSimilarities){0};
}

bool vt_similarities_directions(const VtSimilarities *s, const VtFeatures *features, bool keep_zero,
                                VtDirections *out, VtError *error) {
    int64_t padding = s->rows > s->columns ? s->rows : s->columns; /* a tile may begin at the last image */
    return vt_directions_make(out, features, keep_zero, s->width, padding, error);
}

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

typedef struct {
    VtSimilarities *s;
    const VtTileUse *use;
    VtTile tile;
    bool first; /* of the parts */
} Tiles;

static void add_part(void *user, int thread, int threads) {
    const Tiles *t = user;
    int64_t all = t->tile.n_queries * t->s->columns, from = all * thread / threads,
            to = all * (thread + 1) / threads;
    if (t->first)
        memcpy(t->s->sum + from, t->s->out + from, sizeof(float) * (size_t)(to - from));
    else
        for (int64_t i = from; i < to; i++) t->s->sum[i] += t->s->out[i];
}

static void take(void *user, int thread, int threads) {
    const Tiles *t = user;
    t->use->take(t->use->user, &t->tile, thread, threads);
}

static void finish(void *user, int thread, int threads) {
    const Tiles *t = user;
    t->use->finish(t->use->user, t->tile.query, t->tile.n_queries, thread, threads);
}

static bool multiply(Tiles *t, const VtDirections *queries, const VtDirections *keys, VtError *error) {
    VtSimilarities *s = t->s;
    t->tile.x = s->out;
    for (int64_t p = 0; p < queries->parts; p++) {
        s->inputs[s->queries] = queries->x + (p * queries->room + t->tile.query) * s->width;
        s->inputs[s->keys] = keys->x + (p * keys->room + t->tile.key) * s->width;
        if (!vt_instance_run(s->instance, FUNCTION, s->inputs, error)) return false;
        if (queries->parts == 1) return true;
        t->first = p == 0;
        vt_parallel(add_part, t);
    }
    t->tile.x = s->sum;
    return true;
}

bool vt_similarities_run(VtSimilarities *s, const VtDirections *queries, const VtDirections *keys,
                         const VtTileUse *use, VtError *error) {
    Tiles t = {.s = s, .use = use, .tile.stride = s->columns};
    int64_t rows = use->rows > 0 && use->rows < s->rows ? use->rows : s->rows;
    if (queries->parts != keys->parts)
        return vt_fail(error, 1, "features of %lld columns are compared with others of %lld",
                       (long long)(queries->parts * queries->width), (long long)(keys->parts * keys->width));
    if (queries->parts > 1 && !s->sum &&
        !(s->sum = malloc(sizeof *s->sum * (size_t)(s->rows * s->columns) + 64)))
        return vt_fail(error, 1, "out of memory to compare features");
    for (; t.tile.query < queries->n; t.tile.query += rows) {
        t.tile.n_queries = queries->n - t.tile.query < rows ? queries->n - t.tile.query : rows;
        for (t.tile.key = 0; t.tile.key < keys->n; t.tile.key += s->columns) {
            t.tile.n_keys = keys->n - t.tile.key < s->columns ? keys->n - t.tile.key : s->columns;
            if (vt_stop_signal()) return vt_stopped(error);
            if (!multiply(&t, queries, keys, error)) return false;
            vt_parallel(take, &t);
        }
        vt_parallel(finish, &t);
    }
    return true;
}
