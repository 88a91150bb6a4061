/* How reals are computed and stored (pass `precision`). */
#ifndef VITC_IR_PRECISION_H
#define VITC_IR_PRECISION_H

#include <stdbool.h>

/* fp32: IEEE single; bf16: products of bf16, their large results stored so; bf16x3: products of f32, each factor split
 * into three bf16. */
typedef enum { PRECISION_FP32, PRECISION_BF16, PRECISION_BF16X3, PRECISION_COUNT } Precision;
const char *precision_name(Precision precision);             /* "bf16" */
bool precision_find(const char *name, Precision *precision); /* false: there is none */
/* Terms of bf16 that a product splits each factor into; 0: it takes them as f32. */
int precision_terms(Precision precision);

#endif
