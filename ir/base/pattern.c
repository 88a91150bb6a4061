/* Matching from left to right; on a mismatch it goes on from the last `*` met, which takes in one letter more. */
#include "ir/base/pattern.h"

#include <string.h>

static bool matches(const char *pattern, const char *name, size_t length, bool parts) {
    const char *star = NULL, *from = NULL, *end = name + length;
    while (name < end) {
        if (*pattern == '*') {
            star = pattern++;
            from = name;
        } else if (*pattern == *name || (*pattern == '?' && !(parts && *name == '.')))
            pattern++, name++;
        else if (star &&
                 !(parts && *from == '.')) { /* parts are as many on both sides, so no earlier star helps */
            pattern = star + 1;
            name = ++from;
        } else
            return false;
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

bool pattern_matches(const char *pattern, const char *name) {
    return matches(pattern, name, strlen(name), false);
}

bool pattern_matches_parts(const char *pattern, const char *name, size_t length) {
    return matches(pattern, name, length, true);
}
