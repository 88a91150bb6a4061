/* Data sets that are archives: one tar or zip file, or several, called shards. Members are read where they lie. What
 * shares its name with an image up to the first dot may say its class (WebDataset: x.jpg, x.cls, x.json). */
#include "runtime/datasets/dataset_archive.h"
#include "runtime/base/error.h"
#include "runtime/base/terminal.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/dataset_cifar.h"
#include "runtime/files/json.h"
#include "runtime/images/image.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MAX_NAME = 4096,
    MAX_LABEL_FILE = 1 << 20,
    MAX_LIST = 64 << 20,
    MAX_LABEL = 256,
    MAX_OPEN = 256,
    SNIFFED = 16
};

static bool no_memory(VtError *error) {
    return vt_fail(error, 1, "out of memory");
}

/* ---- the set's archives ------------------------------------------------------------------------------------------ */

static bool read_item(const VtDataset *d, const DataItem *item, const char *shown, uint8_t *to,
                      VtError *error) {
    const Shards *shards = d->own;
    return vt_archive_read(shards->archives[item->file], item->offset, item->size, item->size, to, shown,
                           error);
}

static bool read_text(const VtDataset *d, const DataItem *item, uint8_t *to, VtError *error) {
    return read_item(d, item, item->name, to, error);
}

static bool load_member(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    const DataItem *item = &d->items[index];
    char shown[512];
    vt_show_name(item->name, shown, sizeof shown);
    uint8_t *bytes = malloc((size_t)item->size + 1);
    if (!bytes) return no_memory(error);
    bool good = read_item(d, item, shown, bytes, error) &&
                vt_image_decode(bytes, (size_t)item->size, shown, d->wanted, out, error);
    free(bytes);
    return good;
}

static void close_shards(VtDataset *d) {
    Shards *shards = d->own;
    for (int32_t i = 0; i < shards->count; i++) vt_archive_close(shards->archives[i]);
    free(shards->archives);
    free(shards);
    d->own = NULL;
    d->close = NULL;
    d->read = NULL;
}

static Shards *shards_of(VtDataset *d) {
    if (!d->own) d->own = calloc(1, sizeof(Shards));
    d->close = d->own ? close_shards : NULL;
    d->load = load_member;
    d->read = read_text;
    return d->own;
}

static bool add_shard(Shards *shards, VtArchive *archive) {
    VtArchive **grown = realloc(shards->archives, sizeof *grown * (size_t)(shards->count + 1));
    if (!grown) return false;
    shards->archives = grown;
    shards->archives[shards->count++] = archive;
    return true;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* Without ".", "..", empty parts and a slash before; Windows' slashes turned. False: longer than `size`. */
static bool normalise(const char *path, char *out, size_t size) {
    size_t n = 0;
    bool windows = !strchr(path, '/');
    while (*path) {
        size_t length = strcspn(path, windows ? "\\/" : "/");
        if (length == 2 && path[0] == '.' && path[1] == '.')
            while (n > 0 && out[--n] != '/') continue;
        else if (length > 0 && !(length == 1 && path[0] == '.')) {
            if (n + length + 2 > size) return false;
            if (n > 0) out[n++] = '/';
            memcpy(out + n, path, length);
            n += length;
        }
        path += length;
        path += *path != '\0';
    }
    out[n] = '\0';
    return true;
}

/* Where a link leads, as a normal path. */
static bool link_target(const char *path, const ArchiveMember *member, char *out, size_t size) {
    char joined[2 * MAX_NAME + 2];
    const char *slash = strrchr(path, '/');
    int folder = member->symbolic && member->link[0] != '/' && slash ? (int)(slash - path) : 0;
    int n = snprintf(joined, sizeof joined, "%.*s/%s", folder, path, member->link);
    return n >= 0 && (size_t)n < sizeof joined && normalise(joined, out, size);
}

/* The length of a sample's key: up to the first dot of the last part. */
static size_t key_length(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strchr(name, '.');
    return dot ? (size_t)(dot - path) : strlen(path);
}

/* ---- labels beside images ---------------------------------------------------------------------------------------- */

typedef struct {
    char key[MAX_NAME];
    int64_t first_image; /* of the sample's, in VtDataset.items: those from here on */
    char label[MAX_LABEL];
} Sample;

typedef struct {
    VtDataset *d;
    VtArchive *archive;
    const char *shard, *folder; /* put before names; before paths too. "" or with a slash at the end */
    int32_t file;
    int64_t first; /* item of this archive */
    Sample sample;
    struct {
        char *name, *target;
    } *links;
    int64_t n_links, links_capacity;
    CifarFiles *cifar; /* NULL: images alone are looked for */
} Reader;

static bool is_label(const char *path) {
    const char *ending = path + key_length(path);
    return strcasecmp(ending, ".cls") == 0 || strcasecmp(ending, ".class") == 0 ||
           strcasecmp(ending, ".json") == 0;
}

static void put_label(const char *text, size_t n, char *out) {
    while (n > 0 && isspace((unsigned char)*text)) text++, n--;
    while (n > 0 && (isspace((unsigned char)text[n - 1]) || !text[n - 1])) n--;
    out[0] = '\0';
    if (n < MAX_LABEL && !memchr(text, '\n', n) && !memchr(text, 0, n)) {
        memcpy(out, text, n);
        out[n] = '\0';
    }
}

/* What a file of JSON says the class is; "" where it says none. False: no memory. */
static bool json_label(const char *text, size_t n, char *out) {
    static const char *const keys[] = {"cls",      "label",  "class",     "class_id",
                                       "label_id", "target", "class_name"};
    char why[128];
    json_t *object = vt_json_load(text, n, 0, why, sizeof why), *value = NULL;
    out[0] = '\0';
    if (!object) return errno != ENOMEM;
    for (size_t k = 0; k < sizeof keys / sizeof *keys && !value; k++)
        value = json_object_get(object, keys[k]);
    if (json_is_integer(object)) value = object;
    if (json_is_integer(value)) snprintf(out, MAX_LABEL, "%lld", (long long)json_integer_value(value));
    if (json_is_string(value)) put_label(json_string_value(value), json_string_length(value), out);
    json_decref(object);
    return true;
}

/* The label of the sample at hand, for the images of it that were met, and those to come. *used: there is one. */
static bool read_label(Reader *r, ArchiveMember *member, const char *path, bool *used, VtError *error) {
    Sample *s = &r->sample;
    *used = false;
    if (member->size < 1 || member->size > MAX_LABEL_FILE) return true;
    uint8_t *bytes = malloc((size_t)member->size);
    if (!bytes) return no_memory(error);
    char label[MAX_LABEL];
    bool good = vt_archive_keep(r->archive, member, error) &&
                vt_archive_read(r->archive, member->place, member->size, member->size, bytes, path, error);
    if (good) {
        vt_archive_drop(r->archive, member);
        if (strcasecmp(path + key_length(path), ".json") != 0)
            put_label((const char *)bytes, (size_t)member->size, label);
        else if (!json_label((const char *)bytes, (size_t)member->size, label))
            good = no_memory(error);
        *used = good && label[0];
    }
    free(bytes);
    if (!good || !*used) return good;
    memcpy(s->label, label, sizeof label);
    for (int64_t i = s->first_image; i < r->d->count; i++)
        if (!dataset_set_label(r->d, i, s->label)) return no_memory(error);
    return true;
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

static void begin_sample(Reader *r, const char *path) {
    Sample *s = &r->sample;
    size_t length = key_length(path);
    if (strlen(s->key) == length && memcmp(s->key, path, length) == 0) return;
    memcpy(s->key, path, length);
    s->key[length] = '\0';
    s->label[0] = '\0';
    s->first_image = r->d->count;
}

/* Hands a member on under the names it has in the set. */
static MemberResult hand_over(Reader *r, const char *path, int64_t place, int64_t size, bool is_image,
                              const char *label) {
    char name[3 * MAX_NAME];
    int n = snprintf(name, sizeof name, "%s%s%s", r->shard, r->folder, path);
    if (n < 0 || (size_t)n >= sizeof name)
        return dataset_leave_out(r->d, LEFT_TOO_DEEP, path) ? MEMBER_LEFT_OUT : MEMBER_NO_MEMORY;
    DatasetMember member = {.name = name,
                            .path = name + strlen(r->shard),
                            .offset = place,
                            .size = size,
                            .file = r->file,
                            .label = label && label[0] ? label : NULL,
                            .is_image = is_image};
    return dataset_add_member(r->d, &member);
}

static bool add_file(Reader *r, ArchiveMember *member, const char *path, VtError *error) {
    NameKind kind = dataset_name_kind(path);
    bool hidden = dataset_hidden(path), is_image = kind == NAME_IMAGE && !hidden;
    bool unknown = kind == NAME_UNKNOWN && !hidden;
    /* texts beside an image, such as captions, are no lists */
    bool caption = !is_image && !unknown && r->d->count > r->sample.first_image;
    bool list = kind == NAME_OTHER && !caption && dataset_is_text(path) && member->size <= MAX_LIST;
    bool wanted = (is_image || unknown || list) && member->size > 0 && member->size <= DATASET_MAX_FILE;
    if (wanted && !vt_archive_keep(r->archive, member, error)) return false;
    if (wanted && unknown) {
        uint8_t start[SNIFFED];
        int64_t n = member->size < SNIFFED ? member->size : SNIFFED;
        if (!vt_archive_read(r->archive, member->place, member->size, n, start, path, error)) return false;
        is_image = vt_image_format(start, (size_t)n) != NULL;
        if (!is_image) vt_archive_drop(r->archive, member);
    }
    if (caption) return dataset_leave_out(r->d, LEFT_NO_IMAGE, path) || no_memory(error);
    return hand_over(r, path, member->place, member->size, is_image && unknown, r->sample.label) !=
               MEMBER_NO_MEMORY ||
           no_memory(error);
}

static bool add_link(Reader *r, const char *path, const ArchiveMember *member, VtError *error) {
    char target[MAX_NAME];
    if (!link_target(path, member, target, sizeof target))
        return dataset_leave_out(r->d, LEFT_MISSING, path) || no_memory(error);
    if (r->n_links == r->links_capacity) {
        int64_t n = r->links_capacity ? 2 * r->links_capacity : 64;
        void *grown = realloc(r->links, sizeof *r->links * (size_t)n);
        if (!grown) return no_memory(error);
        r->links = grown;
        r->links_capacity = n;
    }
    r->links[r->n_links].name = strdup(path);
    r->links[r->n_links].target = strdup(target);
    r->n_links++;
    return (r->links[r->n_links - 1].name && r->links[r->n_links - 1].target) || no_memory(error);
}

static bool take_cifar(Reader *r, int number, ArchiveMember *member, VtError *error) {
    uint8_t *bytes = malloc((size_t)member->size);
    if (!bytes) return no_memory(error);
    free(r->cifar->file[number].bytes); /* the later one counts, as in any tar */
    r->cifar->file[number].bytes = bytes;
    r->cifar->file[number].size = member->size;
    r->cifar->found++;
    if (!vt_archive_keep(r->archive, member, error) ||
        !vt_archive_read(r->archive, member->place, member->size, member->size, bytes, member->name, error))
        return false;
    vt_archive_drop(r->archive, member);
    return true;
}

static bool add_member(Reader *r, ArchiveMember *member, VtError *error) {
    char path[MAX_NAME];
    bool label = false;
    if (!normalise(member->name, path, sizeof path))
        return dataset_leave_out(r->d, LEFT_TOO_DEEP, member->name) || no_memory(error);
    if (!path[0]) return true; /* the root */
    if (member->link) return add_link(r, path, member, error);
    if (member->folder) return hand_over(r, path, 0, -1, false, NULL) != MEMBER_NO_MEMORY || no_memory(error);
    if (!member->file) return dataset_leave_out(r->d, LEFT_NO_FILE, path) || no_memory(error);
    int cifar = r->cifar ? cifar_file(path) : -1;
    if (cifar >= 0 && member->size > 0 && member->size <= CIFAR_MAX_FILE)
        return take_cifar(r, cifar, member, error);
    begin_sample(r, path);
    if (is_label(path) && !dataset_hidden(path) && !read_label(r, member, path, &label, error)) return false;
    return label || add_file(r, member, path, error);
}

/* ---- links ------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *path;
    int64_t item; /* or -1 - the number of a link */
} Named;

static int by_path(const void *a, const void *b) {
    return strcmp(((const Named *)a)->path, ((const Named *)b)->path);
}

/* The first that is not before `path`. */
static int64_t lower_bound(const Named *named, int64_t n, const char *path) {
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        if (strcmp(named[mid].path, path) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool add_copy(Reader *r, int64_t item, const char *path, VtError *error) {
    DataItem from = r->d->items[item];
    return hand_over(r, path, from.offset, from.size, true, NULL) != MEMBER_NO_MEMORY || no_memory(error);
}

/* An image again under a link's name, or all of a folder; a link to a link is followed. */
static bool follow(Reader *r, const Named *named, int64_t n, int64_t link, VtError *error) {
    enum { MAX_FOLLOWED = 40 };
    const char *name = r->links[link].name, *target = r->links[link].target;
    for (int step = 0; step < MAX_FOLLOWED; step++) {
        int64_t at = lower_bound(named, n, target);
        if (at < n && strcmp(named[at].path, target) == 0) {
            if (named[at].item >= 0) return add_copy(r, named[at].item, name, error);
            target = r->links[-1 - named[at].item].target;
            continue;
        }
        size_t length = strlen(target);
        bool any = false;
        char slash[MAX_NAME + 2], path[2 * MAX_NAME];
        snprintf(slash, sizeof slash, "%s/", target);
        for (at = lower_bound(named, n, slash); at < n && strncmp(named[at].path, slash, length + 1) == 0;
             at++) {
            int made = snprintf(path, sizeof path, "%s%s", name, named[at].path + length);
            if (named[at].item < 0 || made < 0 || (size_t)made >= sizeof path) continue;
            if (!add_copy(r, named[at].item, path, error)) return false;
            any = true;
        }
        if (any) return true;
        break;
    }
    NameKind kind = dataset_name_kind(name);
    return dataset_leave_out(r->d, kind == NAME_OTHER ? LEFT_NO_IMAGE : LEFT_MISSING, name) ||
           no_memory(error);
}

static bool follow_links(Reader *r, VtError *error) {
    int64_t items = r->d->count - r->first, n = items + r->n_links;
    size_t before = strlen(r->shard) + strlen(r->folder);
    if (r->n_links == 0) return true;
    Named *named = malloc(sizeof *named * (size_t)n);
    bool good = named || no_memory(error);
    for (int64_t i = 0; good && i < items; i++)
        named[i] = (Named){r->d->items[r->first + i].name + before, r->first + i};
    for (int64_t i = 0; good && i < r->n_links; i++) named[items + i] = (Named){r->links[i].name, -1 - i};
    if (good) qsort(named, (size_t)n, sizeof *named, by_path);
    for (int64_t i = 0; good && i < r->n_links; i++) good = follow(r, named, n, i, error);
    free(named);
    return good;
}

/* ---- one archive ------------------------------------------------------------------------------------------------- */

static bool add_tree(VtDataset *d, VtArchive *archive, const char *shard, const char *folder,
                     CifarFiles *cifar, VtError *error) {
    Shards *shards = shards_of(d);
    if (!shards || !add_shard(shards, archive)) {
        vt_archive_close(archive);
        return no_memory(error);
    }
    Reader r = {.d = d,
                .archive = archive,
                .shard = shard,
                .folder = folder,
                .file = shards->count - 1,
                .cifar = cifar,
                .first = d->count};
    r.sample.first_image = d->count;
    ArchiveMember member;
    int more = 1;
    while ((more = vt_archive_next(archive, &member, error)) == 1)
        if (!add_member(&r, &member, error)) break;
    bool good = more == 0 && follow_links(&r, error);
    vt_archive_end(archive, shards->count > MAX_OPEN);
    for (int64_t i = 0; i < r.n_links; i++) {
        free(r.links[i].name);
        free(r.links[i].target);
    }
    free(r.links);
    return good;
}

bool archive_add_tree(VtDataset *d, VtArchive *archive, const char *shard, const char *folder,
                      VtError *error) {
    return add_tree(d, archive, shard, folder, NULL, error);
}

int dataset_open_archive(VtDataset *d, const char *path, const char *split, VtError *error) {
    VtArchive *archive;
    CifarFiles cifar = {0};
    (void)split;
    int result = vt_archive_open(&archive, path, error);
    if (result != 1) return result;
    d->format = archive->kind->name;
    bool good = add_tree(d, archive, "", "", &cifar, error);
    if (good && d->count == 0 && cifar.found) {
        close_shards(d);
        return cifar_finish(d, &cifar, error);
    }
    cifar_free(&cifar);
    return good && dataset_finish_tree(d, error) ? 1 : -1;
}
