/* Numbers that may be others when the program runs: where they go on as such, and where they are fixed. */
#include "frontend/evaluate/evaluator.h"
#include "frontend/recipe/scalars.h"

#include <string.h>

static ParsedRecipe *recipe_of(const Evaluator *e) {
    return (ParsedRecipe *)e->recipe; /* of which the scalars alone change */
}

void pin(Evaluator *e, Loc loc, const Value *value) {
    if (is_number(value))
        scalars_fix(recipe_of(e), value->scalar, loc, NULL);
    else if (is_list(value) || value->kind == V_RECORD || value->kind == V_SLICE)
        for (size_t i = 0; i < value->count; i++) pin(e, loc, &value->items[i]);
}

Value settable_name(Evaluator *e, const Expr *name, Value value) {
    if (!is_number(&value) || !value.scalar || e->settable) return value;
    pin(e, name->loc, &value);
    value.scalar = 0;
    return value;
}

/* One that is known too, as a scalar. */
static uint32_t scalar_of_number(Evaluator *e, const Value *number) {
    return number->scalar ? number->scalar : scalars_number(recipe_of(e), number->number);
}

Value made_of(Evaluator *e, Loc loc, const char *op, const Value *args, size_t n, Value number) {
    uint32_t operands[3];
    bool any = false;
    for (size_t i = 0; i < n; i++) any = any || args[i].scalar;
    if (!any || !is_number(&number)) return number;
    for (size_t i = 0; i < n; i++) operands[i] = scalar_of_number(e, &args[i]);
    number.scalar = scalars_make(recipe_of(e), op, operands, n, number.number);
    for (size_t i = 0; i < n && !number.scalar; i++) pin(e, loc, &args[i]);
    return number;
}

ValueId setting_input(Evaluator *e, const Value *number) {
    const Scalars *s = e->recipe->scalars;
    const VtScalar *scalar = &s->items[number->scalar - 1];
    const char *name =
        scalar->op == VT_SCALAR_SETTING
            ? arena_printf(e->arena, "setting.%s", s->candidates[scalar->a].setting.key)
            : arena_printf(e->arena, "setting.%zu", scalars_input(recipe_of(e), number->scalar));
    return add_input(e, name, type_scalar(DT_F64), VT_SOURCE_SETTING, (int)number->scalar);
}

bool setting_value(const Evaluator *e, const Func *func, const Node *node, double *value) {
    if (node->op != OP_input) return false;
    uint32_t input = names_find(&e->input_names, func->inputs[source_attrs(node)->index].name);
    if (input == NAMES_NONE || e->inputs[input].source != VT_SOURCE_SETTING) return false;
    *value = e->recipe->scalars->items[e->inputs[input].index - 1].value;
    return true;
}

/* ---- what has to hold -------------------------------------------------------------------------------------------- */

void demanded_add(Evaluator *e, Demanded *demanded, const char *before, const Value *value) {
    bool changes = value && is_number(value) && value->scalar && demanded->n < MAX_PARTS;
    if (changes) demanded->values[demanded->n++] = value->scalar;
    demanded->text = arena_printf(e->arena, "%s%s%s", demanded->text, before,
                                  changes ? "{}"
                                  : value ? show_value(e, value)
                                          : "");
}

/* "epochs={}, warmup={}": the settings it is made of. */
static void add_settings(Evaluator *e, Demanded *filled, uint32_t scalar) {
    const Scalars *s = e->recipe->scalars;
    bool *leaves = ARENA_ARRAY(e->arena, bool, s->n_candidates + 1);
    const char *between = "";
    scalars_leaves(s, scalar, leaves);
    for (size_t i = 0; i < s->n_candidates; i++) {
        if (!leaves[i] || filled->n == MAX_PARTS) continue;
        filled->text =
            arena_printf(e->arena, "%s%s%s={}", filled->text, between, s->candidates[i].setting.key);
        filled->values[filled->n++] = s->candidates[i].scalar;
        between = ", ";
    }
}

void demand(Evaluator *e, Loc loc, const Value *condition, const Demanded *text) {
    Demanded filled = *text;
    if (!condition->scalar) return;
    filled.text = arena_printf(e->arena, "%s (", filled.text);
    add_settings(e, &filled, condition->scalar);
    filled.text = arena_printf(e->arena, "%s)", filled.text);
    scalars_demand(recipe_of(e), loc, condition->scalar, filled.text, filled.values, filled.n);
}

void demand_same(Evaluator *e, Loc loc, const Value *condition) {
    Demanded filled = {.text = ""};
    if (!is_number(condition) || !condition->scalar) return;
    Value holds = *condition;
    if (condition->number == 0) holds = made_of(e, loc, "not", condition, 1, value_bool(true));
    if (!holds.scalar) return;
    const char *path = diags_source_name(e->diags, loc.file), *file = path ? strrchr(path, '/') : NULL;
    add_settings(e, &filled, holds.scalar);
    filled.text = arena_printf(e->arena,
                               "%s: %s:%u decides otherwise with this than in this program, which has to be "
                               "made anew for it",
                               filled.text,
                               file   ? file + 1
                               : path ? path
                                      : "the recipe",
                               loc.line);
    scalars_demand(recipe_of(e), loc, holds.scalar, filled.text, filled.values, filled.n);
}
