/* Where vitc finds what is installed with it: beside its own file, so that the whole may be moved. */
#include "driver/driver.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

const char *own_folder(void) {
    static char path[PATH_MAX];
    if (path[0]) return path;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    const char *started = (const char *)getauxval(AT_EXECFN); /* where /proc is not mounted */
    path[n > 0 ? n : 0] = '\0';
    if (n <= 0 && started && !realpath(started, path)) path[0] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash) return NULL;
    *slash = '\0';
    return path;
}

const char *models_dir(void) {
    static char installed[PATH_MAX + 32];
    const char *set = getenv("VITC_MODELS"), *folder = own_folder();
    if (set) return set;
    if (folder) {
        snprintf(installed, sizeof installed, "%s/../share/vitc/models", folder);
        if (access(installed, F_OK) == 0) return installed;
    }
    return VITC_MODELS_DIR;
}
