/* vitc run: one function, once, on tensors from a file: how anyone checks vitc against another implementation. */
#include "driver/trace.h"
#include "frontend/recipe/catalog.h"
#include "inspect/inspect.h"
#include "driver/recipe_weights.h"

#include <stdlib.h>
#include <string.h>

/* ---- feeding ----------------------------------------------------------------------------------------------------- */

typedef struct {
    Session *s;
    const Func *func;
    VtTensorFile *file;
    int *entry_of_input, *entry_of_state; /* entries of the file, -1: none */
    void **inputs;
    char missing[4096];
    int n_missing;
    double per_epoch, step;
} Feed;

static void complain(Feed *f, const char *name, const char *what) {
    size_t used = strlen(f->missing);
    if (++f->n_missing <= 40) snprintf(f->missing + used, sizeof f->missing - used, "\n  %s: %s", name, what);
}

static bool fits(const VtTensor *want, const VtTensor *have) {
    if (want->rank == have->rank && memcmp(want->dim, have->dim, sizeof *want->dim * (size_t)want->rank) == 0)
        return true;
    return vt_elements(want) == 1 && vt_elements(have) == 1;
}

static int find_entry(Feed *f, const char **names, const VtTensor *want) {
    for (int i = 0; i < vt_tensors_count(f->file); i++) {
        VtTensor have;
        if (strcmp(names[i], want->name) != 0) continue;
        vt_tensors_type(f->file, i, &have);
        if (fits(want, &have)) return i;
        Type is = {.rank = (uint8_t)have.rank}, should = type_make((DType)want->dtype, want->rank, want->dim);
        memcpy(is.dim, have.dim, sizeof is.dim);
        complain(f, want->name,
                 arena_printf(f->s->arena, "the file has shape %s, the recipe wants %s",
                              strchr(type_text(f->s->arena, &is), '[')
                                  ? strchr(type_text(f->s->arena, &is), '[')
                                  : "[]",
                              type_text(f->s->arena, &should)));
        return -2;
    }
    return -1;
}

static bool is_read(const Feed *f, const char *input) {
    for (size_t i = 0; i < f->func->n_inputs; i++)
        if (strcmp(f->func->inputs[i].name, input) == 0) return true;
    return false;
}

/* What draws inside loops are made by, an iteration at a time: no tensor of the file could be all of them. */
static bool is_key(const VtProgram *p, int input) {
    return p->inputs[input].source == VT_SOURCE_DRAW &&
           p->draws[p->inputs[input].index].kind == catalog_find(SAMPLERS, "key");
}

static bool collect(Feed *f, const Renames *rules) {
    const VtProgram *p = f->s->program;
    int n = vt_tensors_count(f->file);
    const char **names = ARENA_ARRAY(f->s->arena, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        char text[1024];
        const char *name = vt_tensors_name(f->file, i),
                   *here = vt_renamed(rules->items, rules->count, name, text, sizeof text);
        names[i] = here == text ? arena_strdup(f->s->arena, text) : here;
    }
    f->entry_of_input = ARENA_ARRAY(f->s->arena, int, p->n_inputs + 1);
    f->entry_of_state = ARENA_ARRAY(f->s->arena, int, p->n_states + 1);
    for (int i = 0; i < p->n_inputs; i++) {
        int source = p->inputs[i].source;
        f->entry_of_input[i] = find_entry(f, names, &p->inputs[i].tensor);
        bool drawn = source == VT_SOURCE_DRAW && !is_key(p, i);
        bool needed = source == VT_SOURCE_VIEW || drawn || source == VT_SOURCE_FEED;
        if (f->entry_of_input[i] == -1 && needed && is_read(f, p->inputs[i].tensor.name))
            complain(f, p->inputs[i].tensor.name, "input missing from the file");
    }
    for (int i = 0; i < p->n_states; i++) {
        int role = p->states[i].role;
        if (role == VT_ROLE_DERIVED) { /* follows from the others */
            f->entry_of_state[i] = -1;
            continue;
        }
        f->entry_of_state[i] = find_entry(f, names, &p->states[i].tensor);
        bool made = p->states[i].init == VT_INIT_FUNCTION;
        if (f->entry_of_state[i] == -1 && !made && (role == VT_ROLE_PARAM || role == VT_ROLE_EMA))
            complain(f, p->states[i].tensor.name, "parameter missing from the file");
    }
    if (f->n_missing)
        fail(2, f->n_missing == 1 ? "%d tensor does not fit:%s" : "%d tensors do not fit:%s", f->n_missing,
             f->missing);
    return f->n_missing == 0;
}

static bool fill(Feed *f, VtInstance *instance, VtError *error) {
    const VtProgram *p = f->s->program;
    f->inputs = ARENA_ARRAY(f->s->arena, void *, p->n_inputs + 1);
    for (int i = 0; i < p->n_inputs; i++) {
        size_t bytes = vt_bytes(&p->inputs[i].tensor);
        f->inputs[i] = arena_alloc(f->s->arena, bytes + 64);
        f->inputs[i] = (void *)(((uintptr_t)f->inputs[i] + 63) & ~(uintptr_t)63);
        const double *scalar = vt_feed_scalar(p, i, &f->per_epoch);
        if (scalar) *(double *)f->inputs[i] = *scalar;
        if (is_key(p, i))
            vt_draw_fill(&p->draws[p->inputs[i].index], &p->inputs[i].tensor, (uint64_t)p->train.seed,
                         (uint64_t)f->step, f->inputs[i]);
        if (f->entry_of_input[i] >= 0 &&
            !vt_tensors_read(f->file, f->entry_of_input[i], p->inputs[i].tensor.dtype, f->inputs[i], error))
            return false;
    }
    for (int i = 0; i < p->n_states; i++)
        if (f->entry_of_state[i] >= 0 &&
            !vt_tensors_read(f->file, f->entry_of_state[i], p->states[i].tensor.dtype,
                             vt_instance_write_state(instance, i), error))
            return false;
    return true;
}

/* ---- the two ways to run ----------------------------------------------------------------------------------------- */

static double element(const void *data, int64_t i, int dtype) {
    switch (dtype) {
    case VT_F32: return ((const float *)data)[i];
    case VT_F64: return ((const double *)data)[i];
    case VT_I32: return ((const int32_t *)data)[i];
    case VT_I64: return (double)((const int64_t *)data)[i];
    default: return ((const uint8_t *)data)[i];
    }
}

static Tensor as_tensor(Arena *arena, const VtTensor *t, const void *data) {
    Tensor tensor = {.type = type_make((DType)t->dtype, t->rank, t->dim)};
    int64_t n = vt_elements(t);
    tensor.data = ARENA_ARRAY(arena, double, n + 1);
    for (int64_t i = 0; i < n; i++) tensor.data[i] = element(data, i, t->dtype);
    return tensor;
}

static const void *from_doubles(Arena *arena, const Tensor *tensor) {
    int64_t n = type_elements(&tensor->type);
    char *out = arena_alloc(arena, (size_t)type_bytes(&tensor->type) + 16);
    for (int64_t i = 0; i < n; i++) {
        double x = tensor->data[i];
        switch (tensor->type.dtype) {
        case DT_F32: ((float *)out)[i] = (float)x; break;
        case DT_F64: ((double *)out)[i] = x; break;
        case DT_I32: ((int32_t *)out)[i] = (int32_t)x; break;
        case DT_I64: ((int64_t *)out)[i] = (int64_t)x; break;
        default: out[i] = x != 0;
        }
    }
    return out;
}

static VtTensor vt_of(const char *name, const Type *type) {
    VtTensor t = {.name = name, .dtype = type->dtype, .rank = type->rank};
    memcpy(t.dim, type->dim, sizeof type->dim);
    return t;
}

/* Outputs under their names, states as after.NAME. */
static bool write_results(Session *s, const Func *func, const void *const *outputs, const void *const *states,
                          const char *path, VtError *error) {
    size_t n = func->n_outputs, n_states = s->recipe.module->n_states;
    VtNamedTensor *tensors = ARENA_ARRAY(s->arena, VtNamedTensor, n + n_states + 1);
    for (size_t i = 0; i < n; i++)
        tensors[i] = (VtNamedTensor){vt_of(func->outputs[i].name, func_type(func, func->outputs[i].value)),
                                     outputs[i]};
    for (size_t i = 0; i < n_states; i++) {
        const State *state = &s->recipe.module->states[i];
        if (state->role == ROLE_DERIVED) continue;
        tensors[n++] =
            (VtNamedTensor){vt_of(arena_printf(s->arena, "after.%s", state->name), &state->type), states[i]};
    }
    return vt_tensors_write(path, tensors, (int)n, NULL, error);
}

static bool interpret(Feed *f, VtInstance *instance, const char *out, VtError *error) {
    Session *s = f->s;
    const VtProgram *p = s->program;
    size_t n_states = f->func->module->n_states; /* without the derived ones, which come last */
    Tensor *inputs = ARENA_ARRAY(s->arena, Tensor, f->func->n_inputs + 1),
           *states = ARENA_ARRAY(s->arena, Tensor, n_states + 1);
    Tensor *outputs = ARENA_ARRAY(s->arena, Tensor, f->func->n_outputs + 1),
           *after = ARENA_ARRAY(s->arena, Tensor, n_states + 1);
    char message[512];
    for (size_t i = 0; i < f->func->n_inputs; i++)
        for (int j = 0; j < p->n_inputs; j++)
            if (strcmp(p->inputs[j].tensor.name, f->func->inputs[i].name) == 0)
                inputs[i] = as_tensor(s->arena, &p->inputs[j].tensor, f->inputs[j]);
    for (size_t i = 0; i < n_states; i++)
        states[i] = as_tensor(s->arena, &p->states[i].tensor, vt_instance_state(instance, (int)i));
    if (!func_interpret(f->func, inputs, states, outputs, after, s->arena, message, sizeof message))
        return vt_fail(error, 1, "%s", message);
    const void **output_data = ARENA_ARRAY(s->arena, const void *, f->func->n_outputs + 1),
               **state_data = ARENA_ARRAY(s->arena, const void *, n_states + 1);
    for (size_t i = 0; i < f->func->n_outputs; i++) output_data[i] = from_doubles(s->arena, &outputs[i]);
    for (size_t i = 0; i < n_states; i++) state_data[i] = from_doubles(s->arena, &after[i]);
    return write_results(s, f->func, output_data, state_data, out, error);
}

static bool run_compiled(Feed *f, VtInstance *instance, const char *out, VtError *error) {
    Session *s = f->s;
    if (!vt_instance_run(instance, f->func->name, f->inputs, error)) return false;
    size_t n_states = s->recipe.module->n_states;
    const void **outputs = ARENA_ARRAY(s->arena, const void *, f->func->n_outputs + 1),
               **states = ARENA_ARRAY(s->arena, const void *, n_states + 1);
    for (size_t i = 0; i < f->func->n_outputs; i++)
        outputs[i] = vt_instance_output(instance, f->func->name, f->func->outputs[i].name, NULL);
    for (size_t i = 0; i < n_states; i++) states[i] = vt_instance_state(instance, (int)i);
    return write_results(s, f->func, outputs, states, out, error);
}

/* False: something is not finite, and was told. */
static bool trace_first(const TraceRequest *request) {
    TraceResult result = trace_nonfinite(request);
    if (result == TRACE_CHANGED) fail(1, "not traced: the recipe has changed meanwhile");
    if (result == TRACE_FINITE) puts("every value that a result or a state depends on is finite");
    return result == TRACE_FINITE;
}

/* ---- the verb ---------------------------------------------------------------------------------------------------- */

enum {
    FUNCTION,
    IN,
    OUT,
    RENAME,
    INTERPRET,
    PRECISION,
    THREADS,
    TARGET,
    STEP,
    PER_EPOCH,
    TIMING,
    TRACE,
    STRICT,
    N_FLAGS
};
static const FlagRow FLAGS[N_FLAGS] = {
    [FUNCTION] = {"function", FLAG_VALUE, "NAME", COMPLETE_FUNCTION, "the function; `step` unless given"},
    [IN] = {"in", FLAG_VALUE, "A.safetensors", COMPLETE_FILE, "its inputs and states, by their names"},
    [OUT] = {"out", FLAG_VALUE, "B.safetensors", COMPLETE_FILE, "where outputs go, and states as after.NAME"},
    [RENAME] = {"rename", FLAG_VALUE, "NAMES.yaml", COMPLETE_FILE,
                "rules by which the file of --in calls tensors"},
    [INTERPRET] = {"interpret", FLAG_BARE, NULL, COMPLETE_NONE,
                   "interpret the graph instead, in double precision"},
    [PRECISION] = PRECISION_FLAG,
    [THREADS] = THREADS_FLAG,
    [TARGET] = TARGET_FLAG,
    [STEP] = {"step", FLAG_VALUE, "N", COMPLETE_NONE, "the number of the step, which schedules read (0)"},
    [PER_EPOCH] = {"steps-per-epoch", FLAG_VALUE, "N", COMPLETE_NONE,
                   "how many steps schedules take an epoch for (1)"},
    [TIMING] = TIMING_FLAG,
    [TRACE] = {"trace-nan", FLAG_BARE, NULL, COMPLETE_NONE,
               "tell the line of the recipe whose value is not finite first"},
    [STRICT] = STRICT_FLAG};
const FlagTable RUN_FLAGS = {FLAGS, N_FLAGS, NULL};

/* What is asked for. */
typedef struct {
    Flag flags[N_FLAGS];
    Arguments args;
    RecipeOptions options;
    const char *function;
    double threads, step, per_epoch;
} Request;

/* False after telling what is wrong; *code is then the exit code. */
static bool read_request(int argc, char **argv, Request *q, int *code) {
    VtError unwritable;
    *q = (Request){.per_epoch = 1};
    *code = 2;
    const Flag *flags = q->flags;
    if (!parse_arguments(argc, argv, q->flags, N_FLAGS, &q->args)) return false;
    if (q->args.n_words != 1 || !flags[IN].given || !flags[OUT].given)
        return fail(2, "vitc run RECIPE --function NAME --in A.safetensors --out B.safetensors") < 0;
    if (!whole_flag(&flags[THREADS], 1, 1024, &q->threads) || !whole_flag(&flags[STEP], 0, 1e12, &q->step) ||
        !number_flag(&flags[PER_EPOCH], 1e-6, 1e12, &q->per_epoch))
        return false;
    if (!vt_output_check(flags[OUT].value, &unwritable))
        return fail(*code = unwritable.code, "%s", unwritable.message) < 0;
    q->function = flags[FUNCTION].given ? flags[FUNCTION].value : "step";
    q->options = recipe_options(&q->args, &flags[STRICT]);
    q->options.with_gradients = q->options.with_values = q->options.draws_fed = true;
    return true;
}

/* Of what is interpreted nothing is compiled but how states begin: functions that give nothing are empty. Bodies of
 * loops, which have a number behind their name, stay: that of @init may be one. */
static void empty_functions(Module *module) {
    for (size_t f = 0; f < module->n_funcs; f++) {
        Func *func = module->funcs[f];
        if (strcmp(func->name, "init") != 0 && !strchr(func->name, '.'))
            func->n_outputs = func->n_updates = 0;
    }
}

/* Compiles the recipe. *plain: its graph before expansion and fusion, which the interpreter runs, so that it checks
 * them too. */
static bool load_program(const Request *q, Session *s, Renames *rules, Module **plain) {
    const Flag *flags = q->flags;
    *rules = (Renames){0};
    if (!session_load(s, q->args.words[0], &q->options) ||
        (flags[RENAME].given && !read_renames(s->arena, s->diags, flags[RENAME].value, rules)))
        return false;
    *plain = module_clone(s->recipe.module, s->arena);
    if (!passes_run(*plain, PASSES_INTERPRET, NULL, s->diags)) return false;
    if (flags[INTERPRET].given && !flags[TRACE].given) empty_functions(s->recipe.module);
    if (!session_compile(s, flags[TARGET].value)) return false;
    if (flags[TIMING].given) timing_print(&s->timing);
    return true;
}

/* Runs the function on the tensors of the file, f->file. */
static bool run_function(const Request *q, Feed *f, VtInstance *instance, const Renames *rules,
                         VtError *error) {
    const Flag *flags = q->flags;
    Session *s = f->s;
    int counter = vt_instance_counter(instance);
    if (!vt_instance_init(instance, (uint64_t)s->program->train.seed, error)) return false;
    if (counter >= 0) *(double *)vt_instance_write_state(instance, counter) = q->step;
    if (!collect(f, rules) || !fill(f, instance, error)) return false;
    TraceRequest trace = {.path = q->args.words[0],
                          .options = &q->options,
                          .resolved = s->resolved,
                          .target_features = flags[TARGET].value,
                          .function = q->function,
                          .program = s->program,
                          .instance = instance,
                          .inputs = f->inputs};
    if (flags[TRACE].given && !trace_first(&trace)) {
        error->code = 1;
        return false;
    }
    return (flags[INTERPRET].given ? interpret : run_compiled)(f, instance, flags[OUT].value, error);
}

int verb_run(int argc, char **argv) {
    Request q;
    int code;
    if (!read_request(argc, argv, &q, &code)) return code;
    vt_set_threads((int)q.threads);
    Session s;
    VtError error = {.code = 2};
    Renames rules;
    Module *plain;
    bool good = load_program(&q, &s, &rules, &plain), done = false;
    VtInstance *instance = good ? vt_instance_new(s.program, &error) : NULL;
    Feed f = {.s = &s, .per_epoch = q.per_epoch, .step = q.step};
    if (instance) {
        f.func = module_find_func(q.flags[INTERPRET].given ? plain : s.recipe.module, q.function);
        if (!f.func) vt_fail(&error, 2, "%s", function_refusal(s.arena, s.recipe.module, q.function));
        f.file = f.func ? vt_tensors_open(q.flags[IN].value, &error) : NULL;
    }
    if (f.file) done = run_function(&q, &f, instance, &rules, &error);
    if (error.message[0]) fail(error.code, "%s", error.message);
    vt_tensors_close(f.file);
    vt_instance_free(instance);
    session_close(&s);
    return done ? 0 : error.code;
}
