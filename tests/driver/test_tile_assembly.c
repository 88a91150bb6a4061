/* Code for AMX, read as assembly, which any machine can make. A tile must never be kept on the stack: compilers that
 * allocate tile registers have stored and reloaded them there wrongly (llvm#110190). Every kernel that multiplies tiles
 * configures them before and releases them on every path that returns. */
#include "tests/driver/runs.h"

#include <ctype.h>

enum { MOST_LINES = 1 << 17, MOST_SUSPECTS = 16 };

typedef enum { OTHER, LABEL, JUMP, BRANCH, RETURN, CALL, CONFIGURE, RELEASE, TILE, TILE_MEMORY } Kind;

typedef struct {
    Kind kind;
    const char *text; /* without space before it; NUL-terminated */
    int target;       /* line of a jump's label; -1: it leaves the function */
    unsigned states;  /* in which tiles may be before it: see State */
} Line;

/* Sets of what may be: tiles are configured, or are not. */
typedef enum { BARE = 1, CONFIGURED = 2 } State;

typedef struct {
    char *text;
    Line *lines;
    int n, kernels, tile_functions,
        memory; /* functions that configure tiles, or use the caller's; loads and stores */
    char wrong[256];
} Assembly;

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static Kind kind_of(const char *text) {
    static const struct {
        const char *begins;
        Kind kind;
    } kinds[] = {{"ldtilecfg", CONFIGURE},
                 {"tilerelease", RELEASE},
                 {"tileload", TILE_MEMORY},
                 {"tilestored", TILE_MEMORY},
                 {"tilezero", TILE},
                 {"tdp", TILE},
                 {"call", CALL},
                 {"jmp", JUMP},
                 {"j", BRANCH},
                 {"ret", RETURN}};
    size_t length = strlen(text);
    if (length && text[length - 1] == ':') return LABEL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (begins(text, kinds[i].begins)) return kinds[i].kind;
    return OTHER;
}

/* Cuts the text into lines without comments and spaces around them. */
static Assembly read_assembly(char *text) {
    Assembly a = {.text = text, .lines = calloc(MOST_LINES, sizeof *a.lines)};
    for (char *at = text, *end; *at; at = end) {
        end = at + strcspn(at, "\n");
        if (*end) *end++ = '\0';
        at[strcspn(at, "#")] = '\0';
        while (isspace((unsigned char)*at)) at++;
        for (size_t n = strlen(at); n && isspace((unsigned char)at[n - 1]); n--) at[n - 1] = '\0';
        if (*at == '\0' || (*at == '.' && kind_of(at) != LABEL)) continue; /* nothing, or a directive */
        assert_true(a.n < MOST_LINES);
        a.lines[a.n++] = (Line){.kind = kind_of(at), .text = at};
    }
    return a;
}

static void drop_assembly(Assembly *a) {
    free(a->lines);
    free(a->text);
}

static bool is_function(const Line *line) {
    return line->kind == LABEL && line->text[0] != '.';
}

static bool tell(Assembly *a, const Line *line, int function, const char *what) {
    snprintf(a->wrong, sizeof a->wrong, "%.80s %.60s: %s", a->lines[function].text, line->text, what);
    return false;
}

/* ---- the stack --------------------------------------------------------------------------------------------------- */

/* Registers that hold addresses on the stack, from line to line. */
typedef struct {
    char names[MOST_SUSPECTS][8];
    int n;
} Suspects;

static bool mentions(const char *operand, const Suspects *s) {
    for (int i = 0; i < s->n; i++)
        if (strstr(operand, s->names[i])) return true;
    return false;
}

/* The last operand, if it is a register of 64 bits: what most instructions write. */
static bool written(const char *text, char out[8]) {
    const char *last = strrchr(text, ',');
    last = last ? last + 1 : strpbrk(text, " \t");
    while (last && isspace((unsigned char)*last)) last++;
    if (!last || last[0] != '%' || last[1] != 'r' || strlen(last) > 5) return false;
    snprintf(out, 8, "%.5s", last);
    return true;
}

static void follow_addresses(Suspects *s, const char *text) {
    char to[8], from[128];
    if (!written(text, to) || strcmp(to, "%rsp") == 0) return;
    snprintf(from, sizeof from, "%s", text);
    if (strrchr(from, ',')) *strrchr(from, ',') = '\0';
    bool moved = begins(text, "lea") || (begins(text, "mov") && !strchr(from, '(')),
         added = begins(text, "add") || begins(text, "sub"), suspect = mentions(from, s);
    for (int i = 0; i < s->n && !added; i++)
        if (strcmp(s->names[i], to) == 0) memcpy(s->names[i--], s->names[--s->n], 8);
    if ((moved || added) && suspect && s->n < MOST_SUSPECTS) memcpy(s->names[s->n++], to, 8);
}

static bool check_stack(Assembly *a, int from, int to) {
    Suspects s = {.names = {"%rsp"}, .n = 1};
    for (int i = from; i < to; i++) {
        const Line *line = &a->lines[i];
        a->memory += line->kind == TILE_MEMORY;
        if (line->kind == TILE_MEMORY && mentions(line->text, &s))
            return tell(a, line, from, "a tile on the stack");
        if (line->kind == OTHER) follow_addresses(&s, line->text);
    }
    return true;
}

/* ---- configuration ----------------------------------------------------------------------------------------------- */

static int find_label(const Assembly *a, int from, int to, const char *jump) {
    const char *name = strpbrk(jump, " \t");
    while (name && isspace((unsigned char)*name)) name++;
    for (int i = from; name && i < to; i++) {
        size_t length = strlen(a->lines[i].text) - 1;
        if (a->lines[i].kind == LABEL && strlen(name) == length &&
            strncmp(name, a->lines[i].text, length) == 0)
            return i;
    }
    return -1;
}

static unsigned after(const Line *line) {
    if (line->kind == CONFIGURE) return CONFIGURED;
    return line->kind == RELEASE ? BARE : line->states;
}

/* Adds states before line i; whether that is news. */
static bool reach(Assembly *a, int i, int to, unsigned states) {
    if (i < 0 || i >= to || (a->lines[i].states | states) == a->lines[i].states) return false;
    a->lines[i].states |= states;
    return true;
}

static void follow_paths(Assembly *a, int from, int to) {
    for (int i = from; i < to; i++)
        if (a->lines[i].kind == JUMP || a->lines[i].kind == BRANCH)
            a->lines[i].target = find_label(a, from, to, a->lines[i].text);
    a->lines[from].states = BARE;
    for (bool news = true; news;) {
        news = false;
        for (int i = from; i < to; i++) {
            const Line *line = &a->lines[i];
            if (!line->states) continue;
            if (line->kind != JUMP && line->kind != RETURN) news |= reach(a, i + 1, to, after(line));
            if (line->kind == JUMP || line->kind == BRANCH) news |= reach(a, line->target, to, after(line));
        }
    }
}

/* A kernel: its function has tiles configured wherever it calls for their use, and nowhere else. */
static bool check_kernel(Assembly *a, int from, int to) {
    follow_paths(a, from, to);
    for (int i = from; i < to; i++) {
        const Line *line = &a->lines[i];
        bool uses = line->kind == TILE || line->kind == TILE_MEMORY ||
                    ((line->kind == CALL || line->kind == JUMP) && strstr(line->text, "micro_tile_"));
        bool leaves = line->kind == RETURN || (line->kind == JUMP && line->target < 0);
        if (line->kind == JUMP && strchr(line->text, '*'))
            return tell(a, line, from, "a jump that is not followed");
        if (uses && (line->states & BARE)) return tell(a, line, from, "tiles that are not configured");
        if (leaves && (line->states & CONFIGURED)) return tell(a, line, from, "tiles that are not released");
    }
    return true;
}

/* micro_tile_…: has its caller's tiles. */
static bool check_micro_kernel(Assembly *a, int from, int to) {
    for (int i = from; i < to; i++)
        if (a->lines[i].kind == CONFIGURE || a->lines[i].kind == RELEASE || a->lines[i].kind == CALL)
            return tell(a, &a->lines[i], from, "a micro-kernel that does more than multiply");
    return true;
}

static bool check_assembly(Assembly *a) {
    for (int from = 0, to; from < a->n; from = to) {
        for (to = from + 1; to < a->n && !is_function(&a->lines[to]); to++) continue;
        if (!is_function(&a->lines[from])) continue;
        bool micro = begins(a->lines[from].text, "micro_tile_"), configures = false;
        for (int i = from; i < to; i++) configures |= a->lines[i].kind == CONFIGURE;
        a->kernels += configures;
        a->tile_functions += micro;
        if (!check_stack(a, from, to)) return false;
        if (!(micro ? check_micro_kernel(a, from, to) : check_kernel(a, from, to))) return false;
    }
    return true;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    assert_int_equal(fread(text, 1, (size_t)size, file), size);
    fclose(file);
    return text;
}

/* Products, attention and its gradient, in bf16 and in split bf16; all of the target's micro-kernels are there too. */
static void test_generated_code(void **state) {
    (void)state;
    static const char *const precisions[] = {"bf16", "bf16x3"};
    for (int i = 0; i < 2; i++) {
        if (run_command(VITC_BINARY
                        " build mae preset=tiny --precision %s --emit=asm --target=amx -o %s --force",
                        precisions[i], path_of("amx.s")))
            fail_msg("%s", read_log());
        Assembly a = read_assembly(read_file(path_of("amx.s")));
        if (!check_assembly(&a)) fail_msg("%s: %s", precisions[i], a.wrong);
        if (!(a.kernels > 20 && a.tile_functions >= 4 && a.memory > 20))
            fail_msg("%s: %d kernels, %d micro-kernels, %d loads and stores", precisions[i], a.kernels,
                     a.tile_functions, a.memory);
        drop_assembly(&a);
    }
}

/* What is wrong with a function is found. */
static void test_mistakes_are_found(void **state) {
    (void)state;
    static const struct {
        const char *code, *wrong; /* NULL: nothing */
    } cases[] = {
        {"f:\n ldtilecfg (%rax)\n callq micro_tile_1\n tilerelease\n retq\n", NULL},
        {"f:\n je .L1\n ldtilecfg (%rax)\n callq micro_tile_1\n tilerelease\n.L1:\n retq\n", NULL},
        {"f:\n leaq 64(%rsp), %r8\n movq %rdi, %r8\n tilezero %tmm0\n retq\n", "not configured"},
        {"f:\n ldtilecfg (%rax)\n tileloadd 64(%rsp,%rcx), %tmm1 # reload\n tilerelease\n retq\n",
         "on the stack"},
        {"f:\n ldtilecfg (%rax)\n leaq 64(%rsp), %r8\n tilestored %tmm1, (%r8,%rcx)\n tilerelease\n retq\n",
         "on the stack"},
        {"f:\n ldtilecfg (%rax)\n leaq 64(%rsp), %r8\n movq %rdi, %r8\n tilestored %tmm1, (%r8,%rcx)\n"
         " tilerelease\n retq\n",
         NULL},
        {"f:\n movq %rsp, %rbp\n ldtilecfg (%rax)\n tileloadd -1024(%rbp,%rcx), %tmm1\n tilerelease\n retq\n",
         "on the stack"},
        {"f:\n ldtilecfg (%rax)\n je .L1\n tilerelease\n.L1:\n retq\n", "not released"},
        {"f:\n ldtilecfg (%rax)\n tilerelease\n je .L1\n retq\n.L1:\n callq micro_tile_1\n retq\n",
         "not configured"},
        {"f:\n.L1:\n ldtilecfg (%rax)\n callq micro_tile_1\n tilerelease\n jne .L1\n jmp micro_tile_1\n",
         "not configured"},
        {"f:\n ldtilecfg (%rax)\n jmpq *(%rax)\n", "not followed"},
        {"micro_tile_1:\n ldtilecfg (%rax)\n retq\n", "more than multiply"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Assembly a = read_assembly(strdup(cases[i].code));
        bool good = check_assembly(&a);
        if (good != !cases[i].wrong || (!good && !strstr(a.wrong, cases[i].wrong)))
            fail_msg("case %zu: '%s', not '%s'", i, a.wrong, cases[i].wrong ? cases[i].wrong : "");
        drop_assembly(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_generated_code),
                                       cmocka_unit_test(test_mistakes_are_found)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
