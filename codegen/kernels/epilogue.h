/* What a product's kernel does with each finished tile: its loops, at the tile's elements. Values are stored, sums of
 * blocks made (block_reduction.h), weights packed (packing.h). gemm.c and attention.c call it as their GemmEpilogue. */
#ifndef VITC_CODEGEN_EPILOGUE_H
#define VITC_CODEGEN_EPILOGUE_H

#include "codegen/emit/emit.h"

typedef struct Epilogue Epilogue;

/* In the emitter's arena. Tiles of a matrix product: their rows and columns; else 0. Emits what depends on no loop. */
Epilogue *epilogue_begin(Emitter *e, int tile_rows, int tile_columns);
/* Where the product goes if the kernel is nothing else, and there is nothing for an epilogue to do; or NULL. */
LLVMValueRef epilogue_plain(const Epilogue *epilogue);

/* GemmEpilogue and GemmPrefetch (gemm.h); user: the Epilogue. */
void epilogue_emit(void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col,
                   LLVMValueRef columns, LLVMValueRef tile, int64_t stride);
void epilogue_prefetch(void *user, LLVMValueRef batch, LLVMValueRef row, LLVMValueRef rows, LLVMValueRef col,
                       int64_t columns);

#endif
