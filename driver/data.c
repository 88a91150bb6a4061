/* vitc data check: reads a data set as training would, decodes every image of every split, and tells what is left out,
 * broken, or there twice. */
#include "driver/driver.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_SPLITS = 3, SHOWN = 20, KEY = 16 };
static const char *const SPLITS[N_SPLITS] = {"train", "test", "unused"}, *const TITLES[N_SPLITS] = {
                                                                             "training", "held out",
                                                                             "not used"};

typedef struct {
    uint8_t key[KEY]; /* the beginning of the SHA-256 of size and pixels */
    int32_t split, width, height;
    int64_t index;
} Seen;

typedef struct {
    VtDataset *sets[N_SPLITS];
    Seen *seen;    /* of all images, those of the first split first */
    char **broken; /* by the same order: what is wrong, or NULL */
    int64_t first[N_SPLITS + 1], next, done;
    VtError failed; /* what is no fault of an image */
    double last_line;
} Check;

static void hash_image(const VtImage *image, uint8_t key[KEY]) {
    struct sha256_ctx hash;
    int32_t size[2] = {image->width, image->height};
    sha256_init(&hash);
    sha256_update(&hash, sizeof size, (const uint8_t *)size);
    sha256_update(&hash, 3 * (size_t)image->width * (size_t)image->height, image->rgb);
    sha256_digest(&hash, KEY, key);
}

static void tell_progress(Check *c) {
    double now = seconds_now();
    if (now - c->last_line < 10) return;
    c->last_line = now;
    fprintf(stderr, "decoded %lld of %lld images\n", (long long)c->done, (long long)c->first[N_SPLITS]);
}

/* Each thread takes the next image until there are none. */
static void decode(void *user, int thread, int threads) {
    Check *c = user;
    (void)threads;
    for (;;) {
        int64_t i = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED);
        if (i >= c->first[N_SPLITS] || vt_stop_signal() || __atomic_load_n(&c->failed.code, __ATOMIC_RELAXED))
            return;
        int split = 0;
        while (i >= c->first[split + 1]) split++;
        Seen *seen = &c->seen[i];
        VtImage image;
        VtError error = {0};
        seen->split = split;
        seen->index = i - c->first[split];
        if (vt_dataset_image(c->sets[split], seen->index, &image, &error)) {
            seen->width = image.width;
            seen->height = image.height;
            hash_image(&image, seen->key);
            vt_image_free(&image);
        } else if (!error.bad_image || !(c->broken[i] = strdup(error.message))) {
            static int taken;
            if (!error.bad_image && !__atomic_exchange_n(&taken, 1, __ATOMIC_SEQ_CST)) c->failed = error;
            if (error.bad_image) c->failed.code = 1;
            return;
        }
        __atomic_fetch_add(&c->done, 1, __ATOMIC_RELAXED);
        if (thread == 0) tell_progress(c);
    }
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static void print_name(const char *name) {
    char shown[1024];
    printf("  %s\n", vt_show_name(name, shown, sizeof shown));
}

static void print_left_out(const VtDataset *d) {
    for (int r = 0; r < vt_dataset_left_reasons(); r++) {
        int64_t n = vt_dataset_left(d, r);
        if (!n) continue;
        printf("left out, %s: %lld\n", vt_dataset_left_reason(r), (long long)n);
        for (int64_t i = 0; i < n; i++) print_name(vt_dataset_left_name(d, r, i));
    }
}

/* How many images the classes have; a class of the set with none in this split is named. */
static bool print_classes(const VtDataset *d) {
    int n = vt_dataset_classes(d), empty = 0;
    int64_t *count = calloc((size_t)n + 1, sizeof *count), low = INT64_MAX, high = 0;
    for (int64_t i = 0; count && i < vt_dataset_size(d); i++)
        if (vt_dataset_label(d, i) >= 0) count[vt_dataset_label(d, i)]++;
    for (int c = 0; count && c < n; c++) {
        empty += count[c] == 0;
        if (count[c] > high) high = count[c];
        if (count[c] && count[c] < low) low = count[c];
    }
    if (high) printf("  %lld to %lld images a class\n", (long long)low, (long long)high);
    if (count && high && empty) {
        printf("  classes without images here: %d\n", empty);
        for (int c = 0, told = 0; c < n && told < SHOWN; c++)
            if (!count[c]) printf("  "), print_name(vt_dataset_class_name(d, c)), told++;
    }
    free(count);
    return count != NULL;
}

static int by_key(const void *a, const void *b) {
    const Seen *x = a, *y = b;
    int order = memcmp(x->key, y->key, KEY);
    if (order) return order;
    if (x->split != y->split) return x->split - y->split;
    return (x->index > y->index) - (x->index < y->index);
}

static const char *name_of(const Check *c, const Seen *seen, char *out, size_t size) {
    return vt_show_name(vt_dataset_name(c->sets[seen->split], seen->index), out, size);
}

/* Images of the same pixels. Returns how many held-out images are trained on too. */
static int64_t print_duplicates(const Check *c, int64_t n) {
    int64_t within = 0, across = 0, conflicts = 0;
    char a[600], b[600];
    for (int pass = 0; pass < 2; pass++) { /* those across splits first: they falsify what is measured */
        int64_t shown = 0, *count = pass ? &within : &across;
        for (int64_t first = 0, last; first < n; first = last) {
            for (last = first + 1; last < n && memcmp(c->seen[last].key, c->seen[first].key, KEY) == 0;)
                last++;
            for (int64_t i = first + 1; i < last; i++) {
                const Seen *x = &c->seen[first], *y = &c->seen[i];
                bool crosses = x->split != y->split;
                int label = vt_dataset_label(c->sets[x->split], x->index);
                if (crosses == (pass == 1)) continue;
                if (++*count == 1) printf("the same image in %s:\n", pass ? "one split" : "two splits");
                int second = vt_dataset_label(c->sets[y->split], y->index);
                conflicts += label >= 0 && second >= 0 && label != second;
                if (shown++ < SHOWN)
                    printf("  %s = %s\n", name_of(c, x, a, sizeof a), name_of(c, y, b, sizeof b));
            }
        }
        if (shown > SHOWN) printf("  … and %lld more\n", (long long)(shown - SHOWN));
    }
    if (conflicts) printf("of these %lld have another class the second time\n", (long long)conflicts);
    printf("duplicates: %lld in one split, %lld across splits\n", (long long)within, (long long)across);
    return across;
}

static void print_sizes(const Seen *seen, int64_t n) {
    int low = INT32_MAX, high = 0, widest = 0, highest = 0;
    for (int64_t i = 0; i < n; i++) {
        int less = seen[i].width < seen[i].height ? seen[i].width : seen[i].height;
        if (less < low) low = less;
        if (less > high) high = less;
        if (seen[i].width > widest) widest = seen[i].width;
        if (seen[i].height > highest) highest = seen[i].height;
    }
    if (n)
        printf("sizes: the shorter edge from %d to %d pixels; at most %d wide, %d high\n", low, high, widest,
               highest);
}

/* 0: all is well; 1: not. */
static int print_findings(Check *c) {
    int64_t n = c->first[N_SPLITS], broken = 0, whole = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!c->broken[i]) {
            c->seen[whole++] = c->seen[i];
            continue;
        }
        if (broken++ == 0) puts("broken:");
        print_name(c->broken[i]);
    }
    print_sizes(c->seen, whole);
    qsort(c->seen, (size_t)whole, sizeof *c->seen, by_key);
    int64_t across = print_duplicates(c, whole);
    printf("%lld images decoded, %lld broken\n", (long long)whole, (long long)broken);
    return broken || across ? 1 : 0;
}

/* ---- the verb ---------------------------------------------------------------------------------------------------- */

static bool open_all(Check *c, const char *path, VtError *error) {
    for (int s = 0; s < N_SPLITS; s++) {
        char text[2048];
        if (s == 0 ? !(c->sets[0] = vt_dataset_open(path, SPLITS[0], error))
                   : !vt_dataset_open_if_there(path, SPLITS[s], &c->sets[s], error))
            return false;
        const VtDataset *d = c->sets[s];
        c->first[s + 1] = c->first[s] + (d ? vt_dataset_size(d) : 0);
        if (s == 0) {
            vt_dataset_describe(d, text, sizeof text);
            printf("%s: %s, %s\n", path, vt_dataset_format(d), text);
            for (int i = 0; i < vt_dataset_notes(d); i++) print_name(vt_dataset_note(d, i));
        }
        if (!d && s == 1) puts("held out: nothing");
        if (!d) continue;
        printf("%s: %lld images, %lld with a class\n", TITLES[s], (long long)vt_dataset_size(d),
               (long long)vt_dataset_labelled(d));
        if (!print_classes(d)) return vt_fail(error, 1, "out of memory");
    }
    print_left_out(c->sets[0]);
    return true;
}

static int check_data(Check *c, const char *path) {
    VtError error = {0};
    if (!open_all(c, path, &error)) return fail(error.code, "%s", error.message);
    fflush(stdout);
    size_t n = (size_t)c->first[N_SPLITS];
    c->seen = calloc(n, sizeof *c->seen);
    c->broken = calloc(n, sizeof *c->broken);
    if (!c->seen || !c->broken) return fail(1, "out of memory");
    c->last_line = seconds_now();
    vt_parallel(decode, c);
    if (vt_stop_signal())
        return fail(1, "stopped by signal %d after %lld of %lld images", vt_stop_signal(), (long long)c->done,
                    (long long)n);
    if (c->failed.code) return fail(1, "%s", c->failed.message[0] ? c->failed.message : "out of memory");
    int code = print_findings(c);
    if (fflush(stdout) != 0) return fail(1, "cannot write to standard output");
    return code;
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
    Check check = {0};
    int code = check_data(&check, args.words[1]);
    for (int64_t i = 0; check.broken && i < check.first[N_SPLITS]; i++) free(check.broken[i]);
    for (int s = 0; s < N_SPLITS; s++) vt_dataset_close(check.sets[s]);
    free(check.seen);
    free(check.broken);
    int number = vt_stop_signal();
    vt_stop_unlisten();
    return number ? vt_stop_end(number) : code;
}
