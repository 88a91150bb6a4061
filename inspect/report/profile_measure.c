/* Making a profile: see profile_measure.h. */
#include "inspect/report/profile_measure.h"
#include "inspect/phases.h"
#include "inspect/positions.h"
#include "ir/plan/cost.h"

#include <string.h>

enum { MOST_SPANS_KEPT = 200000 }; /* of all steps and threads: a trace of about 60 MB */

/* Of a function's values; those of a body are what its loop is. */
static Phase phase_of(const uint8_t *phases, const Func *func, uint32_t outer) {
    const Plan *plan = func->plan;
    ValueId value = outer < plan->n_kernels ? kernel_cost(func, &plan->kernels[outer]).named
                                            : plan->copies[outer - plan->n_kernels].value;
    return (Phase)phases[value];
}

static void describe(ProfileMeasure *m, const Positions *positions, const CallOrigin *origin,
                     const VtCall *from, ProfileCall *call, ProfileKernelOf *of) {
    const Plan *plan = origin->func->plan;
    bool copy = origin->kernel >= plan->n_kernels;
    Arena *arena = m->inspection->arena;
    *of = (ProfileKernelOf){origin->func, copy ? NULL : &plan->kernels[origin->kernel], IR_NONE};
    call->function = origin->func->name;
    call->kernel = copy ? 0 : (int64_t)origin->kernel + 1;
    call->outer = origin->outer < m->inspection->func->plan->n_kernels ? (int64_t)origin->outer + 1 : 0;
    call->name = from->name;
    call->kind = copy ? "copy" : kernel_kind_name(of->kernel);
    call->flops = from->flops;
    call->bytes = from->bytes;
    call->single = from->single;
    call->position = "";
    call->seconds = ARENA_ARRAY(arena, double, (size_t)m->file.steps + 1);
    call->thread_seconds = ARENA_ARRAY(arena, double, (size_t)m->file.threads + 1);
    if (copy) return;
    of->named = kernel_cost(origin->func, of->kernel).named;
    call->position = positions_text(arena, positions, func_node(origin->func, of->named)->loc);
}

ProfileMeasure *profile_begin(const Inspection *inspection, const VtFunction *step, const CallOrigin *origins,
                              int threads, int steps, const char *version, const char *processor) {
    Arena *arena = inspection->arena;
    ProfileMeasure *m = ARENA_NEW(arena, ProfileMeasure);
    *m = (ProfileMeasure){.inspection = inspection, .most_spans = MOST_SPANS_KEPT};
    m->file = (ProfileFile){.version = version,
                            .recipe = inspection->recipe,
                            .function = inspection->func->name,
                            .target = inspection->target,
                            .precision = precision_name(inspection->module->precision),
                            .digest = profile_digest(inspection),
                            .processor = processor,
                            .batch = inspection->module->batch,
                            .threads = threads,
                            .steps = steps,
                            .n_calls = (size_t)step->n_calls};
    m->file.seconds = ARENA_ARRAY(arena, double, (size_t)steps + 1);
    m->file.calls = ARENA_ARRAY(arena, ProfileCall, m->file.n_calls + 1);
    m->kernels = ARENA_ARRAY(arena, ProfileKernelOf, m->file.n_calls + 1);
    m->steps = ARENA_ARRAY(arena, ProfileStep, (size_t)steps + 1);
    Positions positions = positions_make(arena, inspection->diags);
    const uint8_t *phases = phases_of(inspection, inspection->func);
    for (size_t i = 0; i < m->file.n_calls; i++) {
        describe(m, &positions, &origins[i], &step->calls[i], &m->file.calls[i], &m->kernels[i]);
        m->file.calls[i].phase = PHASE_NAMES[phase_of(phases, inspection->func, origins[i].outer)];
    }
    return m;
}

static size_t count_spans(const VtSpans *spans) {
    size_t n = 0;
    for (int t = 0; t < spans->threads; t++) n += spans->tracks[t].n;
    return n;
}

static VtSpans keep(Arena *arena, const VtSpans *spans) {
    VtSpans copy = {.tracks = ARENA_ARRAY(arena, VtTrack, spans->threads + 1), .threads = spans->threads};
    for (int t = 0; t < spans->threads; t++) {
        size_t n = spans->tracks[t].n;
        copy.tracks[t] = (VtTrack){.spans = ARENA_ARRAY(arena, VtSpan, n + 1), .n = n, .room = n};
        if (n) memcpy(copy.tracks[t].spans, spans->tracks[t].spans, n * sizeof(VtSpan));
    }
    return copy;
}

void profile_add(ProfileMeasure *m, const VtSpans *spans, const double *times, double start, double end) {
    ProfileFile *file = &m->file;
    int step = m->n_added++;
    file->seconds[step] = end - start;
    for (size_t c = 0; c < file->n_calls; c++) file->calls[c].seconds[step] = times[c];
    for (int t = 0; t < spans->threads; t++)
        for (size_t i = 0; i < spans->tracks[t].n; i++) {
            const VtSpan *span = &spans->tracks[t].spans[i];
            file->calls[span->call].thread_seconds[t] += (span->end - span->start) / file->steps;
        }
    m->steps[step] = (ProfileStep){.start = start, .end = end};
    size_t n = count_spans(spans);
    if (m->n_kept != step || (step > 0 && m->n_spans + n > m->most_spans)) return;
    m->steps[step].spans = keep(m->inspection->arena, spans);
    m->n_spans += n;
    m->n_kept++;
}
