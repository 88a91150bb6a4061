/* A measured run of a program's function, as data: `vitc bench RECIPE --profile=FILE.json` makes it and writes it
 * (docs/schemas/profile.schema.json), `vitc inspect RECIPE --profile=FILE.json` reads it and shows its times. */
#ifndef VITC_INSPECT_REPORT_PROFILE_FILE_H
#define VITC_INSPECT_REPORT_PROFILE_FILE_H

#include "inspect/inspect.h"

#include <jansson.h>

#define PROFILE_FORMAT "vitc-profile-1"

/* One call of the function's list, with all iterations of the loops around it. */
typedef struct {
    const char *function; /* in whose printed IR the kernel is: the profile's, or the body of a loop in it */
    int64_t kernel;       /* its number there, from 1; 0: a copy, which has none */
    int64_t
        outer; /* the kernel of the profile's function that it is, or runs in; 0: a copy behind all of them */
    const char *name;       /* "matmul f32[520x768] student.blocks.0.mlp.fc1" */
    const char *kind;       /* as the IR has it: "product", "loops", …; "copy" */
    const char *phase;      /* "forward", "gradient", "update" */
    const char *position;   /* "lib/nn.yaml:7"; "": none */
    double flops, bytes;    /* of a step, by the cost model */
    bool single;            /* one thread runs it alone */
    double *seconds;        /* by step: its part of the step's time, as vt_spans_times divides it */
    double *thread_seconds; /* by thread: in it, the mean of all steps */
} ProfileCall;

typedef struct ProfileFile {
    const char *path; /* that it was read from; NULL: measured just now */
    const char *version, *recipe, *function, *target, *precision;
    const char *digest;    /* of the function's kernels, in their order */
    const char *processor; /* "AMD EPYC 9R14"; "": not known */
    int64_t batch;
    int threads, steps;
    double *seconds; /* by step: from its beginning to its end */
    ProfileCall *calls;
    size_t n_calls;
} ProfileFile;

/* Reads a file; all of it lies in the arena. NULL, with a message that names the file and the place in it: it cannot be
 * read, or is no such profile. */
ProfileFile *profile_file_read(Arena *arena, const char *path, char *error, size_t size);
/* The same of its text. */
ProfileFile *profile_file_parse(Arena *arena, const char *path, const char *text, size_t length, char *error,
                                size_t size);
/* Whether it is of the inspected function: of the same recipe, target, precision, batch and kernels. False, with a
 * message that says what is another. */
bool profile_file_fits(const ProfileFile *profile, const Inspection *inspection, char *error, size_t size);
json_t *profile_file_json(const ProfileFile *profile);

/* The median of the steps. */
double profile_call_seconds(const ProfileFile *profile, const ProfileCall *call);
double profile_step_seconds(const ProfileFile *profile);
/* By kernel of the function, from 0: the sum of its calls' medians (a loop has those of its body); n_kernels of them,
 * then that of the copies. In the arena. */
double *profile_kernel_seconds(Arena *arena, const ProfileFile *profile, size_t n_kernels);
/* The same of the time that one thread spends in them: the means of the steps. */
double *profile_thread_seconds(Arena *arena, const ProfileFile *profile, int thread, size_t n_kernels);

/* The digest of a function after all passes. */
const char *profile_digest(const Inspection *inspection);

#endif
