/* What kernels should cost as JSON: vitc inspect --cost --format=json. Times are seconds, rates a second.
 *
 *   recipe function calls flops bytes seconds compute_seconds
 *   measured: null, or {file steps threads step_seconds seconds}
 *   roofline: {flops flops_assumed bytes bytes_assumed}
 *   kernels: [{name calls seconds measured flops bytes limit}], scopes: [{name calls seconds measured flops bytes}]
 *   chains: [{name count kernels blocks footprint saved spent}] */
#ifndef VITC_INSPECT_REPORT_COST_JSON_H
#define VITC_INSPECT_REPORT_COST_JSON_H

#include "inspect/report/cost_report.h"

#include <jansson.h>

json_t *cost_json(const CostReport *report);

#endif
