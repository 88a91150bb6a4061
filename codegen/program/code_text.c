/* Texts of generated functions: see code_text.h. */
#include "codegen/program/code_text.h"
#include "ir/base/stream.h"

#include <llvm-c/DebugInfo.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { POSITION = 160 };

static bool begins_with(const char *line, const char *end, const char *with) {
    size_t n = strlen(with);
    return (size_t)(end - line) >= n && memcmp(line, with, n) == 0;
}

static const char *end_of_line(const char *line, const char *end) {
    const char *next = memchr(line, '\n', (size_t)(end - line));
    return next ? next : end;
}

static const char *kept(Arena *arena, TextStream *stream) {
    size_t size;
    char *text = stream_end(stream, &size);
    const char *copy = arena_strndup(arena, text, size);
    free(text);
    return copy;
}

/* Writes a comment where the position is another than before. */
static void tell_position(FILE *out, const char *mark, char *last, const char *now) {
    if (!*now || strcmp(last, now) == 0) return;
    fprintf(out, "  %s %s\n", mark, now);
    snprintf(last, POSITION, "%s", now);
}

/* ---- LLVM IR ----------------------------------------------------------------------------------------------------- */

/* The instructions of a function that have a position, in their order. */
typedef struct {
    LLVMBasicBlockRef block;
    LLVMValueRef at;
} Walk;

static LLVMValueRef next_positioned(Walk *walk) {
    while (walk->block) {
        walk->at = walk->at ? LLVMGetNextInstruction(walk->at) : LLVMGetFirstInstruction(walk->block);
        if (walk->at && LLVMInstructionGetDebugLoc(walk->at)) return walk->at;
        if (!walk->at) walk->block = LLVMGetNextBasicBlock(walk->block);
    }
    return NULL;
}

/* "nn.yaml:40:12", or "" for that of no expression. */
static void position_of(LLVMValueRef instruction, char out[POSITION]) {
    unsigned length = 0, line = instruction ? LLVMGetDebugLocLine(instruction) : 0;
    const char *name = line ? LLVMGetDebugLocFilename(instruction, &length) : NULL;
    out[0] = '\0';
    if (name)
        snprintf(out, POSITION, "%.*s:%u:%u", (int)length, name, line, LLVMGetDebugLocColumn(instruction));
}

/* The `k`-th line with a reference to debug information is that of the k-th instruction which has a position. */
const char *code_text_llvm(Arena *arena, LLVMValueRef function) {
    TextStream stream;
    FILE *out = stream_begin(&stream);
    char *text = LLVMPrintValueToString(function), last[POSITION] = "", now[POSITION];
    Walk walk = {.block = LLVMGetFirstBasicBlock(function)};
    for (const char *line = text, *end = text + strlen(text), *next; line < end; line = next + (next < end)) {
        next = end_of_line(line, end);
        const char *cut = memmem(line, (size_t)(next - line), " !dbg !", 7);
        bool head = begins_with(line, next, "define ");
        if (cut && !head) {
            position_of(next_positioned(&walk), now);
            tell_position(out, ";", last, now);
        }
        const char *until = cut ? cut : next;
        if (cut && until[-1] == ',') until--;
        fprintf(out, "%.*s%s\n", (int)(until - line), line, head && cut ? " {" : "");
    }
    LLVMDisposeMessage(text);
    return kept(arena, &stream);
}

/* ---- assembly ---------------------------------------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    AssemblyText *texts;
    size_t count, capacity;
    TextStream pending, now; /* constants, which the file has before their function; the function */
    FILE *constants, *out;   /* of the two; out is NULL outside of functions */
    bool data;               /* the section is one of constants */
    char last[POSITION];
} Split;

/* ".loc 1 40 12 is_stmt 0 # nn.yaml:40:12 …": the position that the comment names. Instructions of no expression have
 * line 0. */
static void position_in(const char *line, const char *end, char out[POSITION]) {
    const char *comment = end;
    while (comment > line && comment[-1] != '\t' && comment[-1] != ' ') comment--;
    const char *number = memchr(line, ' ', (size_t)(end - line));
    bool known = number && !begins_with(number, end, " 0 ") && comment > number &&
                 memchr(comment, ':', (size_t)(end - comment));
    if (known && end - comment > 2 && end[-1] == '0' && end[-2] == ':') end -= 2; /* of a whole line */
    out[0] = '\0';
    if (known) snprintf(out, POSITION, "%.*s", (int)(end - comment), comment);
}

/* Directives and labels that tell a reader nothing. */
static bool is_noise(const char *line, const char *end) {
    static const char *const NOISE[] = {
        "\t.cfi_",    "\t.p2align", "\t.loc",       "\t.file",   "\t.type",  "\t.size",
        "\t.globl",   "\t.section", ".Lfunc_begin", ".Ltmp",     "\t.text",  "\t.local",
        "\t.addrsig", "# %bb.0:",   "// %bb.0:",    "\t.hidden", "\t# kill", "\t// kill"};
    for (size_t i = 0; i < sizeof NOISE / sizeof *NOISE; i++)
        if (begins_with(line, end, NOISE[i])) return true;
    return line == end;
}

/* "\t.type\tkernel_0.matmul,@function": what follows is this function. */
static bool begins_function(Split *s, const char *line, const char *end) {
    if (!begins_with(line, end, "\t.type\t") || !memmem(line, (size_t)(end - line), "function", 8))
        return false;
    const char *name = line + 7, *until = memchr(name, ',', (size_t)(end - name));
    if (!until) return false;
    if (*name == '"') name++, until--;
    AssemblyText text = {arena_strndup(s->arena, name, (size_t)(until - name)), NULL};
    ARENA_PUSH(s->arena, s->texts, s->count, s->capacity, text);
    s->out = stream_begin(&s->now);
    s->data = false;
    s->last[0] = '\0';
    return true;
}

static void end_function(Split *s) {
    fputs(kept(s->arena, &s->pending), s->out);
    s->constants = stream_begin(&s->pending);
    s->texts[s->count - 1].text = kept(s->arena, &s->now);
    s->out = NULL;
}

static void split_line(Split *s, const char *line, const char *end) {
    char now[POSITION];
    if (begins_function(s, line, end)) return;
    if (begins_with(line, end, "\t.section\t")) s->data = begins_with(line, end, "\t.section\t.rodata");
    if (begins_with(line, end, "\t.text")) s->data = false;
    if (s->out && begins_with(line, end, ".Lfunc_end"))
        end_function(s);
    else if (s->out && begins_with(line, end, "\t.loc\t")) {
        position_in(line, end, now);
        tell_position(s->out, "#", s->last, now);
    } else if ((s->out || s->data) && !is_noise(line, end))
        fprintf(s->out ? s->out : s->constants, "%.*s\n", (int)(end - line), line);
}

AssemblyText *code_texts_assembly(Arena *arena, const char *file, size_t size, size_t *n) {
    Split s = {.arena = arena};
    s.constants = stream_begin(&s.pending);
    const char *end = file + size;
    for (const char *line = file, *next; line < end; line = next + 1) {
        next = end_of_line(line, end);
        split_line(&s, line, next);
    }
    if (s.out) end_function(&s);
    free(stream_end(&s.pending, NULL));
    *n = s.count;
    return s.texts;
}
