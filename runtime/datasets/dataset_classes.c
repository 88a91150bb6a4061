/* The class of each image of a tree: the folder directly under its split, or under the root where there are no splits.
 * Folders that only wrap the others, and such whose names mean nothing, are no classes. */
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_tree.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_LABEL = 1 << 20 };

/* ---- where classes begin ----------------------------------------------------------------------------------------- */

bool tree_starts(const DatasetTree *t, int32_t f) {
    if (!t->has_splits) return f == 0;
    return f > 0 && t->folders[f].split != SPLIT_NONE && t->folders[t->folders[f].parent].split == SPLIT_NONE;
}

static int children_with_images(const DatasetTree *t, int32_t folder) {
    int n = 0;
    for (int32_t c = t->folders[folder].first; c >= 0; c = t->folders[c].next) n += t->folders[c].images > 0;
    return n;
}

/* The folder whose folders are classes, seen from a split's; -1: there are no classes. A folder alone in another wraps
 * its classes, or is the only class. */
static int32_t unwrap(const DatasetTree *t, int32_t start, const TextSet *known) {
    int32_t at = start, named = -1;
    for (;;) {
        int32_t child = t->folders[at].direct ? -1 : tree_only_child(t, at);
        if (child < 0) break;
        const char *name = tree_name(t, child);
        if (text_set_find(known, name, strlen(name)) >= 0) return at; /* a class elsewhere is one here */
        bool doubled = strcasecmp(name, tree_name(t, at)) == 0;       /* "seg_train/seg_train" */
        if (named < 0 && !doubled && !dataset_generic_name(name)) named = child;
        at = child;
    }
    if (children_with_images(t, at) > 0) return at;
    if (!t->has_splits && dataset_generic_name(tree_name(t, at))) return -1; /* "VOC2007/JPEGImages" */
    return named >= 0 ? t->folders[named].parent : -1;
}

/* ---- names that mean nothing ------------------------------------------------------------------------------------- */

static bool is_number(const char *name, size_t low, size_t high) {
    size_t n = strspn(name, "0123456789");
    return !name[n] && n >= low && n <= high;
}

bool tree_numbers(const char *text) {
    return is_number(text, 1, 7) && atol(text) < MAX_LABEL;
}

static bool is_year(const char *name) {
    return is_number(name, 4, 4) && (strncmp(name, "19", 2) == 0 || strncmp(name, "20", 2) == 0);
}

/* 2021, 20210305, 2021-03-05, 2021_03 */
static bool is_date(const char *name) {
    char year[5];
    snprintf(year, sizeof year, "%.4s", name);
    if (!is_year(year)) return false;
    size_t digits = 0;
    for (const char *p = name; *p; p++) {
        if (!isdigit((unsigned char)*p) && !strchr("-_. ", *p)) return false;
        digits += isdigit((unsigned char)*p) != 0;
    }
    return digits == 4 || digits == 6 || digits == 8;
}

/* Numbers and the beginnings of hashes: 03, 00017, a3f. */
static bool is_shard(const char *name) {
    size_t n = strspn(name, "0123456789abcdefABCDEF");
    return !name[n] && n >= 1 && (n <= 4 || is_number(name, 1, 12));
}

/* Folders by date, or two levels of numbers and hashes. */
static bool is_meaningless(const DatasetTree *t, int32_t base) {
    bool dates = true, shards = true;
    for (int32_t c = t->folders[base].first; c >= 0 && (dates || shards); c = t->folders[c].next) {
        if (!t->folders[c].images) continue;
        dates = dates && is_date(tree_name(t, c));
        shards = shards && is_shard(tree_name(t, c)) && !t->folders[c].direct;
        for (int32_t e = t->folders[c].first; e >= 0 && shards; e = t->folders[e].next)
            shards = !t->folders[e].images || is_shard(tree_name(t, e));
    }
    return dates || shards;
}

/* "a/abbey", "b/bakery": letters are the shelves on which classes lie. */
static bool is_shelf(const DatasetTree *t, int32_t base) {
    if (children_with_images(t, base) < 2 || t->folders[base].direct) return false;
    for (int32_t c = t->folders[base].first; c >= 0; c = t->folders[c].next) {
        const char *letter = tree_name(t, c);
        if (!t->folders[c].images) continue;
        if (!isalpha((unsigned char)letter[0]) || letter[1] || t->folders[c].direct) return false;
        for (int32_t e = t->folders[c].first; e >= 0; e = t->folders[e].next)
            if (tolower((unsigned char)tree_name(t, e)[0]) != tolower((unsigned char)letter[0])) return false;
    }
    return true;
}

/* ---- classes ----------------------------------------------------------------------------------------------------- */

typedef struct {
    int32_t folder, children;
} Start;

static int by_children(const void *a, const void *b) {
    const Start *x = a, *y = b;
    return x->children != y->children ? y->children - x->children : x->folder - y->folder;
}

/* Marks the folders that hold classes: those of the splits with the most folders first, which the others then
 * follow. */
static bool find_bases(VtDataset *d) {
    DatasetTree *t = d->tree;
    Start *starts = malloc(sizeof *starts * (size_t)t->paths.count);
    TextSet known = {0};
    int n = 0;
    bool good = starts != NULL;
    for (int32_t f = 0; good && f < t->paths.count; f++)
        if (tree_starts(t, f) && t->folders[f].images && t->folders[f].split != SPLIT_UNLABELED)
            starts[n++] = (Start){f, children_with_images(t, f)};
    if (good) qsort(starts, (size_t)n, sizeof *starts, by_children);
    for (int i = 0; good && i < n; i++) {
        int32_t base = unwrap(t, starts[i].folder, &known);
        if (base < 0) continue;
        if (is_meaningless(t, base)) {
            int32_t c = t->folders[base].first;
            while (!t->folders[c].images) c = t->folders[c].next;
            good = dataset_note(d, "folders such as '%s' are dates or numbers of parts: no classes",
                                t->paths.text[c]);
            continue;
        }
        bool shelf = is_shelf(t, base);
        t->folders[base].holds_classes = !shelf;
        for (int32_t c = t->folders[base].first; good && c >= 0; c = t->folders[c].next) {
            if (shelf) t->folders[c].holds_classes = true;
            if (t->folders[c].images)
                good = text_set_add(&known, tree_name(t, c), strlen(tree_name(t, c))) >= 0;
        }
    }
    text_set_free(&known);
    free(starts);
    return good;
}

/* How many bytes the paths of all levels of splits have in common, whole folders alone; -1: there is one level or
 * none. */
static int common_path(const DatasetTree *t) {
    const char *first = NULL;
    int32_t level = -1;
    int common = -1;
    for (int32_t f = 0; f < t->paths.count; f++) {
        if (!t->has_splits || !tree_starts(t, f) || !t->folders[f].images || t->folders[f].parent == level)
            continue;
        level = t->folders[f].parent;
        const char *path = t->paths.text[level];
        if (!first) {
            first = path;
            continue;
        }
        if (strcmp(first, path) == 0) continue;
        int n = common < 0 ? (int)strlen(first) : common;
        while (n > 0 && (strncmp(first, path, (size_t)n) != 0 || (path[n] && path[n] != '/') ||
                         (first[n] && first[n] != '/')))
            n--;
        common = n;
    }
    return common;
}

/* Whose classes lie under "bottle/train" beside "cable/train" have "bottle" before their names, so that none merge. */
static bool class_of(VtDataset *d, int32_t f, int common) {
    DatasetTree *t = d->tree;
    TreeFolder *at = &t->folders[f];
    const TreeFolder *parent = f > 0 ? &t->folders[at->parent] : NULL;
    char prefix[4200] = "", name[8400];
    if (at->split == SPLIT_UNLABELED || at->left != LEFT_REASONS) return true;
    if (common >= 0 && t->has_splits && at->split != SPLIT_NONE) {
        int32_t level = f;
        while (t->folders[level].split != SPLIT_NONE) level = t->folders[level].parent;
        const char *path = t->paths.text[level] + common;
        snprintf(prefix, sizeof prefix, "%s", *path == '/' ? path + 1 : path);
    }
    if (parent && parent->holds_classes)
        snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "/" : "", tree_name(t, f));
    else if (tree_starts(t, f) && *prefix)
        snprintf(name, sizeof name, "%s", prefix);
    else {
        at->class_number = parent ? parent->class_number : -1;
        return true;
    }
    return !at->images || (at->class_number = dataset_class(d, name)) >= 0;
}

/* A folder with nothing in it is a class that lost its images: in training it is refused, else told. */
static bool no_class_is_empty(VtDataset *d, VtError *error) {
    const DatasetTree *t = d->tree;
    int told = 0;
    for (int32_t f = 1; f < t->paths.count; f++) {
        const TreeFolder *at = &t->folders[f];
        if (!t->folders[at->parent].holds_classes || at->images || at->left != LEFT_REASONS) continue;
        bool empty = at->first < 0 && !at->others,
             train = at->split == SPLIT_TRAIN || at->split == SPLIT_NONE;
        if (empty && train && (!d->split || strcmp(d->split, "train") == 0))
            return vt_fail(error, 2, "%s: class '%s' has no images: fill or remove '%s/%s'", d->path,
                           tree_name(t, f), d->path, t->paths.text[f]);
        if (told++ < 3 && !dataset_note(d, "class folder '%s' has no images", t->paths.text[f]))
            return vt_fail(error, 1, "out of memory");
    }
    return told <= 3 || dataset_note(d, "%d class folders have no images", told) ||
           vt_fail(error, 1, "out of memory");
}

bool tree_find_classes(VtDataset *d, VtError *error) {
    DatasetTree *t = d->tree;
    if (t->labelled) return true; /* what came with labels is not given others by its place */
    if (!find_bases(d)) return vt_fail(error, 1, "out of memory");
    if (!no_class_is_empty(d, error)) return false;
    int common = common_path(t);
    for (int32_t f = 0; f < t->paths.count; f++)
        if (!class_of(d, f, common)) return vt_fail(error, 1, "out of memory");
    for (int64_t i = 0; i < d->count; i++) d->items[i].label = t->folders[d->items[i].folder].class_number;
    return true;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* Labels that all are numbers stay what they are. */
static bool all_numbers(const TextSet *classes) {
    for (int32_t c = 0; c < classes->count; c++)
        if (!tree_numbers(classes->text[c])) return false;
    return classes->count > 0;
}

/* The classes that images have, as numbers or sorted by name: a label means the same in every split. */
bool tree_number_classes(VtDataset *d) {
    TextSet classes = {0};
    int32_t n = d->classes.count, used = 0, highest = 0;
    char **sorted = calloc((size_t)n + 1, sizeof *sorted);
    int32_t *number = calloc((size_t)n + 1, sizeof *number);
    bool good = sorted && number, numbers = d->tree->labelled && all_numbers(&d->classes);
    for (int64_t i = 0; good && i < d->count; i++)
        if (d->items[i].label >= 0 && d->items[i].left == LEFT_REASONS) number[d->items[i].label] = 1;
    for (int32_t c = 0; good && c < n; c++) {
        if (!number[c]) continue;
        sorted[used++] = d->classes.text[c];
        if (numbers && atol(d->classes.text[c]) > highest) highest = (int32_t)atol(d->classes.text[c]);
    }
    if (good) qsort(sorted, (size_t)used, sizeof *sorted, text_order);
    for (int32_t c = 0; good && c < (numbers && used ? highest + 1 : used); c++) {
        char text[16];
        const char *name = sorted[numbers ? 0 : c];
        snprintf(text, sizeof text, "%d", c);
        if (numbers) name = text;
        good = text_set_add(&classes, name, strlen(name)) == c;
    }
    for (int32_t c = 0; good && c < n; c++) {
        const char *name = d->classes.text[c];
        number[c] = numbers ? (int32_t)atol(name) : text_set_find(&classes, name, strlen(name));
    }
    for (int64_t i = 0; good && i < d->count; i++)
        if (d->items[i].label >= 0)
            d->items[i].label = d->items[i].left == LEFT_REASONS ? number[d->items[i].label] : -1;
    free(sorted);
    free(number);
    if (good) {
        text_set_free(&d->classes);
        d->classes = classes;
    } else
        text_set_free(&classes);
    return good;
}
