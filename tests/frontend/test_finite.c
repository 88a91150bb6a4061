/* What is NaN or infinite whatever the inputs are is refused before anything runs, by operator, place and numbers; what
 * only may be is not. */
#include "frontend/frontend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <string.h>

/* `%s`: more sections; then the lines of the loss, in which x is a network's output [8, 4]. */
#define RECIPE                                                                                               \
    "recipe: t\nuse: [lib/nn.yaml, lib/optimizers.yaml, lib/schedules.yaml]\n"                               \
    "views: {images: {size: 8, augment: [normalize]}}\n"                                                     \
    "networks: {encoder: \"linear(reshape(x, 8, -1), 4)\"}\n"                                                \
    "train: {batch: 8, epochs: 10, optimizer: \"sgd(param, grad, 0.1)\"}\n%s"                                \
    "objectives:\n  o:\n    loss: |\n      x = encoder(images)\n%s"

static bool load(const char *sections, const char *loss, RecipeOptions options, char *message, size_t size) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    Recipe recipe;
    options.models_dir = SOURCE_DIR "/models";
    const char *text = arena_printf(arena, RECIPE, sections, loss);
    bool good = recipe_load_text(arena, diags, "t.yaml", text, strlen(text), &options, &recipe);
    snprintf(message, size, "%s", diags_text(diags));
    arena_free(arena);
    return good;
}

#define MEAN "      return mean(x) + "
#define LR(expression) "schedules: {lr: \"" expression "\"}\n"
#define PLAIN "      return mean(x)\n"

static const struct {
    const char *sections, *loss, *message; /* NULL: it is not refused */
} CASES[] = {
    /* an operator each */
    {"", MEAN "mean(log(0 * x - 1))\n",
     "log of -1 is not a number: the loss of objective 'o' is not finite in any step"},
    {"", MEAN "mean(log(0 * x - 1))\n", "note: 0 - 1 gives -1"},
    {"", MEAN "mean(log(0 * x))\n", "log of 0 is minus infinity"},
    {"", MEAN "mean(log(-abs(x)))\n", "log of values up to 0 is not finite"},
    {"", MEAN "mean(sqrt(zeros(3) - 2))\n", "sqrt of -2 is not a number"},
    {"", MEAN "mean(sqrt(-1 - x * x))\n", "sqrt of values up to -1 is not finite"},
    {"", MEAN "mean(sqrt(-1 - x * x) ** 2)\n", "sqrt of values up to -1 is not finite"},
    {"", MEAN "mean((x[:, 0] - log(0 * x[:, 0])) ** 2)\n", "log of 0 is minus infinity"},
    {"", MEAN "mean(rsqrt(0 * x))\n", "rsqrt of 0 is infinite"},
    {"", MEAN "mean(x / (0 * x))\n", "any value / 0 is not finite"},
    {"", MEAN "mean(x / (x - x))\n", "any value / 0 is not finite"},
    {"", MEAN "mean((0 * x) / (0 * x))\n", "0 / 0 is not a number"},
    {"", MEAN "mean(x % (0 * x))\n", "any value % 0 is not finite"},
    {"", MEAN "mean((zeros(3) - 2) ** 0.5)\n", "-2 ** 0.5 is not a number"},
    {"", MEAN "mean(zeros(3) ** -1)\n", "0 ** -1 is infinite"},
    {"", MEAN "mean(exp(ones(3) * 100))\n", "exp of 100 is infinite"},
    {"", MEAN "mean(exp(x * x + 100))\n", "exp of values from 100 is infinite"},
    {"", MEAN "mean(full((2,), 1e30) * 1e30)\n", "1e+30 * 1e+30 is infinite"},
    {"", MEAN "sum(full((2,), 3e38))\n", "sum of 3e+38 is infinite"},
    {"", MEAN "mean(concat([x, log(zeros(8, 4) - 1)]))\n", "log of -1 is not a number"},
    {"", MEAN "mean(softmax(log(0 * x)))\n", "log of 0 is minus infinity"},
    {"", MEAN "mean((0 * x + 3e38) * 10 @ ones(4, 2))\n", "is infinite"},
    {"knobs: {t: 1e-60}\n", MEAN "mean(x / (t * ones(1)))\n", "any value / 0 is not finite"},
    {"knobs: {least: 0.0}\n", MEAN "mean(log(least * ones(1)))\n", "log of 0 is minus infinity"},
    {"metrics: {m: \"log(0 * step - 1)\"}\n", PLAIN, "metric 'm' is not finite"},
    {"state: {c: zeros(2)}\n", PLAIN "    update: |\n      c := log(0 * c)\n",
     "the new value of 'c' is not finite"},
    {"state: {c: \"log(zeros(2))\"}\n", PLAIN "    update: |\n      c := c + 1\n",
     "the initial value of 'c' is not finite"},
    /* schedules, at some step or at all */
    {LR("0.1 / step"), PLAIN, "0.1 / 0 is infinite: schedule 'lr' is not finite at step 0 (epoch 0 of 10"},
    {LR("step / (0 * steps_per_epoch)"), PLAIN, "0 / 0 is not a number: schedule 'lr'"},
    {LR("log(5 - floor(epoch))"), PLAIN,
     "log of 0 is minus infinity: schedule 'lr' is not finite at step 500 (epoch 5"},
    {LR("sqrt(9 - epoch)"), PLAIN, "sqrt of -0.01 is not a number: schedule 'lr' is not finite at step 901 "},
    {LR("exp(step * 10)"), PLAIN, "is infinite: schedule 'lr'"},
    {LR("0.1 / (epochs * steps_per_epoch - 1 - step)"), PLAIN, "at step 999 (epoch 9.99"},
    {"schedules: {t: \"max(1 - epoch / 5, 0)\"}\n", MEAN "mean(x / t)\n",
     "any value / 0 is not finite: the loss of objective 'o' is not finite at step 500"},
    {"schedules: {t: \"0 * epoch\"}\n", MEAN "mean(x / t)\n",
     "any value / 0 is not finite: the loss of objective 'o' is not finite at step 0"},
    {"knobs: {warm: 0}\nmodules:\n  up(w): |\n    return step / (w * steps_per_epoch)\n" LR("up(warm)"),
     PLAIN, "0 / 0 is not a number"},
    {"knobs: {warm: 0}\nmodules:\n  up(w): |\n    return step / (w * steps_per_epoch)\n" LR("up(warm)"),
     PLAIN, "warm"},
    /* what is finite, or may be */
    {"", MEAN "mean(log(x))\n", NULL},
    {"", MEAN "mean(log(x * x))\n", NULL},
    {"", MEAN "mean(x / x)\n", NULL},
    {"", MEAN "mean(sqrt(x - 100))\n", NULL},
    {"", MEAN "mean(exp(x + 80))\n", NULL},
    {"", MEAN "mean(where(x > 0, x, -1e30))\n", NULL},
    {"", MEAN "mean(softmax(where(x > 0, x, log(0 * x))))\n", NULL},
    {"", MEAN "mean(softmax(concat([x, log(zeros(8, 4))], axis=1)))\n", NULL},
    {"", MEAN "mean(softmax(x + where(x > 0, zeros(8, 4), log(zeros(8, 4)))))\n", NULL},
    {"", MEAN "mean(exp(log(0 * x)))\n", NULL},
    {"", MEAN "mean(log(0 * x) ** 0)\n", NULL},
    {"", MEAN "mean(where(x == x, x, x / (0 * x)))\n", NULL},
    {"", MEAN "mean(1 / (1 + exp(ones(3) * 100)))\n", NULL},
    {"", MEAN "mean(max(log(0 * x), -5))\n", NULL},
    {"", MEAN "mean(labels // 0 * 0 + x[:, 0])\n", "division by zero"},
    {LR("where(step < 1, 0.1, 0.1 / step)"), PLAIN, NULL},
    {LR("warmup_cosine(0.1, 0.0, 0)"), PLAIN, NULL},
    {LR("warmup_cosine(0.1, 0.0, 10)"), PLAIN, NULL},
    {LR("warmup_cosine_epochs(0.1, 0.0, 0)"), PLAIN, NULL},
    {LR("warmup_steps(0.1, [3, 6], warmup=0)"), PLAIN, NULL},
    {LR("cosine(0.1, 0.0)"), PLAIN, NULL},
};

static void test_cases(void **state) {
    (void)state;
    char message[4096];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        bool good = load(CASES[i].sections, CASES[i].loss, (RecipeOptions){0}, message, sizeof message);
        if (CASES[i].message ? good || !strstr(message, CASES[i].message) : !good)
            fail_msg("case %zu, %s%s: wanted \"%s\", got:\n%s", i, CASES[i].sections, CASES[i].loss,
                     CASES[i].message ? CASES[i].message : "no error", message);
    }
}

/* Schedules are looked at for the run that is asked for. */
static void test_run(void **state) {
    (void)state;
    char message[4096];
    const char *few = LR("0.1 / (steps_per_epoch - 7)"), *late = LR("0.1 / (50 - step)");
    assert_true(load(few, PLAIN, (RecipeOptions){0}, message, sizeof message));
    assert_false(load(few, PLAIN, (RecipeOptions){.steps_per_epoch = 7}, message, sizeof message));
    assert_non_null(strstr(message, "0.1 / 0 is infinite"));
    assert_non_null(strstr(message, "of 7 steps each"));
    RecipeOptions ten = {.steps_per_epoch = 10};
    assert_false(load(late, PLAIN, ten, message, sizeof message));
    ten.steps = 40;
    assert_true(load(late, PLAIN, ten, message, sizeof message));
    ten.steps = 0;
    ten.first_step = 60;
    assert_true(load(late, PLAIN, ten, message, sizeof message));
}

/* The recipes of models/ are all finite, whatever an epoch's length. */
static void test_models(void **state) {
    (void)state;
    static const char *const folders[] = {SOURCE_DIR "/models", SOURCE_DIR "/models/paper"};
    int n = 0;
    for (int f = 0; f < 2; f++) {
        DIR *folder = opendir(folders[f]);
        assert_non_null(folder);
        for (struct dirent *entry; (entry = readdir(folder));) {
            if (!strstr(entry->d_name, ".yaml")) continue;
            for (double steps = 1; steps < 2000; steps *= 40) {
                Arena *arena = arena_new();
                Diags *diags = diags_new(arena);
                Recipe recipe;
                RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .steps_per_epoch = steps};
                if (!recipe_load(arena, diags, arena_printf(arena, "%s/%s", folders[f], entry->d_name),
                                 &options, &recipe))
                    fail_msg("%s", diags_text(diags));
                arena_free(arena);
            }
            n++;
        }
        closedir(folder);
    }
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_run),
                                       cmocka_unit_test(test_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
