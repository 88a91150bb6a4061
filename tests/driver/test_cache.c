/* The object cache: what it gives back is what was kept, damage of any kind is a miss, processes share it, it stays
 * within its limit; and `vitc train` computes the same bits by way of it. */
#include "driver/cache.h"
#include "tests/driver/runs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#if SANITIZED
#include <sanitizer/lsan_interface.h>
#endif

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static const uint8_t KEY[CACHE_KEY] = {0x12, 0xab, 3};
enum { SMALL = 100, LARGE = 700 };

/* Blobs whose every byte follows from `seed`; free both. */
static void make_blobs(CacheBlob blobs[CACHE_BLOBS], int seed, size_t large) {
    size_t sizes[] = {SMALL, large, SMALL};
    for (int b = 0; b < CACHE_BLOBS; b++) {
        unsigned char *bytes = malloc(sizes[b]);
        for (size_t i = 0; i < sizes[b]; i++) bytes[i] = (unsigned char)(i * 7 + (size_t)seed + (size_t)b);
        blobs[b] = (CacheBlob){bytes, sizes[b]};
    }
}

static void free_blobs(CacheBlob blobs[CACHE_BLOBS]) {
    for (int b = 0; b < CACHE_BLOBS; b++) free((void *)blobs[b].bytes);
}

static void keep(const char *where, const uint8_t key[CACHE_KEY], int seed, size_t large) {
    CacheBlob blobs[CACHE_BLOBS];
    make_blobs(blobs, seed, large);
    cache_write(where, key, blobs);
    free_blobs(blobs);
}

/* The seed of the entry that is found, if every byte is right; -1: none; -2: a wrong one. */
static int find(const char *where, const uint8_t key[CACHE_KEY]) {
    CacheBlob found[CACHE_BLOBS], right[CACHE_BLOBS];
    void *memory = cache_read(where, key, found);
    if (!memory) return -1;
    int seed = *(const unsigned char *)found[0].bytes;
    make_blobs(right, seed, found[1].size);
    bool same = true;
    for (int b = 0; b < CACHE_BLOBS; b++)
        same = same && found[b].size == right[b].size &&
               memcmp(found[b].bytes, right[b].bytes, right[b].size) == 0;
    free_blobs(right);
    free(memory);
    return same ? seed : -2;
}

/* Makes a folder of this test's own; returns its path, in `entry` that of KEY's file. */
static const char *place(const char *name, char entry[256]) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s/cache", folder, name);
    int n = snprintf(entry, 256, "%s/", path);
    for (int i = 0; i < CACHE_KEY; i++) n += snprintf(entry + n, 256 - (size_t)n, "%02x", KEY[i]);
    snprintf(entry + n, 256 - (size_t)n, ".vitc");
    return path;
}

static char *slurp(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *bytes = malloc(1 << 20);
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void spill(const char *path, const char *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static int count_files(const char *path) {
    int n = 0;
    DIR *dir = opendir(path);
    if (!dir) return 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(dir);
    return n;
}

static void test_entry(void **state) {
    (void)state;
    char entry[256];
    const char *where = place("deep/below", entry);
    uint8_t other[CACHE_KEY] = {1};
    assert_int_equal(find(where, KEY), -1);
    keep(where, KEY, 5, LARGE);
    assert_int_equal(find(where, KEY), 5);
    assert_int_equal(find(where, other), -1);
    keep(where, KEY, 6, 3 * LARGE);
    assert_int_equal(find(where, KEY), 6);
    assert_int_equal(count_files(where), 1);
}

static void test_truncated(void **state) {
    (void)state;
    char entry[256];
    size_t size;
    const char *where = place("short", entry);
    keep(where, KEY, 1, LARGE);
    char *bytes = slurp(entry, &size);
    for (size_t n = 0; n < size; n++) {
        spill(entry, bytes, n);
        assert_int_equal(find(where, KEY), -1);
    }
    char *longer = calloc(1, size + 64);
    memcpy(longer, bytes, size);
    for (size_t n = 1; n <= 64; n++) {
        spill(entry, longer, size + n);
        assert_int_equal(find(where, KEY), -1);
    }
    spill(entry, bytes, size);
    assert_int_equal(find(where, KEY), 1);
    free(longer);
    free(bytes);
}

static void test_flipped(void **state) {
    (void)state;
    char entry[256];
    size_t size;
    const char *where = place("flipped", entry);
    keep(where, KEY, 2, LARGE);
    char *bytes = slurp(entry, &size);
    for (size_t i = 0; i < size; i++) {
        char right = bytes[i];
        bytes[i] = (char)(right ^ (1 << i % 8));
        spill(entry, bytes, size);
        assert_int_equal(find(where, KEY), -1);
        bytes[i] = (char)~right;
        spill(entry, bytes, size);
        assert_int_equal(find(where, KEY), -1);
        bytes[i] = right;
    }
    free(bytes);
    keep(where, KEY, 3, LARGE); /* what is damaged is written anew */
    assert_int_equal(find(where, KEY), 3);
}

/* Code that somebody else could have written is not run; neither is what is no file. */
static void test_distrust(void **state) {
    (void)state;
    char entry[256], elsewhere[256];
    const char *where = place("shared", entry);
    keep(where, KEY, 4, LARGE);
    assert_int_equal(chmod(entry, 0620), 0);
    assert_int_equal(find(where, KEY), -1);
    assert_int_equal(chmod(entry, 0602), 0);
    assert_int_equal(find(where, KEY), -1);
    assert_int_equal(chmod(entry, 0600), 0);
    assert_int_equal(find(where, KEY), 4);
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", folder);
    assert_int_equal(rename(entry, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, entry), 0);
    assert_int_equal(find(where, KEY), -1);
    assert_int_equal(unlink(entry), 0);
    assert_int_equal(mkfifo(entry, 0600), 0);
    assert_int_equal(find(where, KEY), -1);
    unlink(entry);
    assert_int_equal(mkdir(entry, 0700), 0);
    assert_int_equal(find(where, KEY), -1);
    keep(where, KEY, 4, LARGE);
    assert_int_equal(count_files(where), 1); /* no temporary file is left */
}

/* What a process that ends without exit() has lost; the sanitizer itself looks in exit() alone. */
static int leaks(void) {
#if SANITIZED
    return __lsan_do_recoverable_leak_check();
#else
    return 0;
#endif
}

/* Writers of entries that differ, and readers, side by side: a reader sees one of them, whole. */
static void test_side_by_side(void **state) {
    (void)state;
    enum { PROCESSES = 4, ROUNDS = 100 };
    char entry[256];
    const char *where = place("crowd", entry);
    keep(where, KEY, 0, LARGE);
    pid_t children[PROCESSES];
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        if (children[p] != 0) continue;
        int wrong = 0;
        for (int i = 0; i < ROUNDS; i++) {
            if (p % 2) keep(where, KEY, p, (size_t)(LARGE * (p + 1)));
            int seed = find(where, KEY);
            wrong += seed < 0 || (seed != 0 && seed % 2 == 0);
        }
        _exit(wrong || leaks());
    }
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        waitpid(children[p], &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(count_files(where), 1);
}

static void spill_old(const char *entry, const char *ending) {
    char path[512];
    struct timespec long_ago[2] = {{1000, 0}, {1000, 0}};
    snprintf(path, sizeof path, "%s%s", entry, ending);
    spill(path, "left behind", 11);
    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
}

/* What another program keeps in the folder stays, whatever it looks like. */
static void test_foreign(void **state) {
    (void)state;
    static const char *const names[] = {
        ".tmp-mine",
        ".tmp-012345",
        "notes.vitc",
        "zz00000000000000000000000000000000000000000000000000000000000000.vitc",
        "0000000000000000000000000000000000000000000000000000000000000000.vitc.tmp-short",
        "0000000000000000000000000000000000000000000000000000000000000000.vitc.tmp-ABCDEFGHIJKL"};
    enum { N = sizeof names / sizeof *names };
    char entry[256], path[512];
    const char *where = place("foreign", entry);
    keep(where, KEY, 1, LARGE);
    for (int i = 0; i < N; i++) {
        snprintf(path, sizeof path, "%s/%s", where, names[i]);
        spill_old(path, "");
    }
    snprintf(path, sizeof path, "%s/%064x.vitc", where, 7); /* the name of an entry, but a folder */
    assert_int_equal(mkdir(path, 0700), 0);
    setenv("VITC_CACHE_LIMIT", "0", 1);
    keep(where, KEY, 2, LARGE);
    unsetenv("VITC_CACHE_LIMIT");
    assert_int_equal(find(where, KEY), -1);
    assert_int_equal(count_files(where), N + 1);
}

/* A file of gigabytes is not read to find out that it is none of ours. */
static void test_huge(void **state) {
    (void)state;
    char entry[256];
    size_t size;
    const char *where = place("huge", entry);
    keep(where, KEY, 1, LARGE);
    char *bytes = slurp(entry, &size);
    assert_int_equal(truncate(entry, (off_t)6 << 30), 0);
    assert_int_equal(find(where, KEY), -1);
    assert_int_equal(truncate(entry, (off_t)900 << 20), 0);
    struct timespec start, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    assert_int_equal(find(where, KEY), -1);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    assert_true((double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec) < 0.1);
    spill(entry, bytes, size);
    assert_int_equal(find(where, KEY), 1);
    free(bytes);
}

static void test_limit_words(void **state) {
    (void)state;
    static const char *const wrong[] = {"junk", "-1", "1GB", "1e9", "99999999999999999999"};
    int64_t bytes;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        setenv("VITC_CACHE_LIMIT", wrong[i], 1);
        assert_false(cache_limit(&bytes));
        assert_int_equal(bytes, 1 << 30);
    }
    setenv("VITC_CACHE_LIMIT", "12", 1);
    assert_true(cache_limit(&bytes));
    assert_int_equal(bytes, 12);
    unsetenv("VITC_CACHE_LIMIT");
}

/* Of ten entries in room for five, those stay that were written, or read, last. */
static void test_limit(void **state) {
    (void)state;
    enum { N = 10, SIZE = 10000 };
    char entry[256], path[512];
    const char *where = place("limited", entry);
    uint8_t key[CACHE_KEY] = {0};
    for (int i = 0; i < N; i++) {
        key[0] = (uint8_t)i;
        keep(where, key, i, SIZE);
        snprintf(path, sizeof path, "%s/%02x%062x.vitc", where, i, 0);
        struct timespec times[2] = {{1000 + i, 0}, {1000 + i, 0}};
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    key[0] = 2;
    assert_int_equal(find(where, key), 2); /* used now */
    spill_old(entry, ".tmp-0123456789uv");
    setenv("VITC_CACHE_LIMIT", "55000", 1);
    keep(where, KEY, N, SIZE);
    setenv("VITC_CACHE_LIMIT", "5000", 1);
    uint8_t large[CACHE_KEY] = {0xff};
    for (int i = 0; i < N; i++) {
        key[0] = (uint8_t)i;
        assert_int_equal(find(where, key), i == 2 || i > 6 ? i : -1);
    }
    assert_int_equal(find(where, KEY), N);
    assert_int_equal(count_files(where), 5);
    keep(where, large, 1, SIZE); /* more than all may take: not kept */
    assert_int_equal(find(where, large), -1);
    unsetenv("VITC_CACHE_LIMIT");
}

static void test_nowhere(void **state) {
    (void)state;
    keep("/dev/null/cache", KEY, 1, LARGE);
    assert_int_equal(find("/dev/null/cache", KEY), -1);
    keep("/proc/cache", KEY, 1, LARGE);
    assert_int_equal(find("/proc/cache", KEY), -1);
    char path[64];
    setenv("VITC_CACHE", "", 1);
    assert_false(cache_folder(path, sizeof path));
    setenv("VITC_CACHE", "off", 1);
    assert_false(cache_folder(path, sizeof path));
    unsetenv("VITC_CACHE");
    setenv("XDG_CACHE_HOME", "/x", 1);
    assert_true(cache_folder(path, sizeof path));
    assert_string_equal(path, "/x/vitc");
    setenv("XDG_CACHE_HOME", "relative", 1); /* to be ignored, says the specification */
    setenv("HOME", "/home/me", 1);
    assert_true(cache_folder(path, sizeof path));
    assert_string_equal(path, "/home/me/.cache/vitc");
    unsetenv("XDG_CACHE_HOME");
}

/* ---- vitc -------------------------------------------------------------------------------------------------------- */

/* A recipe with a library of its own, small enough to compile in no time. */
#define LIBRARY                                                                                              \
    "library: own\nmodules:\n  flat(x): |\n    w = param(4, 12, init=normal(0.1))\n    return "              \
    "reshape(x, [dim(x, 0), 12]) @ transpose(w) * %s\n"
#define RECIPE                                                                                               \
    "recipe: tiny\nuse: [own.yaml]\nknobs: {rate: 0.1}\nviews: {view: {size: 2, augment: [resize, "          \
    "normalize]}}\nnetworks:\n  model(x): flat(x)\nobjectives:\n  small: {loss: mean(model(view) ** 2)}\n"   \
    "embed: {view: view, features: model(view)}\n"                                                           \
    "train: {batch: 8, epochs: 1, optimizer: param - rate * grad}\n"

static void write_recipe(const char *factor) {
    char path[128], text[1024];
    snprintf(path, sizeof path, "%s/own.yaml", folder);
    snprintf(text, sizeof text, LIBRARY, factor);
    spill(path, text, strlen(text));
    snprintf(path, sizeof path, "%s/tiny.yaml", folder);
    spill(path, RECIPE, strlen(RECIPE));
}

static const char *use_cache(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    setenv("VITC_CACHE", path, 1);
    return path;
}

static void train(const char *out, const char *more) {
    assert_int_equal(run_command("%s train %s/tiny.yaml --data synthetic:64 --steps 3 --plain --out %s/%s %s",
                                 VITC_BINARY, folder, folder, out, more),
                     0);
}

static bool hit(void) {
    bool cached = log_holds("from the cache");
    assert_true(cached || log_holds("compiled for"));
    return cached;
}

static void test_same_bits(void **state) {
    (void)state;
    const char *where = use_cache("used");
    write_recipe("2");
    train("first", "--timing");
    assert_false(hit());
    assert_true(said("elaborate"));
    assert_int_equal(count_files(where), 1);
    train("second", "--timing");
    assert_true(hit());
    assert_false(log_holds("elaborate"));
    assert_same("first", "second");
    train("third", "--no-cache");
    assert_false(hit());
    assert_same("first", "third");
    assert_int_equal(run_command("cmp %s/first/recipe.yaml %s/second/recipe.yaml", folder, folder), 0);
    assert_int_equal(run_command("%s eval knn %s/second --data synthetic:64 --k 1", VITC_BINARY, folder), 0);
    assert_int_equal(count_files(where), 2);
    assert_int_equal(run_command("%s bench %s/tiny.yaml --steps 1", VITC_BINARY, folder), 0);
    assert_true(hit());
}

static void test_misses(void **state) {
    (void)state;
    static const char *const changes[] = {"rate=0.2", "train.batch=4", "train.seed=7",
                                          "rate=0.2 train.seed=7", "--target x86-64"};
    char out[32];
    const char *where = use_cache("missed");
    write_recipe("2");
    train("plain", "");
    for (int i = 0; i < 5; i++) {
        snprintf(out, sizeof out, "change%d", i);
        train(out, changes[i]);
        assert_false(hit());
    }
    write_recipe("3");
    train("library", "");
    assert_false(hit());
    assert_int_equal(count_files(where), 7);
    write_recipe("2");
    train("again", "");
    assert_true(hit());
    assert_same("plain", "again");
    use_cache("off");
    setenv("VITC_CACHE", "off", 1);
    train("off", "");
    assert_false(hit());
}

/* A damaged entry, or a place where nothing can be kept, changes nothing but the time. */
static void test_trains_anyway(void **state) {
    (void)state;
    const char *where = use_cache("damaged");
    char entry[512], out[32];
    size_t size;
    write_recipe("2");
    train("whole", "");
    assert_int_equal(run_command("cat %s/damaged/*.vitc > %s/copy", folder, folder), 0);
    DIR *dir = opendir(where);
    for (struct dirent *e; (e = readdir(dir));)
        if (strstr(e->d_name, ".vitc")) snprintf(entry, sizeof entry, "%s/%.80s", where, e->d_name);
    closedir(dir);
    char *bytes = slurp(entry, &size);
    for (int i = 0; i < 6; i++) {
        if (i < 3)
            spill(entry, bytes, size * (size_t)i / 3);
        else {
            size_t at = size * (size_t)(i - 3) / 3 + 200;
            bytes[at] ^= 0x10;
            spill(entry, bytes, size);
            bytes[at] ^= 0x10;
        }
        snprintf(out, sizeof out, "damaged%d", i);
        train(out, "");
        assert_false(hit());
        assert_same("whole", out);
        snprintf(out, sizeof out, "mended%d", i);
        train(out, "");
        assert_true(hit());
    }
    free(bytes);
    setenv("VITC_CACHE", "/dev/null/cache", 1);
    train("nowhere", "");
    assert_false(hit());
    assert_same("whole", "nowhere");
}

static void test_two_at_once(void **state) {
    (void)state;
    enum { PROCESSES = 3 };
    const char *where = use_cache("both");
    pid_t children[PROCESSES];
    write_recipe("2");
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        if (children[p] != 0) continue;
        char command[1024];
        snprintf(command, sizeof command,
                 "exec %s train %s/tiny.yaml --data synthetic:64 --steps 3 --plain --out %s/at_once%d "
                 ">%s/log%d 2>&1",
                 VITC_BINARY, folder, folder, p, folder, p);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        waitpid(children[p], &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(count_files(where), 1);
    train("after", "");
    assert_true(hit());
    assert_same("at_once0", "at_once1");
    assert_same("at_once0", "after");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry),         cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_flipped),       cmocka_unit_test(test_distrust),
        cmocka_unit_test(test_side_by_side),  cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_huge),          cmocka_unit_test(test_limit_words),
        cmocka_unit_test(test_limit),         cmocka_unit_test(test_nowhere),
        cmocka_unit_test(test_same_bits),     cmocka_unit_test(test_misses),
        cmocka_unit_test(test_trains_anyway), cmocka_unit_test(test_two_at_once)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
