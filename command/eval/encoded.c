/* Features of both splits: see encoded.h. */
#include "command/eval/encoded.h"

#include <stdio.h>

bool data_open(const EvalRequest *r, EvalData *out, VtError *error) {
    const Frozen *f = &r->frozen;
    out->train = frozen_data(f, "train", error);
    out->test = out->train ? frozen_data(f, "test", error) : NULL;
    if (!out->test) return false;
    const VtDataset *sets[] = {out->train, out->test};
    for (int i = 0; i < 2; i++)
        if (vt_dataset_labelled(sets[i]) == 0)
            return vt_fail(error, 2, "'%s': none of its %lld %s images has a label: %s needs them", f->data,
                           (long long)vt_dataset_size(sets[i]), i ? "test" : "training", r->protocol->title);
    int64_t train = vt_dataset_size(out->train), test = vt_dataset_size(out->test);
    int64_t limit = r->limit > 0 ? (int64_t)r->limit : INT64_MAX;
    return !r->protocol->check ||
           r->protocol->check(r, limit < train ? limit : train, limit < test ? limit : test, error);
}

void data_close(EvalData *data) {
    vt_dataset_close(data->train);
    vt_dataset_close(data->test);
    *data = (EvalData){0};
}

bool encoded_make(const EvalRequest *r, const EvalData *data, Encoded *out, VtError *error) {
    const Frozen *f = &r->frozen;
    const VtProgram *program = f->made->program;
    int64_t limit = (int64_t)r->limit;
    return vt_features(f->instance, program, data->train, limit, f->max_broken, &out->train, error) &&
           vt_features(f->instance, program, data->test, limit, f->max_broken, &out->test, error);
}

void encoded_free(Encoded *encoded) {
    vt_features_free(&encoded->train);
    vt_features_free(&encoded->test);
}

void encoded_tell(const EvalRequest *r, const Encoded *encoded, EvalReport *report) {
    const Frozen *f = &r->frozen;
    const VtProgram *p = f->made->program;
    const char *expression = command->features ? command->features(f->made) : "features";
    int counter = vt_instance_counter(f->instance);
    eval_begin(report, r->protocol->name, "trained");
    eval_text(report, "features", "expression", expression);
    eval_number(report, "features", "dim", (double)encoded->train.dim);
    printf("features: %s, %lld dimensions%s", expression, (long long)encoded->train.dim,
           r->protocol->normalised ? ", L2-normalised" : "");
    const VtFunction *embed = vt_find_function(p, "embed");
    for (int i = 0; embed && i < embed->n_inputs; i++) {
        const VtInput *input = &p->inputs[embed->inputs[i]];
        if (input->source != VT_SOURCE_VIEW) continue;
        printf("; view: %s, %d px", input->tensor.name, p->pipelines[input->index].size);
        eval_text(report, "features", "view", input->tensor.name);
        eval_number(report, "features", "size", p->pipelines[input->index].size);
    }
    if (counter >= 0 && !f->weights.open)
        printf("; checkpoint: step %.0f", *(const double *)vt_instance_state(f->instance, counter));
    putchar('\n');
}
