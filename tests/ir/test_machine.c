/* What is known of the machine: each fact prints and reads back, and what nobody says is as usual. */
#include "ir/ir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A value of fact number i that the text form takes. */
static void set(Machine *machine, int i, Precision precision) {
    const MachineFact *fact = &machine_facts[i];
    if (fact->kind == FACT_REAL)
        machine_set_real(machine, fact, precision, (i + 1) / 300.0);
    else
        machine_set_whole(machine, fact, precision, i + 2);
}

static Module *read_back(Arena *arena, const Module *module) {
    Diags *diags = diags_new(arena);
    size_t size;
    char *text = module_print(module, &size);
    assert_non_null(text);
    Module *back = module_parse(arena, diags, "text", text, size);
    if (!back) fail_msg("%s\n%s", text, diags_text(diags));
    char *again = module_print(back, NULL);
    assert_string_equal(again, text);
    free(text);
    free(again);
    return back;
}

/* All facts together, and each alone but what text wants in twos. */
static void test_facts_read_back(void **state) {
    (void)state;
    Arena *arena = arena_new();
    for (Precision precision = 0; precision < PRECISION_COUNT; precision++)
        for (int alone = -1; alone < n_machine_facts; alone++) {
            const char *name = alone < 0 ? "" : machine_facts[alone].name;
            if (strcmp(name, "rows") == 0 || strcmp(name, "tile") == 0 || strcmp(name, "by") == 0) continue;
            Module *module = module_new(arena, diags_new(arena), "m");
            module->precision = precision;
            for (int i = 0; i < n_machine_facts; i++)
                if (alone < 0 || i == alone) set(&module->machine, i, precision);
            if (strcmp(name, "panel") == 0) module->machine.panel[precision].rows = 1;
            Machine back = read_back(arena, module)->machine;
            for (int i = 0; i < n_machine_facts; i++) {
                const MachineFact *fact = &machine_facts[i];
                if (fact->kind == FACT_REAL)
                    assert_true(machine_real(&back, fact, precision) ==
                                machine_real(&module->machine, fact, precision));
                else
                    assert_int_equal(machine_whole(&back, fact, precision),
                                     machine_whole(&module->machine, fact, precision));
            }
        }
    arena_free(arena);
}

static void test_what_is_known_stays(void **state) {
    (void)state;
    const Machine nothing = {0};
    Machine usual = machine_with_usual(&nothing), known = {.cores = 16, .own_cache = 2 << 20, .bandwidth = 1};
    Machine filled = machine_with_usual(&known);
    assert_int_equal(filled.cores, 16);
    assert_int_equal(filled.own_cache, 2 << 20);
    assert_true(filled.bandwidth == 1);
    assert_true(filled.call == usual.call && filled.call > 0 && filled.barrier > 0 && filled.packing > 0);
    assert_true(filled.shared_cache > filled.own_cache && usual.shared_cache > usual.own_cache);
    for (Precision p = 0; p < PRECISION_COUNT; p++) { /* twice the cores are twice as fast */
        assert_true(usual.peak[p] > 0);
        assert_true(machine_core_peak(&filled, p) == machine_core_peak(&usual, p));
        assert_int_equal(filled.panel[p].columns, 0);
        assert_int_equal(filled.tile[p].rows, 0);
    }
    known = filled;
    machine_fill(&known, &usual);
    assert_int_equal(known.cores, 16);
}

/* What is not known of products of bf16 follows from the panels that they take; what is known stays. */
static void test_peak_of_reports(void **state) {
    static const struct {
        int rows;
        double times;
    } cases[] = {{0, 1}, {1, 1}, {2, 2}, {4, 2}, {32, 16}};
    (void)state;
    const Machine unknown = {.cores = 2};
    double usual = machine_with_usual(&unknown).peak[PRECISION_FP32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Machine machine = unknown;
        machine.panel[PRECISION_BF16].rows = cases[i].rows;
        assert_true(machine_report_peak(&machine, PRECISION_BF16) == cases[i].times * usual);
        assert_true(machine_report_peak(&machine, PRECISION_FP32) == usual);
        assert_true(machine_with_usual(&machine).peak[PRECISION_BF16] == usual); /* for passes */
        machine.peak[PRECISION_BF16] = 7;
        assert_true(machine_report_peak(&machine, PRECISION_BF16) == 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts_read_back),
        cmocka_unit_test(test_peak_of_reports),
        cmocka_unit_test(test_what_is_known_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
