/* Pointers that the kernel's function is given: see emit.h. */
#include "codegen/emit/emit.h"

/* A pointer is loaded once, before everything. */
static LLVMValueRef load_pointer(FunctionBuilder *fb, int number, const char *name) {
    LLVMTypeRef pointer = LLVMPointerTypeInContext(fb->context, 0);
    LLVMBasicBlockRef before = build_entry_begin(fb);
    LLVMValueRef slot = build_element(fb, pointer, fb->args, build_i64(fb, number));
    LLVMValueRef loaded = LLVMBuildLoad2(fb->builder, pointer, slot, name);
    build_entry_end(fb, before);
    return loaded;
}

const Argument *emit_argument(Emitter *e, ValueId value, bool stored) {
    Arguments *all = e->arguments;
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].value == value && all->items[i].stored == stored) return &all->items[i];
    Argument argument = {.value = value, .stored = stored};
    argument.number = kernel_argument(e->func, e->called, value, stored);
    argument.pointer = load_pointer(e->fb, argument.number, stored ? "out" : "in");
    ARENA_PUSH(all->arena, all->items, all->count, all->capacity, argument);
    return &all->items[all->count - 1];
}

LLVMValueRef emit_pointer(Emitter *e, ValueId value, bool stored) {
    return emit_argument(e, value, stored)->pointer;
}

LLVMValueRef emit_scratch(Emitter *e) {
    return emit_pointer(e, IR_NONE, true);
}

bool emit_is_stored(const Emitter *e, ValueId value) {
    for (size_t i = 0; i < e->arguments->count; i++)
        if (e->arguments->items[i].value == value && e->arguments->items[i].stored) return true;
    return false;
}
