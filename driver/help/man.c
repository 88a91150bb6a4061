/* Pages of the manual, made of the tables of verbs: vitc.1, of a template, and one a verb. */
#include "driver/help/man.h"
#include "command/help.h"
#include "driver/help/topics.h"
#include "ir/base/stream.h"
#include "runtime/runtime.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

extern const char man_vitc[]; /* man/vitc.1.in */

/* ---- text -------------------------------------------------------------------------------------------------------- */

/* What roff would read as its own is escaped; what stands in `backticks` becomes bold. */
static void put_text(FILE *out, const char *text) {
    bool bold = false, begins = true;
    for (; *text; begins = *text++ == '\n') {
        if (begins && (*text == '.' || *text == '\'')) fputs("\\&", out);
        switch (*text) {
        case '\\': fputs("\\e", out); break;
        case '-': fputs("\\-", out); break;
        case '~': fputs("\\(ti", out); break;
        case '^': fputs("\\(ha", out); break;
        case '`': fputs((bold = !bold) ? "\\fB" : "\\fR", out); break;
        case '\n': fputs("\n.PP\n", out); break;
        default: fputc(*text, out);
        }
    }
}

static void put_font(FILE *out, char font, const char *text) {
    fprintf(out, "\\f%c", font);
    put_text(out, text);
    fputs("\\fR", out);
}

/* Usage: flags and words in small letters are written as they stand, names of values in italics. */
static void put_usage(FILE *out, const char *usage) {
    while (*usage) {
        size_t n = strspn(usage, " []|…\u00a0");
        for (size_t i = 0; i < n; i++) {
            if (strncmp(usage + i, "\u00a0", 2) == 0)
                fputs("\\ ", out), i++;
            else
                fputc(usage[i], out);
        }
        usage += n;
        n = strcspn(usage, " []|\u00a0");
        char word[128];
        snprintf(word, sizeof word, "%.*s", (int)n, usage);
        bool flag = strcmp(word, "flag") == 0; /* of "[flag …]" */
        bool literal = word[0] == '-' || (!strchr(word, '=') && islower((unsigned char)word[0]) && !flag);
        if (n) put_font(out, literal ? 'B' : 'I', word);
        usage += n;
    }
    fputc('\n', out);
}

static void put_head(FILE *out, const char *name) {
    fputs(".TH ", out);
    for (; *name; name++) {
        if (*name == '-') fputc('\\', out);
        fputc(toupper((unsigned char)*name), out);
    }
    fprintf(out, " 1 \"\" \"vitc %s\" \"vitc\"\n", VITC_VERSION);
}

/* ---- a verb ------------------------------------------------------------------------------------------------------ */

static void put_flag(FILE *out, const FlagRow *row) {
    char usage[128];
    flag_usage(row, usage, sizeof usage);
    fputs(".TP\n", out);
    put_usage(out, usage);
    put_text(out, row->doc);
    fputs(".\n", out);
}

static void put_flags(FILE *out, const Verb *verb) {
    const char *before = NULL;
    for (int t = 0; t < MOST_TABLES && verb->flags[t]; t++) {
        const FlagTable *table = verb->flags[t];
        if (t == 0 && table->rows[0].doc) fputs(".SH OPTIONS\n", out);
        if (table->title && (!before || strcmp(before, table->title) != 0)) {
            fputs(".SS ", out);
            put_text(out, table->title);
            fputc('\n', out);
        }
        before = table->title;
        for (int needed = 1; needed >= 0; needed--)
            for (size_t i = 0; i < table->count; i++) {
                const FlagRow *row = &table->rows[i];
                if (row->doc && flag_is_needed(verb, row) == needed) put_flag(out, row);
            }
    }
}

static void put_examples(FILE *out, const Verb *verb) {
    if (verb->examples[0].command) fputs(".SH EXAMPLES\n", out);
    for (int i = 0; i < MOST_EXAMPLES && verb->examples[i].command; i++) {
        fputs(".TP\n\\fBvitc ", out);
        put_text(out, verb->examples[i].command);
        fputs("\\fR\n", out);
        put_text(out, verb->examples[i].doc);
        fputs(".\n", out);
    }
}

static void put_verb(FILE *out, const Verb *verb) {
    char name[64], usage[512];
    snprintf(name, sizeof name, "vitc-%s", verb->name);
    verb_usage(verb, usage, sizeof usage);
    put_head(out, name);
    fputs(".SH NAME\n", out);
    put_text(out, name);
    fputs(" \\- ", out);
    put_text(out, verb->doc);
    fputs("\n.SH SYNOPSIS\n.B vitc\n", out);
    put_usage(out, usage);
    if (verb->more) {
        fputs(".SH DESCRIPTION\n", out);
        put_text(out, verb->more);
        fputc('\n', out);
    }
    put_flags(out, verb);
    put_examples(out, verb);
    fputs(".SH SEE ALSO\n.BR vitc (1)\n", out);
}

/* ---- vitc.1 ------------------------------------------------------------------------------------------------------ */

static void put_synopsis(FILE *out) {
    bool any = false;
    for (int i = 0; i < command_n_verbs; i++) {
        char usage[512];
        if (!command_verbs[i].group) continue;
        verb_usage(&command_verbs[i], usage, sizeof usage);
        fputs(any ? ".br\n.B vitc\n" : ".B vitc\n", out);
        put_usage(out, usage);
        any = true;
    }
}

static void put_verbs(FILE *out) {
    const char *group = "";
    for (int i = 0; i < command_n_verbs; i++) {
        const Verb *verb = &command_verbs[i];
        if (!verb->group) continue;
        if (strcmp(group, verb->group) != 0) fprintf(out, ".SS %s\n", verb->group);
        group = verb->group;
        fprintf(out, ".TP\n.B %s\n", verb->name);
        put_text(out, verb->doc);
        fputs(".\n", out);
    }
}

static void put_environment(FILE *out) {
    Arena *arena = arena_new();
    const TopicRow *rows;
    size_t n = topic_find("environment")->rows(arena, &rows);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, ".TP\n.B %s\n", rows[i].name);
        put_text(out, rows[i].doc);
        fputs(".\n", out);
    }
    arena_free(arena);
}

static void put_pages(FILE *out) {
    for (int i = 0; i < command_n_verbs; i++)
        if (command_verbs[i].group) fprintf(out, ".BR vitc\\-%s (1),\n", command_verbs[i].name);
}

static void put_own_head(FILE *out) {
    put_head(out, "vitc");
}

static void put_all(FILE *out) {
    static const struct {
        const char *line;
        void (*put)(FILE *out);
    } parts[] = {{"@HEAD@\n", put_own_head},
                 {"@SYNOPSIS@\n", put_synopsis},
                 {"@VERBS@\n", put_verbs},
                 {"@ENVIRONMENT@\n", put_environment},
                 {"@PAGES@\n", put_pages}};
    enum { N = sizeof parts / sizeof *parts };
    for (const char *line = man_vitc; *line;) {
        int part = 0;
        while (part < N && strncmp(line, parts[part].line, strlen(parts[part].line)) != 0) part++;
        size_t n = strcspn(line, "\n") + 1;
        if (part < N)
            parts[part].put(out);
        else
            fwrite(line, 1, n, out);
        line += n;
    }
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* verb NULL: vitc.1 */
static bool write_page(const char *folder, const Verb *verb) {
    char path[4096];
    size_t size;
    VtError error;
    TextStream stream;
    FILE *out = stream_begin(&stream);
    if (verb)
        put_verb(out, verb);
    else
        put_all(out);
    char *text = stream_end(&stream, &size);
    snprintf(path, sizeof path, "%s/vitc%s%s.1", folder, verb ? "-" : "", verb ? verb->name : "");
    bool good = vt_replace_with(path, 0666, text, size, &error);
    free(text);
    return good || fail(error.code, "%s", error.message) < 0;
}

int write_manual(const char *folder) {
    bool good = write_page(folder, NULL);
    for (int i = 0; good && i < command_n_verbs; i++)
        if (command_verbs[i].group) good = write_page(folder, &command_verbs[i]);
    return good ? 0 : 2;
}
