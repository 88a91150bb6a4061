/* vitc inspect: the IR itself. */
#include "driver/inspect/request.h"
#include "inspect/text/listing.h"

#include <stdlib.h>
#include <string.h>

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
    if (flags[INSPECT_FULL].given && part) return fail(2, "--full is all of it: no --only and --states") < 0;
    if (!states->given || state_group_find(states->value)) return true;
    Arena *arena = arena_new();
    fail(2, "--states: %s", state_group_refusal(arena, states->value));
    arena_free(arena);
    return false;
}

/* Of --function: NULL is all functions. */
static const Func *asked_func(const InspectRequest *request, const Inspection *inspection) {
    bool one = request->flags[INSPECT_FUNCTION].given && !is_all(&request->flags[INSPECT_FUNCTION]);
    return one ? inspection->func : NULL;
}

int inspect_view(const InspectRequest *request, Inspection *inspection, FILE *out,
                 const VtTerminal *terminal) {
    const Flag *flags = request->flags;
    ListingOptions options = {.only = flags[INSPECT_ONLY].value,
                              .all_functions = is_all(&flags[INSPECT_FUNCTION])};
    if (is_full(request)) {
        size_t size;
        char *text = listing_full(inspection, asked_func(request, inspection), &size);
        fwrite(text, 1, size, out);
        free(text);
        return 0;
    }
    if (flags[INSPECT_STATES].given) options.states = state_group_find(flags[INSPECT_STATES].value);
    const Func *func = options.all_functions ? NULL : inspection->func;
    const char *refusal =
        options.only ? only_refusal(inspection->arena, inspection->module, func, options.only) : NULL;
    if (refusal) return fail(2, "--only: %s", refusal);
    View view;
    view_open(&view, out, terminal->terminal ? terminal->width : 0, terminal->colour);
    listing_text(inspection, &options, &view);
    view_close(&view);
    return 0;
}
