/* What vitc inspect can show, and which of it is asked for. */
#include "driver/inspect/request.h"
#include "runtime/base/nearest.h"

#include <string.h>

#define THE_STAGE (FLAG_BIT(AFTER) | FLAG_BIT(BEFORE))
#define THE_PART (FLAG_BIT(FUNCTION) | FLAG_BIT(ONLY) | FLAG_BIT(STATES))
#define THE_COSTS (THE_ROOFLINE | FLAG_BIT(PROFILE))
#define THE_ROOFLINE (FLAG_BIT(PEAK) | FLAG_BIT(BANDWIDTH))
#define THE_FILE (FLAG_BIT(OUT) | FLAG_BIT(FORCE))

static const InspectShow SHOWS[] = {
    {.asks = INSPECT_DIFF,
     .format = "text",
     .takes = FLAG_BIT(FUNCTION) | FLAG_BIT(ONLY) | FLAG_BIT(FULL),
     .all_functions = true,
     .keep = KEEP_BEFORE,
     .show = inspect_diff},
    {.asks = INSPECT_DIFF,
     .format = "json",
     .takes = FLAG_BIT(FUNCTION) | FLAG_BIT(ONLY) | FLAG_BIT(FULL),
     .all_functions = true,
     .keep = KEEP_BEFORE,
     .show = inspect_diff},
    {.asks = INSPECT_PASSES,
     .format = "text",
     .takes = THE_STAGE,
     .keep = STAGES_ALL,
     .show = inspect_passes},
    {.asks = INSPECT_PASSES,
     .format = "json",
     .takes = THE_STAGE,
     .keep = STAGES_ALL,
     .show = inspect_passes},
    {.asks = INSPECT_MEMORY,
     .format = "text",
     .takes = FLAG_BIT(COST) | FLAG_BIT(FUNCTION) | THE_COSTS,
     .check = inspect_check_reports,
     .show = inspect_reports},
    {.asks = INSPECT_MEMORY,
     .format = "json",
     .takes = FLAG_BIT(COST) | FLAG_BIT(FUNCTION) | THE_COSTS,
     .check = inspect_check_reports,
     .show = inspect_reports},
    {.asks = INSPECT_COST,
     .format = "text",
     .takes = FLAG_BIT(FUNCTION) | THE_COSTS,
     .check = inspect_check_reports,
     .show = inspect_reports},
    {.asks = INSPECT_COST,
     .format = "json",
     .takes = FLAG_BIT(FUNCTION) | THE_COSTS,
     .check = inspect_check_reports,
     .show = inspect_reports},
    {.asks = INSPECT_EXPLAIN,
     .format = "text",
     .takes = FLAG_BIT(FUNCTION) | THE_ROOFLINE,
     .keep = STAGES_ALL,
     .show = inspect_explain},
    {.asks = INSPECT_EXPLAIN,
     .format = "json",
     .takes = FLAG_BIT(FUNCTION) | THE_ROOFLINE,
     .keep = STAGES_ALL,
     .show = inspect_explain},
    {.asks = INSPECT_KERNEL,
     .format = "text",
     .takes = FLAG_BIT(FUNCTION) | FLAG_BIT(EMIT) | THE_ROOFLINE,
     .keep = STAGES_ALL,
     .show = inspect_kernel},
    {.asks = INSPECT_KERNEL,
     .format = "json",
     .takes = FLAG_BIT(FUNCTION) | FLAG_BIT(EMIT) | THE_ROOFLINE,
     .keep = STAGES_ALL,
     .show = inspect_kernel},
    {.asks = INSPECT_AGAINST,
     .format = "text",
     .takes = FLAG_BIT(FUNCTION) | FLAG_BIT(ALL) | THE_ROOFLINE,
     .alone = inspect_against},
    {.asks = INSPECT_AGAINST,
     .format = "json",
     .takes = FLAG_BIT(FUNCTION) | FLAG_BIT(ALL) | THE_ROOFLINE,
     .alone = inspect_against},
    {.asks = N_INSPECT_FLAGS,
     .format = "text",
     .takes = THE_STAGE | THE_PART | FLAG_BIT(FULL),
     .all_functions = true,
     .written = true,
     .check = inspect_check_view,
     .show = inspect_view},
    {.asks = N_INSPECT_FLAGS,
     .format = "json",
     .takes = THE_STAGE | THE_PART | FLAG_BIT(FULL),
     .all_functions = true,
     .check = inspect_check_view,
     .show = inspect_graph_json},
    {.asks = N_INSPECT_FLAGS,
     .format = "html",
     .takes = FLAG_BIT(FUNCTION) | THE_FILE | FLAG_BIT(PROFILE) | THE_ROOFLINE,
     .keep = STAGES_ALL,
     .check = inspect_check_page,
     .show = inspect_page},
    {.asks = N_INSPECT_FLAGS,
     .format = "svg",
     .takes = THE_STAGE | FLAG_BIT(FUNCTION) | THE_FILE | FLAG_BIT(DEPTH),
     .check = inspect_check_page,
     .show = inspect_drawing},
    {.asks = N_INSPECT_FLAGS,
     .format = "dot",
     .takes = THE_STAGE | FLAG_BIT(FUNCTION) | THE_FILE | FLAG_BIT(DEPTH),
     .check = inspect_check_page,
     .show = inspect_drawing},
};
enum { N_SHOWS = sizeof SHOWS / sizeof *SHOWS };
static const uint64_t WITH_ANY = FLAG_BIT(FORMAT) | FLAG_BIT(TARGET) | FLAG_BIT(STRICT) | FLAG_BIT(TIMING);

static bool is_given(const InspectRequest *request, InspectFlag flag) {
    return flag < N_INSPECT_FLAGS && request->flags[flag].given;
}

/* The first row that is asked for by a flag. */
static InspectFlag asked(const InspectRequest *request) {
    for (int i = 0; i < N_SHOWS; i++)
        if (is_given(request, SHOWS[i].asks)) return SHOWS[i].asks;
    return N_INSPECT_FLAGS;
}

/* "--cost", or what there is without a flag. */
static const char *name_of(const InspectRequest *request, InspectFlag asks, char *name, size_t size) {
    if (asks == N_INSPECT_FLAGS) return "what is shown without another flag";
    const Flag *flag = &request->flags[asks];
    snprintf(name, size, "%s%s", dashes_of(flag), flag->row->name);
    return name;
}

/* "--peak goes with --memory or --cost": the flags of which no show that is asked for takes any. */
static bool refuse_flag(const InspectRequest *request, InspectFlag asks, InspectFlag flag) {
    char with[256] = "", this[64], name[64], what[64];
    InspectFlag last = INSPECT_FORMAT; /* asks for nothing */
    for (int i = 0; i < N_SHOWS; i++) {
        bool takes = SHOWS[i].takes >> flag & 1;
        if (!takes || SHOWS[i].asks == last) continue;
        size_t n = strlen(with);
        snprintf(with + n, sizeof with - n, "%s%s", n ? " or " : "",
                 name_of(request, SHOWS[i].asks, name, sizeof name));
        last = SHOWS[i].asks;
    }
    name_of(request, flag, what, sizeof what);
    if (asks == N_INSPECT_FLAGS) return fail(2, "%s goes with %s", what, with) < 0;
    name_of(request, asks, this, sizeof this);
    if (!*with) return fail(2, "%s and %s show two things: one at a time", what, this) < 0;
    return fail(2, "%s does not go with %s: it goes with %s", what, this, with) < 0;
}

/* "--depth goes with --format=svg or --format=dot": those formats of the same that take it. NULL: none does. */
static const char *formats_that_take(InspectFlag asks, InspectFlag flag, char *text, size_t size) {
    size_t n = 0;
    for (int i = 0; i < N_SHOWS && n < size; i++)
        if (SHOWS[i].asks == asks && SHOWS[i].takes >> flag & 1)
            n += (size_t)snprintf(text + n, size - n, "%s--format=%s", n ? " or " : "", SHOWS[i].format);
    return n ? text : NULL;
}

static bool one_function(const InspectRequest *request, const InspectShow *show) {
    const Flag *function = &request->flags[INSPECT_FUNCTION];
    char name[64];
    if (!function->given || strcmp(function->value, "all") != 0) return true;
    if (show->asks == N_INSPECT_FLAGS)
        snprintf(name, sizeof name, "--format=%s", show->format);
    else
        name_of(request, show->asks, name, sizeof name);
    return fail(2, "--function all: %s shows one function", name) < 0;
}

static bool go_together(const InspectRequest *request, const InspectShow *show) {
    for (InspectFlag flag = 0; flag < N_INSPECT_FLAGS; flag++) {
        bool fits = flag == show->asks || (show->takes | WITH_ANY) >> flag & 1;
        if (!is_given(request, flag) || fits) continue;
        char formats[128];
        const char *name = request->flags[flag].row->name;
        if (formats_that_take(show->asks, flag, formats, sizeof formats))
            return fail(2, "%s%s goes with %s", name[1] ? "--" : "-", name, formats) < 0;
        return refuse_flag(request, show->asks, flag);
    }
    return show->all_functions || one_function(request, show);
}

const InspectShow *inspect_choose(const InspectRequest *request) {
    const Flag *format = &request->flags[INSPECT_FORMAT];
    const char *formats[N_SHOWS];
    char all[128] = "";
    InspectFlag asks = asked(request);
    size_t n = 0;
    for (int i = 0; i < N_SHOWS; i++) {
        const InspectShow *show = &SHOWS[i];
        if (show->asks != asks) continue;
        if (!format->given || strcmp(format->value, show->format) == 0)
            return go_together(request, show) ? show : NULL;
        size_t length = strlen(all);
        snprintf(all + length, sizeof all - length, "%s%s", n ? ", " : "", show->format);
        formats[n++] = show->format;
    }
    const char *near = vt_nearest(format->value, formats, n);
    if (near)
        fail(2, "--format %s: did you mean %s?", format->value, near);
    else
        fail(2, "--format %s: there %s %s", format->value, n > 1 ? "are" : "is", all);
    return NULL;
}
