/* --timing: how long each stage took, as a table. */
#include "driver/driver.h"

void timing_add(Timing *t, const char *stage, double seconds, size_t count, const char *unit) {
    if (t->count == sizeof t->rows / sizeof *t->rows)
        return; /* a long --passes list: the rest is not shown */
    t->rows[t->count++] = (TimingRow){stage, unit, seconds, count};
}

static size_t operators(const Module *module) {
    size_t n = 0;
    for (size_t f = 0; f < module->n_funcs; f++) n += module->funcs[f]->count;
    return n;
}

void timing_add_module(Timing *t, const char *stage, double seconds, const Module *module) {
    timing_add(t, stage, seconds, operators(module), "operators");
}

void timing_pass(void *user, const Pass *pass, const Module *module, double seconds) {
    timing_add_module(user, pass->name, seconds, module);
}

void timing_print(const Timing *t) {
    double all = 0;
    for (size_t i = 0; i < t->count; i++) all += t->rows[i].seconds;
    fprintf(stderr, "%-14s %9s %6s\n", "stage", "ms", "share");
    for (size_t i = 0; i < t->count; i++) {
        const TimingRow *row = &t->rows[i];
        fprintf(stderr, "%-14s %9.2f %5.1f%%", row->stage, row->seconds * 1e3, 100 * row->seconds / all);
        if (row->unit) fprintf(stderr, "  %zu %s", row->count, row->unit);
        fputc('\n', stderr);
    }
    fprintf(stderr, "%-14s %9.2f\n", "total", all * 1e3);
}
