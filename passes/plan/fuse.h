/* Pass `fuse`: makes the plan (Func.plan), which kernels compute the function; see fuse.c. */
#ifndef VITC_PASSES_FUSE_H
#define VITC_PASSES_FUSE_H

#include "ir/ir.h"

bool pass_fuse(Module *module, Diags *diags);

#endif
