/* vitc inspect: the IR itself. */
#include "driver/inspect/request.h"
#include "inspect/report/report_json.h"
#include "inspect/text/diff_json.h"
#include "inspect/text/diff_text.h"
#include "inspect/text/graph_json.h"
#include "inspect/text/pass_table.h"

#include <stdlib.h>
#include <string.h>

static bool is_json(const InspectRequest *request) {
    return strcmp(request->show->format, "json") == 0;
}

static bool is_all(const Flag *flag) {
    return flag->given && strcmp(flag->value, "all") == 0;
}

/* Nothing is left out: what is printed reads back. */
static bool is_full(const InspectRequest *request) {
    const Flag *flags = request->flags;
    return flags[INSPECT_FULL].given ||
           (is_all(&flags[INSPECT_STATES]) && is_all(&flags[INSPECT_FUNCTION]) && !flags[INSPECT_ONLY].given);
}

bool inspect_check_view(InspectRequest *request) {
    const Flag *flags = request->flags, *states = &flags[INSPECT_STATES];
    bool part = flags[INSPECT_ONLY].given || (states->given && !is_all(states));
    return !(flags[INSPECT_FULL].given && part) || fail(2, "--full is all of it: no --only and --states") < 0;
}

/* Of --function: NULL is all functions. */
static const Func *asked_func(const InspectRequest *request, const Inspection *inspection) {
    bool one = request->flags[INSPECT_FUNCTION].given && !is_all(&request->flags[INSPECT_FUNCTION]);
    return one ? inspection->func : NULL;
}

/* What of the module is asked for; false after telling that there is none. */
static bool read_part(const InspectRequest *request, const Inspection *inspection, ListingOptions *options) {
    const Flag *flags = request->flags;
    *options = (ListingOptions){.only = flags[INSPECT_ONLY].value,
                                .all_functions = is_all(&flags[INSPECT_FUNCTION])};
    if (flags[INSPECT_STATES].given) options->states = state_group_find(flags[INSPECT_STATES].value);
    const Func *func = options->all_functions ? NULL : inspection->func;
    const char *refusal =
        options->only ? only_refusal(inspection->arena, inspection->module, func, options->only) : NULL;
    return !refusal || fail(2, "--only: %s", refusal) < 0;
}

static void open_view(View *view, FILE *out, const VtTerminal *terminal) {
    view_open(view, out, terminal->terminal ? terminal->width : 0, terminal->colour);
}

int inspect_view(const InspectRequest *request, Inspection *inspection, FILE *out,
                 const VtTerminal *terminal) {
    ListingOptions options;
    if (is_full(request)) {
        size_t size;
        char *text = listing_full(inspection, asked_func(request, inspection), &size);
        fwrite(text, 1, size, out);
        free(text);
        return 0;
    }
    if (!read_part(request, inspection, &options)) return 2;
    View view;
    open_view(&view, out, terminal);
    listing_text(inspection, &options, &view);
    view_close(&view);
    return 0;
}

int inspect_graph_json(const InspectRequest *request, Inspection *inspection, FILE *out,
                       const VtTerminal *terminal) {
    (void)terminal;
    ListingOptions options;
    if (!read_part(request, inspection, &options)) return 2;
    if (is_full(request)) {
        options.states = state_group_find("all");
        options.all_functions = !asked_func(request, inspection);
    }
    report_write(graph_json(inspection, &options), out);
    return 0;
}

int inspect_diff(const InspectRequest *request, Inspection *inspection, FILE *out,
                 const VtTerminal *terminal) {
    ListingOptions part;
    if (!read_part(request, inspection, &part)) return 2;
    DiffOptions options = {
        .all_functions = part.all_functions, .full = request->flags[INSPECT_FULL].given, .only = part.only};
    if (is_json(request)) {
        report_write(diff_json(inspection, &options), out);
        return 0;
    }
    View view;
    open_view(&view, out, terminal);
    diff_text(inspection, &options, &view);
    view_close(&view);
    return 0;
}

int inspect_passes(const InspectRequest *request, Inspection *inspection, FILE *out,
                   const VtTerminal *terminal) {
    if (is_json(request)) {
        report_write(pass_table_json(inspection), out);
        return 0;
    }
    View view;
    open_view(&view, out, terminal);
    pass_table_text(inspection, &view);
    view_close(&view);
    return 0;
}
