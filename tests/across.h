/* For tests: programs for 64-bit ARM, which run here under qemu. */
#ifndef VITC_TESTS_ACROSS_H
#define VITC_TESTS_ACROSS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define ACROSS_CC "aarch64-linux-gnu-gcc"
#define ACROSS_QEMU "env -u LD_PRELOAD qemu-aarch64" /* what is put before tests is for this machine */
#define ACROSS_LIBRARIES BUILD_DIR "/lib/vitc/aarch64"

/* Whether they can be made and run; if not, it says what is missing. */
static inline bool across_is_here(void) {
    static const struct {
        const char *test, *missing;
    } needs[] = {
        {"command -v " ACROSS_CC, ACROSS_CC " (package gcc-aarch64-linux-gnu)"},
        {"command -v qemu-aarch64", "qemu-aarch64 (package qemu-user)"},
        {"test -f " ACROSS_LIBRARIES "/libvitc-program.a",
         "runtime archive for aarch64 (./setup.sh aarch64)"},
    };
    char command[512];
    for (int i = 0; i < 3; i++) {
        snprintf(command, sizeof command, "%s >/dev/null 2>&1", needs[i].test);
        if (system(command) == 0) continue;
        printf("skipped: there is no %s\n", needs[i].missing);
        return false;
    }
    return true;
}

#endif
