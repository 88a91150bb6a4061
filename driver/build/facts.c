/* What the header of a library tells of its recipe: see library.h. */
#include "driver/build/library.h"
#include "runtime/base/dtype.h"
#include "runtime/evaluation/features.h"

#include <math.h>
#include <string.h>

typedef struct {
    FILE *out;
    const char *symbol;
    const VtProgram *program; /* without code: no calls, states and constants */
} Facts;

/* ---- the program, as far as the interface shows it --------------------------------------------------------------- */

static VtTensor tensor_of(const char *name, const Type *type) {
    VtTensor tensor = {.name = name, .dtype = type->dtype, .rank = type->rank};
    for (int d = 0; d < type->rank; d++) tensor.dim[d] = type->dim[d];
    return tensor;
}

static int32_t number_of(const VtProgram *plan, const char *name) {
    int32_t i = 0;
    while (strcmp(plan->inputs[i].tensor.name, name) != 0) i++;
    return i;
}

static VtFunction function_of(Arena *arena, const VtProgram *plan, const Func *f) {
    int32_t *inputs = ARENA_ARRAY(arena, int32_t, f->n_inputs + 1);
    VtOutput *outputs = ARENA_ARRAY(arena, VtOutput, f->n_outputs + 1);
    for (size_t i = 0; i < f->n_inputs; i++) inputs[i] = number_of(plan, f->inputs[i].name);
    for (size_t i = 0; i < f->n_outputs; i++) {
        outputs[i] = (VtOutput){tensor_of(f->outputs[i].name, func_type(f, f->outputs[i].value)),
                                (int32_t)f->outputs[i].role};
    }
    return (VtFunction){.name = f->name,
                        .inputs = inputs,
                        .n_inputs = (int32_t)f->n_inputs,
                        .outputs = outputs,
                        .n_outputs = (int32_t)f->n_outputs};
}

static const VtProgram *program_of(Build *b) {
    const Module *module = b->sessions[0].recipe.module;
    VtProgram *program = ARENA_NEW(b->arena, VtProgram);
    VtFunction *functions = ARENA_ARRAY(b->arena, VtFunction, module->n_funcs + 1);
    *program = b->sessions[0].recipe.plan;
    program->functions = functions;
    for (size_t f = 0; f < module->n_funcs; f++)
        if (!module->funcs[f]->body)
            functions[program->n_functions++] = function_of(b->arena, program, module->funcs[f]);
    return program;
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

/* In a comment, on one line. */
static void say(FILE *out, const char *text) {
    for (; *text; text++) {
        if (text[0] == '*' && text[1] == '/')
            fputs("* ", out);
        else
            fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
}

static void say_shape(FILE *out, const VtTensor *tensor) {
    static const char *const types[] = {"f32", "f64", "bf16", "i32", "i64", "bool"};
    fputs(types[tensor->dtype], out);
    for (int d = 0; d < tensor->rank; d++) fprintf(out, "%s%lld", d ? ", " : "[", (long long)tensor->dim[d]);
    if (tensor->rank) fputc(']', out);
}

static void define(const Facts *f, const char *name, long long value) {
    fprintf(f->out, "#define %s_%s %lld\n", f->symbol, name, value);
}

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

/* A name as part of a constant's: "view.0" is view_0. What would then be called as one before gets a number. */
static const char *constant_of(Arena *arena, const VtProgram *p, int input) {
    char *name = arena_printf(arena, "INPUT_%s", p->inputs[input].tensor.name);
    for (char *c = name; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!letter) *c = '_';
    }
    for (int i = 0; i < input; i++)
        if (vt_input_is_given(p, i) && strcmp(constant_of(arena, p, i), name) == 0)
            return arena_printf(arena, "%s_%d", name, input);
    return name;
}

static const char *meaning_of(const VtInput *input) {
    switch (input->source) {
    case VT_SOURCE_LABEL: return "the class of each image, -1: none";
    case VT_SOURCE_INDEX: return "the place of each image in the data";
    case VT_SOURCE_VIEW: return "a view of each image";
    default: return "as the recipe says";
    }
}

static void tell_inputs(const Facts *f, Arena *arena) {
    static const char *const types[] = {"F32", "F64", "BF16", "I32", "I64", "BOOL"};
    int n = 0;
    fprintf(f->out, "\n/* What %s_step_with is given, in this order. */\n", f->symbol);
    for (int i = 0; i < f->program->n_inputs; i++) n += vt_input_is_given(f->program, i);
    define(f, "INPUTS", n);
    for (int i = 0, k = 0; i < f->program->n_inputs; i++) {
        const VtTensor *tensor = &f->program->inputs[i].tensor;
        if (!vt_input_is_given(f->program, i)) continue;
        const char *name = constant_of(arena, f->program, i);
        fputs("/* ", f->out);
        say(f->out, tensor->name);
        fputs(": ", f->out);
        say_shape(f->out, tensor);
        fprintf(f->out, ", %s */\n", meaning_of(&f->program->inputs[i]));
        define(f, name, k++);
        fprintf(f->out, "#define %s_%s_DTYPE %s_%s\n", f->symbol, name, f->symbol, types[tensor->dtype]);
        define(f, arena_printf(arena, "%s_ELEMENTS", name), vt_elements(tensor));
        define(f, arena_printf(arena, "%s_RANK", name), tensor->rank);
        for (int d = 0; d < tensor->rank; d++)
            define(f, arena_printf(arena, "%s_DIM_%d", name, d), tensor->dim[d]);
    }
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void tell_sources(const Facts *f) {
    const VtProgram *p = f->program;
    fprintf(f->out, "\n/* Sources of images, each a path of %s_open_data%s", f->symbol,
            p->n_sources > 1 ? ", in this order:" : ". */\n");
    for (int i = 0; p->n_sources > 1 && i < p->n_sources; i++) {
        fputs(i ? ", " : " ", f->out);
        say(f->out, p->sources[i].name);
    }
    if (p->n_sources > 1) fputs(". */\n", f->out);
    define(f, "SOURCES", p->n_sources);
    define(f, "BATCH", p->train.batch);
}

static void tell_encoder(const Facts *f) {
    const VtProgram *p = f->program;
    VtError error;
    int view;
    const VtFunction *embed = vt_find_embed(p, &view, &error);
    fprintf(f->out, "\n/* What %s_embed takes and gives%s */\n", f->symbol,
            embed ? ", an image." : ": nothing, the recipe has no `embed`.");
    define(f, "HAS_EMBED", embed != NULL);
    if (!embed) return;
    const VtTensor *images = &p->inputs[view].tensor;
    define(f, "IMAGE_CHANNELS", images->dim[1]);
    define(f, "IMAGE_SIZE", images->dim[2]);
    define(f, "IMAGE_ELEMENTS", vt_elements(images) / images->dim[0]);
    define(f, "FEATURES", embed->outputs[0].tensor.dim[1]);
    define(f, "EMBED_BATCH",
           images->dim[0]); /* images that are embedded at once: calls with as many are fastest */
}

/* "least to most", as far as there are bounds. */
static void say_range(FILE *out, const VtSetting *s) {
    if (isfinite(s->least)) fprintf(out, ", %s %g", s->least_excluded ? "above" : "at least", s->least);
    if (isfinite(s->most)) fprintf(out, ", %s %g", s->most_excluded ? "below" : "at most", s->most);
    if (s->whole) fputs(", whole", out);
}

static void tell_lists(const Facts *f) {
    const VtProgram *p = f->program;
    const VtFunction *step = vt_find_function(p, "step");
    fprintf(f->out, "\n/* Settings of %s_set, with the recipe's values:\n *\n", f->symbol);
    for (int i = 0; i < p->n_settings; i++) {
        const VtSetting *s = &p->settings[i];
        if (!vt_setting_is_of_steps(s)) continue;
        fputs(" *   ", f->out);
        say(f->out, s->key);
        fprintf(f->out, " = %.17g", s->value);
        say_range(f->out, s);
        if (s->help[0]) fputs(": ", f->out);
        say(f->out, s->help);
        fputc('\n', f->out);
    }
    fprintf(f->out, " *\n * Metrics of a step:\n *\n");
    for (int o = 0; step && o < step->n_outputs; o++) {
        if (step->outputs[o].tensor.rank) continue;
        fputs(" *   ", f->out);
        say(f->out, step->outputs[o].tensor.name);
        fputc('\n', f->out);
    }
    fputs(" */\n", f->out);
}

void library_facts(Build *b, FILE *out) {
    const Facts f = {.out = out, .symbol = b->symbol, .program = program_of(b)};
    fputs("/* ---- this model ", out);
    for (int i = 0; i < 99; i++) fputc('-', out);
    fputs(" */\n\n/* Recipe '", out);
    say(out, b->about.name);
    fputs("', for", out);
    for (int i = 0; i < b->n_targets; i++) fprintf(out, "%s %s", i ? "," : "", b->targets[i].name);
    fprintf(out, ". */\n#define %s_VERSION \"%s\" /* of the vitc that made it */\n", b->symbol,
            b->about.version);
    fprintf(out, "#define %s_RECIPE_HASH \"%s\"\n", b->symbol, b->about.recipe_hash);
    tell_sources(&f);
    tell_inputs(&f, b->arena);
    tell_encoder(&f);
    tell_lists(&f);
    fputc('\n', out);
}
