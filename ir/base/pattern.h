/* Names with wildcards: `*` stands for any letters, `?` for one. */
#ifndef VITC_IR_BASE_PATTERN_H
#define VITC_IR_BASE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the pattern matches the whole name: "encoder.*" all names that begin with "encoder.". */
bool pattern_matches(const char *pattern, const char *name);

/* The same for a name of `length` letters whose parts are joined by dots, where a wildcard stays within its part:
 * "blocks.*" matches "blocks.3", but not "blocks.3.attn". */
bool pattern_matches_parts(const char *pattern, const char *name, size_t length);

#endif
