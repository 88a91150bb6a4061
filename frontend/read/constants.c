/* What knobs and numbers alone give: `$(expression)` and the statements of `check:`, run while the recipe is read. */
#include "frontend/builtins/builtins.h"
#include "frontend/read/read.h"
#include "frontend/recipe/scalars.h"
#include "frontend/states/states.h"

#include <math.h>

/* `place`: what errors of builtins that make states or draw call it; there they cannot. */
static void start(Evaluator *e, ParsedRecipe *recipe, const char *name, const char *place) {
    size_t n;
    const Builtin *table = builtin_table(&n);
    evaluator_start(e, recipe, module_new(recipe->arena, recipe->diags, name), table, n);
    begin_function(e, name);
    e->states = ARENA_NEW(recipe->arena, States);
    e->states->place = place;
    e->mentions = recipe->mentions;
}

bool evaluate_constant(ParsedRecipe *recipe, const Expr *expr, double *value, bool *is_int) {
    Evaluator *e = recipe->constants; /* one for all of a recipe: its budgets are theirs together */
    if (!e) {
        recipe->constants = e = ARENA_NEW(recipe->arena, Evaluator);
        start(e, recipe, "constant", "a constant");
    }
    define_knobs(e);
    Diags *told = e->diags;
    if (recipe->no_values)
        e->diags = diags_new(recipe->arena); /* the knobs do not go together: that was told */
    e->settable = recipe->scalars->reading;
    Value result = eval(e, expr);
    e->diags = told;
    if (result.kind == V_POISON) return false;
    if (!is_number(&result) || !isfinite(result.number)) {
        diag_error(recipe->diags, expr->loc, "a finite number was expected, not %s", show_value(e, &result));
        return false;
    }
    *value = result.number;
    recipe->scalars->last = result.scalar;
    *is_int = result.kind != V_REAL;
    return true;
}

bool run_check(ParsedRecipe *recipe, const Block *check) {
    Evaluator e;
    start(&e, recipe, "check", "a check");
    Frame frame = {0};
    e.frame = &frame;
    e.checks = e.settable = true;
    eval_block(&e, check);
    return e.failures == 0;
}
