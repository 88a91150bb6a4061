/* A data set as training would read it, as lines: see data_text.h. */
#include "driver/report/data_text.h"

enum { SHOWN = 20 };

static void put_name(const char *name, FILE *out) {
    char shown[1024];
    fprintf(out, "  %s\n", vt_show_name(name, shown, sizeof shown));
}

static void put_left_out(const VtDataset *d, FILE *out) {
    for (int reason = 0; reason < vt_dataset_left_reasons(); reason++) {
        int64_t n = vt_dataset_left(d, reason);
        if (!n) continue;
        fprintf(out, "left out, %s: %lld\n", vt_dataset_left_reason(reason), (long long)n);
        for (int64_t i = 0; i < n; i++) put_name(vt_dataset_left_name(d, reason, i), out);
    }
}

/* How many images the classes have; a class of the set with none in this split is named. */
static void put_split(const DataSplit *s, FILE *out) {
    fprintf(out, "%s: %lld images, %lld with a class\n", s->title, (long long)vt_dataset_size(s->set),
            (long long)s->labelled);
    if (!s->most) return;
    fprintf(out, "  %lld to %lld images a class\n", (long long)s->fewest, (long long)s->most);
    if (!s->n_empty) return;
    fprintf(out, "  classes without images here: %d\n", s->n_empty);
    for (int c = 0, told = 0; c < s->n_classes && told < SHOWN; c++) {
        if (s->per_class[c]) continue;
        fputs("  ", out);
        put_name(vt_dataset_class_name(s->set, c), out);
        told++;
    }
}

void data_splits_text(const DataReport *r, FILE *out) {
    const VtDataset *d = r->splits[0].set;
    char text[2048];
    vt_dataset_describe(d, text, sizeof text);
    fprintf(out, "%s: %s, %s\n", r->path, vt_dataset_format(d), text);
    for (int i = 0; i < vt_dataset_notes(d); i++) put_name(vt_dataset_note(d, i), out);
    for (int s = 0; s < DATA_SPLITS; s++) {
        if (r->splits[s].set)
            put_split(&r->splits[s], out);
        else if (s == 1)
            fputs("held out: nothing\n", out);
    }
    put_left_out(d, out);
}

static const char *name_of(const DataReport *r, const DataImage *image, char *out, size_t size) {
    return vt_show_name(vt_dataset_name(r->splits[image->split].set, image->index), out, size);
}

static void put_pairs(const DataReport *r, bool across, FILE *out) {
    char a[600], b[600];
    int64_t n = across ? r->n_across : r->n_pairs - r->n_across, shown = 0;
    if (n) fprintf(out, "the same image in %s:\n", across ? "two splits" : "one split");
    for (int64_t i = 0; i < r->n_pairs && shown < SHOWN; i++) {
        const DataPair *pair = &r->pairs[i];
        if (pair->across != across) continue;
        fprintf(out, "  %s = %s\n", name_of(r, pair->first, a, sizeof a),
                name_of(r, pair->second, b, sizeof b));
        shown++;
    }
    if (n > shown) fprintf(out, "  … and %lld more\n", (long long)(n - shown));
}

int64_t data_across_text(const DataReport *first, int split, const DataReport *second, FILE *out) {
    char a[600], b[600];
    int64_t n;
    const DataPair *pairs = data_report_across(first, split, second, &n);
    if (!n) return 0;
    fprintf(out, "%s in %s, and trained on in %s: %lld images\n", split ? "held out" : "trained on",
            first->path, second->path, (long long)n);
    for (int64_t i = 0; i < n && i < SHOWN; i++)
        fprintf(out, "  %s = %s\n", name_of(first, pairs[i].first, a, sizeof a),
                name_of(second, pairs[i].second, b, sizeof b));
    if (n > SHOWN) fprintf(out, "  … and %lld more\n", (long long)(n - SHOWN));
    return n;
}

void data_findings_text(const DataReport *r, FILE *out) {
    if (r->n_broken) fputs("broken:\n", out);
    for (int64_t i = 0; i < r->n_broken; i++) put_name(r->broken[i], out);
    if (r->n_whole)
        fprintf(out, "sizes: the shorter edge from %d to %d pixels; at most %d wide, %d high\n",
                r->shorter_low, r->shorter_high, r->widest, r->highest);
    put_pairs(r, true, out);
    put_pairs(r, false, out);
    if (r->n_conflicts)
        fprintf(out, "of these %lld have another class the second time\n", (long long)r->n_conflicts);
    fprintf(out, "duplicates: %lld in one split, %lld across splits\n", (long long)(r->n_pairs - r->n_across),
            (long long)r->n_across);
    fprintf(out, "%lld images decoded, %lld broken\n", (long long)r->n_whole, (long long)r->n_broken);
}
