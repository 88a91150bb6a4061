/* Profiles and traces of vitc bench: see profile.h. */
#include "driver/bench/profile.h"
#include "driver/report/machine_report.h"
#include "inspect/report/report_json.h"
#include "inspect/report/trace_events.h"
#include "ir/base/stream.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 10000 }; /* of which times are kept: a file has a number for each call and step */

/* A name that a recipe or a checkpoint cannot have: a file of this name is replaced. */
static bool is_json(const char *path, const char *flag) {
    size_t n = strlen(path);
    return (n > 5 && strcmp(path + n - 5, ".json") == 0) ||
           fail(2, "%s=%s: a file that ends in .json was expected", flag, path) < 0;
}

static bool can_write(const char *path, const char *flag) {
    VtError error;
    if (!path) return true;
    return is_json(path, flag) &&
           (vt_output_check(path, &error) || fail(error.code, "%s", error.message) < 0);
}

bool profile_asked(const Flag *profile, const Flag *trace, double steps, ProfileAsked *out) {
    *out = (ProfileAsked){
        .kernels = profile->given || trace->given, .file = profile->value, .events = trace->value};
    if (!can_write(out->file, "--profile") || !can_write(out->events, "--trace")) return false;
    if (out->file && out->events && strcmp(out->file, out->events) == 0)
        return fail(2, "--profile and --trace are to write the same file, '%s'", out->file) < 0;
    if (out->kernels && steps > MOST_STEPS)
        return fail(2, "--steps %.0f: a profile has at most %d steps", steps, MOST_STEPS) < 0;
    return true;
}

bool profile_open(Profile *p, const ProfileAsked *asked, Session *session, const Inspection *inspection,
                  VtInstance *instance, int n_steps, VtError *error) {
    const VtProgram *program = session->program;
    const VtFunction *step = vt_find_function(program, "step");
    *p = (Profile){.asked = *asked, .instance = instance, .n_calls = step->n_calls, .arena = session->arena};
    if (!asked->kernels) return true;
    if (!vt_instance_profile(instance, "step", error)) return false;
    p->times = ARENA_ARRAY(p->arena, double *, (size_t)n_steps + 1);
    if (inspection)
        p->measure = profile_begin(
            inspection, step, compiled_origins(session->compiled, (int)(step - program->functions)),
            vt_instance_spans(instance)->threads, n_steps, VITC_VERSION, machine_report(p->arena).processor);
    return true;
}

void profile_note(Profile *p, int step, double start, double end) {
    if (!p->asked.kernels) return;
    const VtSpans *spans = vt_instance_spans(p->instance);
    p->times[step] = ARENA_ARRAY(p->arena, double, (size_t)p->n_calls + 1);
    if (!vt_spans_times(spans, p->n_calls, p->times[step])) arena_must(NULL);
    if (p->measure) profile_add(p->measure, spans, p->times[step], start, end);
}

static bool write_text(const char *path, TextStream *stream, VtError *error) {
    size_t size;
    char *text = stream_end(stream, &size);
    bool good = vt_replace_with(path, 0666, text, size, error);
    free(text);
    return good;
}

bool profile_write(const Profile *p, VtError *error) {
    TextStream stream;
    if (p->asked.file) {
        report_write(profile_file_json(&p->measure->file), stream_begin(&stream));
        if (!write_text(p->asked.file, &stream, error)) return false;
    }
    if (!p->asked.events) return true;
    trace_events(p->measure, stream_begin(&stream));
    return write_text(p->asked.events, &stream, error);
}
