/* vitc build --emit=lib: an installation of a C library, in the folder -o,
 *
 *   include/NAME.h   lib/libNAME.a   lib/libNAME.so -> .so.1 -> .so.1.0   lib/pkgconfig/NAME.pc
 *
 * The compiled recipe, library/ and what they need of the runtime become one object, in which NAME_… alone is known
 * outside: so two models live in one process, each with a runtime of its own. */
#include "driver/build/library.h"
#include "ir/base/stream.h"
#include "runtime/files/output.h"
#include "runtime/files/program_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    Build *b;
    Toolchain tools;
    Words functions; /* "vt_model_create" … */
    const char *header, *archive, *shared, *config, *soname, *link;
} Library;

static Arena *arena(const Library *l) {
    return l->b->arena;
}

static void name_files(Library *l) {
    const char *out = l->b->out, *name = l->b->symbol;
    l->header = arena_printf(arena(l), "%s/include/%s.h", out, name);
    l->archive = arena_printf(arena(l), "%s/lib/lib%s.a", out, name);
    l->link = arena_printf(arena(l), "%s/lib/lib%s.so", out, name);
    l->soname = arena_printf(arena(l), "%s.%d", l->link, library_abi());
    l->shared = arena_printf(arena(l), "%s.%d", l->soname, library_abi_minor());
    l->config = arena_printf(arena(l), "%s/lib/pkgconfig/%s.pc", out, name);
}

static const char *file_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- what may be overwritten ------------------------------------------------------------------------------------- */

/* A link of ours goes to a file beside it, of the same library. */
static bool link_allowed(Library *l, const char *path) {
    char to[256] = "";
    struct stat status;
    if (l->b->force || lstat(path, &status) != 0) return true;
    size_t n = strlen(file_of(l->link));
    bool ours = S_ISLNK(status.st_mode) && readlink(path, to, sizeof to - 1) > 0 &&
                strncmp(to, file_of(l->link), n) == 0 && to[n] == '.';
    if (ours) return true;
    l->b->code = 2;
    return fail(2, "'%s' is no link that vitc build made: --force overwrites it", path) < 0;
}

static bool all_allowed(Library *l) {
    Build *b = l->b;
    struct stat status;
    if (stat(b->out, &status) == 0 && !S_ISDIR(status.st_mode)) {
        b->code = 2;
        return fail(2, "-o %s: --emit=lib writes include/ and lib/ into a folder, and that is none", b->out) <
               0;
    }
    return output_allowed(b, l->header) && output_allowed(b, l->archive) && output_allowed(b, l->shared) &&
           output_allowed(b, l->config) && link_allowed(l, l->soname) && link_allowed(l, l->link);
}

/* ---- one object -------------------------------------------------------------------------------------------------- */

static bool failed(Library *l) {
    l->b->code = l->tools.code;
    return false;
}

static void add(Library *l, Words *command, const char *word) {
    words_add(arena(l), command, word);
}

/* "vt_model_create" as users call it. */
static const char *outside(Library *l, const char *function) {
    return arena_printf(arena(l), "%s%s", l->b->symbol, function + strlen("vt_model"));
}

/* Lists for objcopy: old and new names; those that stay global. */
static bool write_names(Library *l, const char **renamed, const char **kept) {
    TextStream streams[2];
    FILE *pairs = stream_begin(&streams[0]), *names = stream_begin(&streams[1]);
    for (size_t i = 0; i < l->functions.count; i++) {
        const char *function = l->functions.items[i];
        fprintf(pairs, "%s %s\n", function, outside(l, function));
        fprintf(names, "%s\n", outside(l, function));
    }
    size_t sizes[2];
    char *texts[] = {stream_end(&streams[0], &sizes[0]), stream_end(&streams[1], &sizes[1])};
    *renamed = toolchain_file(&l->tools, "renamed", texts[0], sizes[0]);
    *kept = toolchain_file(&l->tools, "kept", texts[1], sizes[1]);
    free(texts[0]);
    free(texts[1]);
    return *renamed && *kept;
}

/* The compiled recipe and what its functions need of the runtime. */
static bool merge(Library *l, const char *object) {
    BuiltFiles files;
    Words command = {0};
    if (!build_code(l->b, BUILD_OBJECT, &files)) return false;
    words_add_all(arena(l), &command, &l->tools.cc);
    words_add_text(arena(l), &command, "-r -nostdlib -Wl,--gc-sections -Wl,--force-group-allocation -o");
    add(l, &command, object);
    bool good = link_objects(l->b, &l->tools, &files, &command);
    add(l, &command, arena_printf(arena(l), "-Wl,--defsym=vt_built=%s_program", l->b->symbol));
    for (size_t i = 0; i < l->functions.count; i++)
        add(l, &command, arena_printf(arena(l), "-Wl,--undefined=%s", l->functions.items[i]));
    add(l, &command, arena_printf(arena(l), "%s/libvitc-library.a", l->tools.archive.folder));
    if (good && !toolchain_run(&l->tools, &command, "linking")) {
        good = false;
        link_keep(l->b, &files, arena_printf(arena(l), "%s/lib/%s", l->b->out, l->b->symbol));
    }
    built_free(&files);
    return good || failed(l);
}

static bool copy_object(Library *l, const char *option, const char *from, const char *to) {
    const char *tool = toolchain_tool(&l->tools, "objcopy");
    Words command = {0};
    if (!tool) return failed(l);
    add(l, &command, tool);
    if (!l->b->debug) add(l, &command, "--strip-debug");
    add(l, &command, option);
    add(l, &command, from);
    add(l, &command, to);
    return toolchain_run(&l->tools, &command, "naming symbols") || failed(l);
}

/* NULL: it was told why not. */
static const char *make_object(Library *l) {
    const char *renamed, *kept,
        *merged = toolchain_path(&l->tools, "merged.o"), *named = toolchain_path(&l->tools, "named.o"),
        *object = toolchain_path(&l->tools, arena_printf(arena(l), "%s.o", l->b->symbol));
    if (!write_names(l, &renamed, &kept)) return failed(l), NULL;
    bool good = merge(l, merged) &&
                copy_object(l, arena_printf(arena(l), "--redefine-syms=%s", renamed), merged, named) &&
                copy_object(l, arena_printf(arena(l), "--keep-global-symbols=%s", kept), named, object);
    return good ? object : NULL;
}

/* ---- what only programs without a dynamic section need ----------------------------------------------------------- */

static const char DEMAND[] =
    "-Wl,-u,vt_"; /* link.txt: the runtime archive stands in for parts of other libraries */

static bool is_demand(const char *word) {
    return strncmp(word, DEMAND, sizeof DEMAND - 1) == 0;
}

/* The same, with the symbol called as the library's own. */
static const char *own_demand(Library *l, const char *word) {
    return arena_printf(arena(l), "-Wl,-u,%s_%s", l->b->symbol, word + sizeof DEMAND - 1);
}

/* A member of the archive with these parts: weak, so that several libraries may have them, and the real ones go before.
 * *object: NULL: there are none. */
static bool make_parts(Library *l, const char **object) {
    const Words *fixed = &l->tools.archive.fixed;
    const char *tool = toolchain_tool(&l->tools, "objcopy"), *joined = toolchain_path(&l->tools, "joined.o"),
               *made = toolchain_path(&l->tools, arena_printf(arena(l), "%s_parts.o", l->b->symbol));
    Words link = {0}, weaken = {0};
    bool any = false;
    if (!tool) return failed(l);
    words_add_all(arena(l), &link, &l->tools.cc);
    words_add_text(arena(l), &link, "-r -nostdlib -o");
    add(l, &link, joined);
    add(l, &weaken, tool);
    words_add_text(arena(l), &weaken, "--strip-debug --weaken");
    for (size_t i = 0; i < fixed->count; i++) {
        if (!is_demand(fixed->items[i])) continue;
        any = true;
        add(l, &link, fixed->items[i]);
        add(l, &weaken,
            arena_printf(arena(l), "--redefine-sym=vt_%s=%s_%s", fixed->items[i] + sizeof DEMAND - 1,
                         l->b->symbol, fixed->items[i] + sizeof DEMAND - 1));
    }
    add(l, &link, arena_printf(arena(l), "%s/libvitc-library.a", l->tools.archive.folder));
    add(l, &weaken, joined);
    add(l, &weaken, made);
    *object = any ? made : NULL;
    return !any ||
           (toolchain_run(&l->tools, &link, "linking") &&
            toolchain_run(&l->tools, &weaken, "naming symbols")) ||
           failed(l);
}

/* ---- files of it ------------------------------------------------------------------------------------------------- */

static bool write_archive(Library *l, const char *object) {
    const char *tool = toolchain_tool(&l->tools, "ar"), *made = toolchain_path(&l->tools, "library.a");
    Words command = {0};
    if (!tool) return failed(l);
    add(l, &command, tool);
    add(l, &command, "rcsD"); /* D: no times and no owners */
    add(l, &command, made);
    add(l, &command, object);
    const char *parts;
    if (!make_parts(l, &parts)) return false;
    if (parts) add(l, &command, parts);
    size_t size;
    char *bytes = toolchain_run(&l->tools, &command, "making an archive")
                      ? toolchain_result(&l->tools, made, &size)
                      : NULL;
    return bytes ? output_write(l->b, l->archive, 0644, bytes, size) : failed(l);
}

/* It is never unloaded: libraries that it is linked with may have been given functions of it. */
static bool write_shared(Library *l, const char *object) {
    const char *made = toolchain_path(&l->tools, "library.so");
    const RuntimeArchive *archive = &l->tools.archive;
    Words command = {0};
    size_t size;
    words_add_all(arena(l), &command, &l->tools.cc);
    words_add_all(arena(l), &command, &archive->flags);
    words_add_text(arena(l), &command, "-shared -o");
    add(l, &command, made);
    add(l, &command, object);
    if (!link_note(l->b, &l->tools, &command)) return failed(l);
    add(l, &command, arena_printf(arena(l), "-Wl,-soname,%s", file_of(l->soname)));
    words_add_text(
        arena(l), &command,
        "-Wl,-Bsymbolic -Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now -Wl,--gc-sections -Wl,--build-id=none "
        "-Wl,-O1 -Wl,--as-needed");
    if (!archive->flags.count) add(l, &command, "-Wl,-z,defs"); /* what sanitizers call is in the program */
    if (!l->b->debug) add(l, &command, "-s");
    words_add_all(arena(l), &command, &archive->shared);
    add(l, &command, "-pthread");
    if (!toolchain_run(&l->tools, &command, "linking")) return failed(l);
    char *bytes = toolchain_result(&l->tools, made, &size);
    if (!bytes) return failed(l);
    if (!vt_program_file_seal(bytes, size))
        return fail(l->b->code = 1, "linking left out the section .note.vitc: '%s' is no linker for this",
                    l->tools.cc.items[0]) < 0;
    return output_write(l->b, l->shared, 0755, bytes, size);
}

/* A link that takes the place of another at once. */
static bool write_link(Library *l, const char *path, const char *to) {
    const char *beside = arena_printf(arena(l), "%s.tmp-%d", path, (int)getpid());
    unlink(beside);
    if (symlink(file_of(to), beside) == 0 && rename(beside, path) == 0) return true;
    int why = errno;
    unlink(beside);
    l->b->code = 1;
    return fail(1, "cannot make the link '%s': %s", path, strerror(why)) < 0;
}

/* The folder may be moved: places are told from that of the file itself. */
static bool write_config(Library *l) {
    const Build *b = l->b;
    const RuntimeArchive *a = &l->tools.archive;
    Words private = {0};
    words_add_all(arena(l), &private, &a->flags);
    for (size_t i = 0; i < a->fixed.count; i++)
        add(l, &private, is_demand(a->fixed.items[i]) ? own_demand(l, a->fixed.items[i]) : a->fixed.items[i]);
    char *text = arena_printf(arena(l),
                              "# vitc build %s --emit=lib: made by vitc %s\n"
                              "prefix=${pcfiledir}/../..\n"
                              "includedir=${prefix}/include\n"
                              "libdir=${prefix}/lib\n\n"
                              "Name: %s\n"
                              "Description: the training step and the encoder of recipe %s, for %s\n"
                              "Version: %d.%d\n"
                              "Cflags: -I${includedir}\n"
                              "Libs: -L${libdir} -l%s\n"
                              "Libs.private: %s -pthread\n",
                              b->about.name, b->about.version, b->symbol, b->about.name, b->arch,
                              library_abi(), library_abi_minor(), b->symbol, words_shown(arena(l), &private));
    return output_write(l->b, l->config, 0644, text, strlen(text));
}

static bool make_folders(Library *l) {
    VtError error;
    const char *folders[] = {arena_printf(arena(l), "%s/include", l->b->out),
                             arena_printf(arena(l), "%s/lib/pkgconfig", l->b->out)};
    for (int i = 0; i < 2; i++)
        if (!vt_make_folders(folders[i], 0777, &error)) {
            l->b->code = error.code;
            return fail(error.code, "%s", error.message) < 0;
        }
    return true;
}

static bool write_all(Library *l) {
    const char *object = make_object(l), *header = object ? library_header(l->b) : NULL;
    return object && make_folders(l) && write_archive(l, object) && write_shared(l, object) &&
           write_link(l, l->soname, l->shared) && write_link(l, l->link, l->soname) &&
           output_write(l->b, l->header, 0644, header, strlen(header)) && write_config(l);
}

bool emit_library(Build *b) {
    Library l = {.b = b, .functions = library_functions(b->arena)};
    name_files(&l);
    bool good = all_allowed(&l);
    if (good) {
        good =
            (toolchain_open(&l.tools, b->arena, b->arch, b->cc, b->verbose) || failed(&l)) && write_all(&l);
        toolchain_close(&l.tools);
    }
    return good;
}
