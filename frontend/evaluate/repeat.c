/* The statements `repeat` and `when`: loops of the step, whose bodies are evaluated once (loops.c). Names that have a
 * value before and are assigned in the body are carried; what it assigns first is its own, and forgotten behind it. */
#include "frontend/evaluate/evaluator.h"

#include <string.h>

enum { MAX_REPEATS = 1 << 24 };

/* ---- the names that are carried ---------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    Value before;
} CarriedName;

typedef struct {
    CarriedName *of;
    size_t n, capacity;
} CarriedNames;

static void add_name(Evaluator *e, CarriedNames *names, const Expr *target) {
    for (size_t i = 0; target->kind == EXPR_TUPLE && i < target->n_args; i++)
        add_name(e, names, target->args[i]);
    const Value *known = target->kind == EXPR_NAME ? lookup(e, target->text) : NULL;
    if (!known || known->kind == V_STATE || known->kind == V_POISON) return;
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->of[i].name, target->text) == 0) return;
    CarriedName entry = {target->text, *known};
    ARENA_PUSH(e->arena, names->of, names->n, names->capacity, entry);
}

static void add_assigned(Evaluator *e, CarriedNames *names, Expr *const *statements, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const Expr *s = statements[i];
        if (s->kind == STMT_ASSIGN) add_name(e, names, s->a);
        add_assigned(e, names, s->body, s->n_body);
        add_assigned(e, names, s->orelse, s->n_orelse);
    }
}

/* The names of a frame, to be put back. */
static Frame keep_names(Evaluator *e, const Frame *frame) {
    Frame kept = *frame;
    kept.variables = ARENA_ARRAY(e->arena, Variable, frame->count + 1);
    if (frame->count) memcpy(kept.variables, frame->variables, sizeof *kept.variables * frame->count);
    kept.capacity = frame->count + 1;
    return kept;
}

/* As it was, but for what was skipped; names that were new are gone. */
static void put_back(Evaluator *e, Frame *frame, const Frame *kept) {
    bool skipped = frame->skipped;
    *frame = *kept;
    frame->skipped = skipped;
    frame->variables = NULL;
    frame->count = frame->capacity = frame->n_named = 0;
    frame->names = (Names){0};
    for (size_t i = 0; i < kept->count; i++) {
        define(e, frame, kept->variables[i].name, kept->variables[i].value);
        *frame_variable(frame, kept->variables[i].name) = kept->variables[i];
    }
}

/* ---- a body ------------------------------------------------------------------------------------------------------ */

static bool carry_names(Evaluator *e, Loop *loop, const CarriedNames *names) {
    Frame *frame = assigned_frame(e);
    for (size_t i = 0; i < names->n; i++) {
        Value inside = carry_value(e, loop, loop->loc, names->of[i].name, &names->of[i].before);
        if (inside.kind == V_POISON) return false;
        define(e, frame, names->of[i].name, inside);
    }
    return true;
}

/* Where the body last gives the name a value. */
static Loc assigned_at(Expr *const *statements, size_t n, const char *name, Loc otherwise) {
    for (size_t i = 0; i < n; i++) {
        const Expr *s = statements[i];
        bool assigns = s->kind == STMT_ASSIGN && s->a->kind == EXPR_NAME && strcmp(s->a->text, name) == 0;
        otherwise = assigns ? s->loc : assigned_at(s->body, s->n_body, name, otherwise);
        otherwise = assigned_at(s->orelse, s->n_orelse, name, otherwise);
    }
    return otherwise;
}

/* Evaluates the body and notes what the names are after it. */
static bool run_body(Evaluator *e, Loop *loop, const CarriedNames *names, Expr *const *body, size_t n) {
    size_t failures = e->failures, next = 0;
    if (!carry_names(e, loop, names)) return false;
    run_statements(e, body, n);
    if (e->has_returned && e->failures == failures)
        eval_error(
            e, loop->loc,
            "`return` inside `%s`: assign the value to a name that has one %s, and return that behind it",
            loop->word, "before");
    for (size_t i = 0; i < names->n && e->failures == failures; i++) {
        const char *name = names->of[i].name;
        carry_next(e, loop, assigned_at(body, n, name, loop->loc), name, &names->of[i].before,
                   lookup(e, name), &next);
    }
    return e->failures == failures;
}

/* Names are read of the frame that is put back; `number`: of the iteration, or NULL. */
static void run_loop(Evaluator *e, const Expr *s, const char *word, Expr *const *body, size_t n,
                     int64_t count, ValueId condition, const Expr *number) {
    CarriedNames names = {0};
    Frame *frame = assigned_frame(e), kept = keep_names(e, frame);
    const Expr *around = e->loop;
    add_assigned(e, &names, body, n);
    Loop *loop = loop_begin(e, s->loc, word, count, condition);
    if (!loop) {
        skip_body(e);
        return;
    }
    e->loop = s;
    if (number) define(e, frame, number->text, value_of(e, loop->number));
    bool good = run_body(e, loop, &names, body, n);
    e->loop = around;
    put_back(e, frame, &kept);
    bool changes = loop_end(e, loop, good);
    size_t next = 0;
    for (size_t i = 0; i < names.n; i++) {
        Value poison = {0};
        define(e, frame, names.of[i].name,
               changes ? carry_result(e, loop, &names.of[i].before, &next)
               : good  ? names.of[i].before
                       : poison);
    }
    if (good && !changes && e->failures == 0) /* values that earlier mistakes took away come out of nothing */
        diag_warning(e->diags, s->loc,
                     "nothing comes out of this `%s`: names that it assigns first are its own, give them a "
                     "value before it",
                     word);
    if (!good) skip_body(e);
}

/* ---- the statements ---------------------------------------------------------------------------------------------- */

void run_repeat(Evaluator *e, const Expr *s) {
    int64_t count;
    Value value = eval(e, s->b);
    if (!int_of(e, s->b->loc, &value, "how often a body is repeated", &count) ||
        (s->a && !may_assign(e, s, s->a))) {
        skip_body(e);
        return;
    }
    if (count < 0 || count > MAX_REPEATS) {
        value_error(e, s->b->loc, &value, "a body is repeated 0 to %d times, not %lld", MAX_REPEATS,
                    (long long)count);
        skip_body(e);
        return;
    }
    if (count) run_loop(e, s, "repeat", s->body, s->n_body, count, IR_NONE, s->a);
}

/* A tensor as a bool of rank 0. */
static ValueId condition_of(Evaluator *e, const Expr *at, const Value *value) {
    ValueId id = tensor_of(e, at->loc, value, DT_BOOL);
    if (id == IR_NONE) return id;
    const Type *type = func_type(e->func, id);
    if (type_elements(type) != 1) {
        eval_error(e, at->loc, "`when` decides by one number, not %s (where(c, a, b) decides for each)",
                   type_text(e->arena, type));
        return IR_NONE;
    }
    DType dtype = (DType)type->dtype;
    id = ir_reshape(e->func, id, 0, NULL);
    return dtype == DT_BOOL ? id : ir_binary(e->func, OP_ne, id, ir_constant(e->func, 0, dtype));
}

void run_when(Evaluator *e, const Expr *s) {
    Value value = eval(e, s->a);
    bool truth;
    if (!is_tensor(&value)) {
        if (bool_of(e, s->a->loc, &value, "a condition", &truth))
            run_statements(e, truth ? s->body : s->orelse, truth ? s->n_body : s->n_orelse);
        else
            skip_body(e);
        return;
    }
    ValueId condition = condition_of(e, s->a, &value);
    if (condition == IR_NONE) {
        skip_body(e);
        return;
    }
    run_loop(e, s, "when", s->body, s->n_body, 1, condition, NULL);
    if (s->n_orelse && !e->has_returned)
        run_loop(e, s, "when", s->orelse, s->n_orelse, 1, ir_unary(e->func, OP_not, condition), NULL);
}
