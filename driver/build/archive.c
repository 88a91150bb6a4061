/* Finding runtime archives: see archive.h. */
#include "driver/build/archive.h"
#include "driver/driver.h"
#include "ir/base/stream.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LINK_TEXT = 1 << 20 };

/* Folders in which a folder ARCH may be; returns how many. */
static size_t places(Arena *arena, const char *out[3]) {
    const char *set = getenv("VITC_LIB");
    size_t n = 0;
    if (set && *set) {
        out[n++] = set;
        return n;
    }
    const char *folder = own_folder();
    if (!folder) return n;
    out[n++] = arena_printf(arena, "%s/../lib/vitc", folder);
    out[n++] = arena_printf(arena, "%s/lib/vitc", folder);
    return n;
}

static void read_line(Arena *arena, const char *key, const char *value, RuntimeArchive *out) {
    if (strcmp(key, "program") == 0) words_add_text(arena, &out->program, value);
    if (strcmp(key, "shared") == 0) words_add_text(arena, &out->shared, value);
    if (strcmp(key, "static") == 0) words_add_text(arena, &out->fixed, value);
    if (strcmp(key, "flags") == 0) words_add_text(arena, &out->flags, value);
    if (strcmp(key, "compiler") == 0) out->compiler = arena_strdup(arena, value);
    Words pair = {0};
    if (strcmp(key, "package") == 0) words_add_text(arena, &pair, value);
    if (pair.count != 2) return;
    words_add(arena, &out->libraries, pair.items[0]);
    words_add(arena, &out->packages, pair.items[1]);
}

static bool read_link(Arena *arena, const char *path, RuntimeArchive *out) {
    size_t size;
    char *text = stream_read_file(arena, path, MAX_LINK_TEXT, &size), *save = NULL;
    if (!text) return false;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *colon = strstr(line, ": ");
        if (!colon) continue;
        *colon = '\0';
        read_line(arena, line, colon + 2, out);
    }
    return true;
}

bool archive_look(Arena *arena, const char *arch, RuntimeArchive *out) {
    const char *folders[3];
    size_t n = places(arena, folders);
    for (size_t i = 0; i < n; i++) {
        *out = (RuntimeArchive){.folder = arena_printf(arena, "%s/%s", folders[i], arch)};
        if (read_link(arena, arena_printf(arena, "%s/link.txt", out->folder), out)) return true;
    }
    return false;
}

bool archive_find(Arena *arena, const char *arch, RuntimeArchive *out) {
    const char *folders[3];
    size_t n = places(arena, folders);
    if (archive_look(arena, arch, out)) return true;
    return fail(1,
                "there is no runtime archive for %s in '%s': Debian's package vitc has that of its own "
                "architecture, vitc-runtime-%s others; in a build tree see docs/deploy.md, or set VITC_LIB",
                arch, n ? folders[0] : "lib/vitc", arch) < 0;
}

const char *archive_package(const RuntimeArchive *archive, const char *library) {
    for (size_t i = 0; i < archive->libraries.count; i++)
        if (strcmp(archive->libraries.items[i], library) == 0) return archive->packages.items[i];
    return NULL;
}
