/* Making an emitter: see emit.h. */
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
