/* eval retrieval: each test image ranks the training images, or with --within the other test images; those of its class
 * are relevant. */
#include "command/eval/protocol.h"
#include "runtime/evaluation/retrieval.h"

static bool judge(const EvalRequest *r, const VtFeatures *train, const VtFeatures *test, EvalReport *report,
                  VtError *error) {
    VtRetrievalResult result;
    if (!vt_retrieval(r->frozen.instance, r->frozen.made->program, r->within ? test : train,
                      r->within ? NULL : test, &result, error))
        return false;
    EvalNumber scores[] = {{"map", result.map},
                           {"recall1", result.recall[0]},
                           {"recall5", result.recall[1]},
                           {"recall10", result.recall[2]},
                           {NULL, 0}};
    eval_text(report, "settings", "database", r->within ? "test" : "train");
    eval_number(report, "settings", "queries", (double)result.queries);
    eval_number(report, "settings", "queries_alone", (double)result.alone);
    eval_row(report, "retrieval", r->within ? ", among test images" : NULL, scores);
    eval_headline(report, NULL, NULL, scores);
    printf("(%lld queries among %lld images of %d classes, %lld features; skipped: %lld broken, %lld "
           "unlabelled, "
           "%lld with features 0, %lld without an image of their class)\n",
           (long long)result.queries, (long long)result.database, result.classes, (long long)test->dim,
           (long long)((r->within ? 0 : train->broken) + test->broken), (long long)result.unlabelled,
           (long long)result.zero, (long long)result.alone);
    return true;
}

const EvalProtocol EVAL_RETRIEVAL = {.name = "retrieval",
                                     .title = "retrieval",
                                     .normalised = true,
                                     .flags = EVAL_USES(WITHIN),
                                     .judge = judge};
