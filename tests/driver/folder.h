/* For tests: a folder of the test's own, made and removed around a group. */
#ifndef VITC_TESTS_DRIVER_FOLDER_H
#define VITC_TESTS_DRIVER_FOLDER_H

#include <stdio.h>
#include <stdlib.h>

static char folder[] = "/tmp/vitc-test-XXXXXX";

static inline int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

#endif
