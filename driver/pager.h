/* Long text on a terminal goes through a pager: $VITC_PAGER, else $PAGER, else `less`; "off", "cat" and "" are none. */
#ifndef VITC_DRIVER_PAGER_H
#define VITC_DRIVER_PAGER_H

#include "runtime/base/terminal.h"

#include <stdio.h>
#include <sys/types.h>

typedef struct {
    FILE *out;           /* to write to: the pager, or standard output */
    VtTerminal terminal; /* that the text is seen on: standard output's */
    pid_t child;         /* 0: there is no pager */
} Pager;

/* `wanted`: a pager, if standard output is a terminal. Whoever leaves it early ends nothing but the text. */
Pager pager_open(bool wanted);
/* Waits until the reader is done. */
void pager_close(Pager *pager);

#endif
