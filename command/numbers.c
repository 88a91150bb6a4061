/* Flags whose value is several numbers: see command.h. */
#include "command/command.h"

#include <math.h>
#include <string.h>

static int most_of(const NumberRange *range) {
    return range->most ? range->most : MOST_NUMBERS;
}

/* "--rates 0,1: numbers above 0 were expected, at most 64, with commas between" */
static bool refuse(const Flag *flag, const NumberRange *range) {
    char text[96];
    if (isinf(range->high))
        snprintf(text, sizeof text, "%s %g", range->above ? "above" : "from", range->low);
    else
        snprintf(text, sizeof text, "from %.15g to %.15g", range->low, range->high);
    return fail(2, "--%s %s: %snumbers %s were expected, at most %d, with commas between", flag->row->name,
                flag->value, range->whole ? "whole " : "", text, most_of(range)) < 0;
}

bool numbers_flag(const Flag *flag, const char *usual, const NumberRange *range, Numbers *out) {
    char text[1024], *rest = text;
    const char *given = flag->given ? flag->value : usual;
    out->n = 0;
    if (!given) return true;
    if (snprintf(text, sizeof text, "%s", given) >= (int)sizeof text) return refuse(flag, range);
    for (char *word; (word = strtok_r(rest, ",", &rest));) {
        double x;
        if (out->n == most_of(range) || !read_decimal(word, &x) || !(x >= range->low && x <= range->high) ||
            (range->above && x == range->low) || (range->whole && x != floor(x)))
            return refuse(flag, range);
        out->values[out->n++] = x;
    }
    return out->n > 0 || fail(2, "--%s: there is no number", flag->row->name) < 0;
}
