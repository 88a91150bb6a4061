/* Trees of files while they are read: members become images, folders and texts. */
#include "runtime/datasets/dataset_tree.h"
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_PATH = 4096, MAX_DEPTH = 128 };

/* ---- names ------------------------------------------------------------------------------------------------------- */

static bool one_of(const char *word, const char *list) {
    size_t n = strlen(word);
    for (const char *at = list; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' '))
        if (strncasecmp(at, word, n) == 0 && (at[n] == ' ' || !at[n])) return true;
    return false;
}

NameKind dataset_name_kind(const char *name) {
    const char *slash = strrchr(name, '/'), *dot = strrchr(slash ? slash : name, '.');
    if (!dot || !dot[1]) return NAME_UNKNOWN;
    if (one_of(dot + 1, "jpg jpeg jpe jfif png webp bmp dib tif tiff gif ppm pgm pbm pnm npy"))
        return NAME_IMAGE;
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

/* ---- folders ----------------------------------------------------------------------------------------------------- */

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

/* ---- members ----------------------------------------------------------------------------------------------------- */

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
