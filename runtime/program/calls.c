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
    VtTrack track;         /* what it does is recorded here; no spans: it is not */
    bool alone;            /* in a loop that this thread runs alone: nobody waits */
    uint32_t done, others; /* calls, and loops, that this thread is past; the others, as far as it knows */
    int32_t iteration[VT_MAX_LOOPS]; /* by depth */
} Walker;

/* `behind`: as VtCall has it. */
static void wait_for_others(Walker *w, int32_t behind) {
    if (w->threads == 1 || w->alone || !behind) return;
    uint32_t wanted = w->done + 1 - (uint32_t)behind;
    if ((int32_t)(w->others - wanted) < 0) w->others = vt_team_behind(w->thread, wanted);
}

/* Past so many more calls. */
static void pass(Walker *w, int calls) {
    if (w->threads == 1 || w->alone) return;
    w->done += (uint32_t)calls;
    vt_team_pass(w->thread, w->done);
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
    const VtCall *call = &w->run->function->calls[c];
    bool single = w->alone || call->single;
    if (!single || w->alone || (call->single - 1) % w->threads == w->thread) {
        wait_for_others(w, call->behind);
        run_call(w, c, -1, single ? 0 : w->thread, single ? 1 : w->threads);
    }
    pass(w, 1);
}

/* This thread's blocks, through all calls of the chain. */
static void run_chain(Walker *w, const VtChain *chain) {
    wait_for_others(w, w->run->function->calls[chain->first_call].behind);
    int from = (int)((int64_t)chain->blocks * w->thread / w->threads),
        to = (int)((int64_t)chain->blocks * (w->thread + 1) / w->threads);
    for (int block = from; block < to; block++)
        for (int c = chain->first_call; c < chain->first_call + chain->n_calls; c++)
            run_call(w, c, block, block, chain->blocks);
    pass(w, chain->n_calls);
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
    if (loop->barrier) wait_for_others(w, 1);
    w->alone = w->alone || loop->single;
    bool runs = !loop->single || w->thread == 0;
    for (int32_t t = 0; runs && t < loop->count && holds(w, loop); t++) {
        w->iteration[loop->depth] = loop->reverse ? loop->count - 1 - t : t;
        wait_for_others(w, 1); /* an iteration reads what the one before made */
        run_span(w, loop->first_call, loop->first_call + loop->n_calls, chain, number + 1);
    }
    w->alone = was_alone;
    pass(w, 1);
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
