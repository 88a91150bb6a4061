/* Trace events: see trace_events.h. */
#include "inspect/report/trace_events.h"
#include "inspect/report/memory_report.h"
#include "inspect/report/report_json.h"
#include "ir/plan/cost.h"
#include "runtime/files/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PROCESS = 1, STEPS_TRACK = 0 /* threads' tracks are 1, 2, … */ };

typedef struct {
    const ProfileMeasure *measure;
    FILE *out;
    bool any;      /* an event is written */
    double start;  /* of the first step */
    json_t **args; /* by call */
} Trace;

/* Takes the event over. */
static void put(Trace *t, json_t *event) {
    char *text = arena_must(vt_json_text(event, JSON_COMPACT | JSON_REAL_PRECISION(12)));
    fprintf(t->out, "%s\n%s", t->any ? "," : "", text);
    t->any = true;
    free(text);
    json_decref(event);
}

static json_t *begin(const char *name, const char *phase, int track) {
    json_t *event = report_object();
    report_put(event, "name", report_text(name));
    report_put(event, "ph", report_text(phase));
    report_put(event, "pid", json_integer(PROCESS));
    report_put(event, "tid", json_integer(track));
    return event;
}

/* Whole nanoseconds from the beginning of the first step: so that slices still follow each other when rounded. */
static double nanoseconds(const Trace *t, double when) {
    return when > t->start ? round((when - t->start) * 1e9) : 0;
}

static json_t *microseconds(double nanoseconds) {
    return arena_must(json_real(nanoseconds / 1e3));
}

static void put_slice(Trace *t, const char *name, const char *categories, int track, double start, double end,
                      json_t *args) {
    json_t *event = begin(name, "X", track);
    report_put(event, "cat", report_text(categories));
    report_put(event, "ts", microseconds(nanoseconds(t, start)));
    report_put(event, "dur", microseconds(nanoseconds(t, end) - nanoseconds(t, start)));
    report_put(event, "args", args);
    put(t, event);
}

/* Events that say what tracks are called, and in which order they are shown. */
static void put_track(Trace *t, int track, const char *name) {
    json_t *event = begin("thread_name", "M", track), *args = report_object();
    report_put(args, "name", report_text(name));
    report_put(event, "args", args);
    put(t, event);
    event = begin("thread_sort_index", "M", track);
    args = report_object();
    report_put(args, "sort_index", json_integer(track));
    report_put(event, "args", args);
    put(t, event);
}

static void put_tracks(Trace *t) {
    const ProfileFile *file = &t->measure->file;
    Arena *arena = t->measure->inspection->arena;
    json_t *event = begin("process_name", "M", STEPS_TRACK), *args = report_object();
    report_put(
        args, "name",
        report_text(arena_printf(arena, "vitc %s @%s, %s", file->recipe, file->function, file->target)));
    report_put(event, "args", args);
    put(t, event);
    put_track(t, STEPS_TRACK, "steps");
    for (int i = 0; i < file->threads; i++) put_track(t, i + 1, arena_printf(arena, "thread %d", i + 1));
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

/* What the IR calls "loops" and "column" is elementwise and a reduction to who reads traces. */
static const char *category(const char *kind) {
    static const char *const words[][2] = {{"loops", "elementwise"}, {"column", "reduction"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(kind, words[i][0]) == 0) return words[i][1];
    return kind;
}

/* "f32[8x64], 2 f32[32]": types of values, equal neighbours once. */
static const char *types_of(Arena *arena, const Func *func, const ValueId *values, size_t n) {
    const char *text = "";
    for (size_t i = 0, same; i < n; i += same) {
        const Type *type = func_type(func, values[i]);
        for (same = 1; i + same < n && type_equal(func_type(func, values[i + same]), type);) same++;
        text = arena_printf(arena, "%s%s", text, i ? ", " : "");
        if (same > 1) text = arena_printf(arena, "%s%zu ", text, same);
        text = arena_printf(arena, "%s%s", text, type_text(arena, type));
    }
    return text;
}

/* "f32[8x64], f32[64x32] -> f32[8x32]": what the kernel reads, and what it stores. */
static const char *shapes(Arena *arena, const ProfileKernelOf *of) {
    const Kernel *kernel = of->kernel;
    const char *reads = types_of(arena, of->func, kernel->reads, kernel->n_reads);
    return arena_printf(arena, "%s%s-> %s", reads, *reads ? " " : "",
                        types_of(arena, of->func, kernel->stores, kernel->n_stores));
}

static json_t *args_of(const ProfileMeasure *m, size_t c) {
    const ProfileCall *call = &m->file.calls[c];
    const ProfileKernelOf *of = &m->kernels[c];
    Arena *arena = m->inspection->arena;
    json_t *args = report_object();
    report_put(args, "kernel", json_integer(call->kernel));
    if (strcmp(call->function, m->file.function) != 0) {
        report_put(args, "body", report_text(call->function));
        report_put(args, "loop", json_integer(call->outer));
    }
    if (*call->position) report_put(args, "position", report_text(call->position));
    if (of->kernel) {
        uint32_t number = func_node(of->func, of->named)->number;
        report_put(args, "value", report_text(arena_printf(arena, "%%%u", number)));
        report_put(args, "shapes", report_text(shapes(arena, of)));
    }
    report_put(args, "flops", report_number(call->flops));
    report_put(args, "bytes", report_number(call->bytes));
    return args;
}

static void put_span(Trace *t, const VtSpan *span, int thread) {
    const ProfileCall *call = &t->measure->file.calls[span->call];
    json_t *args =
        span->block < 0 ? json_incref(t->args[span->call]) : arena_must(json_copy(t->args[span->call]));
    char categories[64];
    if (span->block >= 0)
        report_put(args, "block", json_integer(span->block)); /* of a chain; amounts are of all */
    snprintf(categories, sizeof categories, "%s,%s", category(call->kind), call->phase);
    put_slice(t, call->name, categories, thread + 1, span->start, span->end, args);
}

/* ---- the arena --------------------------------------------------------------------------------------------------- */

static void put_counter(Trace *t, double when, int64_t bytes) {
    json_t *event = begin("arena live", "C", STEPS_TRACK), *args = report_object();
    report_put(event, "ts", microseconds(nanoseconds(t, when)));
    report_put(args, "bytes", json_integer(bytes));
    report_put(event, "args", args);
    put(t, event);
}

/* Bytes live change when the first thread comes to a kernel of a higher number than any before. */
static void put_live(Trace *t, const MemoryReport *memory, const ProfileStep *step) {
    size_t *at = arena_must(calloc((size_t)step->spans.threads + 1, sizeof *at));
    int64_t seen = 0;
    for (;;) {
        const VtSpan *first = NULL;
        int of = 0;
        for (int i = 0; i < step->spans.threads; i++) {
            const VtTrack *track = &step->spans.tracks[i];
            const VtSpan *span = at[i] < track->n ? &track->spans[at[i]] : NULL;
            if (span && (!first || span->start < first->start)) {
                first = span;
                of = i;
            }
        }
        if (!first) break;
        at[of]++;
        int64_t kernel = t->measure->file.calls[first->call].outer;
        if (kernel <= seen || (size_t)kernel > memory->n_kernels) continue;
        seen = kernel;
        put_counter(t, first->start, memory->live[kernel - 1]);
    }
    free(at);
    put_counter(t, step->end, 0);
}

static void put_step(Trace *t, const MemoryReport *memory, int number) {
    const ProfileStep *step = &t->measure->steps[number];
    json_t *args = report_object();
    report_put(args, "step", json_integer(number + 1));
    char name[32];
    snprintf(name, sizeof name, "step %d", number + 1);
    put_slice(t, name, "step", STEPS_TRACK, step->start, step->end, args);
    for (int i = 0; i < step->spans.threads; i++)
        for (size_t s = 0; s < step->spans.tracks[i].n; s++) put_span(t, &step->spans.tracks[i].spans[s], i);
    put_live(t, memory, step);
}

void trace_events(const ProfileMeasure *measure, FILE *out) {
    Arena *arena = measure->inspection->arena;
    const ProfileFile *file = &measure->file;
    Trace t = {.measure = measure, .out = out, .start = measure->steps[0].start};
    MemoryReport memory = memory_report(arena, measure->inspection->func);
    t.args = ARENA_ARRAY(arena, json_t *, file->n_calls + 1);
    for (size_t c = 0; c < file->n_calls; c++) t.args[c] = args_of(measure, c);
    json_t *other = report_object();
    report_put(other, "recipe", report_text(file->recipe));
    report_put(other, "function", report_text(file->function));
    report_put(other, "target", report_text(file->target));
    report_put(other, "processor", report_text(file->processor));
    report_put(other, "version", report_text(file->version));
    report_put(other, "steps", json_integer(measure->n_kept));
    report_put(other, "steps_timed", json_integer(file->steps));
    char *text = arena_must(vt_json_text(other, JSON_COMPACT));
    fprintf(out, "{\"displayTimeUnit\":\"ms\",\"otherData\":%s,\"traceEvents\":[", text);
    free(text);
    json_decref(other);
    put_tracks(&t);
    for (int s = 0; s < measure->n_kept; s++) put_step(&t, &memory, s);
    fprintf(out, "\n]}\n");
    for (size_t c = 0; c < file->n_calls; c++) json_decref(t.args[c]);
}
