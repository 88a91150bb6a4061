/* The memory plan as JSON: vitc inspect --memory --format=json. Sizes are bytes, kernels are numbered as in the printed
 * IR.
 *
 *   recipe function batch
 *   states: [{role bytes tensors}], inputs, outputs: [{name type bytes}]
 *   limit: null, or {asked taken}
 *   arena: {planned most_live staged loops blocks kernels peak: {kernel name} live: [bytes while kernel 1, 2, … runs]}
 *   values: [{name bytes offset born died use}]
 *   rematerialized: {kernels bytes flops all_flops kinds: [{name count bytes flops}]} */
#ifndef VITC_INSPECT_REPORT_MEMORY_JSON_H
#define VITC_INSPECT_REPORT_MEMORY_JSON_H

#include "inspect/report/memory_report.h"

#include <jansson.h>

json_t *memory_json(const MemoryReport *report);

#endif
