/* eval: protocols that judge a frozen encoder. */
#include "command/eval/encoded.h"
#include "command/eval/protocol.h"
#include "command/eval/whiten.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const EvalProtocol *const PROTOCOLS[] = {&EVAL_KNN, &EVAL_LINEAR, &EVAL_FEWSHOT, &EVAL_FINETUNE,
                                                &EVAL_RETRIEVAL};
enum { N_PROTOCOLS = sizeof PROTOCOLS / sizeof *PROTOCOLS };

static void tell_broken(const Encoded *encoded) {
    const VtFeatures *sets[] = {&encoded->train, &encoded->test};
    for (int i = 0; i < 2; i++)
        if (sets[i]->broken)
            fprintf(stderr, "%s: skipped: %lld of the %s images, the first: %s\n", command->name,
                    (long long)sets[i]->broken, i ? "test" : "training", sets[i]->first_broken.message);
}

/* By one part of the features of an encoder. */
static bool judge_part(EvalRequest *r, Encoded *encoded, int part, EvalReport *report, VtError *error) {
    Encoded features = {0};
    bool good = encoded_part(encoded, part, &features, error);
    if (good) encoded_tell(r, &features, part, report);
    good = good && classes_check(r->protocol, vt_features_classes(&features.train, &features.test), error) &&
           (r->whiten == WHITEN_NONE || whiten(r, &features, report, error)) &&
           r->protocol->judge(r, &features.train, &features.test, report, error);
    if (good && features.encoder == ENCODER_TRAINED && part + 1 == encoded->parts) tell_broken(&features);
    encoded_free(&features);
    return good;
}

static bool judge_encoder(EvalRequest *r, const EvalData *data, Encoder encoder, EvalReport *report,
                          VtError *error) {
    Encoded encoded = {0};
    bool good = encoded_make(r, data, encoder, &encoded, error);
    for (int part = 0; good && part < encoded.parts; part++)
        good = judge_part(r, &encoded, part, report, error);
    encoded_free(&encoded);
    return good;
}

static bool judge(EvalRequest *r, EvalReport *report, VtError *error) {
    EvalData data = {0};
    bool good = data_open(r, &data, error);
    for (int e = 0; good && e < (r->baselines ? N_ENCODERS : 1); e++)
        good = judge_encoder(r, &data, (Encoder)e, report, error);
    if (good) eval_report_summary(report);
    data_close(&data);
    return good;
}

static int evaluate(EvalRequest *r) {
    char json[4096];
    VtError error = {.code = 2};
    EvalReport *report = eval_report_new();
    bool good = report || vt_fail(&error, 1, "out of memory");
    good = good && eval_report_find(r->json, r->frozen.run, json, &error) && judge(r, report, &error) &&
           (!json[0] || eval_report_write(report, json, &error));
    eval_report_free(report);
    if (!good) return error.message[0] ? fail(error.code, "%s", error.message) : error.code;
    if (json[0]) printf("(%s has them too)\n", json);
    return fflush(stdout) == 0 ? 0 : fail(1, "cannot write the results: %s", strerror(errno));
}

int verb_eval(int argc, char **argv) {
    EvalRequest request;
    int code;
    if (!request_read(&request, PROTOCOLS, N_PROTOCOLS, argc, argv)) return 2;
    if (request.protocol->run) return request.protocol->run(&request);
    request.frozen.apart = true;
    if (frozen_open(&request.frozen, request.word, &code)) code = evaluate(&request);
    frozen_close(&request.frozen);
    return code;
}
