/* What a timed run of steps showed, as lines and a table: vitc bench. */
#ifndef VITC_INSPECT_REPORT_PROFILE_TEXT_H
#define VITC_INSPECT_REPORT_PROFILE_TEXT_H

#include "inspect/report/profile_report.h"

#include <stdio.h>

void bench_text(const BenchReport *report, FILE *out);
void profile_text(const ProfileReport *report, FILE *out);

#endif
