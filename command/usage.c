/* What the tables of verbs tell of themselves: usage, flags, examples. */
#include "command/help.h"

#include <string.h>

const Verb *find_verb(const char *name) {
    for (int i = 0; i < command_n_verbs; i++)
        if (command_verbs[i].group && strcmp(command_verbs[i].name, name) == 0) return &command_verbs[i];
    return NULL;
}

void flag_usage(const FlagRow *row, char *out, size_t size) {
    const char *dashes = row->name[1] ? "--" : "-", *value = row->value ? row->value : "";
    const char *forms[] = {[FLAG_BARE] = "%s%s%s",
                           [FLAG_VALUE] = "%s%s %s",
                           [FLAG_MAYBE] = "%s%s[=%s]",
                           [FLAG_LIST] = "%s%s %s …"};
    snprintf(out, size, forms[row->kind], dashes, row->name, value);
}

static const FlagRow *find_row(const Verb *verb, const char *name) {
    for (int t = 0; t < MOST_TABLES && verb->flags[t]; t++)
        for (size_t i = 0; i < verb->flags[t]->count; i++)
            if (strcmp(verb->flags[t]->rows[i].name, name) == 0) return &verb->flags[t]->rows[i];
    return NULL;
}

bool flag_is_needed(const Verb *verb, const FlagRow *row) {
    for (int i = 0; i < MOST_NEEDS && verb->needs[i]; i++)
        if (strcmp(verb->needs[i], row->name) == 0) return true;
    return false;
}

static bool shows_flags(const Verb *verb) {
    for (int t = 0; t < MOST_TABLES && verb->flags[t]; t++)
        for (size_t i = 0; i < verb->flags[t]->count; i++)
            if (verb->flags[t]->rows[i].doc) return true;
    return false;
}

void verb_usage(const Verb *verb, char *out, size_t size) {
    static const char *const forms[] = {
        [WORD_ONE] = " %s", [WORD_MAYBE] = " [%s]", [WORD_SOME] = " %s\u00a0…", [WORD_ANY] = " [%s\u00a0…]"};
    size_t n = (size_t)snprintf(out, size, "%s", verb->name);
    for (int i = 0; i < MOST_WORDS && verb->words[i].name && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, forms[verb->words[i].count], verb->words[i].name);
    for (int i = 0; i < MOST_NEEDS && verb->needs[i] && n < size; i++) {
        char flag[128];
        flag_usage(find_row(verb, verb->needs[i]), flag, sizeof flag);
        n += (size_t)snprintf(out + n, size - n, " ");
        for (const char *c = flag; *c && n < size; c++)
            n += (size_t)snprintf(out + n, size - n, *c == ' ' ? "\u00a0" : "%c", *c);
    }
    if (shows_flags(verb) && n < size) snprintf(out + n, size - n, " [flag\u00a0…]");
}

static void print_usage(const Help *help, const char *usage) {
    char text[512];
    snprintf(text, sizeof text, "usage: %s %s", command->name, usage);
    fputc('\n', help->out);
    int indent = (int)strlen("usage: ") + (int)strlen(command->name) + 1;
    vt_wrap(help->out, text, 0, indent < help->width / 4 ? indent : 4, help->width);
    fputc('\n', help->out);
}

/* A table under its heading: those that the verb needs first. Tables with the same heading follow each other. */
static void print_flags(Help *help, const Verb *verb, int t, const char *before) {
    const FlagTable *table = verb->flags[t];
    const char *title = table->title ? table->title : "flags";
    char label[128];
    if (shows_flags(verb) && (!before || strcmp(title, before) != 0)) help_heading(help, title);
    for (int needed = 1; needed >= 0; needed--)
        for (size_t i = 0; i < table->count; i++) {
            const FlagRow *row = &table->rows[i];
            if (!row->doc || flag_is_needed(verb, row) != needed) continue;
            flag_usage(row, label, sizeof label);
            help_row(help, label, row->doc);
        }
}

static void print_examples(const Help *help, const Verb *verb) {
    char text[512];
    if (verb->examples[0].command) help_heading(help, "examples");
    for (int i = 0; i < MOST_EXAMPLES && verb->examples[i].command; i++) {
        snprintf(text, sizeof text, "%s %s", command->name, verb->examples[i].command);
        help_text(help, 2, text);
        help_text(help, 6, verb->examples[i].doc);
    }
}

void tell_verb(Help *help, const Verb *verb) {
    char text[512], labels[MOST_VERB_FLAGS][128];
    const char *pointers[MOST_VERB_FLAGS];
    Flag flags[MOST_VERB_FLAGS];
    size_t n = verb_flags(verb, flags);
    for (size_t i = 0; i < n; i++) {
        flag_usage(flags[i].row, labels[i], sizeof labels[i]);
        pointers[i] = labels[i];
    }
    snprintf(text, sizeof text, "%s %s: %s", command->name, verb->name, verb->doc);
    help_text(help, 0, text);
    verb_usage(verb, text, sizeof text);
    print_usage(help, text);
    if (verb->more) fputc('\n', help->out);
    if (verb->more) help_text(help, 0, verb->more);
    help_columns(help, pointers, n);
    for (int t = 0; t < MOST_TABLES && verb->flags[t]; t++)
        print_flags(help, verb, t, t ? verb->flags[t - 1]->title : NULL);
    print_examples(help, verb);
}

void tell_verbs(Help *help) {
    const char *names[64], *group = "";
    int n = 0;
    for (int i = 0; i < command_n_verbs && n < 64; i++)
        if (command_verbs[i].group) names[n++] = command_verbs[i].name;
    help_text(help, 0, command->summary);
    print_usage(help, "VERB [argument\u00a0…] [flag\u00a0…]");
    help_columns(help, names, (size_t)n);
    for (int i = 0; i < command_n_verbs; i++) {
        const Verb *verb = &command_verbs[i];
        if (!verb->group) continue;
        if (strcmp(verb->group, group) != 0) help_heading(help, verb->group);
        group = verb->group;
        help_row(help, verb->name, verb->doc);
    }
}

void tell_notes(const Help *help, const char *const *notes) {
    for (int i = 0; notes[i]; i++) {
        fputc('\n', help->out);
        help_text(help, 0, notes[i]);
    }
}
