/* Checks every invariant that ir.h states. */
#include "ir/ir.h"
