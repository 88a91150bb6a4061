/* The kinds of kernels: see kernels.h. */
#include "codegen/kernels/kernels.h"

#include <assert.h>

int64_t emit_kernel(Emitter *e) {
    switch (e->kernel->kind) {
    case KERNEL_LOOP: emit_row_kernel(e); return 0;
    case KERNEL_COLUMN: emit_column_kernel(e); return 0;
    case KERNEL_PACK: emit_pack_kernel(e); return 0;
    case KERNEL_MATMUL: return emit_product_kernel(e);
    case KERNEL_OTHER: break;
    }
    assert(!"a call of a C function, for which no code is made");
    return 0;
}
