/* vitc inspect --explain and --kernel: why something is as it is, and one kernel's code. */
#include "driver/inspect/request.h"
#include "inspect/explain/explain_json.h"
#include "inspect/explain/explain_text.h"
#include "inspect/report/report_json.h"

#include <string.h>

static bool wants_json(const InspectRequest *request) {
    return strcmp(request->show->format, "json") == 0;
}

static void explain_one(const InspectRequest *request, const Explainer *x, const char *asked,
                        const Meaning *meaning, FILE *out, const VtTerminal *terminal) {
    Explanation explanation = explain(x, meaning);
    if (wants_json(request))
        report_write(explain_json(asked, &explanation), out);
    else
        explain_text(x->arena, &explanation, out, terminal);
}

int inspect_explain(const InspectRequest *request, Inspection *inspection, FILE *out,
                    const VtTerminal *terminal) {
    const char *asked = request->flags[INSPECT_EXPLAIN].value, *why;
    Explainer x = explainer_make(inspection);
    Meanings meanings;
    if (!query(&x, asked, &meanings, &why)) return fail(2, "--explain %s: %s", asked, why);
    if (meanings.count == 1)
        explain_one(request, &x, asked, &meanings.items[0], out, terminal);
    else if (wants_json(request))
        report_write(meanings_json(&x, asked, &meanings), out);
    else
        meanings_text(x.arena, asked, &meanings, out, terminal);
    return 0;
}

/* ---- one kernel -------------------------------------------------------------------------------------------------- */

int inspect_kernel(const InspectRequest *request, Inspection *inspection, FILE *out,
                   const VtTerminal *terminal) {
    const char *asked = request->flags[INSPECT_KERNEL].value, *why;
    const Flag *emit = &request->flags[INSPECT_EMIT];
    Explainer x = explainer_make(inspection);
    KernelCode code;
    uint32_t kernel;
    if (!query_kernel(&x, asked, &kernel, &why)) return fail(2, "--kernel %s: %s", asked, why);
    if (!emit->given) {
        explain_one(request, &x, asked, &(Meaning){.kind = EXPLAINS_KERNEL, .number = kernel}, out, terminal);
        return 0;
    }
    bool assembly = strcmp(emit->value, "asm") == 0;
    if (!kernel_code(&x, kernel, request->flags[INSPECT_TARGET].value, assembly, &code, &why))
        return fail(2, "--kernel %s: %s", asked, why);
    if (wants_json(request))
        report_write(kernel_code_json(&x, asked, &code), out);
    else
        kernel_code_text(&code, out);
    kernel_code_free(&code);
    return 0;
}
