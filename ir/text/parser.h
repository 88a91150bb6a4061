/* Reading the text form: what the files of the parser share. */
#ifndef VITC_IR_TEXT_PARSER_H
#define VITC_IR_TEXT_PARSER_H

#include "ir/plan/plan.h"
#include "ir/text/text.h"

enum { PARSER_ERRORS = 20 }; /* more are not told */
#define FAILED (IR_NONE - 1) /* a value whose definition was refused: its uses are not told again */

typedef struct {
    char *name;
    ValueId value; /* + 1; 0: free */
} Slot;

typedef struct {
    Arena *arena;
    Diags *diags;
    Module *module;
    Func *func;
    const char *at, *line_start;
    uint32_t file, line;
    int errors;
    Slot *slots; /* named values of the function */
    size_t n_slots, n_named;
    ValueId *numbered; /* value + 1 of %N */
    size_t numbered_capacity;
    struct {
        const char *name;
        uint32_t file;
    } files[16]; /* of the origins met last */
    size_t n_files;
    struct PlanText *plan;   /* what the function says of its kernels (parse_plan.c) */
    struct PlanText **plans; /* of all functions */
    size_t n_plans, plans_capacity;
} Parser;

/* ---- words.c: what stands at the cursor -------------------------------------------------------------------------- */

/* An error at a place of the current line, or at one that was kept; false. */
bool parser_fail(Parser *p, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool parser_fail_at(Parser *p, Loc loc, const char *format, ...) __attribute__((format(printf, 3, 4)));
Loc parser_loc(const Parser *p, const char *at);

void parser_skip_spaces(Parser *p);
bool parser_accept(Parser *p, char c);
bool parser_expect(Parser *p, char c);
/* The word at the cursor, if it is `word`. */
bool parser_accept_word(Parser *p, const char *word);
/* A run of name characters; NULL if there is none. */
char *parser_take_word(Parser *p);
/* A name, quoted or not, of a `what`. */
char *parser_take_name(Parser *p, const char *what);
bool parser_take_int(Parser *p, int64_t *out);
bool parser_take_real(Parser *p, double *out);
bool parser_take_dtype(Parser *p, DType *out);
bool parser_take_precision(Parser *p, Precision *out);
bool parser_take_type(Parser *p, Type *out); /* f32, f32[2x3] */

void parser_next_line(Parser *p);
/* Nothing more may stand on the line but where the statement comes from. */
bool parser_end_line(Parser *p, const char **scope, Loc *loc);
/* To the next line that holds more than a comment; false at the end of the text. */
bool parser_find_statement(Parser *p);

/* ---- parse_node.c: values and nodes ------------------------------------------------------------------------------ */

void parser_forget_values(Parser *p); /* a function begins */
/* The value that a name stands for: of this function, or a state read; IR_NONE: neither. */
ValueId parser_value_named(Parser *p, const char *name);
void parser_define(Parser *p, char *name, ValueId value);
/* %name; false if there is no such value. FAILED is one whose definition was refused. */
bool parser_take_value(Parser *p, ValueId *out);

/* at arena(64), behind a node */
typedef struct {
    Loc loc; /* line 0: nothing is said */
    Place place;
    const char *output; /* its name, if it is one; outputs come after */
} PlaceText;
bool parser_take_place(Parser *p, PlaceText *out);
bool parser_take_target(Parser *p, Place *place, const char **output); /* arena(64) */
bool parser_take_offset(Parser *p, int64_t *offset);                   /* (64); -1: it is left out */

typedef struct {
    ValueId id; /* FAILED: it was refused */
    PlaceText place;
    Loc loc;
} NodeText;
/* %name = operator … */
bool parser_take_node(Parser *p, NodeText *node);

/* ---- parse_plan.c ------------------------------------------------------------------------------------------------ */

/* What a function says of its kernels: begins empty. */
void plan_text_begin(Parser *p);
/* kernel, chain, barrier or copy at the cursor; false with *is_one: it is wrong. */
bool plan_text_take(Parser *p, bool *is_one);
/* arena = N block = N barriers, on the function's own line. */
bool plan_text_take_room(Parser *p);
/* A node was read. */
void plan_text_add_node(Parser *p, const NodeText *node);
/* The nodes of the function got other numbers. */
void plan_text_renumber(Parser *p, const ValueId *map);
/* The plans of all functions, of a module without errors so far. */
void plan_text_finish(Parser *p);

#endif
