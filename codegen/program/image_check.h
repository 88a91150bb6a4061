/* Whether a descriptor of unknown origin holds together. */
#ifndef VITC_CODEGEN_IMAGE_CHECK_H
#define VITC_CODEGEN_IMAGE_CHECK_H

#include "runtime/program.h"

#include <stdbool.h>

/* Of a program whose pointers, counts and bounds (fields.def) are good: whether indices and offsets are within what
 * they point into, shapes within what the runtime writes there, and loops within each other. */
bool image_check(const VtProgram *program);

#endif
