/* What `vitc help TOPIC` lists: passes, operators, targets …, each as rows that help prints, completes and finds. */
#ifndef VITC_DRIVER_HELP_TOPICS_H
#define VITC_DRIVER_HELP_TOPICS_H

#include "command/complete.h"
#include "ir/base/arena.h"

#include <stddef.h>

typedef struct {
    const char *name, *doc;
    const char *detail;  /* shown below; NULL: there is none */
    const char *heading; /* above the row, where it is not that of the row before; NULL: none */
} TopicRow;

typedef struct {
    const char *name, *doc;
    size_t (*rows)(Arena *arena, const TopicRow **rows);
} Topic;
/* One a topic, up to one without a name. */
extern const Topic TOPICS[];
const Topic *topic_find(const char *name); /* NULL: there is none */

/* complete.c: Command.complete */
void complete_vitc(Completer *c, Completion kind);

/* help.c */
void tell_templates(void); /* first recipes and recipes, as `vitc init --list` has them */

#endif
