/* How many operations matrix products of a training step take, against counts by hand: as recipes write the step, where
 * the last block computes all tokens, and as it is compiled, where it computes those alone that somebody reads.
 *
 * A product of [m, k] and [k, n] is 2·m·k·n, forward; its gradient is two such, of which an input's own is not needed.
 * Attention is two products forward and, its scores not counted again, four backward. */
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "passes/written.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* ---- by hand, an image and forward ------------------------------------------------------------------------------- */

static double linear(double rows, double from, double to) {
    return 2 * rows * from * to;
}

/* n tokens of width d, m of which are read behind the block: keys and values of all; of those m queries, their
 * attention with all, the projection, and the MLP of four times the width. */
static double block(double n, double d, double m) {
    return linear(n, d, 2 * d) + linear(m, d, d) + 4 * m * n * d + linear(m, d, d) + 2 * linear(m, d, 4 * d);
}

static double blocks(double n, double d, int depth, double m) {
    return (depth - 1) * block(n, d, n) + block(n, d, m);
}

/* What a loss reads of a vision transformer's tokens: `read` of them, or all as its recipe has them computed. */
typedef struct {
    bool written;
    double batch;
} Count;

static double rows(const Count *c, double tokens, double read) {
    return c->written ? tokens : read;
}

/* A step's, an image. */

static double of_vit(
    const Count *c) { /* 14 x 14 patches of 16 x 16 x 3 and a cls token, which the head reads */
    double patches = linear(196, 768, 384), head = linear(1, 384, 1000);
    return 2 * patches + 3 * blocks(197, 384, 12, rows(c, 197, 1)) + 3 * head;
}

/* Three convolutions of stride 2, of 3 x 3 values a channel, the first of which has an image before it; blocks whose
 * MLP is twice the width, all of whose tokens the mean reads. Of two views, each row of the one times each of the
 * other; the other way round it is the same product transposed. */
static double of_quickstart(const Count *c) {
    double convolutions = 2 * linear(256, 27, 24) + 3 * linear(64, 216, 48) + 3 * linear(16, 432, 96);
    double tokens = 2 * (block(16, 96, 16) - 2 * linear(16, 96, 2 * 96));
    double head = linear(1, 96, 256) + linear(1, 256, 64);
    return 2 * (convolutions + 3 * (tokens + head)) + 3 * linear(1, 64, c->batch);
}

/* Two views by the encoder, whose patches are frozen, with projector and predictor, and by the momentum encoder, to
 * which no gradient flows. */
static double of_mocov3(const Count *c) {
    double patches = linear(196, 768, 384), tokens = blocks(197, 384, 12, rows(c, 197, 1));
    double projector = linear(1, 384, 4096) + linear(1, 4096, 4096) + linear(1, 4096, 256);
    double predictor = linear(1, 256, 4096) + linear(1, 4096, 256);
    double view = patches + 3 * (tokens + projector + predictor), momentum = patches + tokens + projector;
    return 2 * view + 2 * momentum + 2 * 2 * linear(1, 256, c->batch);
}

/* Two global views of 197 tokens by both networks, eight local ones of 37 by the student, whose table of 14 x 14 places
 * is interpolated to 6 x 6, once a step: along rows, then columns; with a gradient to the table alone. */
static double of_dino(const Count *c) {
    double head = linear(1, 384, 2048) + linear(1, 2048, 2048) + linear(1, 2048, 256) + linear(1, 256, 65536);
    double global_patches = linear(196, 768, 384), local_patches = linear(36, 768, 384);
    double global = blocks(197, 384, 12, rows(c, 197, 1)), local = blocks(37, 384, 12, rows(c, 37, 1));
    double places = linear(6, 14, 14 * 384) + linear(6, 14, 6 * 384);
    return 2 * (global_patches + global + head) + 2 * (2 * global_patches + 3 * global + 3 * head) +
           8 * (2 * local_patches + 3 * local + 3 * head) + 2 * places / c->batch;
}

/* The encoder sees 49 of 196 patches and a cls token, whose embeddings alone are computed; the decoder all, of which
 * the 147 removed ones are told. */
static double of_mae(const Count *c) {
    double patches = linear(rows(c, 196, 49), 768, 768), encoder = blocks(50, 768, 12, 50);
    double into = linear(50, 768, 512), decoder = blocks(197, 512, 8, rows(c, 197, 147));
    double told = linear(rows(c, 197, 147), 512, 768);
    return 2 * patches + 3 * (encoder + into + decoder + told);
}

/* ---- of recipes -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *recipe, *override;
    double batch;
    double (*count)(const Count *);
} CASES[] = {
    {SOURCE_DIR "/bench/peers/vit.yaml", "preset=s16", 16, of_vit},
    {SOURCE_DIR "/models/quickstart.yaml", NULL, 128, of_quickstart},
    {SOURCE_DIR "/models/mocov3.yaml", NULL, 256, of_mocov3},
    {SOURCE_DIR "/models/dino.yaml", NULL, 64, of_dino},
    {SOURCE_DIR "/models/mae.yaml", NULL, 64, of_mae},
};

static void test_products_of_steps(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Arena *arena = arena_new();
        Diags *diags = diags_new(arena);
        Recipe recipe;
        RecipeOptions options = {.models_dir = SOURCE_DIR "/models",
                                 .overrides = &CASES[i].override,
                                 .n_overrides = CASES[i].override != NULL};
        double batch = CASES[i].batch;
        assert_true(recipe_load(arena, diags, CASES[i].recipe, &options, &recipe));
        assert_true((double)recipe.module->batch == batch);
        double written = flops_as_written(recipe.module, "step").products;
        assert_true(passes_run(recipe.module, PASSES_ALL, NULL, diags));
        double compiled = flop_count(module_find_func(recipe.module, "step")).products;
        double of_hand[] = {batch * CASES[i].count(&(Count){false, batch}),
                            batch * CASES[i].count(&(Count){true, batch})};
        if (compiled != of_hand[0] || written != of_hand[1])
            fail_msg("%s: %.0f FLOPs, by hand %.0f; as written %.0f, by hand %.0f", CASES[i].recipe, compiled,
                     of_hand[0], written, of_hand[1]);
        arena_free(arena);
    }
}

/* Values that `run` alone writes cost a step nothing. */
static void test_values_cost_nothing(void **state) {
    (void)state;
    double flops[3];
    for (int i = 0; i < 3; i++) {
        Arena *arena = arena_new();
        Recipe recipe;
        const char *override = "preset=tiny";
        RecipeOptions options = {.models_dir = SOURCE_DIR "/models",
                                 .overrides = &override,
                                 .n_overrides = 1,
                                 .check_values = i == 1,
                                 .with_values = i == 2};
        Diags *diags = diags_new(arena);
        assert_true(recipe_load(arena, diags, SOURCE_DIR "/models/mae.yaml", &options, &recipe));
        assert_true(passes_run(recipe.module, PASSES_ALL, NULL, diags));
        flops[i] = flop_count(module_find_func(recipe.module, "step")).products;
        arena_free(arena);
    }
    assert_true(flops[0] == flops[1]);
    assert_true(flops[0] < flops[2]);
}

/* A factorisation has one operand: its cost is that of its own rows. */
static void test_factorisations(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Func *func = module_add_func(module_new(arena, diags_new(arena), "m"), "f");
    ValueId a = func_add_input(func, "a", type_make(DT_F32, 2, (int64_t[]){6, 6}));
    double of_eigh = 9 * 6 * 6 * 6, of_cholesky = 0.4 * 6 * 6 * 6;
    assert_true(node_flops(func, func_node(func, func_emit(func, OP_eigh, &a, 1, NULL))) == of_eigh);
    assert_true(node_flops(func, func_node(func, func_emit(func, OP_cholesky, &a, 1, NULL))) == of_cholesky);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factorisations),
        cmocka_unit_test(test_products_of_steps),
        cmocka_unit_test(test_values_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
