/* The data sets of a run: see sources.h. */
#include "runtime/training/sources.h"
#include "runtime/base/error.h"
#include "runtime/images/augment.h"
#include "runtime/training/loader.h"

#include <string.h>

static void say_found(const VtDataset *set, const VtRunData *data, Progress *progress) {
    char text[2048];
    const char *name = data->name[0] ? data->name : data->path;
    vt_dataset_describe(set, text, sizeof text);
    if (data->name[0])
        progress_say(progress, "%s: %s: %s, %s", data->name, data->path, vt_dataset_format(set), text);
    else
        progress_say(progress, "%s: %s, %s", data->path, vt_dataset_format(set), text);
    for (int i = 0; i < vt_dataset_notes(set); i++)
        progress_say(progress, "%s: %s", name, vt_dataset_note(set, i));
}

/* Of equal names in several sources only one is a class of its own. */
static void say_classes(const VtProgram *p, int stream, const VtDataset *mixture, Progress *progress) {
    char text[1024] = "";
    size_t n = 0;
    for (int i = 0; i < vt_dataset_parts(mixture) && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %d", i ? ", " : "",
                              p->sources[p->streams[stream].first_source + i].name,
                              vt_dataset_classes(vt_dataset_part(mixture, i)));
    if (vt_dataset_classes(mixture))
        progress_say(progress, "the mixture has %d classes; those of one name are one (%s)",
                     vt_dataset_classes(mixture), text);
}

/* What the images of a stream are to have for its views, which agree on it. */
static int channels_of(const VtProgram *p, int stream) {
    for (int i = 0; i < p->n_inputs; i++)
        if (p->inputs[i].source == VT_SOURCE_VIEW && p->inputs[i].stream == stream)
            return vt_pipeline_reads(&p->pipelines[p->inputs[i].index]);
    return 3;
}

/* Asks for so many channels, and refuses at once what has others, as a look at some images tells. */
static bool set_channels(VtDataset *set, int channels, VtError *error) {
    enum { LOOKED_AT = 8 };
    if (!set) return true;
    if (!vt_dataset_set_channels(set, channels, error)) return false;
    bool good = channels == 3;
    for (int64_t i = 0; i < LOOKED_AT && i < vt_dataset_size(set) && !good; i++) {
        VtImage image;
        VtError wrong = {0};
        good = vt_dataset_image(set, i, &image, &wrong);
        if (good) vt_image_free(&image);
        if (!good && !wrong.bad_image) {
            *error = wrong;
            return false;
        }
        if (!good) vt_fail(error, 2, "%s", wrong.message);
    }
    return good;
}

/* `train.labels`: of the images with a label a share takes part. *set: NULL where it was closed. */
static bool take_labels(const VtProgram *p, int stream, VtDataset **set, Progress *progress, VtError *error) {
    int64_t all = vt_dataset_size(*set), labelled = vt_dataset_labelled(*set);
    for (int s = 0; s < p->n_streams; s++)
        if (p->streams[s].pair == stream || p->streams[stream].pair >= 0)
            return vt_fail(error, 2,
                           "train.labels takes a share of the images, and pairs of '%s' would be lost",
                           p->streams[stream].name);
    if (labelled == 0) return true;
    *set = vt_dataset_share(*set, p->train.labels, (uint64_t)p->train.seed, error);
    if (!*set) return false;
    progress_say(
        progress, "train.labels: %lld of the %lld images with a label are trained on, %.4g %% of each class",
        (long long)(labelled - (all - vt_dataset_size(*set))), (long long)labelled, 100 * p->train.labels);
    return true;
}

/* The training and held-out images of one stream. */
static bool open_stream(Sources *sources, const VtProgram *p, int stream, const VtRunData *data,
                        Progress *progress, VtError *error) {
    const VtStream *s = &p->streams[stream];
    VtDataset *train[VT_MAX_SOURCES], *held_out[VT_MAX_SOURCES];
    int n_train = 0, n_held_out = 0;
    bool good = true;
    for (int i = s->first_source; good && i < s->first_source + s->n_sources; i++) {
        VtDataset *set = vt_dataset_open(data[i].path, "train", error), *test = NULL;
        if (set) train[n_train++] = set;
        good = set && vt_dataset_held_out(data[i].path, &test, error);
        if (test) held_out[n_held_out++] = test;
        int channels = channels_of(p, stream);
        good = good && set_channels(set, channels, error) && set_channels(test, channels, error);
        if (good) say_found(set, &data[i], progress);
        if (good && p->train.labels > 0) good = take_labels(p, stream, &train[n_train - 1], progress, error);
    }
    if (good && s->n_sources > 1) {
        VtDataset *mixture = vt_dataset_join(train, n_train, NULL, error);
        n_train = mixture ? 1 : 0;
        train[0] = mixture;
        good = mixture != NULL;
        if (good && n_held_out) {
            held_out[0] = vt_dataset_join(held_out, n_held_out, mixture, error);
            n_held_out = held_out[0] ? 1 : 0;
            good = held_out[0] != NULL;
        }
        if (good) say_classes(p, stream, mixture, progress);
    }
    if (good) {
        sources->train[stream] = train[0];
        sources->held_out[stream] = n_held_out ? held_out[0] : NULL;
        return true;
    }
    while (n_train > 0) vt_dataset_close(train[--n_train]);
    while (n_held_out > 0) vt_dataset_close(held_out[--n_held_out]);
    return false;
}

bool sources_open(Sources *sources, const VtProgram *p, const VtRunData *data, Progress *progress,
                  VtError *error) {
    *sources = (Sources){.n = p->n_streams};
    for (int s = 0; s < p->n_streams; s++)
        if (!open_stream(sources, p, s, data, progress, error)) return false;
    return true;
}

void sources_close(Sources *sources) {
    for (int s = 0; s < sources->n; s++) {
        vt_dataset_close(sources->train[s]);
        vt_dataset_close(sources->held_out[s]);
    }
    *sources = (Sources){0};
}

int sources_embedded(const VtProgram *p) {
    const VtFunction *embed = vt_find_function(p, "embed");
    for (int i = 0; embed && i < embed->n_inputs; i++)
        if (p->inputs[embed->inputs[i]].source == VT_SOURCE_VIEW) return p->inputs[embed->inputs[i]].stream;
    return 0;
}

void sources_say_unlabelled(const Sources *sources, const VtProgram *p, Progress *progress) {
    for (int i = 0; i < p->n_inputs; i++) {
        const VtInput *input = &p->inputs[i];
        if (input->source != VT_SOURCE_LABEL || !vt_stream_is_read(p, input->stream)) continue;
        const VtDataset *set = sources->train[input->stream];
        int64_t n = vt_dataset_size(set), none = n - vt_dataset_labelled(set);
        if (none == n)
            progress_say(
                progress,
                "warning: `%s` is -1 for all %lld training images: none has a label (docs/data.md says where "
                "they are looked for)",
                input->tensor.name, (long long)n);
        else if (none)
            progress_say(progress, "`%s` is -1 for the %lld of %lld training images that have no label",
                         input->tensor.name, (long long)none, (long long)n);
    }
}
