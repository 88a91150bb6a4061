/* Spans of a run: see spans.h. */
#include "runtime/program/spans.h"

#include <stdlib.h>
#include <string.h>

/* How often loops around call number c run it, at most. */
static double runs_of(const VtFunction *function, int c) {
    double runs = 1;
    for (int l = 0; l < function->n_loops; l++) {
        const VtLoop *loop = &function->loops[l];
        if (c >= loop->first_call && c < loop->first_call + loop->n_calls) runs *= loop->count;
    }
    return runs;
}

static double blocks_of(const VtFunction *function, int c, int thread, int threads) {
    for (int i = 0; i < function->n_chains; i++) {
        const VtChain *chain = &function->chains[i];
        if (c >= chain->first_call && c < chain->first_call + chain->n_calls)
            return (double)((int64_t)chain->blocks * (thread + 1) / threads -
                            (int64_t)chain->blocks * thread / threads);
    }
    return 1;
}

double vt_spans_needed(const VtFunction *function, int thread, int threads) {
    double all = 0;
    for (int c = 0; c < function->n_calls; c++)
        all += runs_of(function, c) * blocks_of(function, c, thread, threads);
    return all;
}

bool vt_spans_make(VtSpans *spans, const VtFunction *function, int threads) {
    bool good = (spans->tracks = calloc((size_t)threads, sizeof *spans->tracks)) != NULL;
    spans->threads = good ? threads : 0;
    for (int t = 0; good && t < threads; t++) {
        VtTrack *track = &spans->tracks[t];
        track->room = (size_t)vt_spans_needed(function, t, threads);
        track->spans = malloc((track->room + 1) * sizeof *track->spans);
        good = track->spans != NULL;
        if (good)
            memset(track->spans, 0,
                   (track->room + 1) * sizeof *track->spans); /* pages, before they are timed */
    }
    if (!good) vt_spans_free(spans);
    return good;
}

void vt_spans_free(VtSpans *spans) {
    for (int t = 0; t < spans->threads; t++) free(spans->tracks[t].spans);
    free(spans->tracks);
    *spans = (VtSpans){0};
}

/* ---- times ------------------------------------------------------------------------------------------------------- */

/* Of one thread: which span it is in or comes to next, and whether it is in it. */
typedef struct {
    size_t at;
    bool in;
} Cursor;

/* When the thread next enters or leaves a call; false: never. */
static bool next_change(const VtTrack *track, const Cursor *cursor, double *when) {
    if (cursor->at >= track->n) return false;
    *when = cursor->in ? track->spans[cursor->at].end : track->spans[cursor->at].start;
    return true;
}

bool vt_spans_times(const VtSpans *spans, int n_calls, double *times) {
    Cursor *cursors = calloc((size_t)spans->threads + 1, sizeof *cursors);
    int busy = 0;
    double now = 0;
    if (!cursors) return false;
    memset(times, 0, sizeof *times * (size_t)n_calls);
    for (;;) {
        int first = -1;
        double next = 0, when;
        for (int t = 0; t < spans->threads; t++)
            if (next_change(&spans->tracks[t], &cursors[t], &when) && (first < 0 || when < next)) {
                first = t;
                next = when;
            }
        if (first < 0) break;
        for (int t = 0; busy > 0 && t < spans->threads; t++)
            if (cursors[t].in) times[spans->tracks[t].spans[cursors[t].at].call] += (next - now) / busy;
        Cursor *cursor = &cursors[first];
        busy += cursor->in ? -1 : 1;
        cursor->at += cursor->in;
        cursor->in = !cursor->in;
        now = next;
    }
    free(cursors);
    return true;
}
