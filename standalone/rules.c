/* Rules by which files name tensors, without YAML: a line each, "from: to", one * allowed in both; names may be quoted,
 * and # begins a comment. vitc reads any YAML map. */
#include "standalone/standalone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *trim(char *text) {
    text += strspn(text, " \t");
    for (size_t n = strlen(text); n && strchr(" \t\r\n", text[n - 1]); n--) text[n - 1] = '\0';
    return text;
}

/* The name at *at, which moves behind it; NULL: there is none. stop: what ends one that is not quoted. */
static char *take_name(char **at, const char *stop) {
    char *name = *at + strspn(*at, " \t");
    if (*name == '"' || *name == '\'') {
        char *end = strchr(name + 1, *name);
        if (!end || memchr(name, '\\', (size_t)(end - name))) return NULL;
        *end = '\0';
        *at = end + 1;
        return name + 1;
    }
    char *end = *stop ? strstr(name, stop) : name + strlen(name);
    if (!end) return NULL;
    *at = end;
    return name;
}

/* False: the line is no rule. *found: it is one, and not blank or a comment. */
static bool read_line(char *line, VtRename *out, bool *found) {
    char *at = trim(line), *to;
    *found = *at && *at != '#' && strcmp(at, "---") != 0;
    if (!*found) return true;
    out->from = take_name(&at, ":");
    if (!out->from) return false;
    char *colon = at + strspn(at, " \t");
    if (*colon != ':' || (colon[1] != ' ' && colon[1] != '\t')) return false;
    *colon = '\0';
    *at = '\0'; /* both of a name that is not quoted */
    at = colon + 1;
    to = strstr(at, " #");
    if (to && !strpbrk(at, "\"'")) *to = '\0';
    out->to = take_name(&at, "");
    if (!out->to) return false;
    out->from = trim((char *)out->from);
    out->to = trim((char *)out->to);
    return *out->from && *out->to && !strchr("&!|>{[%@`", *out->to) && !strchr("&!|>{[%@`?", *out->from);
}

static bool add_rule(BuiltProgram *b, int n, const VtRename *rule) {
    VtRename *more = realloc(b->rules, sizeof *more * ((size_t)n + 1));
    if (!more) return fail(1, "out of memory") < 0;
    b->rules = more;
    b->rules[n] = *rule;
    return true;
}

/* The text stays, for rules point into it. */
static char *take_text(BuiltProgram *b, const char *path) {
    char **more = realloc(b->rule_texts, sizeof *more * ((size_t)b->n_texts + 1)), *text = NULL;
    size_t size = 0;
    if (more) b->rule_texts = more;
    FILE *file = more ? fopen(path, "re") : NULL;
    if (!more || !file) {
        fail(more ? 2 : 1, "cannot read '%s': %s", path, strerror(errno));
        return NULL;
    }
    ssize_t n = getdelim(&text, &size, '\0', file);
    bool failed = ferror(file);
    fclose(file);
    if (n < 0 || failed) {
        free(text);
        text = failed ? NULL : strdup("");
    }
    if (!text) fail(1, "cannot read '%s': %s", path, strerror(errno));
    if (text) b->rule_texts[b->n_texts++] = text;
    return text;
}

bool read_rules(Made *made, const char *path, VtWeights *weights) {
    BuiltProgram *b = (BuiltProgram *)made; /* its first member */
    char *text = take_text(b, path), *rest = text, *line;
    int n = 0;
    if (!text) return false;
    for (int number = 1; (line = strsep(&rest, "\n")); number++) {
        VtRename rule;
        bool found;
        if (!read_line(line, &rule, &found))
            return fail(2, "%s:%d: a line 'from: to' was expected (of YAML this program reads no more)", path,
                        number) < 0;
        if (found && !add_rule(b, n++, &rule)) return false;
    }
    weights->rules = b->rules;
    weights->n_rules = n;
    return true;
}
