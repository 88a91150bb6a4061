/* The table of targets: every row is whole, and what follows from it holds together. */
#include "codegen/target.h"
#include "codegen/codegen.h"
#include "codegen/target/host.h"
#include "codegen/target/select.h"
#include "runtime/machine/check_micro.h"
#include "runtime/machine/features.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_kernel(const Target *target, Precision precision) {
    const MicroKernel *kernel = target->micro[precision];
    if (!kernel) fail_msg("%s has no micro-kernel for %s", target->name, precision_name(precision));
    assert_non_null(kernel->name);
    assert_true(kernel->lanes > 0 && kernel->mr > 0 && kernel->nr > 0 && kernel->nr % kernel->lanes == 0);
    assert_true(kernel->unit_step > 0 && 32 % (kernel->unit_elements * kernel->unit_step) == 0); /* K_STEP */
    assert_true(kernel->unit_elements == 1 || kernel->unit_elements == 2);
    assert_true(precision != PRECISION_FP32 || kernel->unit_elements == 1);
    assert_true(kernel->mr % kernel->lanes == 0 || kernel->mr < kernel->lanes);
    assert_int_equal(!kernel->tiles + !kernel->multiply_add + !kernel->multiply_blocks, 2);
    if (kernel->multiply_blocks) assert_true(kernel->lanes == 4 && kernel->unit_step == 2 && kernel->mr >= 4);
    if (!kernel->tiles) return;
    const TileRegisters *t = kernel->tiles;
    assert_true(t->tile && t->load && t->store && t->zero && t->dot && !t->begin == !t->end);
    assert_true(kernel->mr == 2 * TILE_EDGE && kernel->nr == 2 * TILE_EDGE);
    assert_true(kernel->unit_step == TILE_EDGE && kernel->lanes == TILE_EDGE && kernel->unit_elements == 2);
}

static void test_rows_are_whole(void **state) {
    (void)state;
    int n;
    const Target *const *targets = target_all(&n);
    assert_true(n > 1);
    for (int i = 0; i < n; i++) {
        const Target *target = targets[i];
        assert_ptr_equal(target_find(target->name), target); /* no two of one name */
        assert_true(target->features && target->preferences && target->architecture);
        assert_true(target->cores > 0 && target->own_cache > 0);
        assert_true(target->lanes > 0 && (target->lanes & (target->lanes - 1)) == 0);
        assert_true(!target->tables ||
                    (target->tables->look_up && target->tables->scale && target->lanes == TABLE_ENTRIES));
        for (Precision p = 0; p < PRECISION_COUNT; p++) {
            check_kernel(target, p);
            assert_int_equal(target_tile(target, p).rows, target->micro[p]->mr);
            PanelShape panel = target_panel(target, p);
            assert_true(panel.columns == 0 || panel.columns == target_tile(target, p).columns);
        }
    }
    assert_null(target_find("pentium"));
}

/* Some target is for every host, and is not one that must be asked for. */
static void test_any_host_has_one(void **state) {
    (void)state;
    char error[512];
    int n;
    const Target *const *targets = target_all(&n);
    bool runs = false;
    for (int i = 0; i < n; i++)
        runs = runs || (!targets[i]->by_name_only && target_runs_here(targets[i], NULL));
    assert_true(runs && codegen_runs_here(NULL, error, sizeof error));
}

/* What we find of the processor is what LLVM finds, of all that both have a name for. */
static void test_features_are_those_of_llvm(void **state) {
    (void)state;
    int n, met = 0;
    const char *const *names = vt_feature_names(&n);
    char *host = LLVMGetHostCPUFeatures(), *rest, word[VT_FEATURE_NAME + 1];
    if (!*host || getenv("VITC_CPU_WITHOUT")) skip(); /* LLVM knows no features of some architectures */
    for (char *at = strtok_r(host, ",", &rest); at; at = strtok_r(NULL, ",", &rest))
        for (int i = 0; i < n; i++) {
            snprintf(word, sizeof word, "%c%s", vt_feature_here(names[i]) ? '+' : '-', names[i]);
            if (strcmp(at + 1, names[i]) != 0) continue;
            met++;
            if (strcmp(at, word) != 0) fail_msg("LLVM: %s, we: %s", at, word);
        }
    assert_true(met > n / 2);
    LLVMDisposeMessage(host);
}

/* A row's features are names that can be asked for, where it runs. */
static void check_features(const Target *target) {
    bool here = strcmp(target->architecture->name, vt_architecture) == 0;
    int n;
    const char *const *names = vt_feature_names(&n);
    char *list = strdup(target->features), *rest;
    for (char *at = strtok_r(list, ",", &rest); at && here; at = strtok_r(NULL, ",", &rest)) {
        int i = 0;
        while (i < n && strcmp(names[i], at) != 0) i++;
        if (i == n) fail_msg("%s wants a feature '%s' that features.def has not", target->name, at);
    }
    free(list);
}

/* A target's code uses its row's features and no others, on any machine; levels have those of the levels below. */
static void test_code_for_any_machine(void **state) {
    (void)state;
    int n;
    const Target *const *targets = target_all(&n);
    for (int i = 0; i < n; i++) {
        char error[512], wanted[1024] = "";
        TargetMachine machine;
        if (!target_machine_open(&machine, targets[i]->name, error, sizeof error)) fail_msg("%s", error);
        check_features(targets[i]);
        assert_ptr_equal(machine.target, targets[i]);
        assert_string_equal(machine.triple, targets[i]->architecture->triple);
        assert_int_equal(machine.facts.cores, targets[i]->cores);
        assert_int_equal(machine.facts.own_cache, targets[i]->own_cache);
        for (const char *at = targets[i]->features; *at; at++)
            snprintf(wanted + strlen(wanted), 3, at == targets[i]->features || at[-1] == ',' ? "+%c" : "%c",
                     *at);
        const char *preferences[] = {targets[i]->preferences, targets[i]->architecture->preferences};
        for (int p = 0; p < 2; p++)
            snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "%s%s",
                     *wanted && *preferences[p] ? "," : "", preferences[p]);
        assert_string_equal(machine.features, wanted);
        target_machine_close(&machine);
    }
    const char *v2 = target_find("x86-64-v2")->features, *v3 = target_find("x86-64-v3")->features;
    assert_int_equal(strncmp(v3, v2, strlen(v2)), 0);
    assert_int_equal(strncmp(target_find("x86-64-v4")->features, v3, strlen(v3)), 0);
}

typedef struct {
    const char *text, *name, *message; /* name NULL: refused, with the message */
} Spelling;

static void test_spellings(void **state) {
    (void)state;
    static const Spelling rows[] = {
        {"x86-64", "x86-64", NULL},
        {"amx", "amx", NULL},
        /* as they were called before */
        {"generic", "x86-64", NULL},
        {"avx2", "x86-64-v3", NULL},
        {"avx512", "x86-64-v4", NULL},
        {"amx_model", "amx-model", NULL},
        {"x86-64-v5", NULL, "unknown target 'x86-64-v5'; did you mean 'x86-64-v4'? There are native, amx, "},
        {"Native", NULL, "did you mean 'native'?"},
        {"zzzzzzzz", NULL, "unknown target 'zzzzzzzz'; there are native, "},
        {"", NULL, "unknown target ''; there are native, "},
        {"x86-64,amx", NULL, "unknown target 'x86-64,amx'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char error[512] = "";
        TargetChoice choice;
        bool good = target_select(rows[i].text, &choice, error, sizeof error);
        if (good != (rows[i].name != NULL) || (good && strcmp(choice.target->name, rows[i].name) != 0) ||
            (!good && !strstr(error, rows[i].message)))
            fail_msg("%s: %s", rows[i].text, good ? choice.target->name : error);
        assert_false(good && choice.native);
    }
}

/* Lists of features that are taken away choose the best of what is left, by this machine's facts. */
static void test_without_features(void **state) {
    (void)state;
    char error[512];
    TargetChoice choice, native;
    assert_true(target_select(NULL, &native, error, sizeof error) && native.native);
    assert_true(target_select("native", &choice, error, sizeof error) && choice.target == native.target);
    assert_true(target_select("-warp-drive", &choice, error, sizeof error) && choice.target == native.target);
    if (strcmp(vt_architecture, "x86_64") != 0) skip();
    assert_true(target_select("-avx,-sse3,-avx512f", &choice, error, sizeof error) && choice.native);
    assert_string_equal(choice.target->name, "x86-64");
    assert_true(target_select("-avx512f", &choice, error, sizeof error));
    assert_int_equal(choice.target->lanes <= 8, 1);
    /* what a host has, but computes slower than another's code would, is no host's best */
    assert_true(target_select("-amx-tile,-fast-bf16-dot", &choice, error, sizeof error) && choice.native);
    assert_string_not_equal(choice.target->name, "avx512bf16");
}

/* What is known of the machine on each target prints and reads back, for every precision. */
static void test_machines_read_back(void **state) {
    (void)state;
    int n;
    const Target *const *targets = target_all(&n);
    for (int i = 0; i < n; i++) {
        for (Precision p = 0; p < PRECISION_COUNT; p++) {
            Arena *arena = arena_new();
            Diags *diags = diags_new(arena);
            Module *module = module_new(arena, diags, "m");
            char error[256];
            module->precision = p;
            if (!codegen_machine(targets[i]->name, &module->machine, error, sizeof error))
                fail_msg("%s", error);
            assert_true(module->machine.cores > 0);
            size_t size;
            char *text = module_print(module, &size);
            Module *back = module_parse(arena, diags, "text", text, size);
            if (!back) fail_msg("%s\n%s", text, diags_text(diags));
            PanelShape panel = back->machine.panel[p], want = target_panel(targets[i], p);
            assert_int_equal(panel.columns, want.columns);
            if (panel.columns) assert_int_equal(panel.rows, want.rows);
            assert_int_equal(back->machine.tile[p].rows, target_tile(targets[i], p).rows);
            assert_int_equal(back->machine.tile[p].columns, target_tile(targets[i], p).columns);
            assert_int_equal(back->machine.own_cache, module->machine.own_cache);
            assert_int_equal(back->machine.cores, module->machine.cores);
            free(text);
            arena_free(arena);
        }
    }
}

/* What does not run here is refused, whatever was compiled before: nothing that was not opened is closed. */
static void test_refused(void **state) {
    (void)state;
    const char *foreign = strcmp(vt_architecture, "aarch64") == 0 ? "x86-64" : "aarch64";
    const CodegenOptions options = {.target_features = foreign};
    VtProgram plan = {.abi = VT_ABI, .name = "refused"};
    for (int i = 0; i < 3; i++) {
        char error[512] = "", stack[1024];
        memset(stack, 0xa5, sizeof stack);
        __asm__ volatile("" : : "r"(stack) : "memory"); /* what lies below the next call is no zero */
        assert_null(codegen_compile(NULL, &plan, &options, error, sizeof error));
        assert_non_null(strstr(error, "does not run here"));
        assert_null(codegen_micros(foreign, error, sizeof error));
    }
}

/* Every micro-kernel of every target that runs here computes what plain C does. */
static void test_micro_kernels(void **state) {
    (void)state;
    int n;
    const Target *const *targets = target_all(&n);
    for (int i = 0; i < n; i++) {
        if (!target_runs_here(targets[i], NULL)) continue;
        char error[512];
        int n_micros;
        MicroCode *code = codegen_micros(targets[i]->name, error, sizeof error);
        if (!code) fail_msg("%s: %s", targets[i]->name, error);
        const VtMicro *micros = micro_code(code, &n_micros);
        assert_true(n_micros >= 6);
        for (int k = 0; k < n_micros; k++) {
            VtMicroCheck check = vt_check_micro(&micros[k]);
            if (check.wrong[0]) fail_msg("%s: %s: %s", targets[i]->name, micros[k].name, check.wrong);
            assert_true(check.worst > 0 && check.worst <= 1);
        }
        micro_code_free(code);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_whole),
        cmocka_unit_test(test_any_host_has_one),
        cmocka_unit_test(test_features_are_those_of_llvm),
        cmocka_unit_test(test_code_for_any_machine),
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_without_features),
        cmocka_unit_test(test_machines_read_back),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_micro_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
