/* --emit=obj: one relocatable object whose one exported symbol is NAME_program; see build.h. Those of several targets
 * are put together by the platform's linker, and what they knew each other by becomes local. */
#include "driver/build/build.h"

static bool join(Build *b, Toolchain *t, const BuiltFiles *files) {
    const char *joined = toolchain_path(t, "joined.o"), *objcopy = toolchain_tool(t, "objcopy");
    Words link = {0}, hide = {0};
    if (!objcopy) return false;
    words_add_all(b->arena, &link, &t->cc);
    words_add_text(b->arena, &link, "-r -nostdlib -o");
    words_add(b->arena, &link, joined);
    if (!link_objects(b, t, files, &link) || !toolchain_run(t, &link, "joining objects")) return false;
    words_add(b->arena, &hide, objcopy);
    words_add(b->arena, &hide, arena_printf(b->arena, "--keep-global-symbol=%s_program", b->symbol));
    words_add(b->arena, &hide, joined);
    size_t size;
    char *bytes;
    return toolchain_run(t, &hide, "hiding symbols") && (bytes = toolchain_result(t, joined, &size)) &&
           output_write(b, b->out, 0644, bytes, size);
}

bool emit_object(Build *b) {
    Toolchain t = {0};
    BuiltFiles files = {0};
    bool several = b->n_targets > 1, good = true;
    if (several) good = toolchain_open(&t, b->arena, b->arch, b->cc, b->verbose);
    good = good && build_code(b, BUILD_OBJECT, &files);
    if (good && several) good = join(b, &t, &files);
    if (good && !several) good = output_write(b, b->out, 0644, files.files[0].bytes, files.files[0].size);
    if (t.code) b->code = t.code;
    built_free(&files);
    toolchain_close(&t);
    return good;
}
