/* The parser of the text form (docs/ir.md): what its files share. All that it makes lies in the module's arena. Each
 * `parser_take_…` reads one thing at the cursor; false or NULL: it reported an error. */
#ifndef VITC_IR_TEXT_PARSER_H
#define VITC_IR_TEXT_PARSER_H

#include "ir/plan/plan.h"
#include "ir/text/accesses.h"
#include "ir/text/text.h"

enum { PARSER_ERRORS = 20 }; /* the most that are reported */
#define FAILED (IR_NONE - 1) /* a value whose definition had an error: its uses are not reported too */

typedef struct {
    char *name;
    ValueId value; /* + 1; 0: free */
} Slot;

typedef struct {
    Arena *arena;
    Diags *diags;
    Module *module;
    Func *func;
    const char *at, *line_start; /* the cursor; the beginning of its line */
    uint32_t file, line;
    int errors;
    Slot *slots; /* named values of the function */
    size_t n_slots, n_named;
    ValueId *numbered; /* numbered[N]: the value of %N, + 1; 0: there is none */
    size_t numbered_capacity;
    struct {
        const char *name;
        uint32_t file;
    } files[16]; /* of the origins seen last: a cache */
    size_t n_files;
    struct PlanText *plan;   /* what the text of the current function says about its plan (parse_plan.c) */
    struct PlanText **plans; /* those of all functions so far */
    size_t n_plans, plans_capacity;
} Parser;

/* ---- words.c: what stands at the cursor -------------------------------------------------------------------------- */

/* Report an error at a place in the current line, or at `loc`. They return false. */
bool parser_fail(Parser *p, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool parser_fail_at(Parser *p, Loc loc, const char *format, ...) __attribute__((format(printf, 3, 4)));
Loc parser_loc(const Parser *p, const char *at);

typedef struct {
    const char *at, *line_start; /* at NULL: nowhere */
    uint32_t line;
} Cursor;
/* To read on from there later. */
Cursor parser_cursor(const Parser *p);
void parser_go_to(Parser *p, Cursor cursor);

void parser_skip_spaces(Parser *p);
bool parser_accept(Parser *p, char c);
bool parser_expect(Parser *p, char c);
/* Takes the word at the cursor if it is `word`. */
bool parser_accept_word(Parser *p, const char *word);
/* A run of name characters; NULL if there is none. */
char *parser_take_word(Parser *p);
/* A name, quoted or not; `what` it names, for messages. */
char *parser_take_name(Parser *p, const char *what);
bool parser_take_int(Parser *p, int64_t *out);
bool parser_take_real(Parser *p, double *out);
bool parser_take_dtype(Parser *p, DType *out);
bool parser_take_precision(Parser *p, Precision *out);
bool parser_take_type(Parser *p, Type *out); /* f32, f32[2x3] */

void parser_next_line(Parser *p);
/* The end of a statement: only a comment with its origin, "// scope (file:line:col)", may follow on the line. */
bool parser_end_line(Parser *p, const char **scope, Loc *loc);
/* Moves to the next line that has more than a comment; false at the end of the text. */
bool parser_find_statement(Parser *p);

/* ---- parse_node.c: values and nodes ------------------------------------------------------------------------------ */

void parser_forget_values(Parser *p); /* a function begins */
/* The value of a name in this function; a state's name makes a node that reads it. IR_NONE: there is neither. */
ValueId parser_value_named(Parser *p, const char *name);
void parser_define(Parser *p, char *name, ValueId value);
/* %name; false if there is no such value. FAILED is one whose definition was refused. */
bool parser_take_value(Parser *p, ValueId *out);

/* "at arena(64)" behind a node. */
typedef struct {
    Loc loc; /* line 0: it is not stated */
    Place place;
    const char *output; /* of output(NAME) the name, since outputs are declared later in the text */
} PlaceText;
bool parser_take_target(Parser *p, Place *place, const char **output); /* arena(64) */
bool parser_take_offset(Parser *p, int64_t *offset);                   /* (64); -1: it is left out */

typedef struct {
    ValueId id; /* FAILED: it had an error */
    PlaceText place;
    Cursor over; /* where the index maps behind "over" stand; checked when kernels are known */
    Loc loc;
} NodeText;
/* %name = operator … */
bool parser_take_node(Parser *p, NodeText *node);

/* ---- parse_access.c ---------------------------------------------------------------------------------------------- */

/* The index maps that stand behind "over" at the cursor; false: they do not read. */
bool parser_skip_accesses(Parser *p);
/* The same of a kernel that is known: false if it has others for the value. */
bool parser_check_accesses(Parser *p, const KernelAccesses *all, ValueId value);

/* ---- parse_plan.c ------------------------------------------------------------------------------------------------ */

/* At the beginning of a function: nothing is stated about kernels yet. */
void plan_text_begin(Parser *p);
/* Reads a kernel, chain, barrier or copy; *is_one: whether there is one at the cursor. False: an error. */
bool plan_text_take(Parser *p, bool *is_one);
/* Reads "arena = N block = N barriers" on the function's own line. */
bool plan_text_take_room(Parser *p);
/* Notes that a node was read, in a kernel or outside. */
void plan_text_add_node(Parser *p, const NodeText *node);
/* Notes that the function's values were renumbered: v is now map[v]. */
void plan_text_renumber(Parser *p, const ValueId *map);
/* At the end of a module without errors: makes the plans of all functions, and checks what the text states. */
void plan_text_finish(Parser *p);

#endif
