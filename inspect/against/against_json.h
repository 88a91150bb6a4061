/* Two recipes side by side as JSON: vitc inspect A --against B --format=json; docs/schemas/inspect-against.schema.json.
 *
 *   recipes: [first second], each as it was asked for; function
 *   settings: [{key first second}], keys of the recipes that differ
 *   totals: [{name unit first second}]
 *   states inputs outputs modules operators kernels: {same, rows: [{name first second}]}; first and second are null
 *   where it is not in there, else {count value types}; value: bytes of tensors, seconds of modules and kernels, null
 *   of operators; types: of tensors, else null */
#ifndef VITC_INSPECT_AGAINST_JSON_H
#define VITC_INSPECT_AGAINST_JSON_H

#include "inspect/against/against.h"

#include <jansson.h>

json_t *against_json(const AgainstReport *report, const char *const names[2]);

#endif
