/* Pages of the manual, section 1. */
#ifndef VITC_DRIVER_HELP_MAN_H
#define VITC_DRIVER_HELP_MAN_H

/* Writes vitc.1 and a page a verb into a folder that is there. The exit code, after telling what is wrong. */
int write_manual(const char *folder);

#endif
