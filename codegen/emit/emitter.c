/* Making an emitter, and scopes: see emit.h. */
#include "codegen/emit/emit.h"
#include "codegen/emit/nest.h"

Emitter emitter_make(FunctionBuilder *fb, Arguments *arguments, Arena *arena, const Func *func,
                     const Kernel *kernel, int64_t apart) {
    Emitter e = {
        .fb = fb, .arguments = arguments, .arena = arena, .func = func, .called = kernel, .lanes.width = 1};
    emit_find_bf16_demand(&e);
    nest_make(&e, kernel, apart);
    return e;
}

Emitter emitter_inside(const Emitter *outer, const Kernel *kernel, int64_t apart) {
    Emitter e = {.fb = outer->fb,
                 .arguments = outer->arguments,
                 .arena = outer->arena,
                 .func = outer->func,
                 .called = outer->called,
                 .bf16_demand = outer->bf16_demand,
                 .lanes.width = 1};
    nest_make(&e, kernel, apart);
    return e;
}

bool emit_is_inside(const Emitter *e, ValueId value) {
    return kernel_has(e->called, value);
}

/* ---- scopes ------------------------------------------------------------------------------------------------------ */

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
