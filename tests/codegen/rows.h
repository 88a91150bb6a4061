/* For tests of emitters: one test on every target row with every variant of it; rows that this machine lacks are
 * skipped. */
#ifndef VITC_TESTS_CODEGEN_ROWS_H
#define VITC_TESTS_CODEGEN_ROWS_H

#include "tests/codegen/blocks_model.h"
#include "tests/codegen/unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

enum { MOST_RUNS = 96 };

/* A test's state. */
typedef struct {
    const Target *row;
    const void *variant;
    char name[64];
} Run;

/* Begins the unit of a run's row, or skips the test. */
static inline void run_begin(Unit *unit, const Run *run) {
    if (!target_runs_here(run->row, NULL)) {
        printf("skipped: this machine has no %s\n", run->row->name);
        skip();
    }
    unit_begin(unit, run->row == &blocks_model ? NULL : run->row->name);
    if (run->row == &blocks_model)
        unit->fb = builder_make(run->row, &unit->machine, unit->fb.module, unit->fb.builder);
    unit_check(unit->fb.target == run->row,
               "a row asked for by its name is another"); /* it was: the model's */
}

/* Whether a variant is fp32 under another name: bf16 of three terms where no tile registers add them up. One row, the
 * first that runs here, is looked at all the same. */
static inline bool is_fp32_again(const Target *row, const char *variant) {
    int n_rows, first = 0;
    const Target *const *rows = target_all(&n_rows);
    while (first < n_rows - 1 && !target_runs_here(rows[first], NULL)) first++;
    bool split = strcmp(variant, "bf16x3") == 0 || strncmp(variant, "split", 5) == 0;
    return split && row != rows[first] && row->micro[PRECISION_BF16X3] == row->micro[PRECISION_FP32];
}

/* Adds the test on one row with every variant; with sanitizers, which generated code has none of, with one of them, the
 * next one each time. variants: n of them, `size` bytes each, whose first member is their name. */
static inline void run_row(struct CMUnitTest tests[MOST_RUNS], size_t *count, const Target *row,
                           CMUnitTestFunction test, const void *variants, size_t size, int n) {
    static Run runs[MOST_RUNS];
    static int turn;
    int left = SANITIZED ? 1 : n;
    for (int i = 0, first = SANITIZED ? turn : 0; i < n && left > 0; i++) {
        int v = (first + i) % n;
        const char *name = *(const char *const *)((const char *)variants + size * (size_t)v);
        if (is_fp32_again(row, name)) continue;
        left--;
        turn = v + 1;
        unit_check(*count < MOST_RUNS, "more runs than there is room for");
        Run *run = &runs[*count];
        run->row = row;
        run->variant = (const char *)variants + size * (size_t)v;
        snprintf(run->name, sizeof run->name, "%s: %s", row->name, name);
        tests[(*count)++] = (struct CMUnitTest){run->name, test, NULL, NULL, run};
    }
}

/* The same on every row; with sanitizers, on every other one of those that run here. Returns how many tests were
 * written. */
static inline size_t run_rows(struct CMUnitTest tests[MOST_RUNS], CMUnitTestFunction test,
                              const void *variants, size_t size, int n) {
    int n_rows;
    const Target *const *rows = target_all(&n_rows);
    size_t count = 0;
    for (int i = 0, running = 0; i < n_rows; i++) {
        bool runs = target_runs_here(rows[i], NULL);
        running += runs;
        if (!SANITIZED || (runs && running % 2)) run_row(tests, &count, rows[i], test, variants, size, n);
    }
    return count;
}

#endif
