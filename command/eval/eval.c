/* eval: protocols that judge a frozen encoder. */
#include "command/eval/encoded.h"
#include "command/eval/protocol.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const EvalProtocol *const PROTOCOLS[] = {&EVAL_KNN, &EVAL_LINEAR};
enum { N_PROTOCOLS = sizeof PROTOCOLS / sizeof *PROTOCOLS };

int eval_classes(const VtFeatures *a, const VtFeatures *b) {
    int most = 0;
    for (int64_t i = 0; i < a->n; i++) most = a->labels[i] >= most ? a->labels[i] + 1 : most;
    for (int64_t i = 0; i < b->n; i++) most = b->labels[i] >= most ? b->labels[i] + 1 : most;
    return most;
}

static void tell_broken(const Encoded *encoded) {
    const VtFeatures *sets[] = {&encoded->train, &encoded->test};
    for (int i = 0; i < 2; i++)
        if (sets[i]->broken)
            fprintf(stderr, "%s: skipped: %lld of the %s images, the first: %s\n", command->name,
                    (long long)sets[i]->broken, i ? "test" : "training", sets[i]->first_broken.message);
}

static bool judge(const EvalRequest *r, EvalReport *report, VtError *error) {
    EvalData data = {0};
    Encoded encoded = {0};
    bool good = data_open(r, &data, error) && encoded_make(r, &data, &encoded, error);
    if (good) encoded_tell(r, &encoded, report);
    good = good && r->protocol->judge(r, &encoded.train, &encoded.test, report, error);
    if (good) tell_broken(&encoded);
    encoded_free(&encoded);
    data_close(&data);
    return good;
}

int verb_eval(int argc, char **argv) {
    EvalRequest request;
    int code;
    if (!request_read(&request, PROTOCOLS, N_PROTOCOLS, argc, argv)) return 2;
    if (request.protocol->run) return request.protocol->run(&request);
    if (frozen_open(&request.frozen, request.word, &code)) {
        VtError error = {.code = 2};
        EvalReport *report = eval_report_new();
        bool good = report ? judge(&request, report, &error) : vt_fail(&error, 1, "out of memory");
        if (good)
            code = fflush(stdout) == 0 ? 0 : fail(1, "cannot write the results: %s", strerror(errno));
        else
            code = error.message[0] ? fail(error.code, "%s", error.message) : error.code;
        eval_report_free(report);
    }
    frozen_close(&request.frozen);
    return code;
}
