/* For tests: function @f of a module as a program for another architecture, made by across_program.c. */
#ifndef VITC_TESTS_CODEGEN_ACROSS_H
#define VITC_TESTS_CODEGEN_ACROSS_H

#include "codegen/codegen.h"
#include "tests/across.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

/* A file in the folder, to write or to read. */
static inline FILE *across_file(const char *folder, const char *name, const char *mode) {
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    return file;
}

static inline void across_shell(const char *command) {
    if (system(command) != 0) fail_msg("this failed: %s", command);
}

/* Runs @f of a module that was planned for the target. Numbers of inputs, which are those of `plan`, and of outputs lie
 * one after another in `in` and in what is returned: the caller's to free. */
static inline char *across_run(const Module *module, const VtProgram *plan, const char *target,
                               const void *in, size_t in_size, size_t out_size) {
    char folder[] = "/tmp/vitc-across-XXXXXX", command[1024], error[512];
    assert_non_null(mkdtemp(folder));
    BuildVariant variant = {.module = module, .plan = plan, .target = target};
    VtBuilt about = {.name = "across", .version = "", .recipe = "", .recipe_hash = ""};
    BuildRequest request = {.variants = &variant, .n_variants = 1, .about = &about, .symbol = "across"};
    BuiltFiles files;
    if (!codegen_build(&request, &files, error, sizeof error)) fail_msg("%s: %s", target, error);
    FILE *object = across_file(folder, "f.o", "wb"), *inputs = across_file(folder, "in", "wb");
    assert_int_equal(fwrite(files.files[0].bytes, 1, files.files[0].size, object), files.files[0].size);
    assert_int_equal(fwrite(in, 1, in_size, inputs), in_size);
    assert_int_equal(fclose(object) | fclose(inputs), 0);
    built_free(&files);
    snprintf(
        command, sizeof command,
        "cd %s && " ACROSS_CC " -std=gnu11 -O1 -I" SOURCE_DIR " " TEST_DIR "/codegen/across_program.c f.o "
        "-Wl,--gc-sections " ACROSS_LIBRARIES "/libvitc-program.a $(sed -n 's/^shared: //p' " ACROSS_LIBRARIES
        "/link.txt) -o f && " ACROSS_QEMU " ./f in out",
        folder);
    across_shell(command);
    char *out = malloc(out_size + 1);
    FILE *outputs = across_file(folder, "out", "rb");
    assert_int_equal(fread(out, 1, out_size + 1, outputs), out_size);
    fclose(outputs);
    snprintf(command, sizeof command, "rm -r %s", folder);
    across_shell(command);
    return out;
}

#endif
