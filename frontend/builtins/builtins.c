/* The table of builtins. */
#include "frontend/builtins/builtins.h"

#include <assert.h>
#include <ctype.h>

static const Builtin WRITTEN[] = {
#define BUILTIN(name, signature) {#name, signature, b_##name, OP_COUNT, false, false},
#define PASSING(name, signature) {#name, signature, b_##name, OP_COUNT, false, true},
#define INITIAL(name, signature) {#name, signature, b_##name, OP_COUNT, true, false},
#include "frontend/builtins/builtins.def"
};
enum { N_WRITTEN = sizeof WRITTEN / sizeof *WRITTEN };

/* Whether an operator's row gives it a name that can be called: no sign such as +, no word of the syntax such as
 * `not`. */
static bool is_function(const OpInfo *info) {
    bool named = isalpha((unsigned char)info->recipe[0]) && !is_keyword(info->recipe);
    assert(!named || (info->loop == LOOP_ELEMENTWISE && info->n_attrs == 0 && info->max_operands <= 2));
    return named;
}

const Builtin *builtin_table(size_t *n) {
    static Builtin table[OP_COUNT + N_WRITTEN];
    *n = 0;
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = op_info((OpKind)op);
        if (!is_function(info)) continue;
        const char *signature = info->max_operands == 1 ? "x" : "a b";
        table[(*n)++] = (Builtin){.name = info->recipe, .signature = signature, .op = (OpKind)op};
    }
    for (int i = 0; i < N_WRITTEN; i++) table[(*n)++] = WRITTEN[i];
    return table;
}
