/* The table of targets: every row is whole, and what follows from it holds together. */
#include "codegen/target.h"
#include "codegen/codegen.h"
#include "codegen/target/select.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_whole),
        cmocka_unit_test(test_any_host_has_one),
        cmocka_unit_test(test_machines_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
