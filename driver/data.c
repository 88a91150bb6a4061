/* vitc data check: reads data sets as training would, decodes every image of every split, and tells what is left out,
 * broken, there twice, or in two of the sets. */
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

/* Several sets are the sources of one recipe: what is held out in one and trained on in another falsifies what is
 * measured. Labelled images that are among the unlabelled ones too are told, and are no fault. */
static int check_across(const DataReport *reports, int n) {
    int64_t leaks = 0;
    for (int a = 0; a < n; a++)
        for (int b = 0; b < n; b++) {
            if (a != b) leaks += data_across_text(&reports[a], 1, &reports[b], stdout);
            if (a < b) data_across_text(&reports[a], 0, &reports[b], stdout);
        }
    return leaks ? 1 : 0;
}

static int check_all(DataReport *reports, Arena *arena, const char *const *paths, int n) {
    int code = 0;
    for (int i = 0; i < n; i++) {
        int one = check_data(&reports[i], arena, paths[i]);
        if (one == 2 || vt_stop_signal()) return one;
        code = one ? one : code;
        if (n > 1) putchar('\n');
    }
    int across = check_across(reports, n);
    return across ? across : code;
}

enum { THREADS, N };
static const FlagRow FLAGS[N] = {[THREADS] = THREADS_FLAG};
const FlagTable DATA_FLAGS = {FLAGS, N, NULL};

int verb_data(int argc, char **argv) {
    Flag flags[N];
    Arguments args;
    double threads = 0;
    if (!parse_arguments(argc, argv, flags, N, &args)) return 2;
    if (args.n_words < 1 || args.n_words - 1 + args.n_overrides < 1) return fail(2, "vitc data check PATH …");
    const char *paths[16 + 256];
    int n = 0;
    for (int i = 1; i < args.n_words; i++) paths[n++] = args.words[i];
    for (int i = 0; i < args.n_overrides; i++)
        paths[n++] = strchr(args.overrides[i], '=') + 1; /* NAME=PATH */
    if (!number_flag(&flags[THREADS], 1, 1024, &threads)) return 2;
    vt_set_threads((int)threads);
    vt_stop_listen();
    Arena *arena = arena_new();
    DataReport *reports = ARENA_ARRAY(arena, DataReport, (size_t)n);
    int code = check_all(reports, arena, paths, n);
    for (int i = 0; i < n; i++) data_report_close(&reports[i]);
    arena_free(arena);
    int number = vt_stop_signal();
    vt_stop_unlisten();
    return number ? vt_stop_end(number) : code;
}
