/* The epilogue of a product's kernel: the kernel's loops, run at the elements of each finished tile. It stores values,
 * adds up block reductions (block_reduction.h) and packs new weights (packing.h). gemm.c and attention_….c call it as
 * their GemmEpilogue. */
#ifndef VITC_CODEGEN_EPILOGUE_H
#define VITC_CODEGEN_EPILOGUE_H

#include "codegen/emit/emit.h"

typedef struct Epilogue Epilogue;

/* Made in the emitter's arena; emits what depends on no loop. tile_rows, tile_columns: of the micro-kernel's tiles; 0
 * for attention, whose tiles differ in size. */
Epilogue *epilogue_begin(Emitter *e, int tile_rows, int tile_columns);
/* If the kernel is only the product, so that no epilogue is needed: the pointer to its result; else NULL. */
LLVMValueRef epilogue_plain(const Epilogue *epilogue);

/* GemmEpilogue and GemmPrefetch (gemm.h); user: the Epilogue. */
void epilogue_emit(void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col,
                   LLVMValueRef columns, LLVMValueRef tile, int64_t stride);
void epilogue_prefetch(void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col,
                       int64_t columns);

#endif
