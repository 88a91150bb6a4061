/* The table of builtins. */
#include "frontend/builtins/builtins.h"

/* Operators first: those whose row has a name in the language. Rows of others, and of signs such as +, match no
 * name. */
#define PARAMETERS(n) ((n) == 1 ? "x" : "a b")
static const Builtin TABLE[] = {
#define OP(op_name, lo, hi, attributes, loop, kernel, traits, shape, grad, effects, cost, recipe, doc)       \
    {.name = recipe, .signature = PARAMETERS(hi), .op = OP_##op_name},
#include "ir/ops.def"
#define BUILTIN(name, signature) {#name, signature, b_##name, OP_COUNT, false},
#define INITIAL(name, signature) {#name, signature, b_##name, OP_COUNT, true},
#include "frontend/builtins/builtins.def"
};

const Builtin *builtin_table(size_t *n) {
    *n = sizeof TABLE / sizeof *TABLE;
    return TABLE;
}
