/* For tests: `vitc` as a user runs it, in a folder of the test's own; its log, and checkpoints compared to the bit. */
#ifndef VITC_TESTS_DRIVER_RUNS_H
#define VITC_TESTS_DRIVER_RUNS_H

#include "runtime/runtime.h"
#include "tests/driver/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* NAME in the test's folder; good until the fourth call after. */
static inline const char *path_of(const char *name) {
    static char paths[4][160];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* A shell command's exit code; what it says goes to the log. */
__attribute__((format(printf, 1, 2))) static inline int run_command(const char *format, ...) {
    char command[2048], all[2304];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(all, sizeof all, "%s >%s/log 2>&1", command, folder);
    int status = system(all);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Until a file, which need not be there yet, has a line that grep finds; a minute at most. */
static inline void wait_for_text(const char *name, const char *pattern) {
    for (int i = 0; i < 1200 && run_command("grep -q '%s' %s", pattern, path_of(name)) != 0; i++)
        usleep(50000);
}

/* What the last command said; free it. */
static inline char *read_log(void) {
    enum { MOST = 1 << 20 };
    char path[128], *log = calloc(1, MOST);
    snprintf(path, sizeof path, "%s/log", folder);
    FILE *file = fopen(path, "r");
    if (file && fread(log, 1, MOST - 1, file) == 0) log[0] = '\0';
    if (file) fclose(file);
    return log;
}

static inline bool log_holds(const char *text) {
    char *log = read_log();
    bool found = strstr(log, text) != NULL;
    free(log);
    return found;
}

/* The same, with the log shown if it does not. */
static inline bool said(const char *text) {
    if (log_holds(text)) return true;
    char *log = read_log();
    print_message("log was: %s\n", log);
    free(log);
    return false;
}

/* Every tensor of two runs' checkpoints is equal to the last bit. */
static inline void assert_same(const char *a, const char *b) {
    char path[2][256];
    VtError error;
    VtTensorFile *files[2];
    const char *names[] = {a, b};
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s/checkpoint.safetensors", folder, names[i]);
        files[i] = vt_tensors_open(path[i], &error);
        assert_non_null(files[i]);
    }
    assert_int_equal(vt_tensors_count(files[0]), vt_tensors_count(files[1]));
    for (int i = 0; i < vt_tensors_count(files[0]); i++) {
        VtTensor shape;
        vt_tensors_type(files[0], i, &shape);
        int j = vt_tensors_find(files[1], vt_tensors_name(files[0], i));
        assert_true(j >= 0);
        void *x = malloc(vt_bytes(&shape)), *y = malloc(vt_bytes(&shape));
        assert_true(vt_tensors_read(files[0], i, shape.dtype, x, &error) &&
                    vt_tensors_read(files[1], j, shape.dtype, y, &error));
        assert_memory_equal(x, y, vt_bytes(&shape));
        free(x);
        free(y);
    }
    vt_tensors_close(files[0]);
    vt_tensors_close(files[1]);
}

#endif
