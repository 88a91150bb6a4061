/* What vitc completes words with: recipes, their settings, passes, targets, functions, topics of help. */
#include "command/complete.h"
#include "driver/driver.h"
#include "driver/help/topics.h"

#include <string.h>
#include <sys/stat.h>

static void offer_topic(const Completer *c, Arena *arena, const char *topic) {
    const TopicRow *rows;
    size_t n = topic_find(topic)->rows(arena, &rows);
    for (size_t i = 0; i < n; i++) complete_offer(c, rows[i].name, rows[i].doc);
}

static void offer_functions(const Completer *c) {
    static const struct {
        const char *name, *doc;
    } functions[] = {{"step", "a training step"},
                     {"embed", "features"},
                     {"validate", "metrics of held-out images"},
                     {"images", "images to show"},
                     {"stop", "whether to stop early"},
                     {"init", "initial values that are computed"}};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        complete_offer(c, functions[i].name, functions[i].doc);
}

static void offer_help(const Completer *c, Arena *arena) {
    for (int i = 0; i < command_n_verbs; i++)
        if (command_verbs[i].group) complete_offer(c, command_verbs[i].name, command_verbs[i].doc);
    for (const Topic *topic = TOPICS; topic->name; topic++) complete_offer(c, topic->name, topic->doc);
    for (const Topic *topic = TOPICS; *c->typed && topic->name; topic++) offer_topic(c, arena, topic->name);
}

/* The file of the recipe that the line names, or of the run. */
static const char *recipe_path(Arena *arena, const char *word) {
    struct stat status;
    if (word && stat(word, &status) == 0 && S_ISDIR(status.st_mode))
        return arena_printf(arena, "%s/recipe.yaml", word);
    return word ? find_recipe(arena, word) : NULL;
}

/* key= before the =, and after it what the value may be; the one that the recipe has, where no others are known. */
static void offer_settings(Completer *c, Arena *arena) {
    const RecipeSetting *rows;
    size_t n = recipe_setting_rows(arena, recipe_path(arena, c->recipe), models_dir(), &rows),
           length = strcspn(c->typed, "=");
    const char *key = c->typed;
    bool behind = key[length] == '=';
    if (behind) complete_behind(c, '=');
    for (size_t i = 0; i < n; i++) {
        const RecipeSetting *row = &rows[i];
        const char *colon = *row->value && *row->help ? ": " : "";
        if (!behind)
            complete_offer(c, arena_printf(arena, "%s=", row->name),
                           arena_printf(arena, "%s%s%s", row->value, colon, row->help));
        if (!behind || strlen(row->name) != length || strncmp(row->name, key, length) != 0) continue;
        for (size_t k = 0; k < row->n_choices; k++)
            complete_offer(c, row->choices[k],
                           strcmp(row->choices[k], row->value) == 0 ? "as the recipe has it" : NULL);
        if (!row->n_choices && *row->value && !strpbrk(row->value, " $("))
            complete_offer(c, row->value, "as the recipe has it");
    }
}

void complete_vitc(Completer *c, Completion kind) {
    Arena *arena = arena_new();
    switch (kind) {
    case COMPLETE_RECIPE:
    case COMPLETE_RUN: offer_topic(c, arena, "recipes"); break;
    case COMPLETE_TEMPLATE: offer_topic(c, arena, "templates"); break;
    case COMPLETE_SETTING: offer_settings(c, arena); break;
    case COMPLETE_PASS:
    case COMPLETE_PASSES: offer_topic(c, arena, "passes"); break;
    case COMPLETE_TARGET:
    case COMPLETE_TARGETS: offer_topic(c, arena, "targets"); break;
    case COMPLETE_FUNCTION: offer_functions(c); break;
    case COMPLETE_TOPIC: offer_help(c, arena); break;
    default: break;
    }
    arena_free(arena);
}
