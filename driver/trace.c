/* The first value that is not finite: see trace.h. */
#include "ir/loop.h"
#include "ir/plan/plan.h"
#include "driver/report/machine_report.h"
#include "driver/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is left of the passes: those that make code possible, not fast. */
#define TRACE_PASSES "expand,simplify,reductions,fuse,precision,schedule,memory,barriers"

/* ---- a function whose values can be seen ------------------------------------------------------------------------- */

typedef struct {
    const TraceRequest *request;
    Session session;
    Func *func;
    const Func *plain;   /* the same before any pass but autodiff, in a module of its own */
    const Func *forward; /* before autodiff too */
    VtInstance *instance;
    void **inputs; /* by session.program->inputs */
    bool changed;  /* the recipe */
} Traced;

static bool is_real(const Node *node) {
    return dtype_is_float((DType)node->type.dtype);
}

/* Reads the recipe, to the graph with gradients and before any other rewriting. */
static bool traced_load(Traced *t, const TraceRequest *request) {
    *t = (Traced){.request = request};
    t->changed = true;
    RecipeOptions options = *request->options;
    options.warnings = WARNINGS_IGNORED; /* they were told */
    if (!session_load(&t->session, request->path, &options)) return false;
    if (request->resolved && strcmp(request->resolved, t->session.resolved) != 0) return false;
    t->changed = false;
    Session *s = &t->session;
    t->forward = module_find_func(module_clone(s->recipe.module, s->arena), request->function);
    if (!session_passes(s, PASSES_INTERPRET, request->target_features)) return false;
    t->func = module_find_func(s->recipe.module, request->function);
    t->plain = module_find_func(module_clone(s->recipe.module, s->arena), request->function);
    return t->func || fail(2, "recipe '%s' has no function '%s'", request->path, request->function) < 0;
}

static const void *find_input(const TraceRequest *r, const char *name) {
    for (int i = 0; i < r->program->n_inputs; i++)
        if (strcmp(r->program->inputs[i].tensor.name, name) == 0) return r->inputs[i];
    return NULL;
}

/* All values at once take more than the fused step does: better no trace than to be killed for memory. */
static bool fits_memory(const Traced *t) {
    const Module *module = t->session.recipe.module;
    double needed = (double)t->func->plan->arena_bytes;
    for (size_t i = 0; i < module->n_states; i++) needed += (double)type_bytes(&module->states[i].type);
    for (size_t i = 0; i < t->func->n_outputs; i++)
        needed += (double)type_bytes(func_type(t->func, t->func->outputs[i].value));
    double free = machine_free_memory();
    return needed < 0.9 * free ||
           fail(1, "not traced: that would take %.1f GB, and %.1f GB are free", needed / 1e9, free / 1e9) < 0;
}

/* Compiles it, gives it the request's states and inputs, and runs it. */
static bool traced_run(Traced *t) {
    const TraceRequest *r = t->request;
    Session *s = &t->session;
    VtError error = {0};
    if (!session_passes(s, TRACE_PASSES, r->target_features) || !fits_memory(t) ||
        !session_code(s, r->target_features))
        return false;
    const VtProgram *p = s->program;
    t->instance = vt_instance_new(p, &error);
    if (!t->instance) return fail(error.code, "not traced: %s", error.message) < 0;
    for (int i = 0; i < p->n_states; i++) {
        int from = vt_instance_find_state(r->instance, p->states[i].tensor.name);
        if (from >= 0)
            memcpy(vt_instance_write_state(t->instance, i), vt_instance_state(r->instance, from),
                   vt_bytes(&p->states[i].tensor));
    }
    t->inputs = ARENA_ARRAY(s->arena, void *, p->n_inputs + 1);
    for (int i = 0; i < p->n_inputs; i++) t->inputs[i] = (void *)find_input(r, p->inputs[i].tensor.name);
    return vt_instance_run(t->instance, r->function, t->inputs, &error) ||
           fail(error.code, "not traced: %s", error.message) < 0;
}

static void traced_end(Traced *t) {
    vt_instance_free(t->instance);
    session_close(&t->session);
}

/* ---- the search -------------------------------------------------------------------------------------------------- */

static const char *output_of(Traced *t, ValueId id) {
    return arena_printf(t->session.arena, "trace.%u", id);
}

/* Values that an output or a state depends on. */
static bool *live_values(const Func *func, Arena *arena) {
    bool *live = ARENA_ARRAY(arena, bool, func->count + 1);
    for (size_t i = 0; i < func->n_outputs; i++) live[func->outputs[i].value] = true;
    for (size_t i = 0; i < func->n_updates; i++) live[func->updates[i].value] = true;
    for (size_t id = func->count; id-- > 0;)
        for (int o = 0; live[id] && o < func->nodes[id].n_operands; o++)
            live[func->nodes[id].operands[o]] = true;
    return live;
}

/* The largest |value|, a scalar. */
static ValueId size_of(Func *func, ValueId id) {
    const Type type = *func_type(func, id);
    int64_t axes[IR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    ValueId size = ir_unary(func, OP_abs, id);
    return type.rank ? ir_reduce(func, OP_amax, size, type.rank, axes, false) : size;
}

/* Of the reals in the result of a loop: between its parts, and in those of integers, lies anything. */
static ValueId loop_size(Func *func, ValueId loop) {
    const Func *body = loop_body(func, func_node(func, loop));
    ValueId most = ir_constant(func, 0, DT_F64);
    for (size_t k = 0; k < body->n_outputs; k++)
        if (dtype_is_float((DType)func_type(body, body->outputs[k].value)->dtype))
            most =
                ir_binary(func, OP_max, most, ir_cast(func, size_of(func, loop_part(func, loop, k)), DT_F64));
    return most;
}

/* The largest |value| of every live value becomes an output. */
static bool watch_all(Traced *t) {
    Func *func = t->func;
    const bool *live = live_values(func, t->session.arena);
    func->scope = NULL;
    func->loc = (Loc){0, 0, 0};
    for (ValueId id = 0; id < t->plain->count; id++) {
        Node node = func->nodes[id]; /* a copy: the list may move */
        if (!live[id] || !is_real(&node) || node.op == OP_constant) continue;
        ValueId size = node.op == OP_loop ? loop_size(func, id) : size_of(func, id);
        if (size == IR_NONE) return fail(1, "not traced: %s", func->error) < 0;
        func_add_output(func, output_of(t, id), size);
    }
    return true;
}

static bool is_finite(Traced *t, ValueId id) {
    VtTensor type;
    const void *data = vt_instance_output(t->instance, t->request->function, output_of(t, id), &type);
    if (!data) return true;
    return isfinite(type.dtype == VT_F64 ? *(const double *)data : (double)*(const float *)data);
}

/* Where it began; IR_NONE: all is finite. Operands come before their users. */
static ValueId find_first(Traced *t) {
    const Func *func = t->plain;
    bool *reached = ARENA_ARRAY(t->session.arena, bool, func->count + 1);
    ValueId first = IR_NONE;
    for (size_t i = 0; i < func->n_outputs; i++) reached[func->outputs[i].value] = true;
    for (size_t i = 0; i < func->n_updates; i++) reached[func->updates[i].value] = true;
    for (ValueId id = (ValueId)func->count; id-- > 0;) {
        const Node *node = func_node(func, id);
        if (!reached[id] || is_finite(t, id)) continue;
        first = id;
        for (int o = 0; o < node->n_operands; o++) reached[node->operands[o]] = true;
    }
    return first;
}

/* ---- what is told of it ------------------------------------------------------------------------------------------ */

/* A value and its operands become outputs. */
static void watch_one(Traced *t, ValueId id) {
    const Node *node = func_node(t->plain, id);
    for (int o = -1; o < node->n_operands; o++) {
        ValueId value = o < 0 ? id : node->operands[o];
        OpKind op = (OpKind)func_node(t->plain, value)->op;
        bool told = false; /* one operand may be given twice */
        for (int before = 0; before < o; before++) told = told || node->operands[before] == value;
        if (told || op_is_source(op) || op == OP_constant) continue;
        func_add_output(t->func, output_of(t, value), value);
    }
}

typedef struct {
    const char *name; /* NULL: an intermediate value */
    const Type *type;
    const void *data;
    int64_t n, bad, first_bad;
    double low, high; /* of the finite ones */
} Values;

static double element(const Values *v, int64_t i) {
    switch (v->type->dtype) {
    case DT_F32: return ((const float *)v->data)[i];
    case DT_F64: return ((const double *)v->data)[i];
    case DT_I32: return ((const int32_t *)v->data)[i];
    case DT_I64: return (double)((const int64_t *)v->data)[i];
    default: return ((const uint8_t *)v->data)[i];
    }
}

/* Whether word `i` of a loop's result is an f32. */
static bool is_real_word(const Func *func, const Node *loop, int64_t i) {
    const Func *body = loop_body(func, loop);
    for (size_t k = 0; k < body->n_outputs; k++) {
        LoopPart part = loop_part_of(body, loop_attrs(loop), k);
        if (part.type.dtype == DT_F32 && i >= part.start && i < part.start + type_elements(&part.type))
            return true;
    }
    return false;
}

static Values values_of(Traced *t, ValueId id) {
    const Node *node = func_node(t->plain, id);
    const Module *module = t->plain->module;
    const TraceRequest *r = t->request;
    Values v = {.type = &node->type, .n = type_elements(&node->type), .low = INFINITY, .high = -INFINITY};
    float *constant = ARENA_ARRAY(t->session.arena, float, 1);
    if (node->op == OP_state) {
        v.name = module->states[source_attrs(node)->index].name;
        int state = vt_instance_find_state(r->instance, v.name);
        v.data = state < 0 ? NULL : vt_instance_state(r->instance, state);
    } else if (node->op == OP_input) {
        v.name = t->plain->inputs[source_attrs(node)->index].name;
        v.data = find_input(r, v.name);
    } else if (node->op == OP_constant && node->type.dtype == DT_F32) {
        *constant = (float)constant_attrs(node)->value;
        v.data = constant;
    } else
        v.data = vt_instance_output(t->instance, r->function, output_of(t, id), NULL);
    for (int64_t i = 0; v.data && i < v.n; i++) {
        if (node->op == OP_loop && !is_real_word(t->plain, node, i)) continue;
        double x = element(&v, i);
        if (!isfinite(x) && v.bad++ == 0) v.first_bad = i;
        if (isfinite(x)) v.low = fmin(v.low, x), v.high = fmax(v.high, x);
    }
    return v;
}

static const char *place(Arena *arena, const Type *type, int64_t index) {
    const char *text = "]";
    for (int k = type->rank; k-- > 0; index /= type->dim[k])
        text = arena_printf(arena, "%s%lld%s", k ? ", " : "[", (long long)(index % type->dim[k]), text);
    return type->rank ? text : "";
}

/* Autodiff gives the nodes of a gradient the place of what they are the gradient of. */
static bool is_forward(const Traced *t, const Node *node) {
    for (size_t i = 0; i < t->forward->count; i++) {
        const Node *other = &t->forward->nodes[i];
        if (other->op == node->op && other->loc.file == node->loc.file && other->loc.line == node->loc.line &&
            other->loc.col == node->loc.col)
            return true;
    }
    return false;
}

static void tell_operands(Traced *t, const Node *node, int64_t at) {
    Session *s = &t->session;
    for (int o = 0; o < node->n_operands; o++) {
        Values v = values_of(t, node->operands[o]);
        const char *which =
            node->n_operands > 1 ? arena_printf(s->arena, "operand %d", o + 1) : "its operand";
        if (v.name) which = arena_printf(s->arena, "%s, '%s',", which, v.name);
        if (!v.data || v.bad == v.n) continue;
        const char *here = "";
        if (v.n > 1 && type_equal(v.type, &node->type))
            here = arena_printf(s->arena, ", there %g", element(&v, at));
        if (v.low == v.high)
            diag_note(s->diags, node->loc, "%s %s is %g", which, type_text(s->arena, v.type), v.low);
        else
            diag_note(s->diags, node->loc, "%s %s is from %g to %g%s", which, type_text(s->arena, v.type),
                      v.low, v.high, here);
    }
}

static void tell(Traced *t, ValueId id) {
    Session *s = &t->session;
    const Node *node = func_node(t->plain, id);
    Values v = values_of(t, id);
    const char *scope = node->scope ? arena_printf(s->arena, " (in %s)", node->scope) : "";
    double value = v.data && v.bad ? element(&v, v.first_bad) : NAN;
    const char *what = value > 0 ? "infinite" : value < 0 ? "minus infinite" : "NaN";
    const char *many = v.n == 1 || node->op == OP_loop
                           ? ""
                           : arena_printf(s->arena, " in %lld of %lld places, first at %s", (long long)v.bad,
                                          (long long)v.n, place(s->arena, v.type, v.first_bad));
    if (node->op == OP_state)
        diag_error(s->diags, t->plain->module->states[source_attrs(node)->index].loc,
                   "state '%s' is %s%s before the function runs", v.name, what, many);
    else if (node->op == OP_input)
        diag_error(s->diags, node->loc, "input '%s' is %s%s", v.name, what, many);
    else
        diag_error(s->diags, node->loc, "the first value that is not finite: %s%s%s is %s%s",
                   is_forward(t, node) ? "" : "in the gradient of this, ", op_info((OpKind)node->op)->name,
                   scope, what, many);
    tell_operands(t, node, v.first_bad);
    diags_print(s->diags, stderr, vt_terminal(stderr).colour);
}

TraceResult trace_nonfinite(const TraceRequest *request) {
    Traced all, one;
    ValueId first = IR_NONE;
    bool good = traced_load(&all, request) && watch_all(&all) && traced_run(&all);
    if (good) first = find_first(&all);
    traced_end(&all);
    if (all.changed) return TRACE_CHANGED;
    if (!good || first == IR_NONE) return good ? TRACE_FINITE : TRACE_FAILED;
    good = traced_load(&one, request);
    if (good) watch_one(&one, first);
    good = good && traced_run(&one);
    if (good) tell(&one, first);
    traced_end(&one);
    return good ? TRACE_FOUND : TRACE_FAILED;
}
