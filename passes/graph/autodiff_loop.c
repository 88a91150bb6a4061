/* Gradients of loops: see autodiff_loop.h. */
#include "passes/graph/autodiff_loop.h"
#include "ir/loop.h"
#include "ir/remarks.h"

#include <math.h>
#include <string.h>

enum { LONG_LOOP = 64 }; /* iterations of a loop that is cut into segments */

/* The node of each input. */
static ValueId *input_nodes(Arena *arena, const Func *body) {
    ValueId *nodes = ARENA_ARRAY(arena, ValueId, body->n_inputs + 1);
    for (ValueId id = 0; id < body->count; id++) {
        const Node *node = func_node(body, id);
        if (node->op == OP_input) nodes[source_attrs(node)->index] = id;
    }
    return nodes;
}

static ValueId zeros(Func *func, const Type *type) {
    return ir_broadcast(func, ir_constant(func, 0, (DType)type->dtype), type->rank, type->dim);
}

static bool is_real(const Type *type) {
    return dtype_is_float((DType)type->dtype);
}

/* ---- bodies of segments ------------------------------------------------------------------------------------------ */

/* A copy of the body, and its inputs. `later`: whose iterations are numbered from a further input on. */
static Func *copy_body(const Func *body, bool later, ValueId **inputs_out) {
    Module *module = body->module;
    Func *copy = module_add_body(module, body->name);
    copy->next_number = body->next_number;
    ValueId *map = ARENA_ARRAY(module->arena, ValueId, body->count + 1);
    ValueId *inputs = *inputs_out = ARENA_ARRAY(module->arena, ValueId, body->n_inputs + 1);
    for (size_t i = 0; i < body->n_inputs; i++)
        inputs[i] = func_add_input(copy, body->inputs[i].name, body->inputs[i].type);
    const char *first = arena_printf(module->arena, "in.first.%zu", body->n_inputs);
    if (later)
        inputs[0] = ir_binary(copy, OP_add, inputs[0], func_add_input(copy, first, type_scalar(DT_I32)));
    for (ValueId id = 0; id < body->count; id++) {
        const Node *node = func_node(body, id);
        if (node->op == OP_input) {
            map[id] = inputs[source_attrs(node)->index];
            continue;
        }
        ValueId *operands = ARENA_ARRAY(module->arena, ValueId, node->n_operands + 1);
        for (int o = 0; o < node->n_operands; o++) operands[o] = map[node->operands[o]];
        map[id] = func_copy(copy, node, operands);
    }
    for (size_t k = 0; k < body->n_outputs; k++)
        func_add_output(copy, body->outputs[k].name, map[body->outputs[k].value]);
    return copy;
}

static Func *later_body(const Func *body) {
    ValueId *inputs;
    return copy_body(body, true, &inputs);
}

/* A body that does `count` iterations of `inner`, whose last operand is the number of the first. */
static Func *segment_body(const Func *inner, int n_carried, int64_t count) {
    Module *module = inner->module;
    size_t n = inner->n_inputs - 1;
    Func *body = module_add_body(module, arena_printf(module->arena, "%s.segment", inner->name));
    ValueId *operands = ARENA_ARRAY(module->arena, ValueId, n + 1);
    ValueId number = func_add_input(body, "in.segment", type_scalar(DT_I32));
    for (size_t i = 1; i < n; i++)
        operands[i - 1] = func_add_input(body, inner->inputs[i].name, inner->inputs[i].type);
    operands[n - 1] = ir_binary(body, OP_mul, number, ir_constant(body, (double)count, DT_I32));
    ValueId loop =
        loop_emit(body, inner, operands, (int)n, (LoopAttrs){.count = count, .carried = n_carried});
    for (int k = 0; k < n_carried; k++)
        func_add_output(body, inner->outputs[k].name, loop_part(body, loop, (size_t)k));
    return body;
}

/* ---- loops that keep what their gradients need ------------------------------------------------------------------- */

/* Of rows that were kept those that went into iterations: all but the last, or the first. */
static ValueId rows_into(Func *func, ValueId kept, bool reverse) {
    if (kept == IR_NONE) return kept;
    const Type type = *func_type(func, kept);
    int64_t start[IR_MAX_RANK] = {reverse}, limit[IR_MAX_RANK], step[IR_MAX_RANK];
    for (int k = 0; k < type.rank; k++) limit[k] = type.dim[k] - (k == 0 && !reverse), step[k] = 1;
    return ir_slice(func, kept, start, limit, step);
}

/* A copy of the body that stacks what is carried into each iteration: ordinary outputs, which have gradients. */
static Func *stacking_body(const Func *body, int n_carried) {
    ValueId *inputs;
    Func *copy = copy_body(body, false, &inputs);
    for (int k = 0; k < n_carried; k++)
        func_add_output(copy, arena_printf(copy->module->arena, "history.%d", k), inputs[k + 1]);
    return copy;
}

/* Emits a loop, with what is carried into each iteration behind the rest of its result, and notes it. */
static ValueId emit_saved(Func *func, SavedLoop *saved, bool again, const Func *body, const ValueId *operands,
                          int n, LoopAttrs attrs) {
    int carried = (int)attrs.carried;
    size_t outputs = body->n_outputs;
    SavedPiece *piece = &saved->pieces[saved->n++];
    *piece = (SavedPiece){.body = body,
                          .count = attrs.count,
                          .reverse = attrs.reverse,
                          .when = attrs.when,
                          .again = again,
                          .n_carried = carried,
                          .n_sliced = (int)attrs.sliced,
                          .n_captured = n - attrs.when - carried - (int)attrs.sliced,
                          .n_outputs = (int)outputs,
                          .operands = operands};
    bool many = attrs.count > 1;
    attrs.kept = many && !again;
    ValueId loop = loop_emit(func, many && again ? stacking_body(body, carried) : body, operands, n, attrs);
    piece->history = many ? ARENA_ARRAY(func->module->arena, ValueId, carried + 1) : NULL;
    for (int k = 0; k < carried && many && again; k++)
        piece->history[k] = loop_part(func, loop, outputs + (size_t)k);
    for (int k = 0; k < carried && attrs.kept; k++)
        piece->history[k] = rows_into(func, loop_part(func, loop, outputs + (size_t)k), attrs.reverse);
    return loop;
}

/* The same of a long one that only carries: in segments of about √count iterations. */
static ValueId emit_segments(Func *func, SavedLoop *saved, bool again, const Func *body,
                             const ValueId *operands, int n, const LoopAttrs *attrs) {
    int carried = (int)attrs->carried;
    Arena *arena = func->module->arena;
    int64_t size = (int64_t)round(sqrt((double)attrs->count)), segments = attrs->count / size,
            left = attrs->count - segments * size;
    const Func *inner = later_body(body);
    ValueId loop = emit_saved(func, saved, again, segment_body(inner, carried, size), operands, n,
                              (LoopAttrs){.count = segments, .carried = carried});
    if (left == 0) return loop;
    ValueId *rest = ARENA_ARRAY(arena, ValueId, n + 1);
    for (int o = 0; o < n; o++) rest[o] = o < carried ? loop_part(func, loop, (size_t)o) : operands[o];
    rest[n] = ir_constant(func, (double)(segments * size), DT_I32);
    return emit_saved(func, saved, again, inner, rest, n + 1, (LoopAttrs){.count = left, .carried = carried});
}

ValueId autodiff_copy_loop(Sweep *sweep, ValueId old) {
    const Node *node = &sweep->rewrite.old[old];
    const LoopAttrs *attrs = loop_attrs(node);
    Func *func = sweep->rewrite.func;
    const Func *body = func->module->funcs[attrs->body];
    Arena *arena = func->module->arena;
    ValueId *operands = ARENA_ARRAY(arena, ValueId, node->n_operands + 1);
    for (int o = 0; o < node->n_operands; o++) operands[o] = sweep->rewrite.map[node->operands[o]];
    SavedLoop *saved = sweep->saved[old] = ARENA_NEW(arena, SavedLoop);
    func_made_for(func, node);
    bool carries_only = attrs->sliced == 0 && (size_t)attrs->carried == body->n_outputs && !attrs->reverse;
    bool cut = attrs->count > LONG_LOOP && carries_only;
    remark(func, cut ? RULE_autodiff_segments : RULE_autodiff_kept, node->number, IR_NONE,
           (double)attrs->carried, (double)attrs->count, NULL);
    ValueId loop = cut ? emit_segments(func, saved, sweep->again, body, operands, node->n_operands, attrs)
                       : emit_saved(func, saved, sweep->again, body, operands, node->n_operands, *attrs);
    int64_t start = 0, step = 1; /* what the old loop had as its result comes first */
    if (type_equal(func_type(func, loop), &node->type)) return sweep->rewrite.map[old] = loop;
    return sweep->rewrite.map[old] = ir_slice(func, loop, &start, &attrs->words, &step);
}

/* ---- the body of the gradient ------------------------------------------------------------------------------------ */

/* What the gradient of a piece is wanted of, and how the values of its body are numbered. */
typedef struct {
    const SavedPiece *piece;
    const bool *wanted; /* of each operand of the piece, from the first carried one on */
    Func *func;         /* the body of the gradient */
    ValueId *
        d_outputs; /* inputs of it: the gradient of each output of the piece's body; IR_NONE: it is no real */
    ValueId *d_captured; /* the sum so far for each captured value */
    ValueId *inputs;     /* the nodes of the piece's body that are its inputs … */
    ValueId *values;     /* … and what each of them is here */
} Adjoint;

static const Type *input_type(const SavedPiece *piece, int operand) {
    return &piece->body->inputs[operand + 1].type;
}

static const Type *output_type(const SavedPiece *piece, int k) {
    return func_type(piece->body, piece->body->outputs[k].value);
}

static ValueId add_input(Adjoint *a, const char *what, int number, const Type *type) {
    return func_add_input(a->func, arena_printf(a->func->module->arena, "in.%s.%d", what, number), *type);
}

static int first_captured(const SavedPiece *piece) {
    return piece->n_carried + piece->n_sliced;
}

/* The inputs, in the order in which backward_operands gives them. */
static void add_inputs(Adjoint *a) {
    const SavedPiece *p = a->piece;
    int captured = first_captured(p), n = captured + p->n_captured;
    a->values[0] = func_add_input(a->func, "in.iteration", type_scalar(DT_I32));
    for (int k = 0; k < p->n_carried; k++)
        if (is_real(output_type(p, k))) a->d_outputs[k] = add_input(a, "d", k, output_type(p, k));
    for (int o = captured; o < n; o++)
        if (a->wanted[o]) a->d_captured[o] = add_input(a, "sum", o, input_type(p, o));
    for (int k = p->n_carried; k < p->n_outputs; k++)
        if (is_real(output_type(p, k))) a->d_outputs[k] = add_input(a, "d", k, output_type(p, k));
    for (int o = p->n_carried; o < captured; o++) a->values[o + 1] = add_input(a, "row", o, input_type(p, o));
    for (int k = 0; k < p->n_carried; k++) a->values[k + 1] = add_input(a, "carried", k, input_type(p, k));
    for (int o = captured; o < n; o++) a->values[o + 1] = add_input(a, "captured", o, input_type(p, o));
}

/* The gradient of input number `o` + 1 of the piece's body. */
static ValueId gradient_of(Adjoint *a, const Sweep *sweep, int o) {
    ValueId sum = sweep->sum[a->inputs[o + 1]];
    return sum != IR_NONE ? sum : zeros(a->func, input_type(a->piece, o));
}

static void add_outputs(Adjoint *a, const Sweep *sweep) {
    const SavedPiece *p = a->piece;
    Arena *arena = a->func->module->arena;
    int captured = first_captured(p), n = captured + p->n_captured;
    for (int k = 0; k < p->n_carried; k++)
        if (is_real(input_type(p, k)))
            func_add_output(a->func, arena_printf(arena, "d.%d", k), gradient_of(a, sweep, k));
    for (int o = captured; o < n; o++) {
        if (!a->wanted[o]) continue;
        ValueId sum = sweep->sum[a->inputs[o + 1]], all = a->d_captured[o];
        if (sum != IR_NONE) all = ir_binary(a->func, OP_add, all, sum);
        func_add_output(a->func, arena_printf(arena, "sum.%d", o), all);
    }
    for (int o = p->n_carried; o < captured; o++)
        if (a->wanted[o])
            func_add_output(a->func, arena_printf(arena, "row.%d", o), gradient_of(a, sweep, o));
}

/* Copies the piece's body and sweeps back over it. False: an error is in the diags. */
static bool sweep_body(Adjoint *a, const GradFn *rules, Diags *diags) {
    const SavedPiece *p = a->piece;
    const Func *body = p->body;
    Arena *arena = a->func->module->arena;
    Rewrite rewrite = {.func = a->func, .old = body->nodes, .n_old = body->count};
    a->func->next_number = body->next_number;
    rewrite.map = ARENA_ARRAY(arena, ValueId, body->count + 1);
    for (size_t i = 0; i < body->count; i++) rewrite.map[i] = IR_NONE;
    Sweep sweep = sweep_start(rewrite, rules, diags);
    sweep.again = p->again;
    for (size_t i = 0; i < body->n_inputs; i++) {
        ValueId id = a->inputs[i];
        rewrite.map[id] = a->values[i];
        bool carried = i > 0 && i <= (size_t)p->n_carried;
        sweep.leaf[id] = i > 0 && is_real(&body->inputs[i].type) && (carried || a->wanted[i - 1]);
    }
    bool *paths = sweep_paths(&sweep, (ValueId)body->count - 1, arena);
    for (ValueId id = 0; id < body->count; id++) {
        const Node *node = func_node(body, id);
        if (node->op == OP_stop_grad)
            rewrite.map[id] = rewrite.map[node->operands[0]];
        else if (node->op == OP_loop && paths[id])
            autodiff_copy_loop(&sweep, id);
        else
            rewrite_copy(&sweep.rewrite, id);
    }
    for (int k = 0; k < p->n_outputs; k++) sweep_add(&sweep, body->outputs[k].value, a->d_outputs[k]);
    if (!sweep_back(&sweep, (ValueId)body->count - 1, paths)) return false;
    func_made_for(a->func, NULL);
    add_outputs(a, &sweep);
    return true;
}

/* ---- the gradient ------------------------------------------------------------------------------------------------ */

/* Operands of the backward loop, and how many of them are what. */
typedef struct {
    ValueId *of;
    int n;
    LoopAttrs attrs;
} Operands;

static Operands backward_operands(GradRule *r, const Adjoint *a, const ValueId *d_outputs) {
    const SavedPiece *p = a->piece;
    const ValueId *x = p->operands + p->when;
    int captured = first_captured(p), n = captured + p->n_captured;
    Operands all = {.of = ARENA_ARRAY(r->func->module->arena, ValueId, 2 * (n + p->n_outputs) + 2)};
    all.attrs = (LoopAttrs){.count = p->count, .reverse = !p->reverse && p->count > 1, .when = p->when};
    if (p->when) all.of[all.n++] = p->operands[0];
    for (int k = 0; k < p->n_carried; k++)
        if (a->d_outputs[k] != IR_NONE) all.of[all.n++] = d_outputs[k];
    for (int o = captured; o < n; o++)
        if (a->wanted[o]) all.of[all.n++] = zeros(r->func, input_type(p, o));
    all.attrs.carried = all.n - p->when;
    for (int k = p->n_carried; k < p->n_outputs; k++)
        if (a->d_outputs[k] != IR_NONE) all.of[all.n++] = d_outputs[k];
    for (int o = p->n_carried; o < captured; o++) all.of[all.n++] = x[o];
    for (int k = 0; k < p->n_carried; k++) all.of[all.n++] = p->history ? p->history[k] : x[k];
    all.attrs.sliced = all.n - p->when - all.attrs.carried - (p->history ? 0 : p->n_carried);
    for (int o = captured; o < n; o++) all.of[all.n++] = x[o];
    return all;
}

/* Gradients of a piece's operands from those of its outputs: d_carried in place, the others added to `dx`. */
static bool differentiate_piece(GradRule *r, const SavedPiece *p, const bool *wanted, ValueId *d_outputs,
                                ValueId *dx) {
    Arena *arena = r->func->module->arena;
    int captured = first_captured(p), n = captured + p->n_captured;
    Adjoint a = {.piece = p,
                 .wanted = wanted,
                 .func = module_add_body(r->func->module, arena_printf(arena, "%s.grad", p->body->name)),
                 .d_outputs = ARENA_ARRAY(arena, ValueId, p->n_outputs + 1),
                 .d_captured = ARENA_ARRAY(arena, ValueId, n + 1),
                 .inputs = input_nodes(arena, p->body),
                 .values = ARENA_ARRAY(arena, ValueId, n + 2)};
    for (int k = 0; k < p->n_outputs; k++) a.d_outputs[k] = IR_NONE;
    add_inputs(&a);
    if (!sweep_body(&a, r->rules, r->diags)) return false;
    if (a.func->n_outputs == 0) return true;
    Operands operands = backward_operands(r, &a, d_outputs);
    ValueId loop = loop_emit(r->func, a.func, operands.of, operands.n, operands.attrs);
    size_t part = 0;
    for (int k = 0; k < p->n_carried; k++)
        d_outputs[k] = a.d_outputs[k] != IR_NONE ? loop_part(r->func, loop, part++) : IR_NONE;
    for (int i = 0; i < n - p->n_carried; i++) { /* the captured values come before the rows */
        int o = i < p->n_captured ? captured + i : p->n_carried + i - p->n_captured;
        if (!wanted[o]) continue;
        ValueId d = loop_part(r->func, loop, part++);
        dx[o] = dx[o] == IR_NONE ? d : ir_binary(r->func, OP_add, dx[o], d);
    }
    return true;
}

/* The gradient of a part of the result. That of f64 is an f32 a number in the first of its words. */
static ValueId d_part(GradRule *r, const LoopPart *part) {
    if (!is_real(&part->type)) return IR_NONE;
    LoopPart as_f32 = *part;
    as_f32.type.dtype = DT_F32;
    return ir_cast(r->func, loop_take(r->func, r->dy, &as_f32), (DType)part->type.dtype);
}

void grad_loop(GradRule *r) {
    const LoopAttrs *attrs = loop_attrs(r->node);
    const Func *body = loop_body(r->func, r->node);
    Arena *arena = r->func->module->arena;
    int when = attrs->when, carried = (int)attrs->carried, n = r->node->n_operands - when;
    if (attrs->kept) { /* autodiff makes them, and none is there before it */
        diag_error(r->diags, r->node->loc, "what a loop keeps for its gradient has none itself");
        r->failed = true;
        return;
    }
    ValueId *d_outputs = ARENA_ARRAY(arena, ValueId, body->n_outputs + 1);
    ValueId *dx = ARENA_ARRAY(arena, ValueId, n + 1);
    bool *wanted = ARENA_ARRAY(arena, bool, n + 1); /* one more: the number of the first iteration is none */
    for (int o = 0; o < n; o++) {
        wanted[o] = r->wanted[o + when];
        dx[o] = IR_NONE;
    }
    for (size_t k = 0; k < body->n_outputs; k++) {
        LoopPart part = loop_part_of(body, attrs, k);
        d_outputs[k] = d_part(r, &part);
    }
    for (int i = r->saved->n; i-- > 0 && !r->failed;)
        r->failed = !differentiate_piece(r, &r->saved->pieces[i], wanted, d_outputs, dx);
    for (int o = 0; o < n && !r->failed; o++)
        if (wanted[o]) r->dx[o + when] = o < carried ? d_outputs[o] : dx[o];
}
