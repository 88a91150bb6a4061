/* Pointers that the kernel's function is given: see emit.h. */
#include "codegen/emit/emit.h"

/* A pointer is loaded once, before everything. */
static LLVMValueRef load_pointer(FunctionBuilder *fb, int number, const char *name) {
    LLVMTypeRef pointer = LLVMPointerTypeInContext(fb->context, 0);
    BuilderPlace before = build_entry_begin(fb);
    LLVMValueRef slot = build_element(fb, pointer, fb->args, build_i64(fb, number));
    LLVMValueRef loaded = LLVMBuildLoad2(fb->builder, pointer, slot, name);
    build_entry_end(fb, before);
    return loaded;
}

LLVMValueRef emit_pointer(Emitter *e, ValueId value, bool stored) {
    Arguments *known = e->arguments;
    for (size_t i = 0; i < known->count; i++)
        if (known->items[i].value == value && known->items[i].stored == stored)
            return known->items[i].pointer;
    int number = kernel_argument(e->func, e->called, value, stored);
    Argument argument = {value, stored, load_pointer(e->fb, number, stored ? "out" : "in")};
    ARENA_PUSH(known->arena, known->items, known->count, known->capacity, argument);
    return argument.pointer;
}

LLVMValueRef emit_scratch(Emitter *e) {
    return emit_pointer(e, IR_NONE, true);
}

bool emit_is_stored(const Emitter *e, ValueId value) {
    for (size_t i = 0; i < e->called->n_stores; i++)
        if (e->called->stores[i] == value) return true;
    return false;
}
