/* --emit=exe: a program. The compiled recipe, the runtime archive, whose main() finds the recipe by the name vt_built,
 * and two notes (runtime/files/program_file.h) are linked by the platform's compiler; see build.h. */
#include "driver/build/build.h"
#include "ir/base/stream.h"
#include "runtime/files/program_file.h"

#include <stdlib.h>
#include <string.h>

bool link_note(Build *b, Toolchain *t, Words *command) {
    const char *about = about_text(b);
    TextStream stream;
    size_t size;
    FILE *out = stream_begin(&stream);
    fprintf(out, ".section .note.vitc,\"a\",%%note\n.balign 4\n"); /* %note is right on all processors */
    fprintf(out, ".long 5, 8, %d\n.asciz \"vitc\"\n.balign 4\n.quad 0\n", VT_NOTE_SUM);
    fprintf(out, ".long 5, %zu, %d\n.asciz \"vitc\"\n.balign 4\n", strlen(about), VT_NOTE_ABOUT);
    for (const char *c = about; *c; c++) fprintf(out, ".byte %d\n", (unsigned char)*c);
    fprintf(out, ".balign 4\n.section .note.GNU-stack,\"\",%%progbits\n");
    char *text = stream_end(&stream, &size);
    const char *path = toolchain_file(t, "note.s", text, size);
    free(text);
    if (path) words_add(b->arena, command, path);
    return path != NULL;
}

bool link_objects(Build *b, Toolchain *t, const BuiltFiles *files, Words *command) {
    for (int i = 0; i < files->n_files; i++) {
        const BuiltFile *file = &files->files[i];
        const char *path =
            toolchain_file(t, arena_printf(b->arena, "%s.o", file->name), file->bytes, file->size);
        if (!path) return false;
        words_add(b->arena, command, path);
    }
    return true;
}

void link_keep(Build *b, const BuiltFiles *files, const char *base) {
    if (vt_stop_signal()) return;
    for (int i = 0; i < files->n_files; i++) {
        const char *path = arena_printf(b->arena, "%s.%s.o", base, files->files[i].name);
        if (output_allowed(b, path) &&
            output_write(b, path, 0644, files->files[i].bytes, files->files[i].size))
            fprintf(stderr, "the object is kept: '%s'\n", path);
    }
}

/* The same bytes for the same objects: no id of the build, no paths. */
static bool link_program(Build *b, Toolchain *t, const BuiltFiles *files, const char *program) {
    const RuntimeArchive *archive = &t->archive;
    Arena *arena = b->arena;
    Words command = {0};
    words_add_all(arena, &command, &t->cc);
    words_add_all(arena, &command, &archive->flags);
    words_add(arena, &command, b->fixed ? "-static" : "-pie");
    words_add_text(arena, &command, "-o");
    words_add(arena, &command, program);
    if (!link_note(b, t, &command) || !link_objects(b, t, files, &command)) return false;
    words_add(arena, &command, arena_printf(arena, "-Wl,--defsym=vt_built=%s_program", b->symbol));
    words_add_text(arena, &command,
                   "-Wl,--gc-sections -Wl,--build-id=none -Wl,-O1 -Wl,--as-needed -Wl,-z,relro -Wl,-z,now");
    if (!b->debug) words_add(arena, &command, "-s");
    words_add(arena, &command, arena_printf(arena, "%s/libvitc-program.a", archive->folder));
    words_add(arena, &command, "-Wl,--start-group");
    words_add_all(arena, &command, b->fixed ? &archive->fixed : &archive->program);
    words_add_text(arena, &command, "-Wl,--end-group -pthread");
    return toolchain_run(t, &command, "linking");
}

bool emit_program(Build *b) {
    Toolchain t;
    BuiltFiles files = {0};
    size_t size;
    char *bytes = NULL;
    bool good =
        toolchain_open(&t, b->arena, b->arch, b->cc, b->verbose) && build_code(b, BUILD_OBJECT, &files);
    const char *program = good ? toolchain_path(&t, "program") : NULL;
    double start = seconds_now();
    if (good && !link_program(b, &t, &files, program)) {
        good = false;
        link_keep(b, &files, b->out);
    }
    timing_add(&b->sessions[0].timing, "link", seconds_now() - start, 0, NULL);
    good = good && (bytes = toolchain_result(&t, program, &size)) != NULL;
    if (good && !vt_program_file_seal(bytes, size))
        good = fail(t.code = 1, "linking left out the section .note.vitc: '%s' is no linker for this",
                    t.cc.items[0]) < 0;
    good = good && output_write(b, b->out, 0755, bytes, size);
    if (t.code) b->code = t.code;
    built_free(&files);
    toolchain_close(&t);
    return good;
}
