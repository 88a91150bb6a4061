/* Trees of files when all members are known: the order of what is found out about them, and the sorted set of what was
 * asked for. */
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b) {
    const DataItem *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->offset < y->offset ? -1 : x->offset > y->offset;
}

static Split split_of(const VtDataset *d, int64_t i) {
    Split split = (Split)d->items[i].split;
    return split == SPLIT_UNLABELED || split == SPLIT_NONE ? SPLIT_TRAIN : split;
}

/* Which of validation and test is held out: validation, so that the test images stay unseen, unless only test has
 * labels. */
static bool choose_held_out(VtDataset *d, Split *held_out) {
    int64_t images[5] = {0}, labelled[5] = {0};
    for (int64_t i = 0; i < d->count; i++) {
        images[split_of(d, i)]++;
        labelled[split_of(d, i)] += d->items[i].label >= 0;
    }
    bool both = images[SPLIT_VAL] && images[SPLIT_TEST];
    *held_out = images[SPLIT_VAL] && (labelled[SPLIT_VAL] || !labelled[SPLIT_TEST]) ? SPLIT_VAL : SPLIT_TEST;
    if (!both) return true;
    return dataset_note(
        d, "there are validation and test images: %s are held out for evaluation%s, %s are not used",
        *held_out == SPLIT_VAL ? "validation images" : "test images",
        *held_out == SPLIT_TEST ? " (validation images have no classes)" : "",
        *held_out == SPLIT_VAL ? "test images" : "validation images");
}

/* Keeps what is wanted; the rest is in another split, or left out. */
static bool keep(VtDataset *d, Split held_out) {
    bool train = !d->split || strcmp(d->split, "train") == 0,
         test = !d->split || strcmp(d->split, "test") == 0;
    int64_t kept = 0;
    bool room = true;
    for (int64_t i = 0; i < d->count; i++) {
        LeftReason left = (LeftReason)d->items[i].left;
        Split split = split_of(d, i);
        bool unused = split != SPLIT_TRAIN && split != held_out;
        bool wanted = split == SPLIT_TRAIN ? train : unused ? d->split && !train && !test : test;
        if (left == LEFT_REASONS && unused && !wanted) left = LEFT_HELD_OUT;
        if (left != LEFT_REASONS) room = room && dataset_leave_out(d, left, d->items[i].name);
        if (left == LEFT_REASONS && wanted)
            d->items[kept++] = d->items[i];
        else
            free(d->items[i].name);
    }
    d->count = kept;
    return room;
}

static const char HINT[] = ": a tree holds images, best as CLASS/IMAGE, or folders train and test of them "
                           "(docs/data.md)";

/* Classes that one of the two splits lacks. */
static bool note_differences(VtDataset *d, Split held_out) {
    int n = d->classes.count;
    bool *in[2] = {calloc((size_t)n + 1, 1), calloc((size_t)n + 1, 1)}, any[2] = {false, false},
         room = in[0] && in[1];
    for (int64_t i = 0; room && i < d->count; i++) {
        Split split = split_of(d, i);
        if (d->items[i].label < 0 || (split != SPLIT_TRAIN && split != held_out)) continue;
        in[split != SPLIT_TRAIN][d->items[i].label] = any[split != SPLIT_TRAIN] = true;
    }
    for (int side = 0; room && side < 2 && any[0] && any[1]; side++) {
        char names[200] = "";
        int lacking = 0;
        for (int c = 0; c < n; c++) {
            if (in[side][c] || !in[!side][c]) continue;
            size_t length = strlen(names);
            if (lacking++ < 3)
                snprintf(names + length, sizeof names - length, "%s%.50s", length ? ", " : "",
                         d->classes.text[c]);
        }
        if (lacking)
            room =
                dataset_note(d, "%d class%s no %s images: %s%s", lacking, lacking == 1 ? " has" : "es have",
                             side ? "held-out" : "training", names, lacking > 3 ? ", …" : "");
    }
    free(in[0]);
    free(in[1]);
    return room;
}

bool dataset_finish_splits(VtDataset *d, VtError *error) {
    Split held_out;
    if (!choose_held_out(d, &held_out) || !tree_number_classes(d) || !note_differences(d, held_out) ||
        !keep(d, held_out))
        return vt_fail(error, 1, "out of memory");
    if (d->count) qsort(d->items, (size_t)d->count, sizeof *d->items, by_name);
    tree_free(d->tree);
    d->tree = NULL;
    return dataset_not_empty(d, HINT, error);
}

bool dataset_finish_tree(VtDataset *d, VtError *error) {
    if (!d->tree || d->count == 0) return dataset_not_empty(d, HINT, error);
    if (d->count > INT32_MAX) return vt_fail(error, 2, "%s: more than 2^31 images", d->path);
    tree_count(d);
    if (!tree_find_splits(d, error)) return false;
    for (int64_t i = 0; i < d->count; i++) {
        const TreeFolder *f = &d->tree->folders[d->items[i].folder];
        d->items[i].split = f->split;
        d->items[i].left = f->left;
    }
    if (!d->tree->has_splits && !tree_read_split_lists(d, error)) return false;
    if (!d->tree->has_splits && !d->tree->has_lists && d->split && strcmp(d->split, "test") == 0)
        return dataset_missing_split(
            d, error,
            "%s has no split 'test': its images do not lie in folders train and test "
            "(or val)",
            d->path);
    return tree_find_classes(d, error) && tree_read_labels(d, error) && dataset_finish_splits(d, error);
}
