/* Usage of the verbs, made of their tables. */
#include "command/command.h"

#include <string.h>

/* "--name VALUE", "-o FILE", "--memory[=FILE]" */
static void flag_usage(const FlagRow *row, char *out, size_t size) {
    const char *dashes = row->name[1] ? "--" : "-", *value = row->value ? row->value : "";
    snprintf(out, size, row->kind == FLAG_MAYBE ? "%s%s[=%s]" : "%s%s%s%s", dashes, row->name,
             row->kind == FLAG_MAYBE ? value
             : *value                ? " "
                                     : "",
             row->kind == FLAG_MAYBE ? "" : value);
}

static const FlagRow *find_row(const Verb *verb, const char *name) {
    for (int t = 0; t < MOST_TABLES && verb->flags[t]; t++)
        for (size_t i = 0; i < verb->flags[t]->count; i++)
            if (strcmp(verb->flags[t]->rows[i].name, name) == 0) return &verb->flags[t]->rows[i];
    return NULL;
}

static void print_usage(const Verb *verb) {
    static const char *const forms[] = {
        [WORD_ONE] = " %s", [WORD_MAYBE] = " [%s]", [WORD_SOME] = " %s …", [WORD_ANY] = " [%s …]"};
    char text[128];
    printf("%s %s", command->name, verb->name);
    for (int i = 0; i < MOST_WORDS && verb->words[i].name; i++)
        printf(forms[verb->words[i].count], verb->words[i].name);
    for (int i = 0; i < MOST_NEEDS && verb->needs[i]; i++) {
        flag_usage(find_row(verb, verb->needs[i]), text, sizeof text);
        printf(" %s", text);
    }
    puts(verb->flags[0] ? " [flag …]" : "");
}

static void print_verb(const Verb *verb) {
    char text[128];
    print_usage(verb);
    printf("    %s\n\n", verb->doc);
    for (int t = 0; t < MOST_TABLES && verb->flags[t]; t++)
        for (size_t i = 0; i < verb->flags[t]->count; i++) {
            const FlagRow *row = &verb->flags[t]->rows[i];
            if (!row->doc) continue;
            flag_usage(row, text, sizeof text);
            printf("  %-24s %s\n", text, row->doc);
        }
    for (int i = 0; i < MOST_EXAMPLES && verb->examples[i].command; i++)
        printf("%s  %s %s\n      %s\n", i ? "" : "\n", command->name, verb->examples[i].command,
               verb->examples[i].doc);
}

bool tell_usage(const char *name, const char *notes) {
    for (int i = 0; i < command_n_verbs; i++) {
        const Verb *verb = &command_verbs[i];
        if (!name) printf("  %-10s %s\n", verb->name, verb->doc);
        if (!name || strcmp(name, verb->name) != 0) continue;
        print_verb(verb);
        return true;
    }
    if (!name) printf("\n%s\n", notes);
    return !name;
}
