/* What a text names in an inspected function: see the rows of FORMS in query.c. */
#ifndef VITC_INSPECT_EXPLAIN_QUERY_H
#define VITC_INSPECT_EXPLAIN_QUERY_H

#include "inspect/explain/explanation.h"

typedef struct {
    Explains kind;
    uint32_t number;    /* of a value; of a state or input; of a kernel, from 0 */
    bool input;         /* of EXPLAINS_SOURCE */
    GroupRequest group; /* of EXPLAINS_GROUP */
    const char *ask;    /* what names it alone: "%12" */
    const char *what;   /* in few words: "matmul f32[8x4] net.fc" */
    double seconds;     /* a step */
    uint32_t kernel;    /* of a value or kernel, from 1; 0: none */
} Meaning;

typedef struct {
    Meaning *items;
    size_t count, capacity;
    bool gone; /* all are values that are gone */
} Meanings;

/* All that the text may mean: at least one thing. False: nothing; *why then says so, with the nearest name. */
bool query(const Explainer *x, const char *text, Meanings *out, const char **why);
Explanation explain(const Explainer *x, const Meaning *meaning);

/* The kernel that a text names, from 0: by its number ("12", "kernel 12"), its name in reports, that of its function in
 * profiles and listings ("kernel_3.matmul.net.fc"), or a value or state whose new value it computes. False: none, or
 * several; *why then says so. */
bool query_kernel(const Explainer *x, const char *text, uint32_t *kernel, const char **why);

#endif
