/* For tests: the recipes of models/ and models/paper/, each of which has a preset `tiny`. */
#ifndef VITC_TESTS_DRIVER_SHIPPED_H
#define VITC_TESTS_DRIVER_SHIPPED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHIPPED = 64 };

/* A cmocka test for each of them, whose state is the recipe's path; quickstart, which is small as it is, is left out.
 * Returns how many there are. */
static inline int shipped_tests(CMUnitTestFunction test, struct CMUnitTest tests[MOST_SHIPPED]) {
    static const char *const patterns[] = {SOURCE_DIR "/models/*.yaml", SOURCE_DIR "/models/paper/*.yaml"};
    static char paths[MOST_SHIPPED][512];
    int n = 0;
    for (int p = 0; p < 2; p++) {
        glob_t found;
        if (glob(patterns[p], 0, NULL, &found) != 0) abort();
        for (size_t i = 0; i < found.gl_pathc && n < MOST_SHIPPED; i++) {
            if (strstr(found.gl_pathv[i], "/quickstart.yaml")) continue;
            snprintf(paths[n], sizeof paths[n], "%s", found.gl_pathv[i]);
            tests[n] = (struct CMUnitTest){strstr(paths[n], "models/"), test, NULL, NULL, paths[n]};
            n++;
        }
        globfree(&found);
    }
    return n;
}

#endif
