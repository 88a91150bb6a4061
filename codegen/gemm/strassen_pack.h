/* Packing for Strassen's products: a panel of each of the seven sums of quarters of one side. A quarter is half of the
 * lines (rows of A, columns of B) along half of K. */
#ifndef VITC_CODEGEN_STRASSEN_PACK_H
#define VITC_CODEGEN_STRASSEN_PACK_H

#include "codegen/emit/builder.h"

enum { STRASSEN_PRODUCTS = 7 };

/* Quarter `first` + sign · quarter `second`; sign 0: the first alone. */
typedef struct {
    int first, second, sign;
} StrassenSum;

typedef struct {
    bool b;                              /* which side */
    StrassenSum sums[STRASSEN_PRODUCTS]; /* of each product */
    bool lower[4];                       /* quarters of the second half of the lines, which may be fewer */
    int64_t at[4];                       /* elements from the first quarter to each */
    int64_t across, along;               /* from line to line, and along K, in elements */
    int64_t part;                        /* units from a panel of one sum to that of the next */
    int width, lanes;
} StrassenSide;

/* Packs k elements of each line of a panel. from: the first, of the first quarter. Of lines beyond `upper` and `lower`
 * in the halves any numbers are packed, the same in all sums. A panel may be written up to a vector beyond its end. */
void strassen_pack(FunctionBuilder *fb, const StrassenSide *side, LLVMValueRef from, LLVMValueRef upper,
                   LLVMValueRef lower, LLVMValueRef k, LLVMValueRef to);

#endif
