/* vitc build --emit=lib as people use it: what it writes, the program of the documentation linked in each way, two
 * models in one process, and what it must not overwrite. */
#include "tests/driver/runs.h"

#include <sys/stat.h>

#define SMALL "width=24 depth=1 heads=2 hidden=16 out_dim=8 batch=32 epochs=1 train.knn.every=0"
#define OTHER                                                                                                \
    "mae batch=16 width=32 depth=1 heads=2 image=32 patch=8 decoder_dim=32 decoder_depth=1 "                 \
    "decoder_heads=2 epochs=1 train.knn.every=0"
#define SOURCES SOURCE_DIR "/tests/library"

/* Under sanitizers all is compiled with them, as the runtime is. */
#define CC (SANITIZED ? VITC_CC " -fsanitize=address,undefined" : VITC_CC)
#define WARNINGS "-Wall -Wextra -Werror -pedantic"

/* Fails, and shows what the last command said. */
#define GIVE_UP(...)                                                                                         \
    do {                                                                                                     \
        said("(its words)");                                                                                 \
        fail_msg(__VA_ARGS__);                                                                               \
    } while (0)

static bool there(const char *command) {
    return run_command("command -v %s", command) == 0;
}

static void build(const char *recipe, const char *more, const char *out) {
    int code = run_command("%s build %s --emit=lib -o %s/%s %s", VITC_BINARY, recipe, folder, out, more);
    if (code) GIVE_UP("vitc build %s ended with %d", recipe, code);
}

static int make_library(void **state) {
    if (make_folder(state) != 0) return -1;
    setenv("PKG_CONFIG_PATH", path_of("model/lib/pkgconfig"), 1);
    return 0;
}

static void test_what_is_written(void **state) {
    (void)state;
    build("quickstart " SMALL, "", "model");
    build("quickstart " SMALL, "", "again"); /* the same bytes, links too */
    assert_int_equal(run_command("diff -r --no-dereference %s/model %s/again", folder, folder), 0);
    build("quickstart " SMALL, "", "again"); /* what is ours is replaced */
    build(OTHER, "--name other-model --target x86-64-v2,x86-64", "model");
    assert_int_equal(
        run_command("cd %s/model/lib && test \"$(readlink libquickstart.so)\" = libquickstart.so.1 && "
                    "test \"$(readlink libquickstart.so.1)\" = libquickstart.so.1.0 && "
                    "readelf -d libquickstart.so | grep -q 'SONAME.*\\[libquickstart.so.1\\]'",
                    folder),
        0);
    /* Nothing is seen from outside but the interface, what stands in for parts of libtiff, and sanitizers. */
    for (int i = 0; i < 2; i++) {
        const char *list =
                       i ? "nm -D --defined-only libother_model.so" : "nm -g --defined-only libquickstart.a",
                   *name = i ? "other_model" : "quickstart";
        assert_int_equal(
            run_command("cd %s/model/lib && %s | grep ' [A-TV-Z] ' | grep -vE ' T %s_[a-z_]*$%s' ; "
                        "test $? = 1",
                        folder, list, name,
                        SANITIZED ? "|asan|sancov| W (jbg|lerc)_| V quickstart_"
                        : i       ? ""
                                  : "| W (jbg|lerc)_| V quickstart_tiff_codecs$"),
            0);
    }
    assert_int_equal(run_command("nm -D %s/model/lib/libquickstart.so | "
                                 "grep -wE 'exit|abort|_exit|printf|puts|perror|__assert_fail'",
                                 folder),
                     1);
    /* No path of this machine is in it. */
    assert_int_equal(run_command("grep -rlaF '%s' %s/model ; test $? = 1", folder, folder), 0);
    if (!SANITIZED) /* whose reports name the source files */
        assert_int_equal(run_command("grep -rlaF '%s' %s/model ; test $? = 1", SOURCE_DIR "/", folder), 0);
}

static void test_headers(void **state) {
    (void)state;
    FILE *file = fopen(path_of("header.c"), "w");
    assert_non_null(file);
    fprintf(file, "#include <other_model.h>\n#include <quickstart.h>\n#include <quickstart.h>\n"
                  "int main(void) {\n    quickstart_options options = quickstart_OPTIONS;\n"
                  "    return options.size != sizeof options;\n}\n");
    fclose(file);
    assert_int_equal(run_command("cd %s && cp header.c header.cpp", folder), 0);
#define CHECK "%s -fsyntax-only " WARNINGS " -I%s/model/include %s"
    assert_int_equal(run_command(CHECK " -std=c11", VITC_CC, folder, path_of("header.c")), 0);
    const char *compilers[] = {"g++", "clang++"};
    for (int i = 0; i < 2; i++)
        if (!there(compilers[i]))
            print_message("there is no %s: the header is not tried with it\n", compilers[i]);
        else if (run_command(CHECK " -std=c++17", compilers[i], folder, path_of("header.cpp")) != 0)
            GIVE_UP("%s does not take the header", compilers[i]);
}

/* The program of docs/deploy.md, compiled in a folder of its own with options at the end of the compiler's command. Its
 * checkpoint is that of `vitc train`. */
static void learn(const char *name, const char *cc, const char *options) {
    int code = run_command("mkdir -p %s/%s && cd %s/%s && %s -std=c11 -O1 " WARNINGS
                           " %s/docs/examples/learn.c -o learn $(pkg-config --cflags quickstart) %s",
                           folder, name, folder, name, cc, SOURCE_DIR, options);
    if (code) GIVE_UP("learn.c was not compiled with %s", options);
    code = run_command("cd %s/%s && LD_LIBRARY_PATH=../model/lib ./learn synthetic:640 4 ../image.ppm",
                       folder, name);
    if (code || !said("step 4: loss ")) GIVE_UP("learn, %s, ended with %d", options, code);
    assert_same("trained", name);
}

#define ARCHIVE "-Wl,--as-needed ../model/lib/libquickstart.a $(pkg-config --static --libs quickstart)"

static void test_program_of_the_documentation(void **state) {
    (void)state;
    FILE *image = fopen(path_of("image.ppm"), "w");
    assert_non_null(image);
    fprintf(image, "P6 2 2 255\nabcdefghijkl");
    fclose(image);
    assert_int_equal(run_command("%s train quickstart " SMALL " peak_lr=0.0005 --data synthetic:640 --plain "
                                 "--steps 4 --out %s/trained",
                                 VITC_BINARY, folder),
                     0);
    learn("shared", CC, "$(pkg-config --libs quickstart)");
    learn("archive", CC, ARCHIVE);
    if (SANITIZED) return;
    learn("sanitized", VITC_CC " -fsanitize=address,undefined", ARCHIVE);
    learn("fixed", VITC_CC, "-static $(pkg-config --static --libs quickstart)");
}

/* Losses are those of x86-64 to the digits that are shown, or nearly so: here that they are numbers. */
static void test_another_architecture(void **state) {
    (void)state;
    if (SANITIZED || !there("qemu-aarch64") || !there("aarch64-linux-gnu-gcc") ||
        access(BUILD_DIR "/lib/vitc/aarch64/libvitc-library.a", R_OK) != 0) {
        print_message("skipped: no qemu-aarch64 or no runtime archive for aarch64 (./setup.sh aarch64)\n");
        skip();
    }
    build("quickstart " SMALL, "--target aarch64", "arm");
    int code = run_command(
        "cd %s/arm && export PKG_CONFIG_PATH=lib/pkgconfig && aarch64-linux-gnu-gcc -static " WARNINGS
        " %s/docs/examples/learn.c -o learn $(pkg-config --static --cflags --libs quickstart) && "
        "qemu-aarch64 ./learn synthetic:64 2 ../image.ppm",
        folder, SOURCE_DIR);
    if (code || !said("step 2: loss 5.") || log_holds("nan"))
        GIVE_UP("learn for aarch64 ended with %d", code);
}

static void test_two_models(void **state) {
    (void)state;
    static const char *const models[] = {"quickstart " SMALL, OTHER " --target x86-64-v2"},
                             *const names[] = {"quickstart", "other_model"},
                             *const links[] = {"$(pkg-config --libs quickstart other_model)",
                                               "-Wl,--as-needed model/lib/libquickstart.a "
                                               "model/lib/libother_model.a "
                                               "$(pkg-config --static --libs quickstart other_model)"};
    for (int m = 0; m < 2; m++)
        assert_int_equal(run_command("%s train %s --data synthetic:640 --plain --steps 3 --out %s/%s",
                                     VITC_BINARY, models[m], folder, names[m]),
                         0);
    for (int i = 0; i < 2; i++) {
        const char *cc = i && !SANITIZED ? VITC_CC " -fsanitize=address,undefined" : CC;
        /* What stands in for parts of libtiff is there twice, weakly; under sanitizers too that is no mistake. */
        int code = run_command(
            "cd %s && %s -std=c11 -g " WARNINGS " %s/two.c -o two $(pkg-config --cflags quickstart) "
            "%s -pthread && LD_LIBRARY_PATH=model/lib ASAN_OPTIONS=detect_odr_violation=1 ./two .",
            folder, cc, SOURCES, links[i]);
        if (code) GIVE_UP("two.c, %s, ended with %d", links[i], code);
        for (int m = 0; m < 2; m++)
            for (int h = 0; h < 2; h++) {
                char name[32];
                snprintf(name, sizeof name, "%s-%d", names[m], h);
                assert_int_equal(
                    run_command("cd %s && mkdir -p %s && mv %s.safetensors %s/checkpoint.safetensors", folder,
                                name, name, name),
                    0);
                assert_same(names[m], name);
            }
    }
}

/* Calls that fail, of every kind: the program ends as it wants to, with a message of the library's. */
static void test_failing_calls(void **state) {
    (void)state;
#ifdef FAULT_LIBRARY
    static const char *const faults[] = {"memory:5",   "memory:20",  "memory:60", "memory:110",
                                         "memory:170", "memory:250", "open:20",   "read:9",
                                         "write:12",   "thread:1",   "thread:2"};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        int code = run_command("cd %s/shared && env FAULT=%s LD_PRELOAD=" FAULT_LIBRARY
                               " LD_LIBRARY_PATH=../model/lib ./learn synthetic:64 1 ../image.ppm",
                               folder, faults[i]);
        char *log = read_log();
        if (code != 0 && (code != 1 || !log[0])) GIVE_UP("learn under %s ended with %d", faults[i], code);
        free(log);
    }
#else
    skip();
#endif
}

static void refuse(const char *prepare, const char *out, const char *words) {
    assert_int_equal(run_command("(cd %s && %s)", folder, prepare), 0);
    assert_int_equal(
        run_command("cd %s && %s build quickstart " SMALL " --emit=lib -o %s", folder, VITC_BINARY, out), 2);
    assert_true(said(words));
}

static void test_what_is_not_overwritten(void **state) {
    (void)state;
    refuse("echo mine > file", "file", "file");
    refuse("mkdir -p a/include && echo mine > a/include/quickstart.h", "a", "--force");
    refuse("mkdir -p b/lib && echo mine > b/lib/libquickstart.a", "b", "--force");
    refuse("mkdir -p c/lib && ln -s elsewhere c/lib/libquickstart.so", "c", "--force");
    assert_int_equal(
        run_command("cd %s && test ! -e a/lib && test ! -e b/include && test ! -e c/include", folder), 0);
    build("quickstart " SMALL, "--force", "c");
    assert_int_equal(run_command("test -e %s/c/lib/libquickstart.so", folder), 0);
    assert_int_equal(run_command("%s build quickstart --emit=lib --static -o %s/d", VITC_BINARY, folder), 2);
    assert_int_equal(run_command("%s build quickstart --emit=lib -o -", VITC_BINARY), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_program_of_the_documentation),
        cmocka_unit_test(test_failing_calls),
        cmocka_unit_test(test_another_architecture),
        cmocka_unit_test(test_two_models),
        cmocka_unit_test(test_what_is_not_overwritten),
    };
    return cmocka_run_group_tests(tests, make_library, remove_folder);
}
