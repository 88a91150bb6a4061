/* vitc inspect: what is asked for, and the table of what can be shown. A new show is a row of SHOWS (shows.c) and a
 * function; a new flag a number here and a row of FLAGS (flags.c). */
#ifndef VITC_DRIVER_INSPECT_REQUEST_H
#define VITC_DRIVER_INSPECT_REQUEST_H

#include "driver/driver.h"
#include "inspect/inspect.h"

typedef enum {
    INSPECT_AFTER,
    INSPECT_BEFORE,
    INSPECT_FUNCTION,
    INSPECT_ONLY,
    INSPECT_STATES,
    INSPECT_FULL,
    INSPECT_DIFF,
    INSPECT_PASSES,
    INSPECT_MEMORY,
    INSPECT_COST,
    INSPECT_EXPLAIN,
    INSPECT_KERNEL,
    INSPECT_EMIT,
    INSPECT_AGAINST,
    INSPECT_ALL,
    INSPECT_OUT,
    INSPECT_FORCE,
    INSPECT_DEPTH,
    INSPECT_PROFILE,
    INSPECT_PEAK,
    INSPECT_BANDWIDTH,
    INSPECT_FORMAT,
    INSPECT_TARGET,
    INSPECT_STRICT,
    INSPECT_TIMING,
    N_INSPECT_FLAGS
} InspectFlag;
#define FLAG_BIT(name) ((uint64_t)1 << INSPECT_##name)

typedef struct {
    int argc;
    char **argv; /* of the verb */
    Flag flags[N_INSPECT_FLAGS];
    Arguments args;
    const char *recipe;  /* a file or the name of one */
    const char *picture; /* FILE.svg of --memory; NULL: none */
    Roofline roofline;   /* --peak, --bandwidth */
    int stage;           /* the last that runs: of --after, --before or --diff, else of all passes */
    const struct InspectShow *show;
} InspectRequest;

typedef struct InspectShow {
    InspectFlag asks;   /* the flag that asks for it; N_INSPECT_FLAGS: what is shown unless one does */
    const char *format; /* of --format; the first row of a flag is what is meant without */
    uint64_t takes;     /* FLAG_BITs that go with it, beside --format, --target, --strict and --timing */
    bool all_functions; /* it takes --function=all */
    bool written;       /* it tells FLOPs as written */
    uint64_t keep; /* stages of which copies are wanted: STAGES_ALL; KEEP_BEFORE: the one before the last */
    /* False after telling what is wrong, before anything is read; NULL: nothing can be. */
    bool (*check)(InspectRequest *request);
    /* Returns the exit code. `terminal`: what `out` is seen on. */
    int (*show)(const InspectRequest *request, Inspection *inspection, FILE *out, const VtTerminal *terminal);
    /* Instead, of a show that reads recipes itself. */
    int (*alone)(const InspectRequest *request, FILE *out, const VtTerminal *terminal);
} InspectShow;
#define KEEP_BEFORE ((uint64_t)1 << 63)

/* ---- flags.c ----------------------------------------------------------------------------------------------------- */
extern const FlagTable INSPECT_GRAPH_FLAGS, INSPECT_SHOW_FLAGS, INSPECT_FORM_FLAGS, INSPECT_COMPILE_FLAGS;

/* ---- shows.c ----------------------------------------------------------------------------------------------------- */
/* The row that the flags ask for; NULL after telling what does not go together. */
const InspectShow *inspect_choose(const InspectRequest *request);

/* ---- reports.c: --memory and --cost ------------------------------------------------------------------------------ */
bool inspect_check_reports(InspectRequest *request);
int inspect_reports(const InspectRequest *request, Inspection *inspection, FILE *out,
                    const VtTerminal *terminal);

/* ---- explain.c: --explain and --kernel --------------------------------------------------------------------------- */
int inspect_explain(const InspectRequest *request, Inspection *inspection, FILE *out,
                    const VtTerminal *terminal);
int inspect_kernel(const InspectRequest *request, Inspection *inspection, FILE *out,
                   const VtTerminal *terminal);

/* ---- against.c: --against ---------------------------------------------------------------------------------------- */
int inspect_against(const InspectRequest *request, FILE *out, const VtTerminal *terminal);

/* ---- graph.c: the IR as text and JSON, the table of passes, what a pass changed --------------------------------- */
bool inspect_check_view(InspectRequest *request);
int inspect_view(const InspectRequest *request, Inspection *inspection, FILE *out,
                 const VtTerminal *terminal);
int inspect_graph_json(const InspectRequest *request, Inspection *inspection, FILE *out,
                       const VtTerminal *terminal);
int inspect_diff(const InspectRequest *request, Inspection *inspection, FILE *out,
                 const VtTerminal *terminal);
int inspect_passes(const InspectRequest *request, Inspection *inspection, FILE *out,
                   const VtTerminal *terminal);

/* ---- page.c: --format=html, svg and dot -------------------------------------------------------------------------- */
bool inspect_check_page(InspectRequest *request);
int inspect_page(const InspectRequest *request, Inspection *inspection, FILE *out,
                 const VtTerminal *terminal);
int inspect_drawing(const InspectRequest *request, Inspection *inspection, FILE *out,
                    const VtTerminal *terminal);

#endif
