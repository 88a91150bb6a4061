/* vitc help: of all, of a verb, of a topic, or of one row of any. */
#include "command/help.h"
#include "driver/driver.h"
#include "driver/help/man.h"
#include "driver/help/topics.h"
#include "driver/pager.h"

#include <stdlib.h>
#include <string.h>

enum { MARKDOWN, MAN, N };
static const FlagRow FLAGS[N] = {[MARKDOWN] = {"markdown", FLAG_BARE, NULL, COMPLETE_NONE, NULL},
                                 [MAN] = {"man", FLAG_VALUE, "FOLDER", COMPLETE_FOLDER, NULL}};
const FlagTable HELP_FLAGS = {FLAGS, N, NULL};

static const char *const NOTES[] = {
    "To begin: vitc train quickstart --data synthetic --out runs/first",
    "A RECIPE is a file, or the name of one that is installed (vitc help recipes). Knobs of a recipe and "
    "options of its "
    "section train are set as key=value, without dashes: epochs=20. Of a flag or a setting that is given "
    "twice the last "
    "one holds; -- ends the flags.",
    "Compiled programs are kept in ~/.cache/vitc, and taken from there while recipe, settings, vitc and "
    "machine are the "
    "same (vitc help environment).",
    "vitc help VERB, or --help after it, tells its flags; vitc completion SHELL completes them.", NULL};

static void print_row(const Help *help, Arena *arena, const TopicRow *row) {
    bool more = row->detail && *row->detail;
    help_row(help, row->name, more ? arena_printf(arena, "%s\n%s", row->doc, row->detail) : row->doc);
}

static void tell_topic(Help *help, const Topic *topic) {
    Arena *arena = arena_new();
    const TopicRow *rows;
    const char *heading = NULL;
    size_t n = topic->rows(arena, &rows);
    const char **names = ARENA_ARRAY(arena, const char *, n);
    for (size_t i = 0; i < n; i++) names[i] = rows[i].name;
    help_columns(help, names, n);
    help_text(help, 0, topic->doc);
    if (n && !rows[0].heading) fputc('\n', help->out);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].heading && (!heading || strcmp(heading, rows[i].heading) != 0))
            help_heading(help, rows[i].heading);
        heading = rows[i].heading;
        print_row(help, arena, &rows[i]);
    }
    arena_free(arena);
}

void tell_templates(void) {
    Pager pager = pager_open(true);
    Help on = help_begin(pager.out, &pager.terminal), *help = &on;
    tell_topic(help, topic_find("templates"));
    fputc('\n', help->out);
    tell_topic(help, topic_find("recipes"));
    help_text(help, 0, "\nvitc init NAME --objective KIND or --from RECIPE writes NAME.yaml.");
    pager_close(&pager);
}

static void tell_all(Help *help) {
    const char *names[32];
    size_t n = 0;
    tell_verbs(help);
    for (const Topic *topic = TOPICS; topic->name; topic++) names[n++] = topic->name;
    help_columns(help, names, n);
    help_heading(help, "lists: vitc help …");
    for (const Topic *topic = TOPICS; topic->name; topic++) help_row(help, topic->name, topic->doc);
    tell_notes(help, NOTES);
}

/* All rows of that name, each with the topic that it belongs to: `max` is an operator and a function. */
static void tell_rows(Help *help, Arena *arena, const char *name) {
    bool found = false;
    help_columns(help, &name, 1);
    for (const Topic *topic = TOPICS; topic->name; topic++) {
        const TopicRow *rows;
        size_t n = topic->rows(arena, &rows);
        for (size_t i = 0; i < n; i++) {
            if (strcmp(rows[i].name, name) != 0) continue;
            help_text(help, 0, arena_printf(arena, "%svitc help %s", found ? "\n" : "", topic->name));
            print_row(help, arena, &rows[i]);
            found = true;
        }
    }
}

/* All that `vitc help` tells of. */
static size_t known_words(Arena *arena, const char *const **out) {
    const char **names = NULL;
    size_t n = 0, capacity = 0;
    for (int i = 0; i < command_n_verbs; i++)
        if (command_verbs[i].group) ARENA_PUSH(arena, names, n, capacity, command_verbs[i].name);
    for (const Topic *topic = TOPICS; topic->name; topic++)
        ARENA_PUSH(arena, names, n, capacity, topic->name);
    for (const Topic *topic = TOPICS; topic->name; topic++) {
        const TopicRow *rows;
        size_t count = topic->rows(arena, &rows);
        for (size_t i = 0; i < count; i++) ARENA_PUSH(arena, names, n, capacity, rows[i].name);
    }
    *out = names;
    return n;
}

/* On a terminal what is long goes through the pager. word NULL: all. */
static int tell(Arena *arena, const char *word) {
    const Verb *verb = word ? find_verb(word) : NULL;
    const Topic *topic = word ? topic_find(word) : NULL;
    const char *const *names;
    size_t n = known_words(arena, &names);
    bool known = !word;
    for (size_t i = 0; i < n && !known; i++) known = strcmp(names[i], word) == 0;
    if (!known) return unknown_word("no help on", word, names, n, "vitc help");
    Pager pager = pager_open(true);
    Help help = help_begin(pager.out, &pager.terminal);
    if (!word)
        tell_all(&help);
    else if (verb)
        tell_verb(&help, verb);
    else if (topic)
        tell_topic(&help, topic);
    else
        tell_rows(&help, arena, word);
    pager_close(&pager);
    return 0;
}

int verb_help(int argc, char **argv) {
    Flag flags[N];
    Arguments args;
    if (!parse_arguments(argc, argv, flags, N, &args)) return 2;
    const char *word = args.n_words ? args.words[0] : NULL;
    if (args.n_words + args.n_overrides > 1) return fail(2, "help wants one word: a verb, or what it lists");
    if (flags[MAN].given) return write_manual(flags[MAN].value);
    if (flags[MARKDOWN].given) {
        if (!word || strcmp(word, "ops") != 0) return fail(2, "--markdown goes with help ops");
        char *text = ops_doc();
        fputs(text, stdout);
        free(text);
        return 0;
    }
    Arena *arena = arena_new();
    int code = tell(arena, word);
    arena_free(arena);
    return code;
}
