/* Classes that text files say: for the images of a split that lie in no class folders, such as Tiny-ImageNet's val
 * (val_annotations.txt), ILSVRC's (val.txt, a ground truth of one number a line, a solution in CSV), or a flat train
 * folder beside labels.csv. */
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The images of one split that want labels, sorted by name. */
typedef struct {
    int32_t start;
    Split split;
    int64_t *items, n; /* of VtDataset.items */
    TextSet keys;      /* name without ending, as is */
    int64_t *by_key;   /* position in `items`; -1: several have that name */
} Wanting;

/* What a text says: labels by position in Wanting.items; NULL: none. They point into `lines`. */
typedef struct {
    Lines lines;
    char **labels;
    int64_t found, lines_read;
    bool bare; /* one word a line, in the order of the images */
} Said;

static const VtDataset *sorting;
static int by_name(const void *a, const void *b) {
    return strcmp(sorting->items[*(const int64_t *)a].name, sorting->items[*(const int64_t *)b].name);
}

/* qsort has no argument for the set: one sorts at a time. */
static void sort_items(const VtDataset *d, int64_t *items, int64_t n) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    sorting = d;
    qsort(items, (size_t)n, sizeof *items, by_name);
    pthread_mutex_unlock(&lock);
}

static bool find_wanting(const VtDataset *d, int32_t start, const int32_t *start_of, Wanting *w) {
    char key[512];
    *w = (Wanting){.start = start, .split = d->tree->folders[start].split};
    w->items = malloc(sizeof *w->items * (size_t)(d->count + 1));
    w->by_key = malloc(sizeof *w->by_key * (size_t)(d->count + 1));
    if (!w->items || !w->by_key) return false;
    for (int64_t i = 0; i < d->count; i++)
        if (start_of[d->items[i].folder] == start && d->items[i].left == LEFT_REASONS) w->items[w->n++] = i;
    sort_items(d, w->items, w->n);
    for (int64_t i = 0; i < w->n; i++) {
        lines_key(d->items[w->items[i]].name, 1, key, sizeof key);
        int32_t known = w->keys.count, at = text_set_add(&w->keys, key, strlen(key));
        if (at < 0) return false;
        w->by_key[at] = at == known ? i : -1;
    }
    return true;
}

static void free_wanting(Wanting *w) {
    text_set_free(&w->keys);
    free(w->items);
    free(w->by_key);
}

static int64_t find_image(const Wanting *w, const char *name) {
    char key[512];
    lines_key(name, 1, key, sizeof key);
    int32_t at = text_set_find(&w->keys, key, strlen(key));
    return at >= 0 ? w->by_key[at] : -1;
}

/* Reads "name label …" or "number name label", or one word a line. False: it says nothing about these images. */
static bool read_text(const VtDataset *d, const DataItem *text, const Wanting *w, Said *said, bool *room) {
    *said = (Said){.bare = true};
    if (!tree_open_text(d, text, &said->lines)) return false;
    said->labels = calloc((size_t)w->n + 1, sizeof *said->labels);
    *room = said->labels != NULL;
    for (char *line; said->labels && (line = lines_next(&said->lines));) {
        char *fields[MAX_FIELDS];
        int n = lines_fields(line, fields);
        if (n > 1 && said->bare) { /* what came before was a heading */
            memset(said->labels, 0, sizeof *said->labels * (size_t)w->n);
            said->bare = false;
        }
        if (n == 1 && said->bare && said->lines_read < w->n) said->labels[said->lines_read] = fields[0];
        said->lines_read++;
        for (int f = 0; f < 2 && f + 1 < n; f++) {
            int64_t at = find_image(w, fields[f]);
            if (at < 0) continue;
            said->found += !said->labels[at];
            said->labels[at] = fields[f + 1];
            break;
        }
    }
    const char *name = text->name + text->below;
    bool told =
        strcasestr(name, "truth") || strcasestr(name, "label"); /* else it lists something: names, classes */
    if (said->labels && said->bare) said->found = told && said->lines_read == w->n ? w->n : 0;
    return said->labels && 2 * said->found >= w->n && said->found > 0;
}

static void free_said(Said *said) {
    lines_close(&said->lines);
    free(said->labels);
}

/* ---- from a label to a class ------------------------------------------------------------------------------------- */

/* "n01440764": a class of ImageNet, whose official numbers are not in the order of these names. */
static bool is_wnid(const char *name) {
    return name[0] == 'n' && strlen(name) == 9 && strspn(name + 1, "0123456789") == 8;
}

typedef struct {
    char **classes; /* sorted */
    int32_t n;
    long low, high; /* of the labels, if all are numbers */
    bool numbers;
} Known;

/* Number k of ILSVRC is a class by map_clsloc.txt ("n02119789 1 kit_fox"), wherever that lies. */
static char *by_map(const Lines *map, const char *label, char name[16]) {
    for (const char *at = map->text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        char id[16];
        if (sscanf(at, "%15s %15s", name, id) == 2 && strcmp(id, label) == 0) return name;
    }
    return NULL;
}

/* The class that the text means; -1: none that is known. Trains without classes take what they are told. */
static int class_of_label(VtDataset *d, const Known *known, char *label, bool bare, const Lines *map,
                          bool *room) {
    int32_t at = text_set_find(&d->classes, label, strlen(label));
    char name[16];
    if (at >= 0) return at;
    if (known->n == 0) {
        at = dataset_class(d, label);
        *room = at >= 0;
        return at;
    }
    if (known->numbers) {
        long number = atol(label) - (bare || known->high == known->n);
        if (map->text) label = by_map(map, label, name);
        if (!map->text && number >= 0 && number < known->n) label = known->classes[number];
        return label ? text_set_find(&d->classes, label, strlen(label)) : -1;
    }
    size_t word = strcspn(label, " ");
    return label[word] ? text_set_find(&d->classes, label, word) : -1; /* "n03995372 85 1 499 272" */
}

/* Whether numbers can be places in the list of classes; says why not. */
static bool numbers_fit(VtDataset *d, const Known *known, const DataItem *text, bool bare, const Lines *map,
                        bool *room) {
    const char *name = text->name + text->below;
    if (!known->numbers || known->n == 0 || map->text) return true;
    if (known->high > known->n || (known->high == known->n && known->low == 0)) {
        *room = dataset_note(
            d, "'%s' has numbers from %ld to %ld, which number no %d classes: not read as labels", name,
            known->low, known->high, (int)known->n);
        return false;
    }
    if (bare && is_wnid(known->classes[0])) {
        *room = dataset_note(
            d,
            "'%s' numbers the classes in ILSVRC's order, not by name: map_clsloc.txt of the devkit or a "
            "list 'name class' is wanted beside it",
            name);
        return false;
    }
    bool from_one = bare || known->high == known->n;
    *room = dataset_note(d, "numbers in '%s' count the classes by name from %d", name, from_one);
    return true;
}

static bool find_map(const VtDataset *d, Lines *map) {
    *map = (Lines){0};
    for (int64_t i = 0; i < d->tree->n_texts; i++) {
        const char *slash = strrchr(d->tree->texts[i].name, '/');
        if (strcmp(slash ? slash + 1 : d->tree->texts[i].name, "map_clsloc.txt") == 0)
            return tree_open_text(d, &d->tree->texts[i], map);
    }
    return false;
}

/* Gives the images what the text says. *done: it was about them. False: no memory. */
static bool take_labels(VtDataset *d, const DataItem *text, const Wanting *w, Said *said, bool *done) {
    Known known = {.n = d->classes.count, .low = 1 << 30, .high = -1, .numbers = true};
    Lines map = {0};
    int32_t *classes = malloc(sizeof *classes * (size_t)(w->n + 1));
    bool room = classes && (known.classes = malloc(sizeof(char *) * (size_t)(known.n + 1)));
    if (room && known.n) memcpy(known.classes, d->classes.text, sizeof(char *) * (size_t)known.n);
    if (room) qsort(known.classes, (size_t)known.n, sizeof(char *), text_order);
    int64_t good = 0;
    for (int64_t i = 0; i < w->n; i++) {
        if (!said->labels[i]) continue;
        known.numbers = known.numbers && tree_numbers(said->labels[i]);
        long number = known.numbers ? atol(said->labels[i]) : 0;
        if (number < known.low) known.low = number;
        if (number > known.high) known.high = number;
    }
    for (int32_t c = 0; room && c < known.n && known.numbers; c++)
        if (!tree_numbers(known.classes[c]))
            break; /* names of classes: numbers are places */
        else if (c + 1 == known.n)
            known.numbers = false;
    if (room && known.numbers && known.n && is_wnid(known.classes[0]) && said->bare) find_map(d, &map);
    bool fits = room && numbers_fit(d, &known, text, said->bare, &map, &room);
    for (int64_t i = 0; fits && room && i < w->n; i++) {
        classes[i] =
            said->labels[i] ? class_of_label(d, &known, said->labels[i], said->bare, &map, &room) : -1;
        good += classes[i] >= 0;
    }
    *done = fits && room && 2 * good >= w->n;
    for (int64_t i = 0; *done && i < w->n; i++) d->items[w->items[i]].label = classes[i];
    if (*done && known.n == 0 && known.numbers) d->tree->labelled += good; /* numbers stay what they are */
    if (*done)
        room = dataset_note(d, "'%s' says the classes of %lld of %lld images%s%s", text->name + text->below,
                            (long long)good, (long long)w->n, w->split == SPLIT_NONE ? "" : " in ",
                            w->split == SPLIT_NONE ? "" : d->tree->paths.text[w->start]);
    lines_close(&map);
    free(known.classes);
    free(classes);
    return room;
}

/* ---- which text -------------------------------------------------------------------------------------------------- */

static bool inside(const DatasetTree *t, int32_t folder, int32_t around) {
    while (folder > around) folder = t->folders[folder].parent;
    return folder == around;
}

/* How likely a text is about a split: 0 not at all. Names that speak of another split are about that one. */
static int likely(const DatasetTree *t, const DataItem *text, const Wanting *w) {
    char stem[256], rest[64];
    bool sure;
    const char *slash = strrchr(text->name, '/'), *name = slash ? slash + 1 : text->name;
    if (inside(t, text->folder, w->start) && w->start > 0) return 3;
    for (int32_t f = text->folder; w->start > 0 && f > 0; f = t->folders[f].parent)
        if (t->folders[f].split != SPLIT_NONE && t->folders[f].split != w->split) return 0;
    snprintf(stem, sizeof stem, "%s", name);
    if (strrchr(stem, '.')) *strrchr(stem, '.') = '\0';
    Split split = dataset_split_word(stem, &sure, rest);
    if (split == w->split && split != SPLIT_NONE) return 2;
    if (split == SPLIT_TRAIN && w->split == SPLIT_NONE) return 1;
    return split == SPLIT_NONE &&
           (strcasestr(name, "label") || strcasestr(name, "class") || strcasestr(name, "annotation") ||
            strcasestr(name, "truth") || strcasestr(name, "solution"));
}

static bool label_split(VtDataset *d, const Wanting *w, bool *used) {
    const DatasetTree *t = d->tree;
    bool done = false, room = true;
    for (int likelihood = 3; likelihood > 0 && !done; likelihood--)
        for (int64_t i = 0; i < t->n_texts && !done && room; i++) {
            Said said = {0};
            if (used[i] || likely(t, &t->texts[i], w) != likelihood) continue;
            if (read_text(d, &t->texts[i], w, &said, &room))
                room = take_labels(d, &t->texts[i], w, &said, &done);
            used[i] = done;
            free_said(&said);
        }
    return room;
}

bool tree_read_labels(VtDataset *d, VtError *error) {
    DatasetTree *t = d->tree;
    if (t->n_texts == 0 || t->labelled) return true;
    int32_t n = t->paths.count, *start_of = malloc(sizeof *start_of * (size_t)n);
    bool *labelled = calloc((size_t)n, sizeof *labelled), *used = calloc((size_t)t->n_texts, sizeof *used);
    bool room = start_of && labelled && used;
    for (int32_t f = 0; room && f < n; f++)
        start_of[f] = tree_starts(t, f) ? f : f ? start_of[t->folders[f].parent] : -1;
    for (int64_t i = 0; room && i < d->count; i++)
        if (d->items[i].label >= 0 && start_of[d->items[i].folder] >= 0)
            labelled[start_of[d->items[i].folder]] = true;
    for (int pass = 0; pass < 2; pass++) /* training first, for its classes are what others are told by */
        for (int32_t f = 0; room && f < n; f++) {
            Split split = t->folders[f].split;
            bool train = split == SPLIT_TRAIN || split == SPLIT_NONE;
            if (!tree_starts(t, f) || !t->folders[f].images || labelled[f] || split == SPLIT_UNLABELED ||
                train != (pass == 0))
                continue;
            Wanting w;
            room = find_wanting(d, f, start_of, &w);
            if (room) room = label_split(d, &w, used);
            free_wanting(&w);
        }
    free(start_of);
    free(labelled);
    free(used);
    if (t->failed.code && error) *error = t->failed;
    return t->failed.code == 0 && (room || vt_fail(error, 1, "out of memory"));
}
