/* How many cores this process may use: affinity, and the quotas of control groups (cgroups(7)), by which containers and
 * job schedulers share out a machine. More threads than that only wait for each other. */
#include "runtime/threads/cores.h"

#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "QUOTA PERIOD" in microseconds, "max" for none; 0: no quota, or no such file. */
static double quota_of(const char *quota_file, const char *period_file) {
    char text[64] = "", *end;
    FILE *file = fopen(quota_file, "re");
    if (!file) return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    fclose(file);
    double quota = strtod(text, &end), period = strtod(end, NULL);
    if (period_file && (file = fopen(period_file, "re"))) {
        n = fread(text, 1, sizeof text - 1, file);
        text[n] = '\0';
        fclose(file);
        period = strtod(text, NULL);
    }
    return isfinite(quota) && quota > 0 && period > 0 ? quota / period : 0;
}

static double smaller(double a, double b) {
    return a > 0 && (b <= 0 || a < b) ? a : b;
}

/* Quotas bind all groups below: the smallest on the way from `group` to the root. */
static double quota_on_the_way(const char *mount, const char *controller, const char *group) {
    char path[PATH_MAX], quota[PATH_MAX + 32], period[PATH_MAX + 32];
    bool version_2 = controller[0] == '\0';
    double least = 0;
    if (snprintf(path, sizeof path, "%s%s%s", mount, controller, group) >= (int)sizeof path) return 0;
    size_t root = strlen(mount) + strlen(controller);
    for (;;) {
        size_t n = strlen(path);
        while (n > root && path[n - 1] == '/') path[--n] = '\0';
        snprintf(quota, sizeof quota, "%s/%s", path, version_2 ? "cpu.max" : "cpu.cfs_quota_us");
        snprintf(period, sizeof period, "%s/cpu.cfs_period_us", path);
        least = smaller(quota_of(quota, version_2 ? NULL : period), least);
        char *slash = strrchr(path + root, '/');
        if (!slash) return least;
        *slash = '\0';
    }
}

static bool lists_cpu(char *controllers) {
    char *rest;
    for (char *c = strtok_r(controllers, ",", &rest); c; c = strtok_r(NULL, ",", &rest))
        if (strcmp(c, "cpu") == 0) return true;
    return false;
}

double cores_quota(const char *membership, const char *mount) {
    FILE *file = fopen(membership, "re");
    char *line = NULL;
    size_t capacity = 0;
    double least = 0;
    while (file && getline(&line, &capacity, file) > 0) { /* "ID:CONTROLLERS:GROUP" */
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *controllers++ = '\0';
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        char folder[256];
        snprintf(folder, sizeof folder, "/%s", controllers);
        if (strcmp(line, "0") == 0 && !controllers[0]) {
            least = smaller(quota_on_the_way(mount, "", group), least);
            least = smaller(quota_on_the_way(mount, "", ""), least); /* a container's own view */
        } else if (lists_cpu(controllers)) {
            least = smaller(quota_on_the_way(mount, folder, group), least);
            least = smaller(quota_on_the_way(mount, "/cpu", group), least);
            least = smaller(quota_on_the_way(mount, "/cpu", ""), least);
        }
    }
    free(line);
    if (file) fclose(file);
    return least;
}

static int affinity(void) {
    for (int cpus = 1024; cpus <= 1 << 20; cpus *= 4) { /* a mask that is too small is refused */
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        size_t size = CPU_ALLOC_SIZE((size_t)cpus);
        int count = set && sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        if (set) CPU_FREE(set);
        if (count > 0) return count;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int cores_usable(void) {
    int cores = affinity();
    double quota = cores_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    /* A part of a core counts as one: threads that share a quota stand still together when it is used up. */
    if (quota > 0 && ceil(quota) < cores) cores = (int)ceil(quota);
    return cores > 0 ? cores : 1;
}
