/* Scopes: the present lanes, and what the memo forgets: see emit.h. */
#include "codegen/emit/emit.h"

static Scope begin(Emitter *e, Lanes lanes) {
    Scope scope = {e->lanes, e->memo.count};
    e->lanes = lanes;
    return scope;
}

Scope emit_vectors_begin(Emitter *e, LLVMValueRef mask) {
    return begin(e, (Lanes){e->fb->lanes, mask});
}

Scope emit_scope_begin(Emitter *e) {
    return begin(e, e->lanes);
}

void emit_scope_end(Emitter *e, Scope scope) {
    e->lanes = scope.lanes;
    e->memo.count = scope.emitted;
}
