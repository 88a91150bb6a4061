/* What the processor has, and which variant of a program it is given: each check runs in a process of its own, since
 * VITC_CPU_WITHOUT is read once. */
#include "runtime/machine/choose.h"
#include "runtime/machine/features.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                                     \
    if (!(condition)) {                                                                                      \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
        return false;                                                                                        \
    }

/* Runs a check where features are taken away. */
static void in_process(const char *without, bool (*check)(void)) {
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (without)
            setenv("VITC_CPU_WITHOUT", without, 1);
        else
            unsetenv("VITC_CPU_WITHOUT");
        _exit(check() ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- features ---------------------------------------------------------------------------------------------------- */

static bool check_lists(void) {
    char missing[VT_FEATURE_NAME] = "unset";
    int n, here = 0;
    const char *const *names = vt_feature_names(&n);
    char all[4096] = "";
    CHECK(vt_features_here("", missing) && strcmp(missing, "unset") == 0);
    CHECK(!vt_feature_here("") && !vt_feature_here("no-such") && !vt_feature_here("avx2,fma"));
    for (int i = 0; i < n; i++) {
        CHECK(strlen(names[i]) < VT_FEATURE_NAME && !strpbrk(names[i], ",+ "));
        for (int k = 0; k < i; k++) CHECK(strcmp(names[i], names[k]) != 0);
        if (!vt_feature_here(names[i])) continue;
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", here++ ? "," : "", names[i]);
    }
    CHECK(vt_features_here(all, missing));
    strcat(all, ",warp-drive");
    CHECK(!vt_features_here(all, missing) && strcmp(missing, "warp-drive") == 0);
    CHECK(!vt_features_here("a-feature-whose-name-is-longer-than-any-there-is", missing));
    CHECK(strcmp(missing, "a-feature-whose-name-is-longer-") == 0);
    for (int i = 0; i < n; i++) {
        if (!vt_feature_here(names[i])) continue;
        CHECK(!vt_features_here_without(names[i], names[i], missing) && strcmp(missing, names[i]) == 0);
        CHECK(vt_features_here_without(names[i], "warp-drive", missing));
    }
    return true;
}

static bool check_all_taken(void) {
    int n;
    const char *const *names = vt_feature_names(&n);
    for (int i = 0; i < n; i++) CHECK(!vt_feature_here(names[i]));
    return true;
}

static void test_lists(void **state) {
    (void)state;
    char all[4096] = "warp-drive";
    int n;
    const char *const *names = vt_feature_names(&n);
    for (int i = 0; i < n; i++) snprintf(all + strlen(all), sizeof all - strlen(all), ",%s", names[i]);
    in_process(NULL, check_lists);
    in_process("", check_lists);
    in_process("fma", check_lists);
    in_process(all, check_all_taken);
}

/* The words of the first line of /proc/cpuinfo that begins so; NULL: there is none. */
static char *cpuinfo(const char *line_name) {
    FILE *file = fopen("/proc/cpuinfo", "re");
    char *line = NULL;
    size_t room = 0;
    while (file && getline(&line, &room, file) > 0)
        if (strncmp(line, line_name, strlen(line_name)) == 0) {
            fclose(file);
            line[strcspn(line, "\n")] = ' ';
            return line;
        }
    if (file) fclose(file);
    free(line);
    return NULL;
}

/* Linux has names of its own for some; those that it does not list by themselves are left out. */
static const char *linux_name(const char *name) {
    static const char *const others[][2] = {
        {"sse3", "pni"},
        {"pclmul", "pclmulqdq"},
        {"sse4.1", "sse4_1"},
        {"sse4.2", "sse4_2"},
        {"bmi", "bmi1"},
        {"avx512vbmi2", "avx512_vbmi2"},
        {"avx512vnni", "avx512_vnni"},
        {"avx512bitalg", "avx512_bitalg"},
        {"avx512vpopcntdq", "avx512_vpopcntdq"},
        {"amx-bf16", "amx_bf16"},
        {"amx-tile", "amx_tile"},
        {"amx-int8", "amx_int8"},
        {"amx-fp16", "amx_fp16"},
        {"avx512fp16", "avx512_fp16"},
        {"avxvnni", "avx_vnni"},
        {"avx512bf16", "avx512_bf16"},
        {"sahf", "lahf_lm"},
        {"lzcnt", "abm"},
        {"fp-armv8", "fp"},
        {"neon", "asimd"},
        {"crc", "crc32"},
        {"lse", "atomics"},
        {"fullfp16", "asimdhp"},
        {"rdm", "asimdrdm"},
        {"dotprod", "asimddp"},
        {"fp16fml", "asimdfhm"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i][0], name) == 0) return others[i][1];
    return name;
}

static bool check_against_linux(void) {
    char *flags = cpuinfo("flags"), word[64];
    if (!flags) flags = cpuinfo("Features");
    int n;
    const char *const *names = vt_feature_names(&n);
    if (!flags || strcmp(vt_architecture, "") == 0) {
        printf("skipped: /proc/cpuinfo has no features\n");
        return true;
    }
    for (int i = 0; i < n; i++) {
        snprintf(word, sizeof word, " %s ", linux_name(names[i]));
        bool listed = strstr(flags, word) != NULL;
        if (listed == vt_feature_here(names[i])) continue;
        fprintf(stderr, "%s: here %d, in /proc/cpuinfo %d\n", names[i], !listed, listed);
        return false;
    }
    free(flags);
    return true;
}

static void test_against_linux(void **state) {
    (void)state;
    in_process(NULL, check_against_linux);
}

/* ---- variants ---------------------------------------------------------------------------------------------------- */

static const VtVariant VARIANTS[] = {{.target = "wonderful", .features = "warp-drive", .traits = ""},
                                     {.target = "good", .features = "", .traits = ""}, /* see some_built */
                                     {.target = "plain", .features = "", .traits = ""}};
enum { N_VARIANTS = sizeof VARIANTS / sizeof *VARIANTS };

/* A program of which this machine, if it has any features, runs "good". */
static VtBuilt some_built(VtVariant variants[N_VARIANTS]) {
    static char one[VT_FEATURE_NAME];
    int n;
    const char *const *names = vt_feature_names(&n);
    for (int i = 0; i < n && !one[0]; i++)
        if (vt_feature_here(names[i])) strcpy(one, names[i]);
    memcpy(variants, VARIANTS, sizeof VARIANTS);
    variants[1].features = one;
    return (VtBuilt){.n_variants = N_VARIANTS, .variants = variants};
}

static bool check_choice(void) {
    VtVariant variants[N_VARIANTS];
    VtBuilt built = some_built(variants);
    VtChoice choice = vt_choose_variant(&built, NULL);
    CHECK(choice.variant == &variants[1]);
    CHECK(vt_choose_variant(&built, "native").variant == &variants[1]);
    CHECK(vt_choose_variant(&built, "plain").variant == &variants[2]);
    choice = vt_choose_variant(&built, "wonderful");
    CHECK(!choice.variant && choice.code == 2 &&
          strcmp(choice.message, "target wonderful: this machine lacks warp-drive") == 0);
    choice = vt_choose_variant(&built, "other");
    CHECK(!choice.variant && choice.code == 2 && strstr(choice.message, "holds wonderful, good, plain"));

    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    vt_print_variants(&built, &variants[1], out);
    fclose(out);
    CHECK(strcmp(text, "wonderful      this machine lacks warp-drive\n"
                       "good           chosen\n"
                       "plain          runs here too\n") == 0);
    free(text);
    return true;
}

static bool check_none(void) {
    VtVariant variants[N_VARIANTS];
    VtBuilt built = some_built(variants);
    built.n_variants = 1;
    VtChoice choice = vt_choose_variant(&built, NULL);
    CHECK(!choice.variant && choice.code == 1);
    CHECK(strcmp(choice.message, "this machine runs none of this program's targets: wonderful: this machine "
                                 "lacks warp-drive") == 0);
    built.n_variants = 0;
    CHECK(!vt_choose_variant(&built, NULL).variant && vt_choose_variant(&built, NULL).code == 1);
    /* a message that does not fit is cut */
    static VtVariant many[100];
    for (int i = 0; i < 100; i++) many[i] = VARIANTS[0];
    built = (VtBuilt){.n_variants = 100, .variants = many};
    choice = vt_choose_variant(&built, NULL);
    CHECK(!choice.variant && choice.code == 1 && strlen(choice.message) == sizeof choice.message - 1);
    return true;
}

/* A variant without a trait is chosen where no other runs, or by its name. */
static bool check_traits(void) {
    VtVariant variants[N_VARIANTS];
    VtBuilt built = some_built(variants);
    variants[1].traits = "fast-bf16-dot";
    CHECK(vt_choose_variant(&built, NULL).variant == &variants[2]);
    CHECK(vt_choose_variant(&built, "good").variant == &variants[1]);
    built.n_variants = 2;
    CHECK(vt_choose_variant(&built, NULL).variant == &variants[1]);
    return true;
}

/* A trait is taken away as features are, and listed among none. */
static bool check_trait_is_no_feature(void) {
    int n;
    const char *const *names = vt_feature_names(&n);
    CHECK(!vt_feature_here("fast-bf16-dot"));
    for (int i = 0; i < n; i++) CHECK(strcmp(names[i], "fast-bf16-dot") != 0);
    return true;
}

static bool check_plain(void) {
    VtVariant variants[N_VARIANTS] = {
        VARIANTS[0], {.target = "good", .features = "avx2,fma", .traits = ""}, VARIANTS[2]};
    VtBuilt built = {.n_variants = N_VARIANTS, .variants = variants};
    CHECK(vt_choose_variant(&built, NULL).variant == &variants[2]);
    return true;
}

static void test_choice(void **state) {
    (void)state;
    in_process(NULL, check_choice);
    in_process(NULL, check_none);
    in_process("fma", check_plain);
    in_process("fast-bf16-dot", check_traits);
    in_process("fast-bf16-dot", check_trait_is_no_feature);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_against_linux),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests_name("processor", tests, NULL, NULL);
}
