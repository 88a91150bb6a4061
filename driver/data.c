/* vitc data check: reads a data set as training would, decodes every image of every split, and tells what is left out,
 * broken, or there twice. */
#include "driver/driver.h"
#include "driver/report/data_text.h"

#include <string.h>

static void tell_progress(int64_t done, int64_t all) {
    fprintf(stderr, "decoded %lld of %lld images\n", (long long)done, (long long)all);
}

/* The exit code: 1 also where images are broken, or held-out ones are trained on too. */
static int check_data(DataReport *report, Arena *arena, const char *path) {
    VtError error = {0};
    if (!data_report_open(report, arena, path, &error)) return fail(error.code, "%s", error.message);
    data_splits_text(report, stdout);
    fflush(stdout);
    if (!data_report_decode(report, tell_progress, &error)) return fail(error.code, "%s", error.message);
    data_findings_text(report, stdout);
    if (fflush(stdout) != 0) return fail(1, "cannot write to standard output");
    return report->n_broken || report->n_across ? 1 : 0;
}

int verb_data(int argc, char **argv) {
    enum { THREADS, N };
    Flag flags[N] = {[THREADS] = {"threads", FLAG_VALUE, false, NULL}};
    Arguments args;
    double threads = 0;
    if (!parse_arguments(argc, argv, flags, N, &args)) return 2;
    if (args.n_words != 2 || args.n_overrides || strcmp(args.words[0], "check") != 0)
        return fail(2, "vitc data check PATH");
    if (!number_flag(&flags[THREADS], 1, 1024, &threads)) return 2;
    vt_set_threads((int)threads);
    vt_stop_listen();
    Arena *arena = arena_new();
    DataReport report;
    int code = check_data(&report, arena, args.words[1]);
    data_report_close(&report);
    arena_free(arena);
    int number = vt_stop_signal();
    vt_stop_unlisten();
    return number ? vt_stop_end(number) : code;
}
