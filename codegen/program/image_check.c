/* What must hold between the fields of a descriptor: see image_check.h. */
#include "codegen/program/image_check.h"
#include "ir/ir.h"

#include <stddef.h>

#define MOST_BYTES (INT64_C(1) << 48)

static const int N_AUGMENTS = 0
#define AUGMENT(name, ...) +1
#include "runtime/catalog.def"
    ;
static const int N_SAMPLERS = 0
#define SAMPLER(name, ...) +1
#include "runtime/catalog.def"
    ;
static const int N_SCALARS = 0
#define SCALAR(name, ...) +1
#include "runtime/scalars.def"
    ;

/* ---- tensors and states ------------------------------------------------------------------------------------------ */

static bool tensor_holds(const VtTensor *t) {
    int64_t elements = 1;
    for (int i = 0; i < t->rank; i++) {
        if (t->dim[i] < 1 || t->dim[i] > (INT64_C(1) << 40) / elements) return false;
        elements *= t->dim[i];
    }
    return true;
}

/* Of one that holds. */
static int64_t tensor_bytes(const VtTensor *t) {
    int64_t n = (int64_t)dtype_size((DType)t->dtype);
    for (int i = 0; i < t->rank; i++) n *= t->dim[i];
    return n;
}

static bool states_hold(const VtProgram *p) {
    for (int i = 0; i < p->n_states; i++)
        if (!tensor_holds(&p->states[i].tensor)) return false;
    for (int i = 0; i < p->n_states; i++) {
        const VtState *s = &p->states[i];
        bool copy = s->init == VT_INIT_COPY;
        if (s->copy_of < (copy ? 0 : -1) || s->copy_of >= p->n_states) return false;
        if (copy && tensor_bytes(&p->states[s->copy_of].tensor) != tensor_bytes(&s->tensor)) return false;
    }
    return true;
}

/* ---- what a step is fed ------------------------------------------------------------------------------------------ */

static bool kinds_hold(const VtProgram *p) {
    for (int i = 0; i < p->n_pipelines; i++)
        for (int a = 0; a < p->pipelines[i].n_augments; a++)
            if (p->pipelines[i].augments[a].kind >= N_AUGMENTS) return false;
    for (int i = 0; i < p->n_draws; i++)
        if (p->draws[i].kind >= N_SAMPLERS) return false;
    return true;
}

static bool streams_hold(const VtProgram *p) {
    for (int i = 0; i < p->n_sources; i++)
        if (!(p->sources[i].weight > 0)) return false;
    for (int i = 0; i < p->n_streams; i++) {
        const VtStream *s = &p->streams[i];
        if (s->first_source >= p->n_sources || s->n_sources > p->n_sources - s->first_source || s->pair >= i)
            return false;
    }
    return true;
}

/* The loader and the runtime write what a source says into a buffer of the tensor's size. */
static bool input_holds(const VtProgram *p, const VtInput *input) {
    const VtTensor *t = &input->tensor;
    bool of_images = input->source == VT_SOURCE_VIEW || input->source == VT_SOURCE_LABEL ||
                     input->source == VT_SOURCE_INDEX;
    if (!tensor_holds(t)) return false;
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
        return t->dtype == VT_F64 && t->rank == 0 && input->index >= 0 && input->index < p->n_scalars;
    default: return true;
    }
}

static bool scalars_hold(const VtProgram *p) {
    for (int i = 0; i < p->n_settings; i++)
        if (p->settings[i].made > p->n_scalars) return false;
    for (int i = 0; i < p->n_scalars; i++) {
        const VtScalar *s = &p->scalars[i];
        int32_t most = s->op == VT_SCALAR_SETTING ? p->n_settings : i;
        bool reads = s->op != VT_SCALAR_NUMBER;
        if (s->op >= VT_SCALAR_OPERATOR + N_SCALARS || (reads && s->a >= most)) return false;
        if (s->op >= VT_SCALAR_OPERATOR && (s->b >= i || s->c >= i)) return false;
    }
    for (int i = 0; i < p->n_conditions; i++) {
        const VtCondition *c = &p->conditions[i];
        if (c->holds >= p->n_scalars) return false;
        for (int v = 0; v < c->n_values; v++)
            if (c->values[v] >= p->n_scalars) return false;
    }
    return true;
}

static bool inputs_hold(const VtProgram *p) {
    for (int i = 0; i < p->n_inputs; i++)
        if (!input_holds(p, &p->inputs[i])) return false;
    return true;
}

static bool watch_holds(const VtProgram *p) {
    for (int i = 0; i < p->n_held_out; i++)
        if (!(p->held_out[i].every > 0)) return false;
    for (int i = 0; i < p->log_images.n_views; i++)
        if (p->log_images.views[i] >= p->n_pipelines) return false;
    return true;
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

/* Of its place at every iteration. */
static bool range_fits(const VtFunction *f, const VtArg *arg, int64_t bytes) {
    int64_t first = arg->offset, last = arg->offset;
    if (first < 0 || last >= MOST_BYTES) return false;
    for (int m = 0; m < arg->n_moves; m++) {
        const VtMove *move = &f->moves[arg->first_move + m];
        int64_t most = size_mul(move->step < 0 ? -move->step : move->step, move->odd ? 1 : move->count - 1);
        if (most > MOST_BYTES) return false;
        if (move->step < 0)
            first -= most;
        else
            last = size_add(last, most);
        if (first < 0) return false;
    }
    return last < bytes;
}

static bool arg_fits(const VtProgram *p, const VtFunction *f, const VtArg *arg) {
    int count;
    if (arg->first_move > f->n_moves || arg->n_moves > f->n_moves - arg->first_move) return false;
    switch (arg->kind) {
    case VT_ARG_STATE: count = p->n_states; break;
    case VT_ARG_INPUT: count = p->n_inputs; break;
    case VT_ARG_OUTPUT: count = f->n_outputs; break;
    case VT_ARG_CONST: count = p->n_constants; break;
    case VT_ARG_ITERATION: count = VT_MAX_LOOPS; break;
    default: count = 1;
    }
    if (arg->index >= count) return false;
    switch (arg->kind) {
    case VT_ARG_STATE: return range_fits(f, arg, tensor_bytes(&p->states[arg->index].tensor));
    case VT_ARG_INPUT: return range_fits(f, arg, tensor_bytes(&p->inputs[arg->index].tensor));
    case VT_ARG_OUTPUT: return range_fits(f, arg, tensor_bytes(&f->outputs[arg->index].tensor));
    case VT_ARG_ARENA: return range_fits(f, arg, f->arena_bytes);
    case VT_ARG_BLOCK:
        return arg->offset >= 0 && arg->step > 0 && arg->step <= f->block_bytes &&
               arg->offset <= f->block_bytes - arg->step;
    default: return arg->offset == 0 && arg->n_moves == 0;
    }
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

static bool calls_hold(const VtFunction *f) {
    for (int i = 0; i < f->n_calls; i++) {
        const VtCall *call = &f->calls[i];
        if (call->first_arg > f->n_args || call->n_args > f->n_args - call->first_arg) return false;
        if (call->n_args > VT_MAX_OWN_ARGS && has_own(f, call)) return false;
    }
    return true;
}

static bool chains_hold(const VtFunction *f) {
    int32_t from = 0;
    for (int i = 0; i < f->n_chains; i++) {
        const VtChain *chain = &f->chains[i];
        if (chain->first_call < from || chain->first_call > f->n_calls ||
            chain->n_calls > f->n_calls - chain->first_call)
            return false;
        from = chain->first_call + chain->n_calls;
    }
    return true;
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
static bool loops_hold(const VtFunction *f) {
    int32_t end[VT_MAX_LOOPS + 1] = {f->n_calls}; /* of the calls around, by depth */
    int32_t from[VT_MAX_LOOPS + 1] = {0}, depth = 0;
    for (int i = 0; i < f->n_loops; i++) {
        const VtLoop *loop = &f->loops[i];
        if (loop->depth > (i ? depth + 1 : 0)) return false;
        depth = loop->depth;
        if (loop->first_call < from[depth] || loop->first_call >= end[depth] ||
            loop->n_calls > end[depth] - loop->first_call || loop->n_inside > f->n_loops - i - 1 ||
            loop->condition >= f->n_args || !moves_fit(f, loop))
            return false;
        from[depth + 1] = loop->first_call;
        from[depth] = end[depth + 1] = loop->first_call + loop->n_calls;
    }
    return true;
}

static bool function_holds(const VtProgram *p, const VtFunction *f) {
    for (int i = 0; i < f->n_outputs; i++)
        if (!tensor_holds(&f->outputs[i].tensor)) return false;
    for (int i = 0; i < f->n_inputs; i++)
        if (f->inputs[i] >= p->n_inputs) return false;
    for (int i = 0; i < f->n_args; i++)
        if (!arg_fits(p, f, &f->args[i])) return false;
    return calls_hold(f) && chains_hold(f) && loops_hold(f);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

bool image_check(const VtProgram *p) {
    if (!states_hold(p) || !kinds_hold(p) || !streams_hold(p) || !scalars_hold(p) || !inputs_hold(p) ||
        !watch_holds(p))
        return false;
    for (int i = 0; i < p->n_functions; i++)
        if (!function_holds(p, &p->functions[i])) return false;
    return true;
}
