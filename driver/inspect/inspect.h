/* What the files of `vitc inspect` and `vitc opt` share. */
#ifndef VITC_DRIVER_INSPECT_INSPECT_H
#define VITC_DRIVER_INSPECT_INSPECT_H

#include "ir/ir.h"

void inspect_module(const Module *module); /* its text, to stdout */

#endif
