/* How long a built program takes from exec to the beginning of its first step: until it makes metrics.jsonl, which is
 * the last thing before; and the bytes of its file. Programs are to be built with train.knn.every=0, for the first
 * evaluation comes before the first step.
 *
 *   bench_start DATA PROGRAM …      bench_start cifar-10-batches-bin ./dino */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS = 21 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Milliseconds of one start; the program is killed then. Negative: it made no such file. */
static double start(const char *program, const char *data, const char *folder) {
    int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, folder, IN_CREATE) < 0) return -1;
    double begin = now(), end = -1;
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        if (dup2(null, 1) < 0) _exit(127);
        execl(program, program, "train", "--data", data, "--out", folder, "--plain", "--workers", "1",
              (char *)NULL);
        _exit(127);
    }
    struct pollfd ready = {.fd = watch, .events = POLLIN};
    _Alignas(struct inotify_event) char events[4096];
    while (end < 0 && poll(&ready, 1, 10000) > 0) {
        ssize_t n = read(watch, events, sizeof events);
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *event = (const void *)(events + at);
            if (event->len && strcmp(event->name, "metrics.jsonl") == 0) end = now();
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(watch);
    return end < 0 ? -1 : end - begin;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "bench_start DATA PROGRAM …\n");
        return 2;
    }
    for (int p = 2; p < argc; p++) {
        double times[RUNS];
        struct stat status = {0};
        stat(argv[p], &status);
        for (int i = 0; i < RUNS; i++) {
            char folder[] = "/tmp/vitc-start-XXXXXX", remove[64];
            if (!mkdtemp(folder)) return 1;
            times[i] = start(argv[p], argv[1], folder);
            snprintf(remove, sizeof remove, "rm -rf %s", folder);
            if (system(remove) != 0 || times[i] < 0)
                return fprintf(stderr, "%s does not train\n", argv[p]), 1;
        }
        qsort(times, RUNS, sizeof *times, by_value);
        printf("%-24s %9lld bytes  %6.1f ms (%.1f at best)\n", argv[p], (long long)status.st_size,
               times[RUNS / 2], times[0]);
    }
    return 0;
}
