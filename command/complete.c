/* Completion of the command line: see complete.h. */
#include "command/complete.h"
#include "command/help.h"

#include <string.h>
#include <sys/stat.h>

void complete_offer(const Completer *c, const char *word, const char *doc) {
    if (strncmp(word, c->typed, strlen(c->typed)) != 0) return;
    fprintf(c->out, "%.*s%s", (int)c->before_size, c->before, word);
    if (doc && *doc) fputc('\t', c->out);
    for (; doc && *doc; doc++) fputc(*doc == '\n' || *doc == '\t' ? ' ' : *doc, c->out);
    fputc('\n', c->out);
}

void complete_behind(Completer *c, char sign) {
    const char *last = strrchr(c->typed, sign);
    if (!last) return;
    c->before_size += (size_t)(last + 1 - c->typed);
    c->typed = last + 1;
}

/* The words of "text|json": those in capital letters are names of values. */
static void offer_words(const Completer *c, const char *words) {
    char word[128];
    for (; *words; words += strcspn(words, "|"), words += *words == '|') {
        snprintf(word, sizeof word, "%.*s", (int)strcspn(words, "|"), words);
        if (strpbrk(word, "abcdefghijklmnopqrstuvwxyz0123456789")) complete_offer(c, word, NULL);
    }
}

/* ":file .npy .safetensors", of "FILE.npy|FILE.safetensors". */
static void ask_files(const Completer *c, const char *value) {
    fputs(":file", c->out);
    for (const char *at = value ? value : ""; *at; at += strcspn(at, "|"), at += *at == '|') {
        size_t n = strcspn(at, "|");
        for (size_t i = n; i-- > 0;)
            if (at[i] == '.') {
                fprintf(c->out, " %.*s", (int)(n - i), at + i);
                break;
            }
    }
    fputc('\n', c->out);
}

static void ask_data(Completer *c) {
    complete_behind(c, '=');
    if (strncmp(c->typed, "synthetic:", 10) == 0) return; /* their number */
    complete_offer(c, "synthetic", "images that are made up");
    fputs(":file\n", c->out);
}

/* What a word or the value of a flag may be, `name` being what usage calls it. */
static void complete_kind(Completer *c, Completion kind, const char *name) {
    switch (kind) {
    case COMPLETE_NONE: return;
    case COMPLETE_WORDS:
    case COMPLETE_EXAMPLES: offer_words(c, name); return;
    case COMPLETE_FILE: ask_files(c, name); return;
    case COMPLETE_FOLDER: fputs(":folder\n", c->out); return;
    case COMPLETE_DATA: ask_data(c); return;
    case COMPLETE_PASSES:
    case COMPLETE_TARGETS: complete_behind(c, ','); break;
    case COMPLETE_RUN: fputs(":folder\n", c->out); break;
    case COMPLETE_RECIPE: fputs(":file .yaml .yml\n", c->out); break;
    default: break;
    }
    if (command->complete) command->complete(c, kind);
}

/* ---- the words before -------------------------------------------------------------------------------------------- */

typedef struct {
    const Verb *verb;
    Flag flags[MOST_VERB_FLAGS];
    size_t n_flags;
    int words;     /* how many there are before the current one */
    Flag *wants;   /* the flag whose value the current word is; NULL: it is no value */
    bool no_flags; /* after -- */
} Line;

static Flag *flag_named(Line *line, const char *word) {
    size_t dashes = word[0] != '-' ? 0 : word[1] == '-' ? 2 : 1, n = strcspn(word + dashes, "=");
    for (size_t i = 0; dashes && i < line->n_flags; i++) {
        const char *name = line->flags[i].row->name;
        if (strlen(name) == n && strncmp(name, word + dashes, n) == 0 && (dashes == 2 || n == 1))
            return &line->flags[i];
    }
    return NULL;
}

/* Which Word the n-th of the line is, from 0; NULL: there are no more. */
static const Word *word_at(const Verb *verb, int n) {
    for (int i = 0; i < MOST_WORDS && verb->words[i].name; i++) {
        const Word *word = &verb->words[i];
        if (word->count == WORD_ANY || word->count == WORD_SOME || i == n) return word;
    }
    return NULL;
}

static void read_word(Line *line, Completer *c, char *text) {
    Flag *flag = line->no_flags ? NULL : flag_named(line, text);
    const Word *word = word_at(line->verb, line->words);
    if (line->wants) {
        line->wants->value = text;
        line->wants = NULL;
    } else if (!line->no_flags && strcmp(text, "--") == 0)
        line->no_flags = true;
    else if (flag) {
        flag->given = true;
        bool apart = flag->row->kind == FLAG_VALUE || flag->row->kind == FLAG_LIST;
        if (apart && !strchr(text, '=')) line->wants = flag;
    } else if (text[0] != '-' && !strchr(text, '=')) {
        if (word && (word->completes == COMPLETE_RECIPE || word->completes == COMPLETE_RUN ||
                     word->completes == COMPLETE_FOLDER))
            c->recipe = text;
        line->words++;
    }
}

/* ---- the current word -------------------------------------------------------------------------------------------- */

static void offer_flag(const Completer *c, const FlagRow *row) {
    char text[128];
    snprintf(text, sizeof text, "%s%s%s", row->name[1] ? "--" : "-", row->name,
             row->kind == FLAG_MAYBE && strchr(c->typed, '=') ? "=" : "");
    complete_offer(c, text, row->doc);
}

/* needed: those alone that the verb cannot do without. */
static void offer_flags(const Completer *c, const Line *line, bool needed) {
    const Verb *verb = line->verb;
    for (size_t i = 0; i < line->n_flags; i++) {
        const Flag *flag = &line->flags[i];
        bool wanted = !needed;
        for (int k = 0; k < MOST_NEEDS && verb->needs[k]; k++)
            wanted = wanted || strcmp(verb->needs[k], flag->row->name) == 0;
        if (wanted && flag->row->doc && (!flag->given || (!needed && flag->row->kind == FLAG_LIST)))
            offer_flag(c, flag->row);
    }
}

static void complete_current(Completer *c, Line *line) {
    Flag *flag = line->no_flags ? NULL : flag_named(line, c->typed);
    if (!line->wants && flag && strchr(c->typed, '=')) {
        const char *equals = strchr(c->typed, '=');
        c->before_size = (size_t)(equals + 1 - c->typed);
        c->typed = equals + 1;
        line->wants = flag;
    }
    if (line->wants) {
        complete_kind(c, line->wants->row->completes, line->wants->row->value);
        return;
    }
    if (c->typed[0] == '-' && !line->no_flags) {
        offer_flags(c, line, false);
        complete_offer(c, "--help", "tell of the verb and its flags");
        return;
    }
    const Word *word = word_at(line->verb, line->words);
    if (word) complete_kind(c, word->completes, word->name);
    bool enough = !word || word->count == WORD_ANY || word->count == WORD_MAYBE;
    if (!*c->typed && !c->before_size && enough && !line->no_flags) offer_flags(c, line, true);
}

static void complete_verb(const Completer *c) {
    for (int i = 0; i < command_n_verbs; i++)
        if (command_verbs[i].group) complete_offer(c, command_verbs[i].name, command_verbs[i].doc);
    if (c->typed[0] != '-') return;
    complete_offer(c, "--help", "tell of all verbs");
    complete_offer(c, "--version", "tell which version this is");
}

int verb_complete(int argc, char **argv) {
    if (argc > 0 && strcmp(argv[0], "--") == 0) argc--, argv++;
    Completer c = {.out = stdout, .typed = argc ? argv[argc - 1] : "", .before = argc ? argv[argc - 1] : ""};
    Line line = {.verb = argc > 1 ? find_verb(argv[0]) : NULL};
    if (argc <= 1) return complete_verb(&c), 0;
    if (!line.verb) return 0;
    line.n_flags = verb_flags(line.verb, line.flags);
    for (int i = 1; i < argc - 1; i++) read_word(&line, &c, argv[i]);
    complete_current(&c, &line);
    return 0;
}
