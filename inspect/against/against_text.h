/* Two recipes side by side, as tables. */
#ifndef VITC_INSPECT_AGAINST_TEXT_H
#define VITC_INSPECT_AGAINST_TEXT_H

#include "inspect/against/against.h"

#include <stdio.h>

/* names: what the two are called, such as "small depth=6". color: what is only in one is red or green. most: rows of a
 * table; 0: all. */
void against_text(const AgainstReport *report, const char *const names[2], bool color, size_t most,
                  FILE *out);

#endif
