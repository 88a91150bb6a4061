/* Completion of the command line: what a shell asks a program for, as `NAME complete-words -- WORD … CURRENT`.
 *
 * The answer is lines `WORD<tab>DOC`, of which the shell shows those words; one that ends in = / or , is to be gone on
 * with. A line that begins with a colon asks the shell for names of files too, of what the last = or , of CURRENT is
 * followed by: ":file" with the ends that they should have, ":folder". The scripts of shells.c ask and show. */
#ifndef VITC_COMMAND_COMPLETE_H
#define VITC_COMMAND_COMPLETE_H

#include "command/command.h"

struct Completer {
    FILE *out;
    const char *before; /* what of the word is before what is completed: "--format=" */
    size_t before_size;
    const char *typed;  /* what is completed */
    const char *recipe; /* the word before that names a recipe or a run; NULL: none does */
};

/* Offers a word, if it begins as what is typed. doc: NULL or "": none. */
void complete_offer(const Completer *c, const char *word, const char *doc);
/* What is typed up to and with the last `sign` belongs to `before`. */
void complete_behind(Completer *c, char sign);

int verb_complete(int argc, char **argv);   /* complete-words */
int verb_completion(int argc, char **argv); /* completion bash|zsh|fish */

#endif
