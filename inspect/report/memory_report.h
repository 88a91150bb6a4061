/* The memory plan of a function as data: what lives between steps, what is fed and given back, and the arena, value by
 * value and kernel by kernel. memory_text.h and memory_svg.h show it. */
#ifndef VITC_INSPECT_REPORT_MEMORY_REPORT_H
#define VITC_INSPECT_REPORT_MEMORY_REPORT_H

#include "inspect/positions.h"
#include "inspect/report/remat_report.h"

/* What a value of the arena is for. */
typedef enum { USE_FORWARD, USE_KEPT, USE_BACKWARD, USE_RESULT, N_USES } MemoryUse;
typedef struct {
    const char *name, *doc;
} MemoryUseInfo;
extern const MemoryUseInfo MEMORY_USES[N_USES];

/* The states of one role. */
typedef struct {
    const char *name; /* "param" */
    int64_t bytes, tensors;
} MemoryRole;

/* An input or output. */
typedef struct {
    const char *name, *type; /* "view.0", "f32[8x3x224x224]" */
    int64_t bytes;
} MemoryTensor;

/* A value of the arena. Kernels count from 0 in the order of execution. */
typedef struct {
    uint32_t number;  /* Node.number */
    const char *name; /* "%12 matmul f32[197x384] blocks.0.attn.qkv" */
    Loc loc;
    int64_t bytes, offset; /* in the arena */
    uint32_t born, died;   /* the first and the last kernel that needs it there */
    MemoryUse use;
} MemoryValue;

/* Everything lies in the arena that the maker was given. Sizes are bytes. */
typedef struct {
    const char *recipe, *function;
    Positions positions; /* what sources are called */
    int64_t batch;
    MemoryRole *roles; /* those that have states */
    size_t n_roles;
    int64_t states; /* of all roles */
    MemoryTensor *inputs, *outputs;
    size_t n_inputs, n_outputs;
    int64_t limit, taken; /* train.memory (0: none, or not for this function); what counts against it */
    int64_t arena;        /* as it is laid out */
    int64_t staged;       /* beside it: for states that change places */
    int64_t loops;        /* behind it: what the loop with the most needs, with its body */
    int64_t blocks;       /* beside it, of each thread: what its chains hand on */
    MemoryValue *values;  /* in order of birth */
    size_t n_values;
    int64_t *live; /* while each kernel runs */
    size_t n_kernels;
    size_t peak;                 /* the first kernel with most bytes live; 0 without kernels */
    const char *peak_name;       /* that kernel's; NULL: nothing lies in the arena */
    int64_t most_live;           /* live[peak]: no plan takes less */
    const MemoryValue **at_peak; /* those that live then, the largest first */
    size_t n_at_peak;
    int64_t at_peak_for[N_USES]; /* their sum for each use */
    RematReport remat;
} MemoryReport;

MemoryReport memory_report(Arena *arena, const Func *func); /* of a function after all passes */
double memory_waste(const MemoryReport *report);            /* percent of the arena beyond most_live */

#endif
