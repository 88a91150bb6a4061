/* What is told of mistakes, word for word: tests/frontend/mistakes/.
 *
 * base.yaml is a recipe without a fault. Each *.txt holds cases: a line "# what is wrong", the lines of base.yaml that
 * are changed ("- old", then "+ new"; new ones alone stand at the end), a line ">", and all that is told then. Lines of
 * libraries, which change for other reasons, are left out, as are their numbers.
 *
 * `test_mistakes --update` writes what is told now into the files. Read the difference before it is committed. */
#include "frontend/frontend.h"
#include "ir/base/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER TEST_DIR "/frontend/mistakes"

static Arena *arena;
static const char *base;
static bool updates;
static int cases, wrong;

/* The line at *text, without its end; *text moves behind it. NULL: none is left. */
static const char *next_line(const char **text) {
    if (!**text) return NULL;
    size_t n = strcspn(*text, "\n");
    const char *line = arena_strndup(arena, *text, n);
    *text += n + ((*text)[n] == '\n');
    return line;
}

/* Takes SOURCE_DIR from paths, and from lines of libraries their numbers and the text below them. */
static char *normalised(const char *told) {
    const char *line;
    char *out = arena_strdup(arena, "");
    while ((line = next_line(&told))) {
        const char *root = strstr(line, SOURCE_DIR "/");
        if (root)
            line = arena_printf(arena, "%.*s%s", (int)(root - line), line, root + strlen(SOURCE_DIR "/"));
        bool library = strncmp(line, "models/", 7) == 0;
        if (library) {
            size_t path = strcspn(line, ":"), place = path + 1 + strspn(line + path + 1, "0123456789:");
            line = arena_printf(arena, "%.*s:%s", (int)path, line, line + place);
            next_line(&told);
            next_line(&told);
        }
        out = arena_printf(arena, "%s%s\n", out, line);
    }
    return out;
}

static char *told_of(const char *recipe) {
    Diags *diags = diags_new(arena);
    const RecipeOptions options = {.models_dir = SOURCE_DIR "/models"};
    Recipe out;
    recipe_load_text(arena, diags, "mine.yaml", recipe, strlen(recipe), &options, &out);
    return normalised(diags_text(diags));
}

typedef struct {
    const char *name, *edits, *recipe, *wanted;
} Case;

/* The recipe with `old` replaced; NULL if it has no such lines. */
static const char *replaced(const char *recipe, const char *old, const char *new) {
    if (!*old) return arena_printf(arena, "%s%s", recipe, new);
    const char *at = strstr(recipe, old);
    while (at && at > recipe && at[-1] != '\n') at = strstr(at + 1, old);
    if (!at) return NULL;
    return arena_printf(arena, "%.*s%s%s", (int)(at - recipe), recipe, new, at + strlen(old));
}

/* Reads the case that begins at *text; false at the end. */
static bool read_case(const char **text, Case *out) {
    const char *line = next_line(text), *old = "", *new = "";
    if (!line) return false;
    if (strncmp(line, "# ", 2) != 0) fail_msg("a case begins with `# `: %s", line);
    *out = (Case){.name = line + 2, .edits = "", .recipe = base, .wanted = ""};
    for (bool more = true; more;) {
        line = next_line(text);
        if (!line) fail_msg("%s: no line `>`", out->name);
        bool begins = line[0] == '-' && *new;
        more = strcmp(line, ">") != 0;
        if ((!more && (*old || *new)) || begins) {
            out->recipe = replaced(out->recipe, old, new);
            if (!out->recipe) fail_msg("%s: base.yaml has no\n%s", out->name, old);
            old = new = "";
        }
        if (more) out->edits = arena_printf(arena, "%s%s\n", out->edits, line);
        const char *content = strlen(line) > 2 ? line + 2 : "";
        if (more && line[0] == '-') old = arena_printf(arena, "%s%s\n", old, content);
        if (more && line[0] == '+') new = arena_printf(arena, "%s%s\n", new, content);
    }
    while (**text && strncmp(*text, "# ", 2) != 0)
        out->wanted = arena_printf(arena, "%s%s\n", out->wanted, next_line(text));
    return true;
}

static void run_file(const char *path) {
    size_t size;
    const char *text = stream_read_file(arena, path, 1 << 20, &size);
    assert_non_null(text);
    char *out = arena_strdup(arena, "");
    for (Case c; read_case(&text, &c); cases++) {
        const char *told = told_of(c.recipe);
        out = arena_printf(arena, "%s# %s\n%s>\n%s", out, c.name, c.edits, told);
        if (updates || strcmp(told, c.wanted) == 0) continue;
        print_error("%s: %s\nwanted:\n%sgot:\n%s", strrchr(path, '/') + 1, c.name, c.wanted, told);
        wrong++;
    }
    if (!updates) return;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(out, file);
    fclose(file);
}

static void test_mistakes(void **state) {
    (void)state;
    glob_t files;
    size_t size;
    arena = arena_new();
    base = stream_read_file(arena, FOLDER "/base.yaml", 1 << 20, &size);
    assert_non_null(base);
    assert_string_equal(told_of(base), "");
    assert_int_equal(glob(FOLDER "/*.txt", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) run_file(files.gl_pathv[i]);
    globfree(&files);
    arena_free(arena);
    assert_true(cases >= 100);
    assert_int_equal(wrong, 0);
}

int main(int argc, char **argv) {
    updates = argc > 1 && strcmp(argv[1], "--update") == 0;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mistakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
