/* vitc check: is a recipe good, and what is it? */
#include "driver/driver.h"
#include "driver/recipe_weights.h"
#include "driver/report/recipe_json.h"
#include "driver/report/recipe_text.h"
#include "inspect/report/report_json.h"

enum { STRICT, LABELS, KNOBS, FED, FORMAT, N_FLAGS };
static const FlagRow FLAGS[N_FLAGS] = {
    [STRICT] = STRICT_FLAG,
    [LABELS] = {"labels", FLAG_BARE, NULL, COMPLETE_NONE, "list the labels that `.at` can read"},
    [KNOBS] = {"knobs", FLAG_BARE, NULL, COMPLETE_NONE,
               "list all knobs, and which of them a built program can set"},
    [FED] = {"fed", FLAG_BARE, NULL, COMPLETE_NONE,
             "list the inputs that `vitc run` is fed with, random ones among them"},
    [FORMAT] = {"format", FLAG_VALUE, "text|json", COMPLETE_WORDS, "what is printed (text)"}};
const FlagTable CHECK_FLAGS = {FLAGS, N_FLAGS, NULL};

/* What is said of each file of initial weights. */
static json_t *weights_json(const Weights *weights) {
    json_t *array = report_array();
    char text[2048];
    for (int i = 0; weights->open && i < vt_weights_files(weights->open); i++) {
        vt_weights_describe(weights->open, i, text, sizeof text);
        report_add(array, report_text(text));
    }
    return array;
}

static void show(Session *s, const Flag *flags, FlopCount written, const Weights *weights) {
    RecipeReport report = recipe_report(s->arena, &s->recipe, written);
    bool knobs = flags[KNOBS].given, labels = flags[LABELS].given;
    if (flag_choice(&flags[FORMAT]) == 1) {
        json_t *json = recipe_json(&report, &s->recipe, knobs, labels);
        report_put(json, "weights", weights_json(weights));
        report_write(json, stdout);
        return;
    }
    recipe_text(&report, stdout);
    if (knobs) recipe_knobs_text(&s->recipe, stdout);
    if (labels) labels_text(&s->recipe, stdout);
    weights_tell(weights, stdout);
}

int verb_check(int argc, char **argv) {
    Flag flags[N_FLAGS];
    Arguments args;
    if (!parse_arguments(argc, argv, flags, N_FLAGS, &args)) return 2;
    if (args.n_words != 1) return fail(2, "check wants one recipe");
    MadeOfRecipe m = {.timing = false};
    Session *s = &m.session;
    RecipeOptions options = recipe_options(&args, &flags[STRICT]);
    options.check_values = true;
    options.draws_fed = flags[FED].given;
    FlopCount written = {0, 0};
    bool good = session_load(s, args.words[0], &options);
    if (good) written = flops_as_written(s->recipe.module, "step");
    good = good && session_passes(s, PASSES_ALL, NULL);
    Weights weights = {.count = 0};
    InitFlags none = {.path = NULL};
    if (good) good = weights_open(states_of_recipe(s), &m.made, &none, true, &weights);
    if (good) show(s, flags, written, &weights);
    weights_close(&weights);
    session_close(s);
    return good ? 0 : 2;
}
