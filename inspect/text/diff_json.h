/* What a pass changed as JSON: vitc inspect --diff=PASS --format=json (docs/schemas/inspect-diff.schema.json).
 *
 *   recipe pass doc before
 *   states_added: [NAME]
 *   functions: [{name new gone reordered
 *     values: {before after gone made changed}, kernels: {before after gone made changed}
 *     changes: [{of change what before after value kernel_before kernel_after scope file line why}]
 *     outputs: [NAME], updates: [STATE]}]
 *
 * before of the whole: the label of the stage before the pass. of: "value", "kernel"; change: "gone", "new", "changed";
 * what: words of DIFF_WORDS. before, after of a change: its text then, null where it was not there; of a value
 * `value` is what it is called, of a kernel kernel_before and kernel_after are its numbers from 1. why: a sentence, or
 * null. outputs, updates: those whose value is another. */
#ifndef VITC_INSPECT_TEXT_DIFF_JSON_H
#define VITC_INSPECT_TEXT_DIFF_JSON_H

#include "inspect/text/diff_text.h"

#include <jansson.h>

/* Of the last stage and the one before it, of which the inspection has copies. */
json_t *diff_json(const Inspection *inspection, const DiffOptions *options);

#endif
