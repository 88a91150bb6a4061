/* vitc doctor: what there is of machine, targets and tools, what it reaches, and whether compiled micro-kernels compute
 * what they should; a text that a report of a bug holds. */
#include "codegen/target/select.h"
#include "driver/build/toolchain.h"
#include "driver/cache.h"
#include "driver/driver.h"
#include "driver/doctor/peaks.h"
#include "driver/report/machine_report.h"
#include "runtime/machine/check_micro.h"
#include "runtime/machine/features.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What was found. */
typedef struct {
    Arena *arena;
    MachineReport machine;
    const char *target; /* whose micro-kernels are checked and timed; NULL: native */
    Words wrong;        /* checks that failed, as sentences */
    Words missing;      /* what can be had, and by which package */
} Doctor;

static void add(Doctor *d, Words *to, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add(Doctor *d, Words *to, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    words_add(d->arena, to, arena_strdup(d->arena, text));
}

/* ---- versions ---------------------------------------------------------------------------------------------------- */

/* With a hash by which builds are told apart: the object cache's key of nothing. */
static void print_versions(Doctor *d) {
    uint8_t build[CACHE_KEY];
    CacheKey *key = cache_key_new();
    printf("%s, LLVM %s", version_name(), codegen_llvm_version(d->arena));
    if (key) {
        cache_key_end(key, build);
        fputs(", build ", stdout);
        for (int i = 0; i < 8; i++) printf("%02x", build[i]);
    }
    putchar('\n');
}

/* ---- the processor ----------------------------------------------------------------------------------------------- */

/* "  NAME    a b c", broken into lines. */
static void print_features(const char *name, bool here) {
    enum { MOST_COLUMNS = 110 };
    int n, at = printf("  %-14s", name);
    const char *const *names = vt_feature_names(&n);
    bool any = false;
    for (int i = 0; i < n; i++) {
        if (vt_feature_here(names[i]) != here) continue;
        if (at + (int)strlen(names[i]) > MOST_COLUMNS) at = printf("\n  %-14s", "") - 1;
        at += printf(" %s", names[i]);
        any = true;
    }
    puts(any ? "" : " none");
}

static void print_environment(void) {
    static const char *const names[] = {
        "VITC_CPU_WITHOUT", "VITC_CACHE", "VITC_CACHE_LIMIT", "VITC_MODELS", "VITC_LIB",
        "OMP_NUM_THREADS",  "CC"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i])) printf("  %s=%s\n", names[i], getenv(names[i]));
}

static void print_machine(Doctor *d) {
    puts("machine");
    machine_text(&d->machine, stdout);
    printf("  threads        %d\n", vt_threads());
    print_features("features", true);
    print_features("lacking", false);
    print_environment();
}

/* ---- micro-kernels ----------------------------------------------------------------------------------------------- */

/* The widest and highest of a kind of units, from panels: what products spend their time in. */
static const VtMicro *largest(const VtMicro *micros, int n, int unit_elements) {
    const VtMicro *best = NULL;
    for (int i = 0; i < n; i++) {
        const VtMicro *m = &micros[i];
        if (m->unit_elements != unit_elements || m->accumulate || m->columns != m->tile_columns) continue;
        if (!best || m->rows > best->rows) best = m;
    }
    return best;
}

/* "  WHAT    12.3 UNIT on one core, 24.5 on 2"; 0: there was no memory for it. */
static void print_measured(const char *what, double one, double all, const char *unit) {
    printf("  %-14s ", what);
    if (one > 0)
        printf("%.1f %s on one core", one / 1e9, unit);
    else
        fputs("not measured: out of memory", stdout);
    if (all > 0) printf(", %.1f on %d", all / 1e9, vt_threads());
}

static void print_peak(const char *what, const VtMicro *micro) {
    if (!micro) return;
    int threads = vt_threads();
    print_measured(what, peak_flops(micro, 1), threads > 1 ? peak_flops(micro, threads) : 0, "GFLOP/s");
    printf(" (%s)\n", micro->name);
    fflush(stdout);
}

/* A block that no cache holds, if memory has room for it. */
static size_t bytes_to_read(const MachineReport *machine) {
    double bytes = 256 << 20, largest_cache = 0;
    for (int i = 0; i < machine->n_caches; i++)
        largest_cache = fmax(largest_cache, (double)machine->caches[i].bytes);
    bytes = fmin(fmax(bytes, 2 * largest_cache), 1 << 30);
    if (machine->free > 0) bytes = fmin(bytes, machine->free / 4);
    return (size_t)bytes & ~(size_t)4095;
}

static void print_bandwidth(const Doctor *d) {
    int threads = vt_threads();
    size_t bytes = bytes_to_read(&d->machine);
    print_measured("memory", peak_bandwidth(1, bytes), threads > 1 ? peak_bandwidth(threads, bytes) : 0,
                   "GB/s read");
    putchar('\n');
}

/* Checks those of one target; the caller frees them. NULL: there are none, which was noted. */
static MicroCode *check_target(Doctor *d, const char *target) {
    char error[512];
    int n;
    MicroCode *code = codegen_micros(target, error, sizeof error);
    if (!code) {
        add(d, &d->wrong, "micro-kernels: %s", error);
        return NULL;
    }
    const VtMicro *micros = micro_code(code, &n);
    const char *name = micro_code_target(code);
    int wrong = 0;
    for (int i = 0; i < n; i++) {
        VtMicroCheck check = vt_check_micro(&micros[i]);
        if (!check.wrong[0]) continue;
        wrong++;
        add(d, &d->wrong, "micro-kernel %s of %s: %s", micros[i].name, name, check.wrong);
    }
    printf("  %-14s %d of %d agree with plain C\n", name, n - wrong, n);
    fflush(stdout);
    return code;
}

/* Checks those of all targets that run here, or of the one that is asked for. */
static void check_targets(Doctor *d) {
    int n;
    const Target *const *targets = target_all(&n);
    puts("micro-kernels, as compiled here");
    if (d->target) {
        micro_code_free(check_target(d, d->target));
        return;
    }
    for (int i = 0; i < n; i++)
        if (target_runs_here(targets[i], NULL)) micro_code_free(check_target(d, targets[i]->name));
}

static void print_peaks(Doctor *d) {
    char error[512];
    int n;
    MicroCode *code = codegen_micros(d->target, error, sizeof error);
    if (!code) return; /* it was told */
    const VtMicro *micros = micro_code(code, &n);
    printf("peaks of %s\n", micro_code_target(code));
    print_peak("fp32", largest(micros, n, 1));
    print_peak("bf16", largest(micros, n, 2));
    print_bandwidth(d);
    micro_code_free(code);
}

/* ---- what vitc finds around it ----------------------------------------------------------------------------------- */

static void print_cache(Doctor *d) {
    char folder[4096];
    int64_t limit, bytes;
    size_t entries;
    if (!cache_folder(folder, sizeof folder)) {
        puts("  cache          off");
        return;
    }
    bool good = cache_limit(&limit);
    cache_size(folder, &entries, &bytes);
    printf("  cache          %s: %zu programs, %.1f MB of %.1f MB\n", folder, entries, (double)bytes / 1e6,
           (double)limit / 1e6);
    if (!good) add(d, &d->wrong, "VITC_CACHE_LIMIT is no number of bytes");
    if (access(folder, F_OK) == 0 && access(folder, W_OK | X_OK) != 0)
        add(d, &d->missing, "the cache '%s' cannot be written: programs are compiled anew each time", folder);
}

static void print_models(Doctor *d) {
    const char *folder = models_dir();
    bool there = access(folder, R_OK) == 0;
    printf("  models         %s%s\n", folder, there ? "" : ": not there");
    if (!there) add(d, &d->wrong, "the models are not in '%s': VITC_MODELS names another folder", folder);
}

static void print_building(Doctor *d, const char *arch) {
    ToolchainProbe probe;
    if (!toolchain_probe(d->arena, arch, &probe)) return;
    printf("  for %-10s runtime archives %s; compiler %s\n", arch, probe.folder ? probe.folder : "none",
           probe.compiler ? probe.compiler : "none");
    if (!probe.folder)
        add(d, &d->missing, "vitc build has no runtime archives for %s: Debian's package vitc%s%s has them",
            arch, strcmp(arch, vt_architecture) == 0 ? "" : "-runtime-",
            strcmp(arch, vt_architecture) == 0 ? "" : arch);
    for (size_t i = 0; i < probe.missing.count; i++) words_add(d->arena, &d->missing, probe.missing.items[i]);
}

/* The architectures of the table, this machine's first. */
static void print_surroundings(Doctor *d) {
    int n;
    const Target *const *targets = target_all(&n);
    puts("surroundings");
    print_models(d);
    print_cache(d);
    if (*vt_architecture) print_building(d, vt_architecture);
    const char *seen = vt_architecture;
    for (int i = 0; i < n; i++) {
        const char *arch = targets[i]->architecture->name;
        if (strcmp(arch, seen) == 0 || strcmp(arch, vt_architecture) == 0) continue;
        print_building(d, seen = arch);
    }
}

/* ---- the verb ---------------------------------------------------------------------------------------------------- */

static void print_list(const char *title, const Words *list) {
    if (list->count) puts(title);
    for (size_t i = 0; i < list->count; i++) printf("  %s\n", list->items[i]);
}

enum { TARGET, THREADS, N };
static const FlagRow FLAGS[N] = {[TARGET] = {"target", FLAG_VALUE, "NAME", COMPLETE_TARGET,
                                             "check the micro-kernels of this target alone"},
                                 [THREADS] = THREADS_FLAG};
const FlagTable DOCTOR_FLAGS = {FLAGS, N, NULL};

int verb_doctor(int argc, char **argv) {
    Flag flags[N];
    Arguments args;
    char error[512];
    double threads = 0;
    if (!parse_arguments(argc, argv, flags, N, &args)) return 2;
    if (args.n_words || args.n_overrides) return fail(2, "doctor wants neither recipes nor settings");
    if (!whole_flag(&flags[THREADS], 1, 1024, &threads)) return 2;
    if (flags[TARGET].given && !codegen_runs_here(flags[TARGET].value, error, sizeof error))
        return fail(2, "%s", error);
    vt_set_threads((int)threads);
    Doctor d = {.arena = arena_new(), .target = flags[TARGET].value};
    d.machine = machine_report(d.arena);
    print_versions(&d);
    print_machine(&d);
    puts("targets");
    print_targets_indented(stdout, "  ");
    fflush(stdout);
    check_targets(&d);
    print_peaks(&d);
    print_surroundings(&d);
    print_list("missing", &d.missing);
    print_list("wrong", &d.wrong);
    if (d.wrong.count == 0) puts("nothing is wrong");
    int code = d.wrong.count
                   ? fail(1, "%s%s", d.wrong.items[0], d.wrong.count > 1 ? " (and more, see above)" : "")
                   : 0;
    arena_free(d.arena);
    return code;
}
