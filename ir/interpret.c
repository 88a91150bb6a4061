/* The reference interpreter: the meaning of every operator, in float64, plain loops in index order. */
#include "ir/ir.h"
