/* Walking the calls of a function: see calls.h. */
#include "runtime/program/calls.h"
#include "runtime/base/clock.h"
#include "runtime/threads/team.h"

#include <string.h>

/* What one thread knows during a run. */
typedef struct {
    const VtRun *run;
    int thread, threads;
    char *own;
    VtTrack track;                   /* what it does is recorded here; no spans: it is not */
    bool alone;                      /* in a loop that this thread runs alone: there are no barriers */
    int32_t iteration[VT_MAX_LOOPS]; /* by depth */
} Walker;

static void wait_for_others(const Walker *w) {
    if (!w->alone) vt_team_barrier();
}

/* ---- one call ---------------------------------------------------------------------------------------------------- */

static int64_t moved(const Walker *w, const VtArg *arg) {
    int64_t by = 0;
    for (int m = 0; m < arg->n_moves; m++) {
        const VtMove *move = &w->run->function->moves[arg->first_move + m];
        int32_t i = w->iteration[move->depth];
        by += (move->odd ? i & 1 : i) * move->step;
    }
    return by;
}

/* Where the argument lies for share `share`; `bound`: where it would if it were nothing of the thread's and did not
 * move. */
static void *place(Walker *w, const VtArg *arg, void *bound, int share) {
    uintptr_t at = (uintptr_t)bound;
    if (arg->kind == VT_ARG_ITERATION) return &w->iteration[arg->index];
    if (arg->kind == VT_ARG_SCRATCH) at = (uintptr_t)w->own + w->run->own_blocks;
    if (arg->kind == VT_ARG_BLOCK) at = (uintptr_t)w->own + (uintptr_t)(arg->offset - share * arg->step);
    return (void *)(at + (uintptr_t)moved(w, arg));
}

static void record(Walker *w, int c, int block, double start) {
    if (w->track.n < w->track.room) w->track.spans[w->track.n++] = (VtSpan){start, vt_now(), c, block};
}

/* Share `share` of `shares` of call number c; `block`: as VtSpan has it. */
static void run_call(Walker *w, int c, int block, int share, int shares) {
    const VtCall *call = &w->run->function->calls[c];
    const VtArg *described = &w->run->function->args[call->first_arg];
    double start = w->track.spans ? vt_now() : 0;
    void *filled[VT_MAX_OWN_ARGS], *const *args = &w->run->pointers[call->first_arg];
    for (int a = 0; a < call->n_args; a++) {
        int kind = described[a].kind;
        if (kind != VT_ARG_SCRATCH && kind != VT_ARG_BLOCK && kind != VT_ARG_ITERATION &&
            !described[a].n_moves)
            continue;
        if (args != filled) args = memcpy(filled, args, sizeof(void *) * (size_t)call->n_args);
        filled[a] = place(w, &described[a], filled[a], share);
    }
    call->kernel(args, share, shares);
    if (w->track.spans) record(w, c, block, start);
}

static void run_shared(Walker *w, int c) {
    if (w->alone || w->run->function->calls[c].single) {
        if (w->thread == 0) run_call(w, c, -1, 0, 1);
    } else
        run_call(w, c, -1, w->thread, w->threads);
}

/* This thread's blocks, through all calls of the chain. */
static void run_chain(Walker *w, const VtChain *chain) {
    int from = (int)((int64_t)chain->blocks * w->thread / w->threads),
        to = (int)((int64_t)chain->blocks * (w->thread + 1) / w->threads);
    for (int block = from; block < to; block++)
        for (int c = chain->first_call; c < chain->first_call + chain->n_calls; c++)
            run_call(w, c, block, block, chain->blocks);
}

/* ---- loops ------------------------------------------------------------------------------------------------------- */

/* Calls [first, end), the chains in them from number `chain` on and the loops from number `loop` on. */
static void run_span(Walker *w, int first, int end, int chain, int loop);

static bool holds(Walker *w, const VtLoop *loop) {
    if (loop->condition < 0) return true;
    const VtArg *arg = &w->run->function->args[loop->condition];
    const unsigned char *at = place(w, arg, w->run->pointers[loop->condition], 0);
    bool any = false;
    for (int b = 0; b < loop->condition_bytes; b++) any = any || at[b];
    return any;
}

static void run_loop(Walker *w, int number, int chain) {
    const VtLoop *loop = &w->run->function->loops[number];
    bool was_alone = w->alone;
    if (loop->barrier) wait_for_others(w);
    if (loop->single && w->thread != 0) return;
    w->alone = w->alone || loop->single;
    for (int32_t t = 0; t < loop->count && holds(w, loop); t++) {
        w->iteration[loop->depth] = loop->reverse ? loop->count - 1 - t : t;
        run_span(w, loop->first_call, loop->first_call + loop->n_calls, chain, number + 1);
    }
    w->alone = was_alone;
}

static void run_span(Walker *w, int first, int end, int chain, int loop) {
    const VtFunction *f = w->run->function;
    for (int c = first; c < end; c++) {
        while (chain < f->n_chains && f->chains[chain].first_call < c) chain++;
        if (loop < f->n_loops && f->loops[loop].first_call == c) {
            run_loop(w, loop, chain);
            c += f->loops[loop].n_calls - 1;
            loop += 1 + f->loops[loop].n_inside;
            continue;
        }
        if (f->calls[c].barrier) wait_for_others(w);
        if (chain < f->n_chains && f->chains[chain].first_call == c) {
            run_chain(w, &f->chains[chain]);
            c += f->chains[chain++].n_calls - 1;
        } else
            run_shared(w, c);
    }
}

void vt_run_calls(void *user, int thread, int threads) {
    const VtRun *run = user;
    Walker w = {
        .run = run, .thread = thread, .threads = threads, .own = run->own + (size_t)thread * run->own_stride};
    VtTrack *track = run->spans && thread < run->spans->threads ? &run->spans->tracks[thread] : NULL;
    if (track) w.track = (VtTrack){.spans = track->spans, .room = track->room};
    run_span(&w, 0, run->function->n_calls, 0, 0);
    if (!track) return;
    track->n = w.track.n;
    if (thread == 0) run->spans->ran = threads;
}
