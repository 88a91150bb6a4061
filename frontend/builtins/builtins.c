/* The table of builtins. */
#include "frontend/builtins/builtins.h"

/* ---- operators of one operand ------------------------------------------------------------------------------------ */

#define ELEMENTWISE_BUILTINS(ROW)                                                                            \
    ROW(abs)                                                                                                 \
    ROW(exp)                                                                                                 \
    ROW(log) ROW(sqrt) ROW(rsqrt) ROW(sin) ROW(cos) ROW(tanh) ROW(erf) ROW(sigmoid) ROW(floor) ROW(sign)

#define ROW(name)                                                                                            \
    static FUNCTION(op_##name) {                                                                             \
        UNUSED;                                                                                              \
        return value_unary(e, at->loc, OP_##name, &args[0]);                                                 \
    }
ELEMENTWISE_BUILTINS(ROW)
#undef ROW

static const Builtin TABLE[] = {
#define ROW(name) {#name, "x", op_##name, false},
    ELEMENTWISE_BUILTINS(ROW)
#undef ROW
#define BUILTIN(name, signature) {#name, signature, b_##name, false},
#define INITIAL(name, signature) {#name, signature, b_##name, true},
#include "frontend/builtins/builtins.def"
};

const Builtin *builtin_table(size_t *n) {
    *n = sizeof TABLE / sizeof *TABLE;
    return TABLE;
}
