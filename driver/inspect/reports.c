/* vitc inspect --memory and --cost, also together. */
#include "driver/inspect/request.h"
#include "inspect/explain/explain_json.h"
#include "inspect/explain/explain_text.h"
#include "inspect/report/cost_json.h"
#include "inspect/report/cost_text.h"
#include "inspect/report/memory_json.h"
#include "inspect/report/memory_svg.h"
#include "inspect/report/memory_text.h"
#include "inspect/report/report_json.h"
#include "ir/base/stream.h"

#include <stdlib.h>
#include <string.h>

bool inspect_check_reports(InspectRequest *request) {
    const Flag *flags = request->flags;
    VtError unwritable;
    if (!flags[INSPECT_COST].given && (flags[INSPECT_PEAK].given || flags[INSPECT_BANDWIDTH].given))
        return fail(2, "--peak and --bandwidth go with --cost") < 0;
    if (!flags[INSPECT_COST].given && flags[INSPECT_PROFILE].given)
        return fail(2, "--profile goes with --cost") < 0;
    return !request->picture || vt_output_check(request->picture, &unwritable) ||
           fail(unwritable.code, "%s", unwritable.message) < 0;
}

/* The arena over time as a picture; false after a message. */
static bool write_picture(const MemoryReport *report, const char *path) {
    TextStream stream;
    VtError error;
    size_t size;
    memory_svg(report, stream_begin(&stream));
    char *text = stream_end(&stream, &size);
    bool good = vt_replace_with(path, 0666, text, size, &error);
    free(text);
    return good || fail(error.code, "%s", error.message) < 0;
}

/* Kernels, and the lines of the recipe that they are for. */
static void put_cost(const Inspection *inspection, const char *recipe, json_t *all, FILE *out,
                     const VtTerminal *terminal) {
    CostReport report =
        cost_report(inspection->arena, inspection->func, inspection->roofline, inspection->profile);
    const LineCosts *lines = line_costs(inspection, &report.positions, value_costs(inspection));
    if (all) {
        json_t *cost = cost_json(&report);
        report_put(cost, "lines", lines_json(lines));
        report_put(all, "cost", cost);
        return;
    }
    cost_summary_text(&report, out);
    lines_text(inspection->arena, lines, recipe, out, terminal);
    cost_tables_text(&report, out);
}

int inspect_reports(const InspectRequest *request, Inspection *inspection, FILE *out,
                    const VtTerminal *terminal) {
    json_t *all = strcmp(request->show->format, "json") == 0 ? report_object() : NULL;
    int code = 0;
    if (request->flags[INSPECT_MEMORY].given) {
        MemoryReport report = memory_report(inspection->arena, inspection->func);
        if (request->picture && !write_picture(&report, request->picture)) code = 1;
        if (code == 0 && all) report_put(all, "memory", memory_json(&report));
        if (code == 0 && !all) memory_text(&report, out);
    }
    if (code == 0 && request->flags[INSPECT_COST].given) {
        put_cost(inspection, request->recipe, all, out, terminal);
    }
    if (code == 0 && all)
        report_write(all, out);
    else
        json_decref(all);
    return code;
}
