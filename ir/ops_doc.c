/* The operator reference, docs/ops.md, written from the table: what `vitc help ops --markdown` prints. */
#include "ir/ir.h"
