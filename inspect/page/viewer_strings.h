/* The viewer's files as the build put them into vitc (cmake/viewer.cmake). */
#ifndef VITC_INSPECT_PAGE_VIEWER_STRINGS_H
#define VITC_INSPECT_PAGE_VIEWER_STRINGS_H

extern const char VIEWER_PAGE[];   /* page.html */
extern const char VIEWER_STYLE[];  /* all .css */
extern const char VIEWER_SCRIPT[]; /* all .js, in the order of files.txt */

#endif
