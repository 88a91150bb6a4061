/* What the documents show is true: recipes in them pass `vitc check`, excerpts stand in the files they name, IR reads
 * back as its text says, errors are the ones that are printed, commands name verbs that exist. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *read_all(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("cannot read %s", path);
    char *text = calloc(1, 1 << 20);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

static void write_all(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

/* The output of a command and its exit status. */
static char *run(const char *command, int *status) {
    char *out = calloc(1, 8 << 20);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(out, 1, (8 << 20) - 1, pipe);
    out[n] = '\0';
    *status = pclose(pipe);
    return out;
}

/* A fenced block of a document: its kind ("yaml"), text, and the file that a comment before it says it is from. */
typedef struct {
    char kind[32], from[128], *text;
} Fence;

/* The next block after *at, which moves on. */
static bool next_fence(char **at, Fence *fence) {
    char *open = strncmp(*at, "```", 3) == 0 ? *at : strstr(*at, "\n```"), *comment;
    if (!open) return false;
    open += *open == '\n';
    memset(fence, 0, sizeof *fence);
    if ((comment = strstr(*at, "<!-- from ")) && comment < open)
        sscanf(comment, "<!-- from %127s", fence->from);
    size_t kind = strcspn(open + 3, "\n");
    assert_true(kind < sizeof fence->kind);
    memcpy(fence->kind, open + 3, kind);
    char *text = open + 3 + kind + 1, *close = strstr(text, "\n```");
    assert_non_null(close);
    fence->text = strndup(text, (size_t)(close - text) + 1);
    *at = close + 4;
    return true;
}

static const char *trimmed(char *line) {
    while (*line == ' ') line++;
    for (size_t n = strlen(line); n > 0 && isspace((unsigned char)line[n - 1]);) line[--n] = '\0';
    return line;
}

/* Each line of the excerpt is a line of the file. */
static void assert_excerpt(const Fence *fence) {
    char path[512], *save = NULL, *copy = strdup(fence->text);
    snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, fence->from);
    char *file = read_all(path);
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *wanted = trimmed(line), *found = file;
        size_t n = strlen(wanted);
        while ((found = strstr(found, wanted)) &&
               !(found[n] == '\n' && (found == file || isspace((unsigned char)found[-1]))))
            found++;
        if (!found) fail_msg("this line is not in %s: %s", fence->from, wanted);
    }
    free(file), free(copy);
}

static void assert_checks(const Fence *fence) {
    char path[] = "/tmp/vitc-docs-XXXXXX.yaml", command[512];
    int status;
    close(mkstemps(path, 5));
    write_all(path, fence->text);
    snprintf(command, sizeof command, "%s check %s 2>&1", VITC_BINARY, path);
    char *out = run(command, &status);
    if (status) fail_msg("%s", out);
    free(out);
    unlink(path);
}

static void assert_reads_back(const Fence *fence, bool same) {
    char path[] = "/tmp/vitc-docs-XXXXXX", command[512];
    int status;
    close(mkstemp(path));
    write_all(path, fence->text);
    snprintf(command, sizeof command, "%s opt %s 2>&1", VITC_BINARY, path);
    char *out = run(command, &status);
    if (status) fail_msg("%s", out);
    if (same) assert_string_equal(out, fence->text);
    free(out);
    unlink(path);
}

/* `vitc VERB …` at the start of a line: the verb has help. */
static void assert_verbs(const Fence *fence) {
    for (const char *at = fence->text; (at = strstr(at, "vitc ")); at++) {
        char verb[32] = "", command[512];
        int status;
        if (at != fence->text && at[-1] != '\n' && at[-1] != '/') continue;
        sscanf(at + 5, "%31[a-z]", verb);
        snprintf(command, sizeof command, "%s help %s 2>&1", VITC_BINARY, verb);
        char *out = run(command, &status);
        if (status) fail_msg("vitc %s: %s", verb, out);
        free(out);
    }
}

static void test_document(void **state) {
    char path[512];
    Fence fence;
    int n = 0;
    snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, (const char *)*state);
    char *text = read_all(path), *at = text;
    for (; next_fence(&at, &fence); n++) {
        if (fence.from[0])
            assert_excerpt(&fence);
        else if (strcmp(fence.kind, "yaml") == 0)
            assert_checks(&fence);
        else if (strncmp(fence.kind, "ir", 2) == 0)
            assert_reads_back(&fence, strcmp(fence.kind, "ir") == 0);
        else
            assert_verbs(&fence);
        free(fence.text);
    }
    assert_true(n > 0);
    free(text);
}

/* What docs/walkthrough.md prints: LLVM IR and assembly, each kernel named before its code. */
static void test_printed_code(void **state) {
    static const char *const shown[][3] = {
        {"VITC_LLVM", "; kernel_0.", "define void @kernel_0."},
        {"VITC_ASM", "# kernel_0.", "\nkernel_0."},
    };
    (void)state;
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        char command[1024];
        int status;
        snprintf(command, sizeof command, "%s=1 %s bench %s/models/cmc.yaml preset=tiny --steps 1 2>&1",
                 shown[i][0], VITC_BINARY, SOURCE_DIR);
        char *out = run(command, &status);
        if (status) fail_msg("%s", out);
        const char *named = strstr(out, shown[i][1]), *code = strstr(out, shown[i][2]);
        if (!named || !code || code < named)
            fail_msg("%s: no '%s' before '%s'", shown[i][0], shown[i][1], shown[i][2]);
        free(out);
    }
}

/* The error that docs/ir.md shows. */
static void test_shown_error(void **state) {
    (void)state;
    char command[1024], path[512];
    int status;
    const char *input =
        "module @free {\n  func @norms(%x : f64[5x3]) {\n    // a slip\n    %square = mull %x, %x\n"
        "    output norms = %square\n  }\n}\n";
    snprintf(path, sizeof path, "%s/docs/ir.md", SOURCE_DIR);
    char *text = read_all(path), folder[] = "/tmp/vitc-docs-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/norms.ir", folder);
    write_all(path, input);
    snprintf(command, sizeof command, "cd %s && %s opt norms.ir 2>&1; rm -r %s", folder, VITC_BINARY, folder);
    char *out = run(command, &status);
    for (int line = 0; line < 3; line++) {
        char *end = strchr(out, '\n');
        assert_non_null(end);
        *end = '\0';
        if (!strstr(text, out)) fail_msg("docs/ir.md does not show: %s", out);
        memmove(out, end + 1, strlen(end + 1) + 1);
    }
    free(out), free(text);
}

/* What README.md shows of its recipe with `vitc inspect` is there: the line that it explains makes something. */
static void test_readme_inspects(void **state) {
    static const char COMMAND[] = "build/vitc inspect mine.yaml", FOLDER[] = "/tmp/vitc-docs-XXXXXX";
    char path[512], folder[sizeof FOLDER], command[1024], *save = NULL;
    Fence fence = {0};
    int status, n = 0;
    (void)state;
    memcpy(folder, FOLDER, sizeof FOLDER);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/README.md", SOURCE_DIR);
    char *text = read_all(path), *at = text;
    while (next_fence(&at, &fence) && strcmp(fence.kind, "yaml") != 0) free(fence.text);
    snprintf(path, sizeof path, "%s/mine.yaml", folder);
    write_all(path, fence.text);
    free(fence.text);
    for (char *line = strtok_r(at, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, COMMAND, strlen(COMMAND)) != 0) continue;
        snprintf(command, sizeof command, "cd %s && %s %.200s", folder, VITC_BINARY,
                 line + strlen("build/vitc "));
        char *out = run(command, &status); /* what follows # is a comment to the shell too */
        if (status) fail_msg("%s: %d", command, status);
        free(out);
        n++;
    }
    assert_true(n >= 4);
    snprintf(command, sizeof command, "rm -r %s", folder);
    free(run(command, &status));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        {"README.md", test_document, NULL, NULL, (void *)"README.md"},
        {"docs/language.md", test_document, NULL, NULL, (void *)"docs/language.md"},
        {"docs/objectives.md", test_document, NULL, NULL, (void *)"docs/objectives.md"},
        {"docs/runs.md", test_document, NULL, NULL, (void *)"docs/runs.md"},
        {"docs/deploy.md", test_document, NULL, NULL, (void *)"docs/deploy.md"},
        {"docs/ir.md", test_document, NULL, NULL, (void *)"docs/ir.md"},
        {"docs/walkthrough.md", test_document, NULL, NULL, (void *)"docs/walkthrough.md"},
        cmocka_unit_test(test_readme_inspects),
        cmocka_unit_test(test_printed_code),
        cmocka_unit_test(test_shown_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
