/* vitc check: is a recipe good, and what is it? */
#include "driver/driver.h"
#include "driver/recipe_weights.h"
#include "driver/report/recipe_text.h"

enum { STRICT, LABELS, KNOBS, N_FLAGS };
static const FlagRow FLAGS[N_FLAGS] = {
    [STRICT] = STRICT_FLAG,
    [LABELS] = {"labels", FLAG_BARE, NULL, COMPLETE_NONE, "list the labels that `.at` can read"},
    [KNOBS] = {"knobs", FLAG_BARE, NULL, COMPLETE_NONE,
               "list all knobs, and which of them a built program can set"}};
const FlagTable CHECK_FLAGS = {FLAGS, N_FLAGS, NULL};

int verb_check(int argc, char **argv) {
    Flag flags[N_FLAGS];
    Arguments args;
    if (!parse_arguments(argc, argv, flags, N_FLAGS, &args)) return 2;
    if (args.n_words != 1) return fail(2, "check wants one recipe");
    MadeOfRecipe m = {.timing = false};
    Session *s = &m.session;
    RecipeOptions options = recipe_options(&args, &flags[STRICT]);
    options.with_values = true;
    bool good = session_load(s, args.words[0], &options) && session_passes(s, PASSES_ALL, NULL);
    Weights weights = {.count = 0};
    InitFlags none = {.path = NULL};
    if (good) good = weights_open(states_of_recipe(s), &m.made, &none, true, &weights);
    if (good) {
        RecipeReport report = recipe_report(s->arena, &s->recipe);
        recipe_text(&report, stdout);
        if (flags[KNOBS].given) recipe_knobs_text(&s->recipe, stdout);
        if (flags[LABELS].given) labels_text(&s->recipe, stdout);
        weights_tell(&weights, stdout);
    }
    weights_close(&weights);
    session_close(s);
    return good ? 0 : 2;
}
