/* A remark as a sentence: the text of its rule (ir/rules.def) with what stands in braces filled in. */
#ifndef VITC_INSPECT_REMARK_TEXT_H
#define VITC_INSPECT_REMARK_TEXT_H

#include "ir/remarks.h"

/* What a sentence calls a value. */
typedef const char *(*ValueName)(void *user, uint32_t number);

/* name: NULL: by number, "%12". In the arena. */
const char *remark_text(Arena *arena, const Remark *remark, ValueName name, void *user);

#endif
