/* The text form of modules, written. */
#include "ir/ir.h"
