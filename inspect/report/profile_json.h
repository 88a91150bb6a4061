/* What a timed run of steps showed as JSON: vitc bench --format=json. Times are seconds, rates a second.
 *
 *   bench_json     recipe target steps threads best median images product_flops
 *   profile_json   seconds
 *                  roofline: {flops flops_from bytes bytes_from}, FROM being given, measured or unknown; null: unknown
 *                  kernels: [{name calls seconds flops bytes limit limit_seconds}] */
#ifndef VITC_INSPECT_REPORT_PROFILE_JSON_H
#define VITC_INSPECT_REPORT_PROFILE_JSON_H

#include "inspect/report/profile_report.h"

#include <jansson.h>

json_t *bench_json(const BenchReport *report);
json_t *profile_json(const ProfileReport *report);

#endif
