/* The text form of modules, read. */
#include "ir/ir.h"
