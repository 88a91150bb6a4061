/* How many cores this process may use. */
#ifndef VITC_RUNTIME_THREADS_CORES_H
#define VITC_RUNTIME_THREADS_CORES_H

/* At least 1: the cores of its affinity mask, and no more than its control groups' quota of CPU time allows. */
int cores_usable(void);

/* The quota in cores, the smallest of a control group and those above it; 0: none. `membership`: a file as
 * /proc/self/cgroup, `mount`: where the groups are mounted, as /sys/fs/cgroup. Knows version 2 (cpu.max) and version 1
 * (cpu.cfs_quota_us). */
double cores_quota(const char *membership, const char *mount);

#endif
