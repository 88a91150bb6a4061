/* Explanations as JSON: docs/schemas/inspect-explain.schema.json. */
#ifndef VITC_INSPECT_EXPLAIN_EXPLAIN_JSON_H
#define VITC_INSPECT_EXPLAIN_EXPLAIN_JSON_H

#include "inspect/explain/kernel_code.h"
#include "inspect/explain/query.h"

#include <jansson.h>

json_t *explain_json(const char *asked, const Explanation *explanation);
/* What a text may mean, where that is several things. */
json_t *meanings_json(const Explainer *x, const char *asked, const Meanings *meanings);
json_t *kernel_code_json(const Explainer *x, const char *asked, const KernelCode *code);
/* A row a line; member `lines` of a report of costs. */
json_t *lines_json(const LineCosts *lines);

#endif
