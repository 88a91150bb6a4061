/* Matrix product kernels. Returns the bytes of scratch that each thread needs: the buffer of value IR_NONE. */
#ifndef VITC_CODEGEN_PRODUCT_H
#define VITC_CODEGEN_PRODUCT_H

#include "codegen/emit/emit.h"
#include "codegen/target/target.h"

int64_t emit_product_kernel(Emitter *e, const Target *target);

#endif
