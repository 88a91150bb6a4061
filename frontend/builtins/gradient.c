/* grad(loss, x): the gradient of a loss inside a step, made at once in ordinary operators, so that what is made of it
 * has a gradient too. What runs before pass `autodiff` sees nothing but these. */
#include "frontend/builtins/builtins.h"
#include "passes/graph/autodiff.h"

/* What gradients are wanted at, in order: the tensors of a list or record, or one. */
typedef struct {
    ValueId *x, *out;
    size_t n, capacity;
} Leaves;

static bool add_leaves(Evaluator *e, Loc loc, const Value *v, Leaves *leaves) {
    bool many = is_list(v) || v->kind == V_RECORD;
    for (size_t i = 0; many && i < v->count; i++)
        if (!add_leaves(e, loc, &v->items[i], leaves)) return false;
    if (many) return true;
    if (v->kind == V_POISON) return false;
    if (!is_tensor(v))
        return eval_error(e, loc, "grad at %s: it is taken at a tensor of the step, or a list of them",
                          show_value(e, v)),
               false;
    ValueId id = tensor_of(e, loc, v, DT_F32);
    if (id == IR_NONE) return false;
    if (!dtype_is_float((DType)func_type(e->func, id)->dtype))
        return eval_error(e, loc, "grad at %s: only at real numbers is there a gradient", show_value(e, v)),
               false;
    ARENA_PUSH(e->arena, leaves->x, leaves->n, leaves->capacity, id);
    return true;
}

/* The gradients in the form in which their places were given. */
static Value shaped_like(Evaluator *e, Loc loc, const Value *v, const ValueId **next) {
    if (!is_list(v) && v->kind != V_RECORD) return value_tensor(e, loc, *(*next)++);
    Value list = value_list(e, loc, v->kind, v->count);
    if (list.kind == V_POISON) return list;
    if (v->kind == V_RECORD) list.names = v->names;
    for (size_t i = 0; i < v->count; i++) list.items[i] = shaped_like(e, loc, &v->items[i], next);
    return close_list(e, loc, list);
}

FUNCTION(b_grad) {
    UNUSED;
    Leaves leaves = {0};
    if (args[0].kind == V_POISON || args[1].kind == V_POISON) return (Value){0};
    if (!is_tensor(&args[0]))
        return eval_error(e, at->loc, "grad of %s: it is taken of a loss, a tensor", show_value(e, &args[0]));
    ValueId loss = tensor_of(e, at->loc, &args[0], DT_F32);
    if (loss == IR_NONE) return (Value){0};
    const Type *type = func_type(e->func, loss);
    if (type->rank || !dtype_is_float((DType)type->dtype))
        return eval_error(e, at->loc, "grad of %s: a loss is one real number, take `sum` or `mean`",
                          show_value(e, &args[0]));
    if (!add_leaves(e, at->loc, &args[1], &leaves)) return (Value){0};
    leaves.out = ARENA_ARRAY(e->arena, ValueId, leaves.n + 1);
    if (!autodiff_append(e->func, loss, leaves.x, leaves.n, leaves.out, e->diags)) {
        diag_note(e->diags, at->loc, "its gradient is taken here");
        return (Value){0};
    }
    for (size_t i = 0; i < leaves.n; i++)
        if (leaves.out[i] == IR_NONE)
            return eval_error(
                e, at->loc, "grad at %s%s: the loss does not depend on it, or only where no gradient flows",
                type_text(e->arena, func_type(e->func, leaves.x[i])),
                leaves.n > 1 ? arena_printf(e->arena, " (number %zu of %zu)", i, leaves.n) : "");
    const ValueId *next = leaves.out;
    return spend(e, at->loc, 0) ? shaped_like(e, at->loc, &args[1], &next) : (Value){0};
}
