/* Weights that are kept packed give what weights that are not give, to the bit: on every target row, in every
 * precision, with any number of threads; trained, moving (before and after their use), frozen, behind a view; K beyond
 * what is summed at once, columns in several blocks and shared among threads. And packed weights are never stale:
 * states written from outside, checkpoints. */
#include "codegen/codegen.h"
#include "passes/graph/pack_weights.h"
#include "passes/passes.h"
#include "runtime/runtime.h"
#include "tests/codegen/rows.h"

#include <string.h>
#include <unistd.h>

typedef struct {
    const char *name;
    int m, n, k; /* x[m, k], weights [n, k] */
} Size;

static const Size SIZES[] = {
    {"one panel", 64, 32, 32},
    {"rows that fill no tile", 67, 96, 64},
    {"K in pieces", 65, 64, 2560},
    {"columns shared and in blocks", 66, 1056, 320},
};
enum { N_SIZES = sizeof SIZES / sizeof *SIZES, STEPS = 2, MOST_TEXT = 1 << 13 };

static const char FORMAT[] =
    "module @weights target(batch = 1, precision = %s) {\n"
    "  state %%trained : f32[%dx%d] = normal(mean = 0, std = 0.05), role = param\n"
    "  state %%after : f32[%dx%d] = copy(%%trained), role = ema\n"
    "  state %%before : f32[%dx%d] = copy(%%trained), role = ema\n"
    "  state %%frozen : f32[%dx%d] = normal(mean = 0, std = 0.05), role = param, frozen\n"
    "  state %%viewed : f32[%dx%dx2] = normal(mean = 0, std = 0.05), role = param\n"
    "  func @step(%%x : f32[%dx%d]) {\n"
    "    %%rate = constant {value = 0.01}\n"
    "    %%keep = constant {value = 0.9}\n"
    "    %%take = constant {value = 0.1}\n"
    "    %%b0 = mul %%before, %%keep\n"
    "    %%b1 = mul %%trained, %%take\n"
    "    %%b = add %%b0, %%b1\n"
    "    %%y = matmul %%x, %%trained {tb = true}\n"
    "    %%back = matmul %%y, %%trained\n"
    "    %%ya = matmul %%x, %%after {tb = true}\n"
    "    %%yb = matmul %%x, %%b {tb = true}\n"
    "    %%yf = matmul %%x, %%frozen\n"
    "    %%matrix = reshape %%viewed {shape = [%d, %d]}\n"
    "    %%yv = matmul %%x, %%matrix {tb = true}\n"
    "    %%g = matmul %%y, %%x {ta = true}\n"
    "    %%gr = mul %%g, %%rate\n"
    "    %%w = sub %%trained, %%gr\n"
    "    %%gv0 = reshape %%g {shape = [%d, %d, 2]}\n"
    "    %%gv = mul %%gv0, %%rate\n"
    "    %%v = sub %%viewed, %%gv\n"
    "    %%a0 = mul %%after, %%keep\n"
    "    %%a1 = mul %%w, %%take\n"
    "    %%a = add %%a0, %%a1\n"
    "    output y = %%y\n    output back = %%back\n    output ya = %%ya\n    output yb = %%yb\n"
    "    output yf = %%yf\n    output yv = %%yv\n"
    "    update trained = %%w\n    update after = %%a\n    update before = %%b\n    update viewed = %%v\n"
    "  }\n"
    "  func @embed(%%x : f32[%dx%d]) {\n"
    "    %%ya = matmul %%x, %%after {tb = true}\n"
    "    %%yf = matmul %%x, %%frozen\n"
    "    %%sum = matmul %%ya, %%trained\n"
    "    output ya = %%ya\n    output yf = %%yf\n    output sum = %%sum\n"
    "  }\n"
    "}\n";

typedef struct {
    Arena *arena;
    Compiled *compiled;
    const VtProgram *program;
    VtInstance *instance;
    PanelShape panel;
    int derived;
} Program;

static Program program_new(const Run *run, const Size *s, bool packed) {
    Program program = {.arena = arena_new()};
    char text[MOST_TEXT], error[512] = "";
    int m = s->m, n = s->n, k = s->k;
    snprintf(text, sizeof text, FORMAT, *(const char *const *)run->variant, n, k, n, k, n, k, k, n, n, k / 2,
             m, k, n, k, n, k / 2, m, k);
    Diags *diags = diags_new(program.arena);
    Module *module = module_parse(program.arena, diags, "text", text, strlen(text));
    unit_check(module != NULL, diags_text(diags));
    if (packed) unit_check(codegen_machine(run->row->name, &module->machine, error, sizeof error), error);
    program.panel = module->machine.panel[module->precision];
    PassOptions verify = {.verify = true};
    static const PackLimits all = {.most_rows = INT64_MAX};
    bool good = passes_run(module, "simplify,autodiff,expand,simplify,reductions", &verify, diags) &&
                pack_weights(module, &all, diags) &&
                passes_run(module, "fuse,precision,schedule,remat,memory,barriers", &verify, diags);
    unit_check(good, diags_text(diags));
    for (size_t i = 0; i < module->n_states; i++) program.derived += module->states[i].role == ROLE_DERIVED;
    VtInput input = {.tensor = {.name = "x", .dtype = VT_F32, .rank = 2, .dim = {m, k}},
                     .source = VT_SOURCE_FEED};
    VtInput *inputs = ARENA_NEW(program.arena, VtInput);
    *inputs = input;
    VtProgram plan = {.name = "weights", .version = "0", .n_inputs = 1, .inputs = inputs};
    CodegenOptions options = {.target_features = run->row->name};
    program.compiled = codegen_compile(module, &plan, &options, error, sizeof error);
    unit_check(program.compiled != NULL, error);
    program.program = compiled_program(program.compiled);
    VtError problem = {0};
    program.instance = vt_instance_new(program.program, &problem);
    unit_check(program.instance != NULL, problem.message);
    unit_check(vt_instance_init(program.instance, 7, &problem), problem.message);
    return program;
}

static void program_free(Program *program) {
    vt_instance_free(program->instance);
    compiled_free(program->compiled);
    arena_free(program->arena);
}

static void program_run(Program *program, const char *function, const Size *size, int seed) {
    VtRng rng = {.seed = (uint64_t)seed};
    float *x = malloc(sizeof *x * (size_t)size->m * (size_t)size->k);
    for (int i = 0; i < size->m * size->k; i++) x[i] = (float)vt_rng_normal(&rng) / 8;
    VtError problem = {0};
    if (!vt_instance_run(program->instance, function, (void *[]){x}, &problem))
        fail_msg("%s", problem.message);
    free(x);
}

/* Outputs of the function, and all states but derived ones. */
static void assert_equal_programs(Program *a, Program *b, const char *function, const char *when) {
    const char *const names[] = {"y", "back", "ya", "yb", "yf", "yv", "sum"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        VtTensor type;
        const void *x = vt_instance_output(a->instance, function, names[i], &type),
                   *y = vt_instance_output(b->instance, function, names[i], NULL);
        if (x && memcmp(x, y, vt_bytes(&type)) != 0)
            fail_msg("%s of @%s differs %s", names[i], function, when);
    }
    for (int s = 0; s < a->program->n_states; s++) {
        if (a->program->states[s].role == VT_ROLE_DERIVED) continue;
        const VtTensor *tensor = &a->program->states[s].tensor;
        int other = vt_instance_find_state(b->instance, tensor->name);
        if (memcmp(vt_instance_state(a->instance, s), vt_instance_state(b->instance, other),
                   vt_bytes(tensor)) != 0)
            fail_msg("state %s differs %s", tensor->name, when);
    }
}

static void test_same_bits(void **state) {
    const Run *run = *state;
    if (!target_runs_here(run->row, NULL)) skip();
    for (int i = 0; i < (SANITIZED ? 1 : N_SIZES); i++) { /* generated code has no sanitizers */
        const Size *size = &SIZES[i];
        Program plain = program_new(run, size, false), packed = program_new(run, size, true);
        assert_int_equal(plain.derived, 0);
        /* trained in both directions, and once each */
        assert_int_equal(packed.derived, packed.panel.columns ? 6 : 0);
        for (int step = 0; step < STEPS; step++) {
            vt_set_threads(1 + step);
            program_run(&packed, "step", size, step);
            vt_set_threads(STEPS - step);
            program_run(&plain, "step", size, step);
            assert_equal_programs(&packed, &plain, "step", size->name);
        }
        program_run(&packed, "embed", size, 9);
        program_run(&plain, "embed", size, 9);
        assert_equal_programs(&packed, &plain, "embed", size->name);
        program_free(&plain);
        program_free(&packed);
    }
}

static void scale_state(Program *program, const char *name, float factor) {
    int s = vt_instance_find_state(program->instance, name);
    float *x = vt_instance_write_state(program->instance, s);
    for (int64_t i = 0; i < vt_elements(&program->program->states[s].tensor); i++) x[i] *= factor;
}

static void test_written_states(void **state) {
    const Run *run = *state;
    if (!target_runs_here(run->row, NULL)) skip();
    const Size *size = &SIZES[1];
    static const char *const names[] = {"trained", "after", "before", "frozen", "viewed"};
    Program plain = program_new(run, size, false), packed = program_new(run, size, true);
    for (int round = 0; round < 2; round++) /* before the first run, and after one */
        for (int i = 0; i < 5; i++) {
            scale_state(&plain, names[i], 0.5f);
            scale_state(&packed, names[i], 0.5f);
            const char *function = (i + round) % 2 ? "step" : "embed";
            program_run(&plain, function, size, i);
            program_run(&packed, function, size, i);
            assert_equal_programs(&packed, &plain, function, names[i]);
        }
    program_free(&plain);
    program_free(&packed);
}

/* Checkpoints know nothing of packing: each kind of program goes on from the other's. */
static void test_checkpoints(void **state) {
    const Run *run = *state;
    if (!target_runs_here(run->row, NULL)) skip();
    const Size *size = &SIZES[1];
    VtError problem = {0};
    char path[] = "/tmp/vitc-packed-XXXXXX";
    close(mkstemp(path));
    for (int from_packed = 0; from_packed < 2; from_packed++) {
        Program from = program_new(run, size, from_packed), to = program_new(run, size, !from_packed);
        program_run(&from, "step", size, 1);
        program_run(&to, "step", size, 2);
        unit_check(vt_checkpoint_save(from.instance, from.program, 0, path, &problem), problem.message);
        VtTensorFile *file = vt_tensors_open(path, &problem);
        assert_non_null(file);
        assert_int_equal(vt_tensors_count(file), 5);
        vt_tensors_close(file);
        unit_check(vt_checkpoint_load(to.instance, to.program, path, &problem), problem.message);
        program_run(&from, "embed", size, 3);
        program_run(&to, "embed", size, 3);
        assert_equal_programs(&to, &from, "embed", "after a checkpoint");
        unit_check(vt_checkpoint_load(to.instance, to.program, path, &problem), problem.message);
        program_run(&from, "step", size, 4);
        program_run(&to, "step", size, 4);
        assert_equal_programs(&to, &from, "step", "after a checkpoint");
        program_free(&from);
        program_free(&to);
    }
    unlink(path);
}

/* What was packed for one target is no program of another. */
static void test_other_target(void **state) {
    (void)state;
    static const char text[] = "module @m target(panel = 5) {\n  func @f() arena = 0 barriers {\n  }\n}\n";
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    char error[512] = "";
    Module *module = module_parse(arena, diags, "text", text, strlen(text));
    assert_non_null(module);
    assert_null(
        codegen_compile(module, &(VtProgram){.name = "m", .version = "0"}, NULL, error, sizeof error));
    assert_non_null(strstr(error, "panels of 5 columns"));
    arena_free(arena);
}

static const struct {
    const char *name;
} PRECISIONS[] = {{"fp32"}, {"bf16"}, {"bf16x3"}};

/* States and checkpoints are the runtime's, the same on all rows: the first that runs here. */
static size_t run_best_row(struct CMUnitTest tests[MOST_RUNS], CMUnitTestFunction test) {
    int n_rows;
    size_t count = 0;
    const Target *const *rows = target_all(&n_rows);
    for (int i = 0; i < n_rows && count == 0; i++)
        if (target_runs_here(rows[i], NULL))
            run_row(tests, &count, rows[i], test, PRECISIONS, sizeof *PRECISIONS, 2);
    return count;
}

int main(void) {
    struct CMUnitTest bits[MOST_RUNS], written[MOST_RUNS], saved[MOST_RUNS];
    size_t n = run_rows(bits, test_same_bits, PRECISIONS, sizeof *PRECISIONS, 3);
    int failed = _cmocka_run_group_tests("same bits", bits, n, NULL, NULL);
    n = run_best_row(written, test_written_states);
    failed += _cmocka_run_group_tests("written states", written, n, NULL, NULL);
    n = run_best_row(saved, test_checkpoints);
    failed += _cmocka_run_group_tests("checkpoints", saved, n, NULL, NULL);
    const struct CMUnitTest others[] = {cmocka_unit_test(test_other_target)};
    return failed + cmocka_run_group_tests(others, NULL, NULL);
}
