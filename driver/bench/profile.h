/* What `vitc bench` records of kernels, and the files that it writes of it: --profile=FILE.json, --trace=FILE.json. */
#ifndef VITC_DRIVER_BENCH_PROFILE_H
#define VITC_DRIVER_BENCH_PROFILE_H

#include "driver/driver.h"
#include "inspect/report/profile_measure.h"

typedef struct {
    bool kernels;              /* they are timed */
    const char *file, *events; /* to write: the profile, the trace; NULL: not wanted */
} ProfileAsked;

/* Of the flags --profile[=FILE] and --trace=FILE, after `steps` of them. False after telling what is wrong, before
 * anything is compiled or run: a file that cannot be written, or that may be something else than such a file. */
bool profile_asked(const Flag *profile, const Flag *trace, double steps, ProfileAsked *out);

/* Times of the calls of `n_steps` runs. */
typedef struct {
    ProfileAsked asked;
    ProfileMeasure *measure; /* NULL: no file is wanted */
    VtInstance *instance;
    int n_calls;
    double **times; /* by step, of each call */
    Arena *arena;
} Profile;

/* From now on the instance's runs of the program's step are recorded. inspection: NULL if no file is wanted. */
bool profile_open(Profile *profile, const ProfileAsked *asked, Session *session, const Inspection *inspection,
                  VtInstance *instance, int n_steps, VtError *error);
/* Of the run number `step`, from 0. */
void profile_note(Profile *profile, int step, double start, double end);
/* Writes the files. */
bool profile_write(const Profile *profile, VtError *error);

#endif
