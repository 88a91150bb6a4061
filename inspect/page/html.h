/* The page: everything inspect/ knows of a function in one HTML file that needs nothing else. vitc inspect RECIPE
 * --format=html -o FILE. */
#ifndef VITC_INSPECT_PAGE_HTML_H
#define VITC_INSPECT_PAGE_HTML_H

#include "inspect/page/page_data.h"

typedef struct {
    const char *version; /* of vitc */
    bool no_code;        /* without the code of kernels, which takes most of the time */
    size_t most_code;    /* bytes of it in the page; with more it is left out. 0: a usual number */
} HtmlOptions;

/* The page, malloc'ed, of *size bytes. NULL, with a message: a kernel could not be compiled. Of the inspection's stages
 * copies should have been kept (STAGES_ALL). */
char *page_html(const Inspection *inspection, const HtmlOptions *options, size_t *size, char *error,
                size_t error_size);

#endif
