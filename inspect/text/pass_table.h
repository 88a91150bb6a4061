/* The passes that ran and what each did, as data, a table and JSON. */
#ifndef VITC_INSPECT_TEXT_PASS_TABLE_H
#define VITC_INSPECT_TEXT_PASS_TABLE_H

#include "inspect/text/diff.h"
#include "inspect/text/view.h"

#include <jansson.h>

typedef enum { EFFECT_NONE, EFFECT_ORDER, EFFECT_CHANGED } PassEffect;

typedef struct {
    const char *label, *doc; /* "simplify.1" */
    double seconds;
    PassEffect effect;
    DiffCounts values, kernels; /* of all functions together */
    size_t states;              /* that it added */
    FlopCount flops;            /* of the inspected function, behind it */
} PassRow;

/* A row for each pass of an inspection with copies of all stages. */
const PassRow *pass_table_rows(const Inspection *inspection, size_t *n);

void pass_table_text(const Inspection *inspection, View *view);

/* vitc inspect --passes --format=json (docs/schemas/inspect-passes.schema.json):
 *
 *   recipe target seconds function
 *   passes: [{pass doc seconds changed reordered nodes_before nodes_after made gone altered kernels_before
 *     kernels_after states_added flops product_flops}]
 *
 * changed: something but the order is another; reordered: the order alone is. nodes, made, gone, altered: values of
 * all functions; made: of numbers that are new, altered: of the same number. */
json_t *pass_table_json(const Inspection *inspection);

#endif
