/* The Vision Transformer in its named sizes: as many parameters as timm's, whatever the patch and the channels, and
 * branches dropped at timm's rates. Nothing is computed: recipes are elaborated. */
#include "frontend/frontend.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { CLASSES = 1000 };

static Recipe load(Arena *arena, const char *path, const char *text, const char *settings, bool fed) {
    char *words = arena_printf(arena, "%s", settings);
    const char *overrides[16];
    int n = 0;
    for (char *rest, *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        overrides[n++] = word;
    Diags *diags = diags_new(arena);
    RecipeOptions options = {
        .models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = n, .draws_fed = fed};
    Recipe recipe;
    bool good = text ? recipe_load_text(arena, diags, path, text, strlen(text), &options, &recipe)
                     : recipe_load(arena, diags, path, &options, &recipe);
    if (!good) fail_msg("%s: %s", settings, diags_text(diags));
    return recipe;
}

static int64_t parameters(const Recipe *recipe) {
    int64_t n = 0;
    for (size_t i = 0; i < recipe->module->n_states; i++)
        if (recipe->module->states[i].role == ROLE_PARAM) n += type_elements(&recipe->module->states[i].type);
    return n;
}

/* The numbers that timm and torchvision publish of their models for 224 × 224 pixels and 1000 classes. */
static void test_published(void **state) {
    static const struct {
        const char *settings;
        int64_t parameters;
    } rows[] = {
        {"size=Ti patch=16", 5717416},
        {"size=S patch=16", 22050664},
        {"size=S patch=32", 22878952},
        {"size=B patch=8", 86576872},
        {"size=B patch=16", 86567656},
        {"size=B patch=32", 88224232},
        {"size=L patch=16", 304326632},
        {"size=L patch=32", 306535400},
        {"size=H patch=14", 632045800},
        {"size=B patch=16 image=384", 86859496},
        {"size=L patch=16 image=384", 304715752},

    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *arena = arena_new();
        Recipe recipe = load(arena, SOURCE_DIR "/models/supervised.yaml", NULL, rows[i].settings, false);
        if (parameters(&recipe) != rows[i].parameters)
            fail_msg("%s: %lld parameters, not %lld", rows[i].settings, (long long)parameters(&recipe),
                     (long long)rows[i].parameters);
        arena_free(arena);
    }
}

#define RECIPE                                                                                               \
    "recipe: t\nuse: [lib/vit.yaml, lib/optimizers.yaml]\n"                                                  \
    "knobs: {patch: 8, channels: 3, size: {default: Ti, choices: [Ti, S, B, L, H]}, rate: 0.0, image: 32}\n" \
    "views: {view: {size: $image, channels: $channels}}\n"                                                   \
    "networks:\n"                                                                                            \
    "  f: |\n"                                                                                               \
    "    s = vit_size(size)\n"                                                                               \
    "    x = vit(x, patch, s.width, s.depth, s.heads, image=image, drop_path=rate, dropout=rate / 2)\n"      \
    "    return head: linear(x[:, 0], 1000)\n"                                                               \
    "objectives: {o: {loss: \"cross_entropy(f(view), labels)\"}}\n"                                          \
    "embed: {view: view, features: f(view)}\n"                                                               \
    "train: {batch: 4, epochs: 1, optimizer: \"param - 0.1 * grad\"}\n"

/* What timm's VisionTransformer has: patches and their bias, cls token, places, blocks, norm, head. */
static int64_t formula(int64_t width, int64_t depth, int64_t patch, int64_t channels, int64_t image) {
    int64_t tokens = 1 + image / patch * (image / patch), block = 12 * width * width + 13 * width;
    return channels * patch * patch * width + width + width + tokens * width + depth * block + 2 * width +
           CLASSES * width + CLASSES;
}

static void test_patches_and_channels(void **state) {
    static const struct {
        const char *name;
        int64_t width, depth;
    } sizes[] = {{"Ti", 192, 12}, {"S", 384, 12}, {"B", 768, 12}, {"L", 1024, 24}, {"H", 1280, 32}};
    static const int patches[] = {2, 4, 8, 16, 32}, channels[] = {1, 3};
    (void)state;
    for (int i = 0; i < 5 * 5 * 2; i++) {
        int s = i % 5, patch = patches[i / 5 % 5], c = channels[i / 25];
        char settings[96];
        Arena *arena = arena_new();
        snprintf(settings, sizeof settings, "size=%s patch=%d channels=%d", sizes[s].name, patch, c);
        Recipe recipe = load(arena, "t.yaml", RECIPE, settings, false);
        int64_t wanted = formula(sizes[s].width, sizes[s].depth, patch, c, 32), got = parameters(&recipe);
        if (got != wanted)
            fail_msg("%s: %lld parameters, not %lld", settings, (long long)got, (long long)wanted);
        const VtInput *input = &recipe.plan.inputs[0];
        assert_true(input->source == VT_SOURCE_VIEW && input->tensor.dim[1] == c);
        arena_free(arena);
    }
}

/* Rates rise evenly from 0 in the first block to that of the last, as torch.linspace gives them; of a rate 0 nothing is
 * drawn, and evaluation draws nothing. */
static void test_rates(void **state) {
    Arena *arena = arena_new();
    Recipe recipe = load(arena, "t.yaml", RECIPE, "rate=0.22", true);
    int gates = 0, others = 0;
    (void)state;
    for (int i = 0; i < recipe.plan.n_draws; i++) {
        const VtDraw *draw = &recipe.plan.draws[i];
        int block, branch;
        if (sscanf(draw->name, "f.blocks.%d.drop_path%d.gate", &block, &branch) == 2) {
            assert_true(fabs(draw->params[0] - (1 - 0.22 * block / 11)) < 1e-12 && block > 0);
            gates++;
        } else {
            assert_true(fabs(draw->params[0] - 0.89) < 1e-12);
            others++;
        }
    }
    assert_int_equal(gates, 2 * 11);
    assert_int_equal(others, 1 + 12 * 3); /* of the tokens; in each block of the projection and both layers */
    const Func *embed = module_find_func(recipe.module, "embed");
    assert_non_null(embed);
    for (int i = 0; i < recipe.plan.n_draws; i++)
        for (size_t k = 0; k < embed->n_inputs; k++)
            assert_string_not_equal(embed->inputs[k].name, recipe.plan.draws[i].name);
    arena_free(arena);
    arena = arena_new();
    recipe = load(arena, "t.yaml", RECIPE, "rate=0.0", true);
    assert_int_equal(recipe.plan.n_draws, 0);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_published),
                                       cmocka_unit_test(test_patches_and_channels),
                                       cmocka_unit_test(test_rates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
