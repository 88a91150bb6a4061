/* Two recipes side by side, or one with two settings: what is only in one, and what changed; against_text.h and
 * against_json.h show it.
 *
 * What is alike is one row: names whose parts are numbers (blocks.0 … blocks.11) are joined to a pattern (blocks.*), so
 * that a deeper network is a row with another count, not a row a tensor. */
#ifndef VITC_INSPECT_AGAINST_H
#define VITC_INSPECT_AGAINST_H

#include "inspect/report/roofline.h"
#include "ir/ir.h"

typedef enum { UNIT_COUNT, UNIT_BYTES, UNIT_FLOPS, UNIT_SECONDS } AgainstUnit;

/* A quantity of both. */
typedef struct {
    const char *name; /* "parameters" */
    AgainstUnit unit;
    double values[2];
} AgainstTotal;

/* What has a name: tensors of a pattern, calls of a kernel, operators, the cost of a module. */
typedef struct {
    const char *name;
    bool in[2];        /* whether it is in the first, in the second */
    int64_t counts[2]; /* tensors, calls, operators */
    double values[2];  /* bytes of tensors; seconds of kernels and modules, by the roofline model; else 0 */
    const char *texts[2]; /* types of tensors: "f32[384x384]", several with commas; else NULL */
} AgainstRow;

typedef struct {
    const char *name, *counted; /* "states", "tensors" */
    AgainstUnit unit;           /* of AgainstRow.values */
    bool valued;                /* the rows have values */
    AgainstRow *rows;      /* those that differ: what is only in one, then what changed, the largest first */
    size_t n_rows, n_same; /* n_same: rows that are equal in both, which are left out */
} AgainstTable;

/* A key of the recipes that differs, with short texts of both. */
typedef struct {
    const char *key, *texts[2]; /* "knobs.depth", "12", "6"; "(none)" where it is not there */
} AgainstSetting;

enum {
    AGAINST_STATES,
    AGAINST_INPUTS,
    AGAINST_OUTPUTS,
    AGAINST_MODULES,
    AGAINST_OPERATORS,
    AGAINST_KERNELS,
    N_AGAINST
};

/* Everything lies in the arena that the maker was given. */
typedef struct {
    const char *recipes[2], *function;
    Roofline roofline[2];           /* by which seconds are estimated */
    const AgainstSetting *settings; /* the maker leaves them to the caller, who knows recipes */
    size_t n_settings;
    AgainstTotal *totals; /* all, also equal ones */
    size_t n_totals;
    AgainstTable tables[N_AGAINST];
} AgainstReport;

/* Of functions of the same name in two modules after all passes. */
AgainstReport against_report(Arena *arena, const Func *first, const Func *second, Roofline given);
/* Nothing differs. */
bool against_equal(const AgainstReport *report);

#endif
