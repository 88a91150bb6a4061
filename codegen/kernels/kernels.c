/* The kinds of kernels: see kernels.h. */
#include "codegen/kernels/kernels.h"

int64_t emit_kernel(Emitter *e) {
    switch (e->kernel->kind) {
    case KERNEL_MATMUL: return emit_product_kernel(e);
    case KERNEL_PACK: emit_pack_kernel(e); break;
    case KERNEL_COLUMN: emit_column_kernel(e); break;
    default: emit_row_kernel(e);
    }
    return 0;
}
