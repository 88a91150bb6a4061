/* A measured run as Chrome trace events, which Perfetto (ui.perfetto.dev) and chrome://tracing open: a track a
 * thread, a slice for each kernel that it ran, a track of steps, and a counter of the arena's live bytes.
 *
 * The format is that of "Trace Event Format" (Google, 2016): an object with `traceEvents`; times in microseconds,
 * from the beginning of the first step. A slice's categories are what kind of kernel it is and its phase
 * ("product,forward"); its args have the kernel's number, its position in the recipe, shapes, FLOPs and bytes. Of a
 * long run only the first steps are in it, as `otherData.steps` says. */
#ifndef VITC_INSPECT_REPORT_TRACE_EVENTS_H
#define VITC_INSPECT_REPORT_TRACE_EVENTS_H

#include "inspect/report/profile_measure.h"

#include <stdio.h>

void trace_events(const ProfileMeasure *measure, FILE *out);

#endif
