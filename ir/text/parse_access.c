/* Index maps in the text form, read and compared with those of the kernel: see accesses.h. */
#include "ir/text/accesses.h"
#include "ir/text/parser.h"
#include "ir/base/stream.h"

#include <ctype.h>
#include <stdlib.h>

/* Which loops the letters of one index map are. */
typedef struct {
    bool kernel, prologue;
} Letters;

/* i0, p12 */
static bool take_loop(Parser *p, Letters *letters, int *loop) {
    parser_skip_spaces(p);
    const char *start = p->at;
    char *end;
    if ((*start != 'i' && *start != 'p') || !isdigit((unsigned char)start[1]))
        return parser_fail(p, start, "expected a loop: i0, i1, … (p0, … of a prologue)");
    unsigned long number = strtoul(start + 1, &end, 10);
    if (number >= DOMAIN_MAX) return parser_fail(p, start, "there are at most %d loops", DOMAIN_MAX);
    *(*start == 'p' ? &letters->prologue : &letters->kernel) = true;
    if (letters->kernel && letters->prologue)
        return parser_fail(p, start, "a kernel's loops and its prologue's in one index map");
    *loop = (int)number;
    p->at = end;
    return true;
}

/* 17*i1, i1, 3; its sign was read. */
static bool take_term(Parser *p, bool minus, Letters *letters, int64_t *offset, bool *has_offset,
                      int64_t coef[DOMAIN_MAX]) {
    parser_skip_spaces(p);
    const char *start = p->at;
    int64_t number = 1;
    int loop = -1;
    bool counted = isdigit((unsigned char)*p->at);
    if (counted && !parser_take_int(p, &number)) return false;
    if ((!counted || parser_accept(p, '*')) && !take_loop(p, letters, &loop)) return false;
    if (loop >= 0 ? coef[loop] != 0 : *has_offset)
        return parser_fail(p, start, loop >= 0 ? "a loop twice in one index" : "two numbers in one index");
    *has_offset = *has_offset || loop < 0;
    *(loop >= 0 ? &coef[loop] : offset) = minus ? -number : number;
    return true;
}

/* 17*i1 + i2 - 3 */
static bool take_index(Parser *p, Letters *letters, int64_t *offset, int64_t coef[DOMAIN_MAX]) {
    bool minus = parser_accept(p, '-'), has_offset = false;
    for (;;) {
        if (!take_term(p, minus, letters, offset, &has_offset, coef)) return false;
        minus = parser_accept(p, '-');
        if (!minus && !parser_accept(p, '+')) return true;
    }
}

/* [i1, i0] */
static bool take_access(Parser *p, Access *access, Letters *letters) {
    *access = (Access){0};
    *letters = (Letters){false, false};
    if (!parser_expect(p, '[')) return false;
    if (parser_accept(p, ']')) return true;
    do {
        int k = access->rank;
        if (k == IR_MAX_RANK) return parser_fail(p, p->at, "more than %d dimensions", IR_MAX_RANK);
        if (!take_index(p, letters, &access->offset[k], access->coef[k])) return false;
        access->rank++;
    } while (parser_accept(p, ','));
    return parser_expect(p, ']');
}

bool parser_skip_accesses(Parser *p) {
    Access access;
    Letters letters;
    do {
        if (!take_access(p, &access, &letters)) return false;
    } while (parser_accept_word(p, "and"));
    return true;
}

static bool is_said(const KernelAccesses *all, const ValueAccess *is, const Access *said, Letters letters) {
    const Domain *domain = accesses_domain(all, is);
    if (is->access->rank != said->rank || (is->prologue ? letters.kernel : letters.prologue)) return false;
    for (int k = 0; k < said->rank; k++) {
        if (said->offset[k] != is->access->offset[k]) return false;
        for (int i = 0; i < DOMAIN_MAX; i++) {
            int64_t coef = i < domain->rank ? is->access->coef[k][i] : 0;
            bool stands = i < domain->rank && domain->extent[i] == 1; /* its index is always 0 */
            if (!stands && said->coef[k][i] != coef) return false;
        }
    }
    return true;
}

static bool refuse(Parser *p, const KernelAccesses *all, const ValueAccess *of, size_t n, Loc loc) {
    if (n == 0) return parser_fail_at(p, loc, "the kernel's loops have no index map of it");
    TextStream stream;
    accesses_print_given(stream_begin(&stream), all, of, n);
    char *text = stream_end(&stream, NULL);
    parser_fail_at(p, loc, "its nodes make it%s", text);
    free(text);
    return false;
}

bool parser_check_accesses(Parser *p, const KernelAccesses *all, ValueId value) {
    size_t n, i = 0;
    const ValueAccess *of = accesses_find(all, value, &n);
    parser_skip_spaces(p);
    Loc loc = parser_loc(p, p->at);
    bool same = true;
    do {
        Access said;
        Letters letters;
        if (!take_access(p, &said, &letters)) return false;
        same = same && i < n && is_said(all, &of[i], &said, letters);
        i++;
    } while (parser_accept_word(p, "and"));
    return (same && i == n) || refuse(p, all, of, n, loc);
}
