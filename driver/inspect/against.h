/* vitc inspect A [key=value …] --against B [key=value …]: two recipes, or one with other settings. */
#ifndef VITC_DRIVER_INSPECT_AGAINST_H
#define VITC_DRIVER_INSPECT_AGAINST_H

#include "driver/driver.h"

typedef struct {
    int argc;
    char **argv;           /* the verb's: settings behind --against are the second's */
    const Arguments *args; /* as they were parsed */
    const char *first;     /* a recipe */
    /* Another recipe; or key=value: the first recipe with its settings, that one and those behind it. */
    const char *second;
    const char *function; /* NULL: step */
    const char *target;
    const Flag *strict;
    Roofline roofline;
    bool json, all, color; /* all: every row */
} AgainstAsked;

/* The exit code, after printing. */
int inspect_against(const AgainstAsked *asked);

#endif
