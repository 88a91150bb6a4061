/* Splits that are said by lists in a tree without folders for them: Food-101's meta/test.txt, VOC's
 * ImageSets/Main/val.txt, CUB-200's train_test_split.txt. */
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The images by the ends of their paths, without the ending of the name: "134" and "apple_pie/134". */
typedef struct {
    TextSet keys;
    int64_t *items; /* by key; -1: several have it */
    int32_t capacity;
} Index;

static bool index_add(Index *index, const char *key, int64_t item) {
    int32_t known = index->keys.count, at = text_set_add(&index->keys, key, strlen(key));
    if (at < 0) return false;
    if (at < known) index->items[at] = -1;
    if (at < known) return true;
    if (at >= index->capacity) {
        int32_t capacity = index->capacity ? 2 * index->capacity : 1024;
        int64_t *grown = realloc(index->items, sizeof *grown * (size_t)capacity);
        if (!grown) return false;
        index->items = grown;
        index->capacity = capacity;
    }
    index->items[at] = item;
    return true;
}

static bool index_images(const VtDataset *d, Index *index) {
    char key[512], short_key[512];
    for (int64_t i = 0; i < d->count; i++) {
        if (d->items[i].left != LEFT_REASONS) continue;
        lines_key(d->items[i].name + d->items[i].below, 2, key, sizeof key);
        lines_key(d->items[i].name + d->items[i].below, 1, short_key, sizeof short_key);
        if (!index_add(index, short_key, i)) return false;
        if (strcmp(key, short_key) != 0 && !index_add(index, key, i)) return false;
    }
    return true;
}

static int64_t index_find(const Index *index, const char *path) {
    char key[512];
    lines_key(path, 2, key, sizeof key);
    int32_t at = text_set_find(&index->keys, key, strlen(key));
    return at >= 0 ? index->items[at] : -1;
}

/* The lists of a folder, by the split they list. "train1", "train2", … are other ways to split: the first of them
 * counts. */
typedef struct {
    int32_t folder;
    Split split;
    const DataItem *text;
    char digits[16];
    int64_t lines, found;
} List;

static bool list_of(const DatasetTree *t, int64_t i, List *out) {
    const DataItem *text = &t->texts[i];
    char stem[256], rest[64];
    bool sure;
    const char *slash = strrchr(text->name, '/');
    snprintf(stem, sizeof stem, "%s", slash ? slash + 1 : text->name);
    if (strrchr(stem, '.')) *strrchr(stem, '.') = '\0';
    *out = (List){.folder = text->folder, .text = text, .split = dataset_split_word(stem, &sure, rest)};
    size_t n = 0;
    for (const char *p = stem; *p && n < sizeof out->digits - 1; p++)
        if (*p >= '0' && *p <= '9') out->digits[n++] = *p;
    return out->split != SPLIT_NONE && out->split != SPLIT_UNLABELED && sure;
}

/* Counts the lines that name an image; with `mark`, gives those images the split, and the label if there is one. False:
 * no memory. */
static bool read_one(VtDataset *d, List *list, const Index *index, bool mark) {
    Lines lines;
    bool room = true;
    list->lines = list->found = 0;
    if (!tree_open_text(d, list->text, &lines)) return true; /* what cannot be read as a list is none */
    for (char *line; (line = lines_next(&lines));) {
        char *fields[MAX_FIELDS], *path, *label;
        lines_image(line, &path, &label);
        int64_t item = index_find(index, path);
        if (item < 0 && lines_fields(path, fields) > 1) item = index_find(index, fields[0]);
        list->lines++;
        list->found += item >= 0;
        if (item < 0 || !mark) continue;
        d->items[item].split = list->split;
        if (label) room = room && dataset_set_label(d, item, label);
    }
    lines_close(&lines);
    return room;
}

static bool good_list(const List *list) {
    return list->found > 0 && 2 * list->found >= list->lines;
}

/* CUB-200: "1 class/name.jpg" in images.txt, "1 0" in train_test_split.txt, where 0 is the test split. */
static bool read_numbered(VtDataset *d, const Index *index, bool *found) {
    const DatasetTree *t = d->tree;
    const DataItem *names = NULL, *splits = NULL;
    *found = false;
    for (int64_t i = 0; i < t->n_texts; i++) {
        const char *slash = strrchr(t->texts[i].name, '/'), *name = slash ? slash + 1 : t->texts[i].name;
        if (strcmp(name, "train_test_split.txt") == 0) splits = &t->texts[i];
        if (strcmp(name, "images.txt") == 0) names = &t->texts[i];
    }
    if (!names || !splits || names->folder != splits->folder) return true;
    Lines lines;
    TextSet ids = {0};
    int64_t *items = malloc(sizeof *items * (size_t)(d->count + 1)), matched = 0;
    bool good = items != NULL;
    char *line, *fields[MAX_FIELDS];
    if (good && tree_open_text(d, names, &lines)) {
        while (good && (line = lines_next(&lines)) && ids.count < d->count)
            if (lines_fields(line, fields) > 1) {
                int32_t known = ids.count, id = text_set_add(&ids, fields[0], strlen(fields[0]));
                good = id >= 0;
                if (id == known) items[id] = index_find(index, fields[1]);
            }
        lines_close(&lines);
    }
    if (good && tree_open_text(d, splits, &lines)) {
        while ((line = lines_next(&lines)))
            if (lines_fields(line, fields) > 1) {
                int32_t id = text_set_find(&ids, fields[0], strlen(fields[0]));
                if (id < 0 || items[id] < 0) continue;
                d->items[items[id]].split = strcmp(fields[1], "0") == 0 ? SPLIT_TEST : SPLIT_TRAIN;
                matched++;
            }
        lines_close(&lines);
    }
    *found = matched > 0;
    text_set_free(&ids);
    free(items);
    return good && (!matched || dataset_note(d, "the splits are those of 'train_test_split.txt'"));
}

static int longer(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    return n != m ? (n > m) - (n < m) : strcmp(a, b);
}

/* Reads the lists of the folder whose lists name the most images. */
static bool read_lists(VtDataset *d, const Index *index, List *lists, int n, VtError *error) {
    DatasetTree *t = d->tree;
    int best = -1;
    int64_t best_found = 0;
    for (int i = 0; i < n; i++) read_one(d, &lists[i], index, false);
    for (int i = 0; i < n; i++) {
        int64_t found = 0;
        for (int k = 0; k < n; k++)
            if (lists[k].folder == lists[i].folder && strcmp(lists[k].digits, lists[i].digits) == 0 &&
                good_list(&lists[k]))
                found += lists[k].found;
        bool first = found == best_found && best >= 0 && longer(lists[i].digits, lists[best].digits) < 0;
        if (found > best_found || (found > 0 && first)) best = i, best_found = found;
    }
    if (best < 0) return true;
    bool trains = false, room = true;
    static const Split order[] = {SPLIT_TRAIN, SPLIT_VAL, SPLIT_TEST}; /* whoever is in two is held out */
    for (int pass = 0; pass < 3; pass++)
        for (int i = 0; i < n; i++) {
            List *l = &lists[i];
            if (l->split != order[pass] || l->folder != lists[best].folder || !good_list(l) ||
                strcmp(l->digits, lists[best].digits) != 0)
                continue;
            trains = trains || l->split == SPLIT_TRAIN;
            room = room && read_one(d, l, index, true) &&
                   dataset_note(d, "'%s' says what is %s", l->text->name + l->text->below,
                                l->split == SPLIT_TRAIN ? "trained on" : "held out");
        }
    t->has_lists = true;
    for (int64_t i = 0; i < d->count; i++)
        if (d->items[i].split == SPLIT_NONE && trains && d->items[i].left == LEFT_REASONS)
            d->items[i].left = LEFT_BESIDE;
    return room || vt_fail(error, 1, "out of memory");
}

/* The split that the name of an image says in its first two words: "test_001", "COCO_val2014_7". */
static Split image_word(const char *name) {
    char words[128], rest[64];
    bool sure;
    const char *slash = strrchr(name, '/');
    snprintf(words, sizeof words, "%s", slash ? slash + 1 : name);
    char *first = words + strspn(words, "_-. "), *end = first + strcspn(first, "_-. ");
    bool more = *end != '\0';
    *end = '\0';
    Split split = dataset_split_word(first, &sure, rest);
    if (split != SPLIT_NONE && sure) return split;
    if (!more) return SPLIT_NONE;
    char *second = end + 1 + strspn(end + 1, "_-. ");
    second[strcspn(second, "_-. ")] = '\0';
    split = dataset_split_word(second, &sure, rest);
    return split != SPLIT_NONE && sure ? split : SPLIT_NONE;
}

/* Where all images have such a word in their names, and some of them say held out, the names are the splits. */
static bool read_names(VtDataset *d) {
    int64_t train = 0, held = 0;
    for (int64_t i = 0; i < d->count; i++) {
        if (d->items[i].left != LEFT_REASONS) continue;
        Split split = image_word(d->items[i].name);
        if (split == SPLIT_NONE) return true;
        train += split == SPLIT_TRAIN || split == SPLIT_UNLABELED;
        held += split == SPLIT_VAL || split == SPLIT_TEST;
    }
    if (!train || !held) return true;
    for (int64_t i = 0; i < d->count; i++)
        if (d->items[i].left == LEFT_REASONS) d->items[i].split = image_word(d->items[i].name);
    d->tree->has_lists = true;
    return dataset_note(d, "the names of images say their splits");
}

bool tree_read_split_lists(VtDataset *d, VtError *error) {
    DatasetTree *t = d->tree;
    List *lists = t->n_texts ? malloc(sizeof *lists * (size_t)t->n_texts) : NULL;
    Index index = {0};
    int n = 0;
    bool numbered = false, room = lists || !t->n_texts, good = true;
    for (int64_t i = 0; room && i < t->n_texts && n < 64; i++) {
        n += list_of(t, i, &lists[n]);
        numbered = numbered || strstr(t->texts[i].name, "train_test_split.txt");
    }
    if (room && (n || numbered)) room = index_images(d, &index);
    if (room && numbered) room = read_numbered(d, &index, &t->has_lists);
    if (room && n && !t->has_lists) good = read_lists(d, &index, lists, n, error);
    if (room && good && !t->has_lists) room = read_names(d);
    text_set_free(&index.keys);
    free(index.items);
    free(lists);
    if (t->failed.code && error) *error = t->failed;
    return t->failed.code == 0 && (room ? good : vt_fail(error, 1, "out of memory"));
}
