/* Internal functions: see emit.h. */
#include "codegen/emit/emit.h"

Detour emit_detour_begin(Emitter *e, const char *name, LLVMTypeRef type) {
    Detour detour = {.here = LLVMGetInsertBlock(e->builder), .outer = e->function};
    detour.function = LLVMAddFunction(e->module, name, type);
    LLVMSetLinkage(detour.function, LLVMInternalLinkage);
    unsigned kind = LLVMGetEnumAttributeKindForName("noinline", 8);
    LLVMAddAttributeAtIndex(detour.function, LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(e->context, kind, 0));
    e->function = detour.function;
    LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, detour.function, "entry"));
    return detour;
}

void emit_detour_end(Emitter *e, const Detour *detour) {
    LLVMBuildRetVoid(e->builder);
    e->function = detour->outer;
    LLVMPositionBuilderAtEnd(e->builder, detour->here);
}
