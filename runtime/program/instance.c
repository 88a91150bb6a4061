/* A program with memory: states and outputs in one mapping, and an arena that its functions share; running a function
 * walks its calls in one parallel region (calls.h). */
#include "runtime/program/instance.h"
#include "runtime/base/clock.h"
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/program/calls.h"
#include "runtime/program/initial.h"
#include "runtime/program/pages.h"
#include "runtime/threads/pace.h"
#include "runtime/threads/team.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

typedef struct {
    void **pointers; /* of each argument; scratch ones are per thread */
    void **outputs;
    Pace pace;
    bool small; /* all its calls are the first thread's: it is run alone, and no part of anyone's pace */
} Bound;

struct VtInstance {
    const VtProgram *program;
    void **states;
    Bound *functions;
    VtPages kept;  /* states, and the outputs of all functions */
    VtPages arena; /* of whichever function runs: what one leaves there no other reads */
    VtPages blocks;
    int profiled;  /* the function whose runs are recorded; -1: none */
    VtSpans spans; /* of it */
    bool stale;    /* states were written from outside: derived ones no longer follow from them */
    bool written;  /* someone may have written states */
    /* In `blocks`: scratch_bytes for each thread, of which the first own_bytes hold the blocks of chains. */
    char *scratch;
    size_t scratch_bytes, own_bytes;
    int scratch_threads;
    const VtInitialWeights *weights; /* NULL: none */
    int last;                        /* function that ran last; -1: none */
};

static void *base_of(VtInstance *instance, const Bound *bound, const VtArg *arg) {
    switch (arg->kind) {
    case VT_ARG_STATE: return instance->states[arg->index];
    case VT_ARG_OUTPUT: return bound->outputs[arg->index];
    case VT_ARG_ARENA: return instance->arena.memory;
    case VT_ARG_CONST: return (void *)instance->program->constants[arg->index];
    default: return NULL; /* the others come with the call */
    }
}

static size_t aligned(size_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* All that is kept between calls lies side by side: a tensor of its own pages would round each up to whole huge
 * ones. */
static bool allocate(VtInstance *instance) {
    const VtProgram *program = instance->program;
    size_t kept = 0, arena = 0, at = 0;
    for (int s = 0; s < program->n_states; s++) kept += aligned(vt_bytes(&program->states[s].tensor));
    for (int f = 0; f < program->n_functions; f++) {
        const VtFunction *function = &program->functions[f];
        for (int o = 0; o < function->n_outputs; o++) kept += aligned(vt_bytes(&function->outputs[o].tensor));
        if ((size_t)function->arena_bytes > arena) arena = (size_t)function->arena_bytes;
    }
    if (!vt_pages_get(&instance->kept, kept) || !vt_pages_get(&instance->arena, arena)) return false;
    for (int s = 0; s < program->n_states; s++) {
        instance->states[s] = instance->kept.memory + at;
        at += aligned(vt_bytes(&program->states[s].tensor));
    }
    for (int f = 0; f < program->n_functions; f++) {
        const VtFunction *function = &program->functions[f];
        void **outputs = calloc((size_t)function->n_outputs + 1, sizeof(void *));
        if (!(instance->functions[f].outputs = outputs)) return false;
        for (int o = 0; o < function->n_outputs; o++) {
            outputs[o] = instance->kept.memory + at;
            at += aligned(vt_bytes(&function->outputs[o].tensor));
        }
    }
    return true;
}

static bool bind_function(VtInstance *instance, int f) {
    const VtFunction *function = &instance->program->functions[f];
    Bound *bound = &instance->functions[f];
    bound->pointers = calloc((size_t)function->n_args + 1, sizeof(void *));
    if (!bound->pointers) return false;
    bound->small = true;
    for (int c = 0; c < function->n_calls; c++) bound->small = bound->small && function->calls[c].single;
    for (int a = 0; a < function->n_args; a++) {
        char *base = base_of(instance, bound, &function->args[a]);
        bound->pointers[a] = base ? base + function->args[a].offset : NULL;
    }
    if ((size_t)function->scratch_bytes > instance->scratch_bytes)
        instance->scratch_bytes = (size_t)function->scratch_bytes;
    if ((size_t)function->block_bytes > instance->own_bytes)
        instance->own_bytes = ((size_t)function->block_bytes + ALIGN - 1) / ALIGN * ALIGN;
    return true;
}

VtInstance *vt_instance_new(const VtProgram *program, VtError *error) {
    VtInstance *instance = calloc(1, sizeof *instance);
    if (program->abi != VT_ABI) {
        vt_fail(error, 2, "the program was made for runtime version %d, this is %d: build it again",
                program->abi, VT_ABI);
        free(instance);
        return NULL;
    }
    bool good = instance != NULL;
    if (good) {
        instance->program = program;
        instance->stale = true;
        instance->last = instance->profiled = -1;
        instance->states = calloc((size_t)program->n_states + 1, sizeof(void *));
        instance->functions = calloc((size_t)program->n_functions + 1, sizeof(Bound));
        good = instance->states && instance->functions && allocate(instance);
    }
    for (int f = 0; good && f < program->n_functions; f++) good = bind_function(instance, f);
    if (good) return instance;
    vt_fail(error, 1, "out of memory for '%s': a smaller train.batch needs less", program->name);
    vt_instance_free(instance);
    return NULL;
}

void vt_instance_free(VtInstance *instance) {
    if (!instance) return;
    for (int f = 0; instance->functions && f < instance->program->n_functions; f++) {
        free(instance->functions[f].outputs);
        free(instance->functions[f].pointers);
    }
    vt_spans_free(&instance->spans);
    free(instance->functions);
    free(instance->states);
    vt_pages_free(&instance->kept);
    vt_pages_free(&instance->arena);
    vt_pages_free(&instance->blocks);
    free(instance);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* Untouched: each thread writes its own block first. */
static bool ready_scratch(VtInstance *instance) {
    int threads = vt_threads();
    if (instance->scratch && instance->scratch_threads >= threads) return true;
    if (!instance->scratch)
        instance->scratch_bytes = vt_pages_stride(instance->scratch_bytes + instance->own_bytes);
    vt_pages_free(&instance->blocks);
    bool good = vt_pages_get(&instance->blocks, instance->scratch_bytes * (size_t)threads);
    instance->scratch = instance->blocks.memory;
    instance->scratch_threads = good ? threads : 0;
    return good;
}

const VtFunction *vt_find_function(const VtProgram *program, const char *name) {
    for (int f = 0; f < program->n_functions; f++)
        if (strcmp(program->functions[f].name, name) == 0) return &program->functions[f];
    return NULL;
}

/* Its number; -1: none. */
static int find_function(const VtProgram *program, const char *name) {
    const VtFunction *found = vt_find_function(program, name);
    return found ? (int)(found - program->functions) : -1;
}

/* Derived states follow states that were written since the last run, whoever wrote them. Functions that update states
 * update what derives from them (module_verify). "init" makes states; it reads none. */
static bool refresh_derived(VtInstance *instance, const char *running, VtError *error) {
    if (!instance->stale || strcmp(running, "init") == 0) return true;
    instance->stale = false; /* before the run, which comes here too */
    bool good =
        !vt_find_function(instance->program, "pack") || vt_instance_run(instance, "pack", NULL, error);
    instance->stale = !good;
    return good;
}

/* On as many threads as there are tracks: no part of the function's pace. */
static bool run_recorded(VtRun *run, VtError *error) {
    vt_parallel_few(run->spans->threads, vt_run_calls, run);
    return run->spans->ran == run->spans->threads ||
           vt_fail(error, 1, "%d threads are wanted, the system makes but %d: --threads %d",
                   run->spans->threads, run->spans->ran, run->spans->ran);
}

bool vt_instance_run(VtInstance *instance, const char *name, void *const *inputs, VtError *error) {
    int f = find_function(instance->program, name);
    if (f < 0) return vt_fail(error, 2, "'%s' has no function '%s'", instance->program->name, name);
    const VtFunction *function = &instance->program->functions[f];
    Bound *bound = &instance->functions[f];
    for (int i = 0; i < function->n_inputs; i++)
        if (!inputs || !inputs[function->inputs[i]])
            return vt_fail(error, 2, "function '%s' wants input '%s'", name,
                           instance->program->inputs[function->inputs[i]].tensor.name);
    for (int a = 0; a < function->n_args; a++)
        if (function->args[a].kind == VT_ARG_INPUT)
            bound->pointers[a] = (char *)inputs[function->args[a].index] + function->args[a].offset;
    if (!refresh_derived(instance, name, error)) return false;
    if (!ready_scratch(instance)) return vt_fail(error, 1, "out of memory");
    instance->written = true;
    VtRun run = {.function = function,
                 .pointers = bound->pointers,
                 .spans = instance->profiled == f ? &instance->spans : NULL,
                 .own = instance->scratch,
                 .own_stride = instance->scratch_bytes,
                 .own_blocks = instance->own_bytes};
    if (run.spans) return run_recorded(&run, error);
    if (bound->small) {
        vt_parallel_few(1, vt_run_calls, &run);
        return true;
    }
    int threads = pace_threads(&bound->pace, vt_threads());
    double start = vt_now(), waited = vt_team_waited();
    vt_parallel_few(threads, vt_run_calls, &run);
    bool alone = instance->last == f; /* another function's run in between is no part of this one's pace */
    instance->last = f;
    pace_note(&bound->pace, start, vt_now(), vt_team_waited() - waited, alone);
    return true;
}

const void *vt_instance_output(VtInstance *instance, const char *name, const char *output, VtTensor *type) {
    int f = find_function(instance->program, name);
    for (int o = 0; f >= 0 && o < instance->program->functions[f].n_outputs; o++) {
        const VtTensor *tensor = &instance->program->functions[f].outputs[o].tensor;
        if (strcmp(tensor->name, output) != 0) continue;
        if (type) *type = *tensor;
        return instance->functions[f].outputs[o];
    }
    return NULL;
}

bool vt_instance_profile(VtInstance *instance, const char *name, VtError *error) {
    vt_spans_free(&instance->spans);
    instance->profiled = -1;
    if (!name) return true;
    int f = find_function(instance->program, name);
    if (f < 0) return vt_fail(error, 2, "'%s' has no function '%s'", instance->program->name, name);
    const VtFunction *function = &instance->program->functions[f];
    int threads = instance->functions[f].small ? 1 : vt_threads();
    double most = vt_spans_needed(function, 0, 1);
    if (most > VT_MOST_SPANS)
        return vt_fail(error, 2, "function '%s' makes up to %.0f calls: a profile has room for %d", name,
                       most, VT_MOST_SPANS);
    if (!vt_spans_make(&instance->spans, function, threads)) return vt_fail(error, 1, "out of memory");
    instance->profiled = f;
    return true;
}

const VtSpans *vt_instance_spans(const VtInstance *instance) {
    return instance->profiled < 0 ? NULL : &instance->spans;
}

const void *vt_instance_state(const VtInstance *instance, int state) {
    return instance->states[state];
}

void *vt_instance_write_state(VtInstance *instance, int state) {
    instance->stale = instance->written = true;
    return instance->states[state];
}

int vt_instance_counter(const VtInstance *instance) {
    for (int s = 0; s < instance->program->n_states; s++)
        if (instance->program->states[s].role == VT_ROLE_COUNTER) return s;
    return -1;
}

int vt_instance_find_state(const VtInstance *instance, const char *name) {
    for (int s = 0; s < instance->program->n_states; s++)
        if (strcmp(instance->program->states[s].tensor.name, name) == 0) return s;
    return -1;
}

/* ---- initial values ---------------------------------------------------------------------------------------------- */

void vt_instance_initial_weights(VtInstance *instance, const VtInitialWeights *weights) {
    instance->weights = weights;
}

/* Last: what is copied may be made by a function, come from a file, or itself be copied before. */
static bool load_and_copy(VtInstance *instance, VtError *error) {
    const VtProgram *program = instance->program;
    bool *loaded = calloc((size_t)program->n_states + 1, sizeof *loaded);
    bool good = loaded || vt_fail(error, 1, "out of memory");
    if (good && instance->weights) good = vt_weights_read(instance->weights, instance->states, loaded, error);
    for (int s = 0; good && s < program->n_states; s++)
        if (program->states[s].init == VT_INIT_COPY && !loaded[s])
            vt_initial_copy(instance->states[s], instance->states[program->states[s].copy_of],
                            vt_bytes(&program->states[s].tensor));
    free(loaded);
    return good;
}

bool vt_instance_init(VtInstance *instance, uint64_t seed, VtError *error) {
    const VtProgram *program = instance->program;
    instance->stale = true;
    vt_initial_draw(program, instance->states, seed, !instance->written);
    instance->written = true;
    if (vt_find_function(program, "init") && !vt_instance_run(instance, "init", NULL, error)) return false;
    for (int s = 0; s < program->n_states; s++) {
        const VtState *state = &program->states[s];
        const void *made = state->init == VT_INIT_FUNCTION
                               ? vt_instance_output(instance, "init", state->tensor.name, NULL)
                               : NULL;
        if (made) vt_initial_copy(instance->states[s], made, vt_bytes(&state->tensor));
    }
    return load_and_copy(instance, error);
}
