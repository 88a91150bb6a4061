/* A compiled program as bytes: what the object cache keeps (driver/cache.c).
 *
 * The same code visits all fields for writing and for reading, so that both agree. Reading trusts only the machine
 * code: counts are checked against the bytes that are left, indices and offsets against what they point into. Numbers
 * have the byte order and sizes of this machine and build; the cache's key makes sure that no other reads them. */
#include "codegen/program/compiled.h"
#include "codegen/program/irregular.h"

#include <stdlib.h>
#include <string.h>

enum { OBJECT_ALIGN = 64 };
#define MOST_BYTES (INT64_C(1) << 48)

static const int N_AUGMENTS = 0
#define AUGMENT(name, ...) +1
#include "runtime/catalog.def"
    ;
static const int N_SAMPLERS = 0
#define SAMPLER(name, ...) +1
#include "runtime/catalog.def"
    ;

typedef struct {
    Arena *arena;
    bool reading, bad;
    char *bytes;
    size_t at, size;                    /* size: what there is to read, or room to write */
    size_t n_kernels, kernels_capacity; /* of Compiled.call_kernels so far */
} Coder;

static void require(Coder *k, bool holds) {
    k->bad = k->bad || !holds;
}

/* ---- plain data -------------------------------------------------------------------------------------------------- */

static bool make_room(Coder *k, size_t n) {
    if (k->reading) return n <= k->size - k->at;
    if (n <= k->size - k->at) return true;
    size_t size = 2 * k->size + n + 4096;
    char *more = realloc(k->bytes, size);
    if (!more) return false;
    k->bytes = more;
    k->size = size;
    return true;
}

static void code_bytes(Coder *k, void *data, size_t n) {
    require(k, !k->bad && make_room(k, n));
    if (k->bad) {
        if (k->reading) memset(data, 0, n);
        return;
    }
    if (k->reading)
        memcpy(data, k->bytes + k->at, n);
    else
        memcpy(k->bytes + k->at, data, n);
    k->at += n;
}

static void code_i32(Coder *k, int32_t *x, int64_t low, int64_t high) {
    code_bytes(k, x, sizeof *x);
    require(k, *x >= low && *x <= high);
}

static void code_i64(Coder *k, int64_t *x, int64_t low, int64_t high) {
    code_bytes(k, x, sizeof *x);
    require(k, *x >= low && *x <= high);
}

static void code_real(Coder *k, double *x) {
    code_bytes(k, x, sizeof *x);
}

/* NULL stays NULL. */
static void code_text(Coder *k, const char **text) {
    int64_t n = *text ? (int64_t)strlen(*text) : -1;
    code_i64(k, &n, -1, MOST_BYTES);
    if (n < 0 || k->bad) return;
    require(k, !k->reading || (size_t)n <= k->size - k->at);
    if (k->bad) return;
    if (k->reading) *text = arena_alloc(k->arena, (size_t)n + 1);
    code_bytes(k, (char *)*text, (size_t)n);
}

/* A name: never NULL. */
static void code_name_text(Coder *k, const char **text) {
    code_text(k, text);
    require(k, *text != NULL);
}

/* Begins an array, whose elements are then coded one by one; when writing these are a copy, since what is written is
 * const. `least`: the fewest bytes of an element. */
static void *code_array(Coder *k, const void *array, int32_t *n, size_t element, size_t least) {
    int64_t left = k->reading ? (int64_t)(k->size - k->at) : INT32_MAX;
    code_i32(k, n, 0, k->reading ? left / (int64_t)least : INT32_MAX);
    if (k->bad) *n = 0;
    void *copy = arena_alloc(k->arena, ((size_t)*n + 1) * element);
    if (!k->reading && *n) memcpy(copy, array, (size_t)*n * element);
    return copy;
}

/* ---- parts of a program ------------------------------------------------------------------------------------------ */

static int64_t tensor_bytes(const VtTensor *t) {
    int64_t n = (int64_t)dtype_size((DType)t->dtype);
    for (int i = 0; i < t->rank; i++) n *= t->dim[i];
    return n;
}

static void code_tensor(Coder *k, VtTensor *t) {
    int64_t elements = 1;
    code_name_text(k, &t->name);
    code_i32(k, &t->dtype, VT_F32, VT_BOOL);
    code_i32(k, &t->rank, 0, VT_MAX_RANK);
    for (int i = 0; !k->bad && i < t->rank; i++) {
        code_i64(k, &t->dim[i], 1, (INT64_C(1) << 40) / elements);
        if (!k->bad) elements *= t->dim[i];
    }
}

static void code_states(Coder *k, VtProgram *p) {
    VtState *states = code_array(k, p->states, &p->n_states, sizeof *states, 16);
    for (int i = 0; !k->bad && i < p->n_states; i++) {
        VtState *s = &states[i];
        code_tensor(k, &s->tensor);
        code_i32(k, &s->role, VT_ROLE_PARAM, VT_ROLE_DERIVED);
        code_i32(k, &s->init, VT_INIT_CONSTANT, VT_INIT_FUNCTION);
        code_real(k, &s->a);
        code_real(k, &s->b);
        code_i32(k, &s->copy_of, s->init == VT_INIT_COPY ? 0 : -1, p->n_states - 1);
        code_i32(k, &s->grid, 0, 1);
        code_i32(k, &s->before, 0, INT32_MAX);
        code_i32(k, &s->after, 0, INT32_MAX);
    }
    for (int i = 0; !k->bad && i < p->n_states; i++)
        require(k, states[i].init != VT_INIT_COPY ||
                       tensor_bytes(&states[states[i].copy_of].tensor) == tensor_bytes(&states[i].tensor));
    p->states = states;
}

static void code_pipelines(Coder *k, VtProgram *p) {
    VtPipeline *pipelines = code_array(k, p->pipelines, &p->n_pipelines, sizeof *pipelines, 16);
    for (int i = 0; !k->bad && i < p->n_pipelines; i++) {
        VtPipeline *line = &pipelines[i];
        code_name_text(k, &line->name);
        code_i32(k, &line->size, 1, 1 << 16);
        code_i32(k, &line->channels, 1, VT_MAX_CHANNELS);
        code_name_text(k, &line->random);
        VtAugment *augments = code_array(k, line->augments, &line->n_augments, sizeof *augments, 16);
        for (int a = 0; !k->bad && a < line->n_augments; a++) {
            code_i32(k, &augments[a].kind, 0, N_AUGMENTS - 1);
            code_bytes(k, augments[a].params, sizeof augments[a].params);
        }
        line->augments = augments;
    }
    p->pipelines = pipelines;
}

static void code_draws(Coder *k, VtProgram *p) {
    VtDraw *draws = code_array(k, p->draws, &p->n_draws, sizeof *draws, 16);
    for (int i = 0; !k->bad && i < p->n_draws; i++) {
        code_name_text(k, &draws[i].name);
        code_i32(k, &draws[i].kind, 0, N_SAMPLERS - 1);
        code_bytes(k, draws[i].params, sizeof draws[i].params);
    }
    p->draws = draws;
}

static void code_streams(Coder *k, VtProgram *p) {
    VtSource *sources = code_array(k, p->sources, &p->n_sources, sizeof *sources, 16);
    require(k, p->n_sources <= VT_MAX_SOURCES);
    for (int i = 0; !k->bad && i < p->n_sources; i++) {
        code_name_text(k, &sources[i].name);
        code_real(k, &sources[i].weight);
        require(k, sources[i].weight > 0);
    }
    p->sources = sources;
    VtStream *streams = code_array(k, p->streams, &p->n_streams, sizeof *streams, 16);
    require(k, p->n_streams <= VT_MAX_SOURCES);
    for (int i = 0; !k->bad && i < p->n_streams; i++) {
        code_name_text(k, &streams[i].name);
        code_i64(k, &streams[i].batch, 1, INT32_MAX);
        code_i32(k, &streams[i].first_source, 0, p->n_sources - 1);
        code_i32(k, &streams[i].n_sources, 1, k->bad ? 1 : p->n_sources - streams[i].first_source);
        code_i32(k, &streams[i].pair, -1, i - 1);
    }
    p->streams = streams;
}

/* The loader and the runtime write what a source says into a buffer of the tensor's size. */
static bool source_fits(const VtProgram *p, const VtInput *input) {
    const VtTensor *t = &input->tensor;
    bool of_images = input->source == VT_SOURCE_VIEW || input->source == VT_SOURCE_LABEL ||
                     input->source == VT_SOURCE_INDEX;
    if (of_images && (input->stream < 0 || input->stream >= p->n_streams)) return false;
    switch (input->source) {
    case VT_SOURCE_VIEW:
        return input->index >= 0 && input->index < p->n_pipelines && t->dtype == VT_F32 && t->rank == 4 &&
               t->dim[0] <= p->streams[input->stream].batch &&
               t->dim[1] == p->pipelines[input->index].channels &&
               t->dim[2] == p->pipelines[input->index].size && t->dim[3] == t->dim[2];
    case VT_SOURCE_DRAW: return input->index >= 0 && input->index < p->n_draws;
    case VT_SOURCE_LABEL:
    case VT_SOURCE_INDEX:
        return t->dtype == VT_I32 && t->rank == 1 && t->dim[0] == p->streams[input->stream].batch;
    case VT_SOURCE_LOGGED:
    case VT_SOURCE_STEPS_PER_EPOCH: return t->dtype == VT_F64;
    case VT_SOURCE_SETTING:
        return t->dtype == VT_F64 && t->rank == 0 && input->index >= 0 && input->index < p->n_settings;
    default: return true;
    }
}

static void code_inputs(Coder *k, VtProgram *p) {
    VtInput *inputs = code_array(k, p->inputs, &p->n_inputs, sizeof *inputs, 16);
    for (int i = 0; !k->bad && i < p->n_inputs; i++) {
        code_tensor(k, &inputs[i].tensor);
        code_i32(k, &inputs[i].source, VT_SOURCE_VIEW, VT_SOURCE_SETTING);
        code_bytes(k, &inputs[i].index, sizeof inputs[i].index);
        code_bytes(k, &inputs[i].stream, sizeof inputs[i].stream);
        require(k, !k->bad && source_fits(p, &inputs[i]));
    }
    p->inputs = inputs;
}

static void code_warnings(Coder *k, VtProgram *p) {
    VtWarning *warnings = code_array(k, p->warnings, &p->n_warnings, sizeof *warnings, 16);
    for (int i = 0; !k->bad && i < p->n_warnings; i++) {
        code_name_text(k, &warnings[i].metric);
        code_real(k, &warnings[i].below);
        code_real(k, &warnings[i].above);
        code_name_text(k, &warnings[i].message);
    }
    p->warnings = warnings;
}

static void code_constants(Coder *k, Compiled *c) {
    VtProgram *p = &c->program;
    const void **constants = code_array(k, p->constants, &p->n_constants, sizeof *constants, 8);
    c->constant_bytes = k->reading ? ARENA_ARRAY(k->arena, int64_t, p->n_constants + 1) : c->constant_bytes;
    for (int i = 0; !k->bad && i < p->n_constants; i++) {
        int64_t *n = &c->constant_bytes[i];
        code_i64(k, n, 0, k->reading ? (int64_t)(k->size - k->at) : MOST_BYTES);
        if (k->bad) return;
        if (k->reading) constants[i] = arena_alloc(k->arena, (size_t)*n);
        code_bytes(k, (void *)constants[i], (size_t)*n);
    }
    p->constants = constants;
}

static void code_texts(Coder *k, const char *const **texts, int32_t *n) {
    const char **copy = code_array(k, *texts, n, sizeof *copy, 8);
    for (int i = 0; !k->bad && i < *n; i++) code_name_text(k, &copy[i]);
    *texts = copy;
}

static void code_weights(Coder *k, VtProgram *p) {
    VtWeights *weights = code_array(k, p->weights, &p->n_weights, sizeof *weights, 16);
    for (int i = 0; !k->bad && i < p->n_weights; i++) {
        VtWeights *w = &weights[i];
        code_text(k, &w->target);
        code_name_text(k, &w->path);
        code_text(k, &w->hash);
        code_text(k, &w->rename);
        code_texts(k, &w->only, &w->n_only);
        VtRename *rules = code_array(k, w->rules, &w->n_rules, sizeof *rules, 16);
        for (int r = 0; !k->bad && r < w->n_rules; r++) {
            code_name_text(k, &rules[r].from);
            code_name_text(k, &rules[r].to);
        }
        w->rules = rules;
    }
    p->weights = weights;
}

static void code_watch(Coder *k, VtProgram *p) {
    VtHeldOut *held_out = code_array(k, p->held_out, &p->n_held_out, sizeof *held_out, 16);
    for (int i = 0; !k->bad && i < p->n_held_out; i++) {
        code_name_text(k, &held_out[i].name);
        code_real(k, &held_out[i].every);
        require(k, k->bad || held_out[i].every > 0);
        code_i32(k, &held_out[i].highest, 0, 1);
    }
    p->held_out = held_out;
    VtLogImages *images = &p->log_images;
    code_real(k, &images->every);
    code_i32(k, &images->count, 0, 1 << 16);
    int32_t *views = code_array(k, images->views, &images->n_views, sizeof *views, sizeof *views);
    for (int i = 0; !k->bad && i < images->n_views; i++) code_i32(k, &views[i], 0, p->n_pipelines - 1);
    images->views = views;
    code_text(k, &p->stop);
}

static void code_settings(Coder *k, VtProgram *p) {
    VtSetting *settings = code_array(k, p->settings, &p->n_settings, sizeof *settings, 16);
    for (int i = 0; !k->bad && i < p->n_settings; i++) {
        VtSetting *s = &settings[i];
        code_name_text(k, &s->key);
        code_text(k, &s->alias);
        code_name_text(k, &s->help);
        code_real(k, &s->value);
        code_real(k, &s->least);
        code_real(k, &s->most);
        code_i32(k, &s->least_excluded, 0, 1);
        code_i32(k, &s->most_excluded, 0, 1);
        code_i32(k, &s->whole, 0, 1);
        code_i32(k, &s->sets, 0, 2 * VT_SETS_KNN_TEMPERATURE - 1);
        code_i32(k, &s->extent, 0, 1);
        code_i64(k, &s->at, 0, MOST_BYTES);
        code_i64(k, &s->length, 0, MOST_BYTES);
    }
    p->settings = settings;
    code_texts(k, &p->conditions, &p->n_conditions);
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

static bool arg_fits(const VtProgram *p, const VtFunction *f, const VtArg *arg) {
    int64_t bytes;
    int count;
    switch (arg->kind) {
    case VT_ARG_STATE: count = p->n_states; break;
    case VT_ARG_INPUT: count = p->n_inputs; break;
    case VT_ARG_OUTPUT: count = f->n_outputs; break;
    case VT_ARG_CONST: count = p->n_constants; break;
    case VT_ARG_ITERATION: count = VT_MAX_LOOPS; break;
    default: count = 1;
    }
    if (arg->index < 0 || arg->index >= count) return false;
    switch (arg->kind) {
    case VT_ARG_STATE: bytes = tensor_bytes(&p->states[arg->index].tensor); break;
    case VT_ARG_INPUT: bytes = tensor_bytes(&p->inputs[arg->index].tensor); break;
    case VT_ARG_OUTPUT: bytes = tensor_bytes(&f->outputs[arg->index].tensor); break;
    case VT_ARG_ARENA: bytes = f->arena_bytes; break;
    case VT_ARG_BLOCK:
        return arg->offset >= 0 && arg->step > 0 && arg->step <= f->block_bytes &&
               arg->offset <= f->block_bytes - arg->step;
    default: return arg->offset == 0 && arg->n_moves == 0;
    }
    int64_t first = arg->offset, last = arg->offset; /* of all places that it moves to */
    for (int m = 0; m < arg->n_moves; m++) {
        const VtMove *move = &f->moves[arg->first_move + m];
        int64_t most = move->step * (move->odd ? 1 : move->count - 1);
        *(most < 0 ? &first : &last) += most;
    }
    return first >= 0 && last < bytes;
}

/* Whether some of a call's arguments are each thread's own, or move. */
static bool has_own(const VtFunction *f, const VtCall *call) {
    for (int a = 0; a < call->n_args; a++) {
        const VtArg *arg = &f->args[call->first_arg + a];
        int kind = arg->kind;
        if (kind == VT_ARG_SCRATCH || kind == VT_ARG_BLOCK || kind == VT_ARG_ITERATION || arg->n_moves)
            return true;
    }
    return false;
}

static void code_moves(Coder *k, VtFunction *f) {
    VtMove *moves = code_array(k, f->moves, &f->n_moves, sizeof *moves, 16);
    for (int i = 0; !k->bad && i < f->n_moves; i++) {
        code_i32(k, &moves[i].depth, 0, VT_MAX_LOOPS - 1);
        code_i32(k, &moves[i].odd, 0, 1);
        code_i32(k, &moves[i].count, 1, INT32_MAX);
        code_i64(k, &moves[i].step, -MOST_BYTES / INT32_MAX, MOST_BYTES / moves[i].count);
    }
    f->moves = moves;
}

/* Whether what the calls of the loop read moves as far as it has iterations. */
static bool moves_fit(const VtFunction *f, const VtLoop *loop) {
    for (int c = loop->first_call; c < loop->first_call + loop->n_calls; c++)
        for (int a = 0; a < f->calls[c].n_args; a++) {
            const VtArg *arg = &f->args[f->calls[c].first_arg + a];
            for (int m = 0; m < arg->n_moves; m++) {
                const VtMove *move = &f->moves[arg->first_move + m];
                if (move->depth == loop->depth && move->count != loop->count) return false;
            }
        }
    return true;
}

/* Loops after loops, or inside those around them. */
static void code_loops(Coder *k, VtFunction *f) {
    VtLoop *loops = code_array(k, f->loops, &f->n_loops, sizeof *loops, 40);
    int32_t end[VT_MAX_LOOPS + 1] = {f->n_calls}; /* of the calls around, by depth */
    int32_t from[VT_MAX_LOOPS + 1] = {0}, depth = 0;
    for (int i = 0; !k->bad && i < f->n_loops; i++) {
        VtLoop *loop = &loops[i];
        code_i32(k, &loop->depth, 0, i ? depth + 1 : 0);
        require(k, loop->depth < VT_MAX_LOOPS);
        if (k->bad) break;
        depth = loop->depth;
        code_i32(k, &loop->first_call, from[depth], end[depth] - 1);
        code_i32(k, &loop->n_calls, 1, k->bad ? 1 : end[depth] - loop->first_call);
        code_i32(k, &loop->count, 1, INT32_MAX);
        code_i32(k, &loop->n_inside, 0, f->n_loops - i - 1);
        code_i32(k, &loop->reverse, 0, 1);
        code_i32(k, &loop->barrier, 0, 1);
        code_i32(k, &loop->single, 0, 1);
        code_i32(k, &loop->condition, -1, f->n_args - 1);
        code_i32(k, &loop->condition_bytes, 0, 8);
        require(k, k->bad || moves_fit(f, loop));
        if (k->bad) break;
        from[depth + 1] = loop->first_call;
        from[depth] = end[depth + 1] = loop->first_call + loop->n_calls;
    }
    f->loops = loops;
}

static void code_chains(Coder *k, VtFunction *f) {
    VtChain *chains = code_array(k, f->chains, &f->n_chains, sizeof *chains, 12);
    int32_t from = 0;
    for (int i = 0; !k->bad && i < f->n_chains; i++) {
        code_i32(k, &chains[i].first_call, from, f->n_calls);
        code_i32(k, &chains[i].n_calls, 1, k->bad ? 1 : f->n_calls - chains[i].first_call);
        code_i32(k, &chains[i].blocks, 1, INT32_MAX);
        if (!k->bad) from = chains[i].first_call + chains[i].n_calls;
    }
    f->chains = chains;
}

/* The kernels' numbers stand in the one list of all functions' calls. */
static void code_calls(Coder *k, Compiled *c, VtFunction *f) {
    VtCall *calls = code_array(k, f->calls, &f->n_calls, sizeof *calls, 16);
    for (int i = 0; !k->bad && i < f->n_calls; i++) {
        VtCall *call = &calls[i];
        int32_t kernel = k->reading ? 0 : c->call_kernels[k->n_kernels++];
        code_name_text(k, &call->name);
        code_i32(k, &call->first_arg, 0, f->n_args);
        code_i32(k, &call->n_args, 0, k->bad ? 0 : f->n_args - call->first_arg);
        require(k, k->bad || call->n_args <= VT_MAX_OWN_ARGS || !has_own(f, call));
        code_i32(k, &call->barrier, 0, 1);
        code_i32(k, &call->single, 0, 1);
        code_i32(k, &call->product, 0, 1);
        code_real(k, &call->flops);
        code_real(k, &call->bytes);
        code_i32(k, &kernel, INT32_MIN + 1, c->n_kernels - 1);
        require(k, k->bad || kernel >= 0 || irregular_kernel(-1 - kernel));
        if (k->reading) ARENA_PUSH(k->arena, c->call_kernels, k->n_kernels, k->kernels_capacity, kernel);
    }
    f->calls = calls;
}

static void code_function(Coder *k, Compiled *c, VtFunction *f) {
    VtProgram *p = &c->program;
    code_name_text(k, &f->name);
    code_i64(k, &f->arena_bytes, 0, MOST_BYTES);
    code_i64(k, &f->scratch_bytes, 0, MOST_BYTES);
    code_i64(k, &f->block_bytes, 0, MOST_BYTES);
    VtOutput *outputs = code_array(k, f->outputs, &f->n_outputs, sizeof *outputs, 16);
    for (int i = 0; !k->bad && i < f->n_outputs; i++) {
        code_tensor(k, &outputs[i].tensor);
        code_i32(k, &outputs[i].role, VT_OUTPUT_VALUE, VT_OUTPUT_SHOWN);
    }
    f->outputs = outputs;
    int32_t *inputs = code_array(k, f->inputs, &f->n_inputs, sizeof *inputs, sizeof *inputs);
    for (int i = 0; !k->bad && i < f->n_inputs; i++) code_i32(k, &inputs[i], 0, p->n_inputs - 1);
    f->inputs = inputs;
    code_moves(k, f);
    VtArg *args = code_array(k, f->args, &f->n_args, sizeof *args, 16);
    for (int i = 0; !k->bad && i < f->n_args; i++) {
        code_i32(k, &args[i].kind, VT_ARG_STATE, VT_ARG_ITERATION);
        code_bytes(k, &args[i].index, sizeof args[i].index);
        code_bytes(k, &args[i].offset, sizeof args[i].offset);
        code_bytes(k, &args[i].step, sizeof args[i].step);
        code_i32(k, &args[i].first_move, 0, f->n_moves);
        code_i32(k, &args[i].n_moves, 0, k->bad ? 0 : f->n_moves - args[i].first_move);
        require(k, k->bad || arg_fits(p, f, &args[i]));
    }
    f->args = args;
    code_calls(k, c, f);
    code_chains(k, f);
    code_loops(k, f);
}

static void code_functions(Coder *k, Compiled *c) {
    VtProgram *p = &c->program;
    VtFunction *functions = code_array(k, p->functions, &p->n_functions, sizeof *functions, 16);
    for (int f = 0; !k->bad && f < p->n_functions; f++) code_function(k, c, &functions[f]);
    p->functions = functions;
}

/* ---- machine code, and all --------------------------------------------------------------------------------------- */

/* Objects stay where they are in the image: they are not copied when read. */
static void code_objects(Coder *k, Compiled *c) {
    JitObject *objects = code_array(k, c->objects, &c->n_objects, sizeof *objects, 8);
    for (int i = 0; !k->bad && i < c->n_objects; i++) {
        static char zeros[OBJECT_ALIGN];
        int64_t n = (int64_t)objects[i].size;
        code_i64(k, &n, 1, MOST_BYTES);
        size_t gap = (OBJECT_ALIGN - k->at % OBJECT_ALIGN) % OBJECT_ALIGN;
        char skipped[OBJECT_ALIGN];
        code_bytes(k, k->reading ? skipped : zeros, gap);
        require(k, !k->bad && make_room(k, (size_t)n));
        if (k->bad) return;
        if (k->reading) {
            objects[i] = (JitObject){k->bytes + k->at, (size_t)n};
            k->at += (size_t)n;
        } else
            code_bytes(k, (char *)objects[i].bytes, (size_t)n);
    }
    c->objects = objects;
}

static void code_compiled(Coder *k, Compiled *c) {
    VtProgram *p = &c->program;
    code_i32(k, &p->abi, VT_ABI, VT_ABI);
    code_name_text(k, &c->target);
    code_i32(k, &c->n_kernels, 0, 1 << 24);
    code_name_text(k, &p->name);
    code_name_text(k, &p->version);
    code_bytes(k, &p->train, sizeof p->train);
    require(k, p->train.batch >= 1 && p->train.batch <= 1 << 20);
    code_states(k, p);
    code_pipelines(k, p);
    code_draws(k, p);
    code_streams(k, p);
    code_settings(k, p);
    code_inputs(k, p);
    code_warnings(k, p);
    code_weights(k, p);
    code_watch(k, p);
    code_constants(k, c);
    code_functions(k, c);
    code_objects(k, c);
    require(k, !k->reading || k->at == k->size);
}

void *compiled_image(const Compiled *compiled, size_t *size) {
    Compiled copy = *compiled;
    Coder k = {.arena = arena_new()};
    code_compiled(&k, &copy);
    arena_free(k.arena);
    *size = k.at;
    if (!k.bad) return k.bytes;
    free(k.bytes);
    return NULL;
}

Compiled *codegen_load(const void *image, size_t image_size, char *error, size_t size) {
    Arena *arena = arena_new();
    Compiled *c = ARENA_NEW(arena, Compiled);
    c->arena = arena;
    Coder k = {.arena = arena, .reading = true, .bytes = (char *)image, .size = image_size};
    code_compiled(&k, c);
    if (k.bad) snprintf(error, size, "not an image of a program, or a damaged one");
    if (!k.bad && compiled_link(c, error, size)) return c;
    compiled_free(c);
    return NULL;
}
