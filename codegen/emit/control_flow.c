/* Loops, branches, and which share of the work a call does: see builder.h. */
#include "codegen/emit/builder.h"

/* ---- loops ------------------------------------------------------------------------------------------------------- */

Loop build_loop_begin(FunctionBuilder *fb, LLVMValueRef from, LLVMValueRef to, int64_t step,
                      const char *name) {
    Loop loop = {.end = to};
    LLVMBasicBlockRef before = LLVMGetInsertBlock(fb->builder);
    loop.head = build_block(fb, name);
    loop.body = build_block(fb, "body");
    loop.exit = build_block(fb, "exit");
    LLVMBuildBr(fb->builder, loop.head);
    LLVMPositionBuilderAtEnd(fb->builder, loop.head);
    loop.counter = LLVMBuildPhi(fb->builder, LLVMInt64TypeInContext(fb->context), name);
    LLVMAddIncoming(loop.counter, &from, &before, 1);
    loop.next = LLVMBuildNSWAdd(fb->builder, loop.counter, build_i64(fb, step), "");
    LLVMValueRef more = LLVMBuildICmp(fb->builder, LLVMIntSLE, loop.next, to, "");
    LLVMBuildCondBr(fb->builder, more, loop.body, loop.exit);
    LLVMPositionBuilderAtEnd(fb->builder, loop.body);
    return loop;
}

void build_loop_end(FunctionBuilder *fb, Loop *loop) {
    LLVMBasicBlockRef last = LLVMGetInsertBlock(fb->builder);
    LLVMBuildBr(fb->builder, loop->head);
    LLVMAddIncoming(loop->counter, &loop->next, &last, 1);
    LLVMPositionBuilderAtEnd(fb->builder, loop->exit);
}

Loop build_block_loop(FunctionBuilder *fb, LLVMValueRef from, LLVMValueRef to, int64_t step, const char *name,
                      LLVMValueRef *size) {
    LLVMValueRef padded = LLVMBuildAdd(fb->builder, to, build_i64(fb, step - 1), "");
    Loop loop = build_loop_begin(fb, from, padded, step, name);
    *size = build_smaller(fb, LLVMBuildSub(fb->builder, to, loop.counter, ""), build_i64(fb, step));
    return loop;
}

/* ---- branches ---------------------------------------------------------------------------------------------------- */

Fork build_if(FunctionBuilder *fb, LLVMValueRef condition) {
    Fork fork = {.yes = build_block(fb, "then"), .after = build_block(fb, "after")};
    LLVMBuildCondBr(fb->builder, condition, fork.yes, fork.after);
    LLVMPositionBuilderAtEnd(fb->builder, fork.yes);
    return fork;
}

Fork build_if_else(FunctionBuilder *fb, LLVMValueRef condition) {
    Fork fork = {
        .yes = build_block(fb, "then"), .no = build_block(fb, "else"), .after = build_block(fb, "after")};
    LLVMBuildCondBr(fb->builder, condition, fork.yes, fork.no);
    LLVMPositionBuilderAtEnd(fb->builder, fork.yes);
    return fork;
}

void build_else(FunctionBuilder *fb, const Fork *fork) {
    LLVMBuildBr(fb->builder, fork->after);
    LLVMPositionBuilderAtEnd(fb->builder, fork->no);
}

void build_end_if(FunctionBuilder *fb, const Fork *fork) {
    LLVMBuildBr(fb->builder, fork->after);
    LLVMPositionBuilderAtEnd(fb->builder, fork->after);
}

/* ---- shares ------------------------------------------------------------------------------------------------------ */

void build_share(FunctionBuilder *fb, int64_t n, int64_t grain, LLVMValueRef *from, LLVMValueRef *to) {
    LLVMTypeRef i64 = LLVMInt64TypeInContext(fb->context);
    LLVMValueRef thread = LLVMBuildSExt(fb->builder, fb->thread, i64, ""),
                 threads = LLVMBuildSExt(fb->builder, fb->threads, i64, "");
    if (fb->chain) {
        int64_t block = chain_share(fb->chain, n);
        *from = build_scaled(fb, thread, block);
        *to = build_add(fb, *from, build_i64(fb, block));
        *to = build_smaller(fb, *to, build_i64(fb, n));
        return;
    }
    int64_t grains = (n + grain - 1) / grain;
    LLVMValueRef next = LLVMBuildAdd(fb->builder, thread, build_i64(fb, 1), "");
    LLVMValueRef bounds[2] = {thread, next};
    for (int i = 0; i < 2; i++) {
        LLVMValueRef at = build_scaled(fb, bounds[i], grains);
        at = LLVMBuildSDiv(fb->builder, at, threads, "");
        at = build_scaled(fb, at, grain);
        bounds[i] = build_smaller(fb, at, build_i64(fb, n));
    }
    *from = bounds[0];
    *to = bounds[1];
}

LLVMValueRef build_batch_offset(FunctionBuilder *fb, LLVMValueRef batch, int n, const int64_t *extent,
                                const int64_t *stride, int64_t offset) {
    LLVMValueRef sum = build_i64(fb, offset);
    for (int i = n - 1; i >= 0; i--) {
        LLVMValueRef size = build_i64(fb, extent[i]), step = build_i64(fb, stride[i]);
        LLVMValueRef index = LLVMBuildURem(fb->builder, batch, size, "");
        sum = LLVMBuildAdd(fb->builder, sum, LLVMBuildMul(fb->builder, index, step, ""), "");
        batch = LLVMBuildUDiv(fb->builder, batch, size, "");
    }
    return sum;
}
