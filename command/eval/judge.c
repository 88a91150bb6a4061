/* A recipe over frozen features: see judge.h. */
#include "command/eval/judge.h"

#include <assert.h>
#include <stdarg.h>

void judge_set(JudgeSettings *s, const char *format, ...) {
    va_list arguments;
    assert(s->n < (int)(sizeof s->texts / sizeof *s->texts));
    va_start(arguments, format);
    vsnprintf(s->texts[s->n++], sizeof *s->texts, format, arguments);
    va_end(arguments);
}

void judge_set_list(JudgeSettings *s, const char *key, const Numbers *numbers) {
    char text[sizeof *s->texts];
    size_t used = 0;
    for (int i = 0; i < numbers->n && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.9g", i ? "," : "", numbers->values[i]);
    judge_set(s, "%.64s=[%.1200s]", key, numbers->n ? text : "");
}

static void tell(void *user, int64_t step, int64_t total, double loss) {
    Judge *judge = user;
    char detail[64];
    snprintf(detail, sizeof detail, "mean loss %.4f", loss / (judge->count ? judge->count : 1));
    progress_tell(&judge->progress, step, total, detail);
}

/* NULL after telling. */
static Made *make(const EvalRequest *r, const char *name, const JudgeSettings *settings) {
    const Frozen *f = &r->frozen;
    Arguments args = {.n_words = 0};
    char path[4096], recipe[64];
    snprintf(recipe, sizeof recipe, "eval/%s", name);
    if (!command->find_recipe(recipe, path, sizeof path)) {
        fail(1, "there is no recipe %s in vitc's models", recipe);
        return NULL;
    }
    for (int i = 0; i < settings->n; i++) args.overrides[args.n_overrides++] = settings->texts[i];
    return command->make(&(MakeRequest){.recipe = path,
                                        .args = &args,
                                        .flags = f->flags + N_FROZEN_FLAGS,
                                        .target = f->flags[FROZEN_TARGET].value,
                                        .target_given = true});
}

bool judge_open(const EvalRequest *r, const char *name, const JudgeSettings *settings, int classes,
                const char *what, Judge *out, VtError *error) {
    *out = (Judge){.made = make(r, name, settings), .progress = {.what = what}};
    if (!out->made) return false;
    const VtProgram *program = out->made->program;
    out->probe = (VtProbe){.instance = vt_instance_new(program, error),
                           .program = program,
                           .classes = classes,
                           .epochs = program->train.epochs,
                           .seed = (uint64_t)program->train.seed,
                           .tell = tell,
                           .user = out};
    if (!out->probe.instance || !vt_instance_init(out->probe.instance, out->probe.seed, error)) return false;
    out->count = vt_probe_count(&out->probe, NULL);
    return true;
}

void judge_close(Judge *judge) {
    vt_instance_free(judge->probe.instance);
    if (judge->made) command->unmake(judge->made);
    *judge = (Judge){.made = NULL};
}
