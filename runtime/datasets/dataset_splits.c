/* Which folders of a tree are splits. A folder is a *level* of splits if the folders in it say so together: "train"
 * beside "val", or "images_train" beside "images_test"; a lone word such as "train_station" among classes is a
 * class. */
#include "runtime/base/error.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_tree.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- words ------------------------------------------------------------------------------------------------------- */

enum { MAX_TOKENS = 16, TOKEN = 32 };

/* Lower-case words of a name: broken at what is no letter, between letters and digits, and before capitals ("trainSet2"
 * is train, set, 2). */
static int tokens_of(const char *name, char out[MAX_TOKENS][TOKEN]) {
    int n = 0, length = 0, before = 0;
    for (const char *p = name;; p++) {
        int c = (unsigned char)*p, kind = isdigit(c) ? 1 : isalpha(c) || c >= 0x80 ? 2 : 0;
        bool capital = isupper(c) && p > name && islower((unsigned char)p[-1]);
        if (length && (kind != before || capital)) {
            out[n++][length] = '\0';
            length = 0;
        }
        if (!c || n == MAX_TOKENS) return n;
        if (kind && length < TOKEN - 1) out[n][length++] = (char)tolower(c);
        before = kind;
    }
}

static const struct {
    const char *word;
    Split split;
    bool weak; /* too short to say it alone: "imagesTr" beside "imagesTs" */
} WORDS[] = {{"train", SPLIT_TRAIN, false},
             {"training", SPLIT_TRAIN, false},
             {"trn", SPLIT_TRAIN, false},
             {"trainval", SPLIT_TRAIN, false},
             {"pretrain", SPLIT_TRAIN, false},
             {"pretraining", SPLIT_TRAIN, false},
             {"test", SPLIT_TEST, false},
             {"testing", SPLIT_TEST, false},
             {"tst", SPLIT_TEST, false},
             {"holdout", SPLIT_TEST, false},
             {"heldout", SPLIT_TEST, false},
             {"val", SPLIT_VAL, false},
             {"valid", SPLIT_VAL, false},
             {"validation", SPLIT_VAL, false},
             {"validate", SPLIT_VAL, false},
             {"validating", SPLIT_VAL, false},
             {"eval", SPLIT_VAL, false},
             {"evaluation", SPLIT_VAL, false},
             {"dev", SPLIT_VAL, false},
             {"unlabeled", SPLIT_UNLABELED, false},
             {"unlabelled", SPLIT_UNLABELED, false},
             {"unsup", SPLIT_UNLABELED, false},
             {"unsupervised", SPLIT_UNLABELED, false},
             {"tr", SPLIT_TRAIN, true},
             {"ts", SPLIT_TEST, true},
             {"te", SPLIT_TEST, true}};
enum { N_WORDS = sizeof WORDS / sizeof *WORDS };

/* Words that say nothing of what is in a folder. */
static const char *const GENERIC[] = {
    "set",  "sets",    "data",     "dataset", "image",    "images", "img",   "imgs",    "pic",
    "pics", "picture", "pictures", "photo",   "photos",   "jpg",    "jpeg",  "jpegs",   "jpegimages",
    "png",  "pngs",    "split",    "splits",  "part",     "folder", "files", "samples", "raw",
    "full", "all",     "large",    "small",   "standard", "clean",  "new",   "final",   "original",
    "orig", "resized", "cropped",  "crop",    "px"};

static bool is_generic(const char *token) {
    for (size_t i = 0; i < sizeof GENERIC / sizeof *GENERIC; i++)
        if (strcmp(token, GENERIC[i]) == 0) return true;
    return isdigit((unsigned char)token[0]);
}

/* "trian", "tests", "traing": one letter too much, too little, changed, or two swapped. */
static bool one_slip(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), same = 0;
    if (n > m + 1 || m > n + 1) return false;
    while (a[same] && a[same] == b[same]) same++;
    const char *x = a + same, *y = b + same;
    if (n == m && x[0] && x[1] && x[0] == y[1] && x[1] == y[0] && strcmp(x + 2, y + 2) == 0) return true;
    if (n == m) return !x[0] || strcmp(x + 1, y + 1) == 0;
    return n > m ? strcmp(x + 1, y) == 0 : strcmp(x, y + 1) == 0;
}

/* *sure: the word itself, or it and a generic one in one ("trainset"). */
static Split word_split(const char *token, bool *sure, bool *slip) {
    size_t best = 0, at = N_WORDS;
    *sure = true;
    *slip = false;
    for (size_t i = 0; i < N_WORDS; i++)
        if (strcmp(token, WORDS[i].word) == 0) {
            *sure = !WORDS[i].weak;
            return WORDS[i].split;
        }
    for (size_t i = 0; i < N_WORDS; i++) {
        size_t n = strlen(WORDS[i].word), m = strlen(token);
        if (WORDS[i].weak) continue;
        if (n > best && strncmp(token, WORDS[i].word, n) == 0 && is_generic(token + n)) at = i, best = n;
        if (n > best && m > n && strcmp(token + m - n, WORDS[i].word) == 0) {
            char front[TOKEN];
            snprintf(front, sizeof front, "%.*s", (int)(m - n), token);
            if (is_generic(front)) at = i, best = n;
        }
    }
    if (at < N_WORDS) return WORDS[at].split;
    *sure = false;
    *slip = true;
    for (size_t i = 0; i < N_WORDS; i++)
        if (strlen(WORDS[i].word) > 3 && one_slip(token, WORDS[i].word)) return WORDS[i].split;
    return SPLIT_NONE;
}

Split dataset_split_word(const char *name, bool *sure, char rest[64]) {
    char tokens[MAX_TOKENS][TOKEN];
    int n = tokens_of(name, tokens);
    Split found = SPLIT_NONE;
    bool plain = true;
    size_t length = 0;
    rest[0] = '\0';
    for (int i = 0; i < n; i++) {
        bool exact, slip;
        Split split = word_split(tokens[i], &exact, &slip);
        if (split == SPLIT_NONE) {
            if (is_generic(tokens[i])) continue;
            plain = false;
            length += (size_t)snprintf(rest + length, 64 - length, "%.20s ", tokens[i]);
            if (length > 40) length = 40;
            continue;
        }
        plain = plain && exact;
        if (slip) length += (size_t)snprintf(rest, 64, "~");
        if (found != SPLIT_NONE && found != split) {
            bool both =
                (found == SPLIT_TRAIN && split == SPLIT_VAL) || (found == SPLIT_VAL && split == SPLIT_TRAIN);
            *sure = false;
            if (!both) return SPLIT_NONE; /* "train_test" says neither */
            split = SPLIT_TRAIN;          /* "train_val" is what is trained on in the end */
        }
        found = split;
    }
    *sure = plain;
    return found;
}

bool dataset_generic_name(const char *name) {
    char tokens[MAX_TOKENS][TOKEN], rest[64];
    bool sure;
    int n = tokens_of(name, tokens);
    for (int i = 0; i < n; i++)
        if (is_generic(tokens[i]) && !isdigit((unsigned char)tokens[i][0])) return true;
    return n > 0 && dataset_split_word(name, &sure, rest) != SPLIT_NONE && sure;
}

/* ---- annotations ------------------------------------------------------------------------------------------------- */

static bool any_token(const char *name, const char *const *list) {
    char tokens[MAX_TOKENS][TOKEN];
    int n = tokens_of(name, tokens);
    for (int i = 0; i < n; i++)
        for (int k = 0; list[k]; k++)
            if (strcmp(tokens[i], list[k]) == 0) return true;
    return false;
}

/* Masks, depth maps and the like lie beside a folder of images: they are no images to learn from. */
static void mark_annotations(VtDataset *d) {
    static const char *const images[] = {"images", "image", "jpegimages", "jpeg",
                                         "img",    "imgs",  "img8bit",    NULL},
                             *const others[] = {"annotations",
                                                "annotation",
                                                "labels",
                                                "label",
                                                "masks",
                                                "mask",
                                                "segmentation",
                                                "segmentations",
                                                "segmentationclass",
                                                "segmentationobject",
                                                "trimaps",
                                                "trimap",
                                                "gt",
                                                "groundtruth",
                                                "depth",
                                                "parts",
                                                "disparity",
                                                NULL};
    DatasetTree *t = d->tree;
    for (int32_t f = 0; f < t->paths.count; f++) {
        int n_images = 0, n_others = 0, n = 0;
        if (f > 0 && t->folders[t->folders[f].parent].left == LEFT_ANNOTATION)
            t->folders[f].left = LEFT_ANNOTATION;
        for (int32_t c = t->folders[f].first; c >= 0; c = t->folders[c].next) {
            if (!t->folders[c].images) continue;
            bool other = any_token(tree_name(t, c), others);
            n++;
            n_others += other;
            n_images += !other && any_token(tree_name(t, c), images);
        }
        if (n_images != 1 || n_others == 0 || n_images + n_others != n) continue;
        for (int32_t c = t->folders[f].first; c >= 0; c = t->folders[c].next)
            if (any_token(tree_name(t, c), others)) t->folders[c].left = LEFT_ANNOTATION;
    }
}

/* ---- levels ------------------------------------------------------------------------------------------------------ */

typedef struct {
    int children, train, held, other;
    int sure_train, sure_held;   /* the name says nothing else */
    int exact_train, exact_held; /* no slip of the pen */
    bool pair;                   /* two whose names differ in the word alone */
    int32_t one_sure, one_other; /* such a folder; one that is another */
} Level;

/* The split that a folder's name says; "valid" beside "invalid" is a class. A slip counts as a rest of its own. */
static Split child_split(const DatasetTree *t, int32_t child, bool *sure, char rest[64]) {
    Split split = dataset_split_word(tree_name(t, child), sure, rest);
    if (split != SPLIT_VAL) return split;
    for (int32_t c = t->folders[t->folders[child].parent].first; c >= 0; c = t->folders[c].next)
        if (strncasecmp(tree_name(t, c), "invalid", 7) == 0) return SPLIT_NONE;
    return split;
}

static bool is_train(Split split) {
    return split == SPLIT_TRAIN || split == SPLIT_UNLABELED;
}

/* Whether some word of training and some word of holding out have the same rest: "cars_train", "cars_test". */
static bool has_pair(const DatasetTree *t, int32_t folder, bool *room) {
    TextSet rests = {0};
    bool sure, pair = false;
    char rest[64];
    for (int pass = 0; pass < 2; pass++)
        for (int32_t c = t->folders[folder].first; c >= 0; c = t->folders[c].next) {
            Split split = t->folders[c].images ? child_split(t, c, &sure, rest) : SPLIT_NONE;
            if (split == SPLIT_NONE || rest[0] == '~' || is_train(split) != (pass == 0)) continue;
            if (pass == 0)
                *room = *room && text_set_add(&rests, rest, strlen(rest)) >= 0;
            else
                pair = pair || text_set_find(&rests, rest, strlen(rest)) >= 0;
        }
    text_set_free(&rests);
    return pair;
}

static Level look_at(const DatasetTree *t, int32_t folder, bool *room) {
    Level level = {.one_sure = -1, .one_other = -1};
    for (int32_t c = t->folders[folder].first; c >= 0; c = t->folders[c].next) {
        char rest[64];
        bool sure;
        if (!t->folders[c].images) continue;
        Split split = child_split(t, c, &sure, rest);
        bool train = is_train(split), held = split != SPLIT_NONE && !train, exact = rest[0] != '~';
        level.children++;
        level.train += train;
        level.held += held;
        level.other += split == SPLIT_NONE;
        level.sure_train += sure && train;
        level.sure_held += sure && held;
        level.exact_train += exact && train;
        level.exact_held += exact && held;
        if (split != SPLIT_NONE && sure)
            level.one_sure = c;
        else if (level.one_other < 0 || split == SPLIT_NONE)
            level.one_other = c;
    }
    level.pair = level.train && level.held && has_pair(t, folder, room);
    return level;
}

/* Whether those who name splits agree that this is a level. */
static bool is_clear(const Level *l) {
    if ((l->sure_train && l->sure_held) || l->pair) return true;
    if (l->other > 0) return false;
    return l->sure_train + l->sure_held == l->children || (l->exact_train && l->exact_held) ||
           (l->train && l->held && l->sure_train + l->sure_held > 0);
}

static bool all_flat(const DatasetTree *t, int32_t folder) {
    for (int32_t c = t->folders[folder].first; c >= 0; c = t->folders[c].next)
        if (t->folders[c].images != t->folders[c].direct) return false;
    return true;
}

/* "cats_test" beside "cats": what is held out, beside what can only be meant to be trained on; -1: there is none. */
static int32_t held_of_sibling(const DatasetTree *t, int32_t folder) {
    char rest[64], other[64];
    bool sure;
    for (int32_t c = t->folders[folder].first; c >= 0; c = t->folders[c].next) {
        Split split = t->folders[c].images ? child_split(t, c, &sure, rest) : SPLIT_NONE;
        if (split == SPLIT_NONE || is_train(split) || sure || rest[0] == '~') continue;
        for (int32_t o = t->folders[folder].first; o >= 0; o = t->folders[o].next)
            if (t->folders[o].images && child_split(t, o, &sure, other) == SPLIT_NONE &&
                strcmp(rest, other) == 0)
                return c;
    }
    return -1;
}

/* Whether the folders in this one are splits. Refuses what would train on test images or cannot be told. */
static bool find_level(VtDataset *d, int32_t folder, bool *is_level, VtError *error) {
    const DatasetTree *t = d->tree;
    bool room = true;
    Level l = look_at(t, folder, &room);
    if (!room) return vt_fail(error, 1, "out of memory");
    const char *where = t->paths.text[folder], *slash = *where ? "/" : "";
    *is_level = l.train + l.held > 0 && is_clear(&l);
    if (*is_level || l.train + l.held == 0) return true;
    int32_t held = l.held ? held_of_sibling(t, folder) : -1;
    if (held >= 0)
        return vt_fail(
            error, 2,
            "%s: '%s%s%s' is named as what is held out of the folder beside it: put both into folders "
            "train and test (or rename it, if it is a class)",
            d->path, where, slash, tree_name(t, held));
    if (l.sure_train == 0 && l.sure_held == 0) return true;
    const char *sure = tree_name(t, l.one_sure), *other = tree_name(t, l.one_other);
    if (l.sure_train == 0)
        return vt_fail(
            error, 2,
            "%s: '%s%s%s' is named as a split, but lies beside '%s', which is none: put what is to be "
            "trained on into a folder train (or rename '%s', if it is a class)",
            d->path, where, slash, sure, other, sure);
    /* "train" among flat folders, such as "bus" and "boat", is a class */
    *is_level = l.other < 2 || !all_flat(t, folder);
    return *is_level ||
           dataset_note(d, "'%s%s%s' is taken as a class, like the folders beside it", where, slash, sure) ||
           vt_fail(error, 1, "out of memory");
}

/* The folder that was given may be a split itself: the others then lie beside it, unused. */
static bool note_siblings(VtDataset *d) {
    char path[PATH_MAX], rest[64];
    bool sure, good = true;
    if (strcmp(d->format, "folder") != 0 || !realpath(d->path, path)) return true;
    char *name = strrchr(path, '/') + 1;
    Split own = dataset_split_word(name, &sure, rest);
    if (own == SPLIT_NONE || !sure || name == path + 1) return true;
    char own_name[NAME_MAX + 1];
    snprintf(own_name, sizeof own_name, "%s", name);
    name[-1] = '\0';
    DIR *around = opendir(path);
    for (struct dirent *entry; around && good && (entry = readdir(around));) {
        Split other = dataset_split_word(entry->d_name, &sure, rest);
        if (other == SPLIT_NONE || !sure || (other == own && own == SPLIT_TRAIN) ||
            strchr(entry->d_name, '.') || strcmp(entry->d_name, own_name) == 0)
            continue;
        good = dataset_note(
            d, "'%s' is a split itself, beside '%s', which is not used: give the folder around both",
            own_name, entry->d_name);
    }
    if (around) closedir(around);
    return good;
}

bool tree_find_splits(VtDataset *d, VtError *error) {
    DatasetTree *t = d->tree;
    mark_annotations(d);
    tree_count(d);
    bool *levels = calloc((size_t)t->paths.count, sizeof *levels),
         good = levels || vt_fail(error, 1, "out of memory");
    for (int32_t f = 0; good && f < t->paths.count; f++) {
        TreeFolder *at = &t->folders[f];
        bool sure;
        char rest[64];
        if (f > 0) {
            const TreeFolder *parent = &t->folders[at->parent];
            if (parent->split != SPLIT_NONE)
                at->split = parent->split;
            else if (levels[at->parent])
                at->split = child_split(t, f, &sure, rest);
            bool beside = levels[at->parent] && at->split == SPLIT_NONE; /* whatever lies in it */
            if (at->left == LEFT_REASONS && (beside || parent->left == LEFT_BESIDE)) at->left = LEFT_BESIDE;
            if (levels[at->parent] && at->split != SPLIT_NONE && !at->images)
                good = dataset_note(d, "'%s' has no images", t->paths.text[f]) ||
                       vt_fail(error, 1, "out of memory");
            t->has_splits = t->has_splits || (at->split != SPLIT_NONE && at->images > 0);
        }
        if (good && at->split == SPLIT_NONE && at->images > 0 && at->left != LEFT_BESIDE)
            good = find_level(d, f, &levels[f], error);
    }
    if (good && !t->has_splits && !note_siblings(d)) good = vt_fail(error, 1, "out of memory");
    for (int32_t f = 0; good && t->has_splits && f < t->paths.count; f++)
        if (t->folders[f].split == SPLIT_NONE && t->folders[f].left == LEFT_REASONS)
            t->folders[f].left = LEFT_BESIDE;
    free(levels);
    return good;
}
