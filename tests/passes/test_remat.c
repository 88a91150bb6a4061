/* The pass `remat`: nothing without a limit; on random functions within lower and lower limits the same results; the
 * least limit that an error names can be kept. That compiled recipes keep their bits:
 * tests/driver/test_memory_limit.c. */
#include "passes/passes.h"
#include "passes/plan/remat.h"
#include "tests/passes/planned.h"

#define BEFORE "simplify,batch-views,attention,autodiff,expand,simplify,reductions,fuse,precision,schedule"
enum { GRAPHS = 200, NODES = 80 };

static size_t count_again(const Func *func) {
    size_t n = 0;
    for (size_t k = 0; k < func->plan->n_kernels; k++) n += func->plan->kernels[k].again;
    return n;
}

/* A copy of the graph after `remat` and `memory` with that limit; false: it does not fit. */
static bool limit_to(const RandomGraph *g, int64_t bytes, RandomGraph *out, Diags *diags, Arena *arena) {
    *out = *g;
    out->module = module_clone(g->module, arena);
    out->func = out->module->funcs[0];
    out->module->memory_limit = bytes;
    return passes_run(out->module, "remat,memory", &(PassOptions){.verify = true}, diags);
}

static void test_random_functions(void **state) {
    (void)state;
    int again = 0, refused = 0;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        RandomGraph g = random_graph(arena, diags, seed + 9000, NODES), free, limited;
        add_gradients(&g);
        g.func->name = "step";
        assert_true(passes_run(g.module, BEFORE, NULL, diags));
        assert_true(limit_to(&g, 0, &free, diags, arena));
        assert_int_equal(count_again(free.func), 0);
        Tensor *want = run_planned(&free, arena);
        int64_t resident = resident_bytes(free.func), all = free.func->plan->arena_bytes;
        for (int part = 9; part > 2; part--) {
            int64_t limit = resident + all * part / 10;
            if (!limit_to(&g, limit, &limited, diags_new(arena), arena)) {
                refused++;
                break;
            }
            again += count_again(limited.func) > 0;
            assert_true(resident + limited.func->plan->arena_bytes <= limit);
            Tensor *got = run_planned(&limited, arena);
            for (size_t i = 0; i < g.func->n_outputs + 2; i++)
                assert_tensor_near(&got[i], &want[i], 0, 0, "seed %d, limit %d/10, result %d", (int)seed,
                                   part, (int)i);
        }
        arena_free(arena);
    }
    assert_true(again > 20 && refused > 0);
}

/* Twelve layers, trained by plain descent. */
static Module *make_layers(Arena *arena, Diags *diags) {
    enum { LAYERS = 12 };
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fputs("module @m {\n", out);
    for (int i = 0; i < LAYERS; i++)
        fprintf(out, "  state %%w%d : f32[256x256] = constant(value = 0.1), role = param\n", i);
    fputs("  func @step(%x : f32[256x256]) {\n    %h0 = exp %x\n", out);
    for (int i = 0; i < LAYERS; i++)
        fprintf(out, "    %%m%d = matmul %%h%d, %%w%d\n    %%t%d = tanh %%m%d\n    %%h%d = exp %%t%d\n", i, i,
                i, i, i, i + 1, i);
    fprintf(out, "    %%loss = sum %%h%d {axes = [0, 1]}\n    output loss = %%loss\n", LAYERS);
    for (int i = 0; i < LAYERS; i++)
        fprintf(out, "    %%g%d = grad %%loss, %%w%d\n    %%u%d = sub %%w%d, %%g%d\n    update w%d = %%u%d\n",
                i, i, i, i, i, i, i);
    fputs("  }\n}\n", out);
    fclose(out);
    Module *module = module_parse(arena, diags, "test", text, size);
    if (!module) fail_msg("%s\n%s", diags_text(diags), text);
    free(text);
    return module;
}

static void test_chains(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Module *module = make_layers(arena, diags);
    assert_true(passes_run(module, PASSES_ALL, NULL, diags));
    int64_t all = module->funcs[0]->plan->arena_bytes, resident = resident_bytes(module->funcs[0]);
    module = make_layers(arena, diags);
    module->memory_limit = 1;
    assert_false(passes_run(module, PASSES_ALL, NULL, diags));
    DiagKind kind;
    Loc loc;
    const char *text = diags_message(diags, diags_count(diags) - 1, &kind, &loc),
               *at = strstr(text, "it needs ");
    assert_non_null(at);
    int64_t least = (int64_t)(atof(at + strlen("it needs ")) * 1e6 + 0.5);
    if (least - resident > all / 2) fail_msg("%lld of %lld", (long long)(least - resident), (long long)all);
    module = make_layers(arena, diags);
    module->memory_limit = least;
    Diags *none = diags_new(arena);
    if (!passes_run(module, PASSES_ALL, &(PassOptions){.verify = true}, none))
        fail_msg("%s", diags_text(none));
    assert_true(module->funcs[0]->plan->arena_bytes + resident <= least);
    assert_true(count_again(module->funcs[0]) > 0);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_functions),
        cmocka_unit_test(test_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
