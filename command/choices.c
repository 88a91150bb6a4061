/* Words that are one of a few: the tables have them as "text|json", where help and completion find them too. */
#include "command/command.h"
#include "runtime/base/nearest.h"

#include <string.h>

enum { MOST_CHOICES = 32, LONGEST = 32 };
typedef struct {
    char texts[MOST_CHOICES][LONGEST];
    const char *names[MOST_CHOICES];
    int count;
} Choices;

static void split(const char *words, Choices *out) {
    out->count = 0;
    while (*words && out->count < MOST_CHOICES) {
        size_t n = strcspn(words, "|");
        snprintf(out->texts[out->count], LONGEST, "%.*s", (int)n, words);
        out->names[out->count] = out->texts[out->count];
        out->count++;
        words += n + (words[n] == '|');
    }
}

static int find(const Choices *choices, const char *word) {
    for (int i = 0; i < choices->count; i++)
        if (strcmp(choices->names[i], word) == 0) return i;
    return -1;
}

bool check_choice(const char *what, const char *word, const char *words) {
    Choices choices;
    char all[MOST_CHOICES * (LONGEST + 4)] = "";
    split(words, &choices);
    if (find(&choices, word) >= 0) return true;
    for (int i = 0; i < choices.count; i++) {
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s",
                 i == 0                   ? ""
                 : i == choices.count - 1 ? " or "
                                          : ", ",
                 choices.names[i]);
    }
    const char *near = vt_nearest(word, choices.names, (size_t)choices.count);
    return fail(2, "%s %s: %s was expected%s%s%s", what, word, all, near ? "; did you mean '" : "",
                near ? near : "", near ? "'?" : "") < 0;
}

int flag_choice(const Flag *flag) {
    Choices choices;
    if (!flag->given) return 0;
    split(flag->row->value, &choices);
    return find(&choices, flag->value);
}
