/* Trees of files: members become images, folders and texts; the end is a sorted set of what was asked for. */
#include "runtime/datasets/dataset_tree.h"
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_PATH = 4096, MAX_DEPTH = 128 };

/* ---- names --------------------------------------------------------------------------------------------------------------- */

static bool one_of(const char *word, const char *list) {
    size_t n = strlen(word);
    for (const char *at = list; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' '))
        if (strncasecmp(at, word, n) == 0 && (at[n] == ' ' || !at[n])) return true;
    return false;
}

NameKind dataset_name_kind(const char *name) {
    const char *slash = strrchr(name, '/'), *dot = strrchr(slash ? slash : name, '.');
    if (!dot || !dot[1]) return NAME_UNKNOWN;
    if (one_of(dot + 1, "jpg jpeg jpe jfif png webp bmp dib tif tiff gif ppm pgm pbm pnm")) return NAME_IMAGE;
    if (one_of(dot + 1, "heic heif avif jp2 j2k jxl svg psd xcf dcm nii cr2 nef arw dng raw exr hdr tga pcx "
                        "ico mp4 avi mov mkv webm mpg mpeg"))
        return NAME_FORMAT;
    if (one_of(
            dot + 1,
            "txt csv tsv lst list md rst json jsonl xml html htm yaml yml ini cfg toml log lock pdf tex doc "
            "docx xls xlsx py ipynb m c h cpp js css sh bat mat npy npz pkl pickle pt pth h5 hdf5 lmdb mdb "
            "db "
            "sqlite parquet arrow tfrecord tfrecords rec idx zip tar gz tgz bz2 xz zst 7z rar cls bin dat "
            "safetensors onnx md5 sha1 sha256 wav mp3 flac exe url lnk tmp part crdownload"))
        return NAME_OTHER;
    return NAME_UNKNOWN;
}

/* Text that may say labels or splits. */
bool dataset_is_text(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && one_of(dot + 1, "txt csv tsv lst list");
}

bool dataset_hidden(const char *path) {
    for (const char *part = path; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        if (part[0] == '.' && part[1] && strcmp(part, "..") != 0 && strncmp(part, "../", 3) != 0 &&
            strncmp(part, "./", 2) != 0)
            return true;
        if (strncmp(part, "__MACOSX", 8) == 0 || strncmp(part, "@eaDir", 6) == 0) return true;
    }
    return false;
}

/* ---- folders --------------------------------------------------------------------------------------------------------------- */

const char *tree_name(const DatasetTree *t, int32_t folder) {
    const char *path = t->paths.text[folder], *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int32_t add_folder(DatasetTree *t, const char *path, size_t length, int32_t parent) {
    int32_t known = t->paths.count, at = text_set_add(&t->paths, path, length);
    if (at < 0 || at < known) return at;
    if (at >= t->capacity) {
        int32_t capacity = t->capacity ? 2 * t->capacity : 64;
        TreeFolder *grown = realloc(t->folders, sizeof *grown * (size_t)capacity);
        if (!grown) return -1;
        t->folders = grown;
        t->capacity = capacity;
    }
    TreeFolder *f = &t->folders[at];
    *f = (TreeFolder){.parent = parent, .first = -1, .next = -1, .left = LEFT_REASONS, .class_number = -1};
    if (parent < 0) return at;
    f->next = t->folders[parent].first;
    t->folders[parent].first = at;
    return at;
}

/* The folder of that path, made with those around it; -1: no memory, -2: too deep. */
static int32_t folder_of(DatasetTree *t, const char *path, size_t length) {
    if (t->paths.count == 0 && add_folder(t, "", 0, -1) < 0) return -1;
    int32_t at = text_set_find(&t->paths, path, length), depth = 0;
    if (at >= 0) return at;
    at = 0;
    for (size_t i = 0; i < length; i++) depth += path[i] == '/';
    if (depth >= MAX_DEPTH || length > MAX_PATH) return -2;
    for (size_t end = 0; end < length && at >= 0; end++) {
        size_t n = strcspn(path + end, "/");
        end += n < length - end ? n : length - end;
        at = add_folder(t, path, end, at);
    }
    return at;
}

void tree_free(DatasetTree *t) {
    if (!t) return;
    for (int64_t i = 0; i < t->n_texts; i++) free(t->texts[i].name);
    text_set_free(&t->paths);
    free(t->folders);
    free(t->texts);
    free(t);
}

int32_t tree_only_child(const DatasetTree *t, int32_t folder) {
    int32_t only = -1;
    for (int32_t c = t->folders[folder].first; c >= 0; c = t->folders[c].next) {
        if (t->folders[c].images == 0) continue;
        if (only >= 0) return -1;
        only = c;
    }
    return only;
}

void tree_count(VtDataset *d) {
    DatasetTree *t = d->tree;
    for (int32_t f = 0; f < t->paths.count; f++) t->folders[f].images = t->folders[f].direct = 0;
    for (int64_t i = 0; i < d->count; i++) {
        TreeFolder *f = &t->folders[d->items[i].folder];
        f->direct += f->left == LEFT_REASONS;
    }
    for (int32_t f = t->paths.count - 1; f >= 0; f--) {
        t->folders[f].images += t->folders[f].direct;
        if (f > 0) t->folders[t->folders[f].parent].images += t->folders[f].images;
    }
}

/* ---- members --------------------------------------------------------------------------------------------------------------- */

static MemberResult left_out(VtDataset *d, LeftReason reason, const char *name) {
    return dataset_leave_out(d, reason, name) ? MEMBER_LEFT_OUT : MEMBER_NO_MEMORY;
}

static bool keep_text(DatasetTree *t, const DatasetMember *m, int32_t folder, int32_t below) {
    if (t->n_texts == t->texts_capacity) {
        int64_t n = t->texts_capacity ? 2 * t->texts_capacity : 16;
        DataItem *grown = realloc(t->texts, sizeof *grown * (size_t)n);
        if (!grown) return false;
        t->texts = grown;
        t->texts_capacity = n;
    }
    DataItem text = {.name = strdup(m->name),
                     .file = m->file,
                     .offset = m->offset,
                     .size = m->size,
                     .folder = folder,
                     .below = below};
    if (!text.name) return false;
    t->texts[t->n_texts++] = text;
    return true;
}

bool dataset_set_label(VtDataset *d, int64_t index, const char *label) {
    int number = dataset_class(d, label);
    if (number < 0) return false;
    d->tree->labelled += d->items[index].label < 0;
    d->items[index].label = number;
    return true;
}

MemberResult dataset_add_member(VtDataset *d, const DatasetMember *m) {
    if (!d->tree && !(d->tree = calloc(1, sizeof *d->tree))) return MEMBER_NO_MEMORY;
    DatasetTree *t = d->tree;
    const char *path = m->path;
    while (*path == '/' || strncmp(path, "./", 2) == 0) path += *path == '/' ? 1 : 2;
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/') length--;
    if (length == 0 || strcmp(path, ".") == 0) return MEMBER_LEFT_OUT; /* the root itself */
    if (dataset_hidden(path)) return left_out(d, LEFT_HIDDEN, m->name);
    if (m->size < 0) {
        int32_t folder = folder_of(t, path, length);
        return folder == -1   ? MEMBER_NO_MEMORY
               : folder == -2 ? left_out(d, LEFT_TOO_DEEP, m->name)
                              : MEMBER_LEFT_OUT;
    }
    const char *slash = strrchr(path, '/');
    int32_t folder = folder_of(t, path, slash ? (size_t)(slash - path) : 0);
    int32_t below = (int32_t)(strlen(m->name) - strlen(path));
    if (folder == -1) return MEMBER_NO_MEMORY;
    if (folder == -2) return left_out(d, LEFT_TOO_DEEP, m->name);
    t->folders[folder].others++; /* until it is found to be an image */
    NameKind kind = m->is_image ? NAME_IMAGE : dataset_name_kind(path);
    if (kind != NAME_IMAGE && dataset_is_text(path) && !keep_text(t, m, folder, below < 0 ? 0 : below))
        return MEMBER_NO_MEMORY;
    if (kind != NAME_IMAGE) return left_out(d, kind == NAME_FORMAT ? LEFT_FORMAT : LEFT_NO_IMAGE, m->name);
    if (m->size == 0) return left_out(d, LEFT_EMPTY, m->name);
    if (m->size > DATASET_MAX_FILE) return left_out(d, LEFT_TOO_LARGE, m->name);
    if (!dataset_add(d, m->name, -1, m->offset, m->size)) return MEMBER_NO_MEMORY;
    t->folders[folder].others--;
    DataItem *item = &d->items[d->count - 1];
    item->file = m->file;
    item->folder = folder;
    item->below = below < 0 ? 0 : below;
    return !m->label || dataset_set_label(d, d->count - 1, m->label) ? MEMBER_ADDED : MEMBER_NO_MEMORY;
}

/* ---- the end ------------------------------------------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b) {
    const DataItem *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->offset < y->offset ? -1 : x->offset > y->offset;
}

static Split split_of(const VtDataset *d, int64_t i) {
    Split split = (Split)d->items[i].split;
    return split == SPLIT_UNLABELED || split == SPLIT_NONE ? SPLIT_TRAIN : split;
}

/* Which of validation and test is held out: validation, so that the test images stay unseen, unless only test has labels. */
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
