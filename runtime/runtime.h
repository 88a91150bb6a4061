/* The door of runtime/: everything a compiled step needs to live. No LLVM, no IR.
 *
 * Errors: functions that can fail return false (or NULL) and fill a VtError whose message names the file, the
 * byte or the tensor and says what to do. `VtError.code` is the exit code it deserves: 2 the request was
 * wrong, 1 it failed. Nothing here prints but progress.c. */
#ifndef VITC_RUNTIME_RUNTIME_H
#define VITC_RUNTIME_RUNTIME_H

#include "runtime/program.h"
#include <stdio.h>

typedef struct {
    int code;
    bool bad_image;  /* what is wrong is the content of one image: it may be skipped and counted */
    bool stopped;    /* nothing is wrong: a signal asked to stop (vt_stopped) */
    bool not_finite; /* features, losses or states are NaN or infinite: the run has diverged */
    char message[1024];
} VtError;
/* Fills `error` (NULL is fine) and returns false, so that callers can `return vt_fail(...)`. */
bool vt_fail(VtError *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same for an image whose bytes are no image. A read that failed or memory that ran out is never that: vt_fail. */
bool vt_bad_image(VtError *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for work that was left because vt_stop_signal() says so: the caller saves and ends as the signal asks. */
bool vt_stopped(VtError *error);

/* ---- terminal.c: names and texts as they may be shown on a terminal ------------------------------------------ */
/* Control characters become \n, \x1b. What is not UTF-8 stays. Cut if there is no room. Returns out. */
const char *vt_show_name(const char *name, char *out, size_t size);
const char *vt_show_text(const char *text, char *out, size_t size); /* the same, but for line ends and tabs */

/* ---- stop.c: whether a signal asked this process to stop; long loops poll it --------------------------------
 * SIGINT, SIGTERM and SIGHUP ask to stop, a second one ends the process at once; SIGUSR1 asks to save. */
int vt_stop_signal(void);         /* its number; 0: none */
void vt_stop_request(int signal); /* as if it had come; 0 forgets it */
bool vt_save_requested(void);     /* since the last call */
void vt_stop_listen(void);        /* the handlers, until vt_stop_unlisten puts those that were before */
void vt_stop_unlisten(void);
int vt_stop_end(
    int signal); /* ends the process by the signal; if it does not, returns the exit code 128 + signal */

/* ---- dtype.c ---------------------------------------------------------------------------------------------
 */
size_t vt_dtype_size(int dtype);
int64_t vt_elements(const VtTensor *tensor);
size_t vt_bytes(const VtTensor *tensor);

/* ---- rng.c: counter-based random numbers (Philox 4x32-10, Salmon et al. 2011)
 * ------------------------------ A number is a function of (seed, stream, step, index) alone: no state, any
 * thread, any order. */
typedef struct {
    uint64_t seed, stream, step, index; /* index advances with each draw */
    uint64_t
        held; /* its own: which block `words` is, counted from 1. Zero it when changing seed, stream or step */
    uint32_t words[4];
} VtRng;
uint64_t vt_stream(const char *name); /* a stream number from a name (FNV-1a 64) */
uint32_t vt_rng_u32(VtRng *rng);
double vt_rng_uniform(VtRng *rng);           /* [0, 1), 32 random bits */
double vt_rng_normal(VtRng *rng);            /* Box-Muller */
int64_t vt_rng_below(VtRng *rng, int64_t n); /* 0..n-1, unbiased */
void vt_rng_permutation(VtRng *rng, int32_t *out, int64_t n);

/* ---- image.c, decode_*.c: 8-bit RGB images
 * ----------------------------------------------------------------- */
typedef struct {
    int width, height;
    uint8_t *rgb; /* height * width * 3, interleaved; owned (free) */
} VtImage;
/* By content, whatever the name: JPEG, PNG, WebP, TIFF, GIF, BMP, PPM, PGM, PBM. Bytes that are no whole image, or one beyond the limits of
 * size (the message names the limit), are bad data; that memory ran out is not. */
bool vt_image_decode(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error);
/* What the first bytes say ("JPEG"); NULL: none that is read. Sixteen bytes are enough. */
const char *vt_image_format(const uint8_t *bytes, size_t size);
void vt_image_free(VtImage *image);

/* ---- augment*.c: pipelines (one file a family)
 * -------------------------------------------------------------- Writes f32[3, size, size] to `out`. All
 * randomness comes from `rng`. On a valid image it fails for lack of memory alone. Numbers follow torchvision
 * on PIL images (Pillow's 8-bit rounding between steps). */
bool vt_pipeline_apply(const VtPipeline *pipeline, const VtImage *image, VtRng *rng, float *out,
                       VtError *error);

/* ---- sampler.c
 * ------------------------------------------------------------------------------------------------ Fills
 * `tensor`'s storage for one step. */
void vt_draw_fill(const VtDraw *draw, const VtTensor *tensor, uint64_t seed, uint64_t step, void *out);

/* ---- dataset*.c: sets of labelled images (one file a format)
 * ------------------------------------------------ `path` may be "synthetic" or "synthetic:COUNT", a folder,
 * a tar, or a binary file or folder of them; the format is found by looking. `split`: "train", "test" (val is
 * taken as test), or NULL for all. */
typedef struct VtDataset VtDataset;
VtDataset *vt_dataset_open(const char *path, const char *split, VtError *error);
void vt_dataset_close(VtDataset *dataset);
int64_t vt_dataset_size(const VtDataset *dataset);
int vt_dataset_classes(const VtDataset *dataset);
const char *vt_dataset_class_name(const VtDataset *dataset, int label);
const char *vt_dataset_format(const VtDataset *dataset);       /* a FORMAT row's name */
int vt_dataset_label(const VtDataset *dataset, int64_t index); /* -1: none */
int64_t vt_dataset_labelled(const VtDataset *dataset);         /* images that have a label */
/* Chooses n of the images, spread over the set, for its classes lie together; those with labels first. `out`: n indices, ascending. */
void vt_dataset_spread(const VtDataset *dataset, int64_t n, int64_t *out);
/* Opens what is held out beside a training set: test or validation. True with *out NULL, and the reason in `why`, if there is nothing. */
bool vt_dataset_held_out(const char *path, VtDataset **out, VtError *why);
/* The same for any split; "unused" is what is held out beside "test" and not used. */
bool vt_dataset_open_if_there(const char *path, const char *split, VtDataset **out, VtError *why);
/* "N images, C classes, M left out (12 empty: names; …)", and sentences about how the set was understood. */
void vt_dataset_describe(const VtDataset *dataset, char *out, size_t size);
int vt_dataset_notes(const VtDataset *dataset);
const char *vt_dataset_note(const VtDataset *dataset, int i);
/* What was left out, for each reason by name. */
int vt_dataset_left_reasons(void);
const char *vt_dataset_left_reason(int reason); /* "empty" */
int64_t vt_dataset_left(const VtDataset *dataset, int reason);
const char *vt_dataset_left_name(const VtDataset *dataset, int reason, int64_t i);
/* What else is known of an image: the texture of a synthetic one. -1, of 0 classes: nothing. */
int vt_dataset_second_label(const VtDataset *dataset, int64_t index);
int vt_dataset_second_classes(const VtDataset *dataset);
const char *vt_dataset_name(const VtDataset *dataset, int64_t index); /* "cifar10/train/cat/0001.jpg" */
/* Thread-safe. On a broken image returns false with its name in the message. */
bool vt_dataset_image(const VtDataset *dataset, int64_t index, VtImage *out, VtError *error);

/* ---- loader.c: batches made beside the step
 * ------------------------------------------------------------------ Order of epoch e: a permutation drawn
 * from (seed, "order", e); the incomplete last batch is dropped. Batch b of the run is a function of (seed,
 * b) alone. Workers (plain threads) prepare up to `depth` batches ahead; a broken image is replaced by the
 * next good one in order, named once through `report`, and counted; more than `max_broken` of them end the
 * run. */
typedef struct VtLoader VtLoader;
typedef struct {
    int64_t step;
    void *const *inputs; /* by VtProgram.inputs: filled for VIEW, LABEL and INDEX sources, else NULL */
} VtBatch;
VtLoader *vt_loader_new(const VtProgram *program, const VtDataset *dataset, int64_t first_step, int workers,
                        int depth, int64_t max_broken, void (*report)(void *user, const char *message),
                        void *user, VtError *error);
/* The batch of the next step; valid until the next call. NULL on an error. */
const VtBatch *vt_loader_next(VtLoader *loader, VtError *error);
int64_t vt_loader_steps_per_epoch(const VtLoader *loader);
int64_t vt_loader_broken(const VtLoader *loader);
void vt_loader_free(VtLoader *loader);

/* ---- team.c: the team of threads, made once; called from one thread at a time -------------------------------- */
/* Threads in use, 1 to 1024: OMP_NUM_THREADS, or the cores this process may use by affinity and control groups. */
int vt_threads(void);
void vt_set_threads(int threads); /* 0: as above */
/* Calls body(user, thread, threads) on every thread of the team. */
void vt_parallel(void (*body)(void *user, int thread, int threads), void *user);
/* On so many of them, or fewer where the system makes no more threads. */
void vt_parallel_few(int threads, void (*body)(void *user, int thread, int threads), void *user);
void vt_team_barrier(void); /* inside vt_parallel */
double vt_team_waited(
    void); /* seconds that threads have waited for each other in barriers, of all together */

/* ---- instance.c: a program with memory
 * ------------------------------------------------------------------------ Owns the state, the arena and
 * output buffers. */
typedef struct VtInstance VtInstance;
VtInstance *vt_instance_new(const VtProgram *program, VtError *error);
void vt_instance_free(VtInstance *instance);
/* Initial values: each a function of (seed, state's name). False: some are not made, and the instance is not to be used. */
bool vt_instance_init(VtInstance *instance, uint64_t seed, VtError *error);
const void *vt_instance_state(const VtInstance *instance, int state);
/* To write a state from outside, before the next run: states derived from it are made anew then. Ask again after a run. */
void *vt_instance_write_state(VtInstance *instance, int state);
int vt_instance_find_state(const VtInstance *instance, const char *name); /* -1: none */
/* Runs function `name` once; inputs[i] feeds VtProgram.inputs[i] (NULL where the function does not read it).
 */
bool vt_instance_run(VtInstance *instance, const char *function, void *const *inputs, VtError *error);
/* An output of the function's last run; NULL if there is none of that name. */
const void *vt_instance_output(VtInstance *instance, const char *function, const char *output,
                               VtTensor *type);
/* Seconds per call of the last run, VtFunction.n_calls of them, when profiling was switched on; else NULL. */
void vt_instance_profile(VtInstance *instance, bool on);
const double *vt_instance_times(VtInstance *instance, const char *function);

/* ---- output.c: what is written to disk ------------------------------------------------------------------------- */
/* A file that replaces another whole or not at all: written beside it under an unpredictable name, PATH.tmp-… , synced, renamed, and
 * the folder synced. A link at `path` gives way to the file; a folder, FIFO or device is refused. Folders above
 * it that are missing are made. */
typedef struct VtReplacement VtReplacement;
VtReplacement *vt_replace_begin(const char *path, unsigned mode /* less the umask */, VtError *error);
bool vt_replace_write(VtReplacement *r, const void *bytes, size_t size); /* false: vt_replace_end will tell */
/* Frees. False: `path` is what it was before (or new, and only the sync of its folder failed, as the message says). */
bool vt_replace_end(VtReplacement *r, VtError *error);
void vt_replace_drop(VtReplacement *r); /* instead: `path` stays; NULL is fine */
bool vt_replace_with(const char *path, unsigned mode, const void *bytes, size_t size, VtError *error);
/* `path` becomes another name of the file `from`, or where there are no hard links a copy. */
bool vt_replace_by_link(const char *from, const char *path, VtError *error);
/* Removes what processes that were killed left beside `path`. For who knows that no other is writing. */
void vt_replace_sweep(const char *path);
bool vt_write_all(int file, const void *bytes, size_t size); /* false: errno says why */
bool vt_make_folders(const char *path, unsigned mode,
                     VtError *error); /* with those above; there already: fine */
/* Whether a file `path`, or a folder `path` and files in it, could be written; nothing is. Before work that would be lost. */
bool vt_output_check(const char *path, VtError *error);
bool vt_output_check_folder(const char *path, VtError *error);

/* ---- safetensors.c, safetensors_write.c: reading and writing named tensors
 * -------------------------------------------------------- Reading checks everything before it trusts
 * anything: header length, JSON, dtypes, offsets within the file, sizes that match the shape, no overlap.
 * Tensors that vitc wrote are held against their checksums as they are read (safetensors.h). Writing replaces
 * (output.c). */
typedef struct VtTensorFile VtTensorFile;
VtTensorFile *vt_tensors_open(const char *path, VtError *error);
VtTensorFile *vt_tensors_open_memory(const char *name, const void *bytes, size_t size,
                                     VtError *error); /* bytes stay the caller's */
void vt_tensors_close(VtTensorFile *file);
int vt_tensors_count(const VtTensorFile *file);
const char *vt_tensors_name(const VtTensorFile *file, int i);
/* Shape and safetensors dtype name ("F32", "I64", "U8", …). */
const char *vt_tensors_type(const VtTensorFile *file, int i, VtTensor *shape);
int vt_tensors_find(const VtTensorFile *file, const char *name); /* -1: none */
/* Copies tensor i, converted to `dtype`, to out. Fails if the conversion loses (a fraction to an integer). */
bool vt_tensors_read(const VtTensorFile *file, int i, int dtype, void *out, VtError *error);
bool vt_tensors_verify(const VtTensorFile *file, VtError *error); /* every tensor against its checksum */
const char *vt_tensors_metadata(const VtTensorFile *file, const char *key); /* NULL: none */
typedef struct {
    VtTensor tensor;
    const void *data;
} VtNamedTensor;
bool vt_tensors_write(const char *path, const VtNamedTensor *tensors, int n,
                      const char *const *metadata /* key, value, …, NULL */, VtError *error);

/* ---- checkpoint.c: a run's state on disk
 * ---------------------------------------------------------------------- */
/* Saves finite states alone: else fails, and `path` is what it was. */
bool vt_checkpoint_save(VtInstance *instance, const VtProgram *program, const char *path, VtError *error);
/* Lists every missing and misshapen tensor in the message. */
bool vt_checkpoint_load(VtInstance *instance, const VtProgram *program, const char *path, VtError *error);
/* If the checkpoint at `path` is whole, adds to a message that another is not: the path, its step, and `how` to take it. */
void vt_checkpoint_offer(const char *path, const char *how, VtError *error);

/* ---- finite.c: whether states are made of numbers */
/* False names the first state that holds NaN or infinities. Scans on all threads. */
bool vt_states_finite(const VtInstance *instance, const VtProgram *program, VtError *error);
/* The largest |value| of a parameter, and whose it is. */
double vt_largest_parameter(const VtInstance *instance, const VtProgram *program, const char **name);

/* ---- metrics.c: metrics.jsonl, a JSON object a line ----------------------------------------------------------
 */
typedef struct VtMetrics VtMetrics;
/* Appends. Lines of steps after `resume_step` are dropped first, all if that is 0 (and `unreadable` counts lines that
 * say no step, which stay). */
VtMetrics *vt_metrics_open(const char *path, int64_t resume_step, int64_t *unreadable, VtError *error);
/* A value that is not finite is null. False: the line is not in the file. */
bool vt_metrics_write(VtMetrics *metrics, int64_t step, double epoch, int n, const char *const *names,
                      const double *values, VtError *error);
bool vt_metrics_sync(VtMetrics *metrics, VtError *error);
void vt_metrics_close(VtMetrics *metrics);
double vt_metrics_steps_per_epoch(const char *path); /* as the last line of a step has it; 0: not known */

/* ---- features.c: the frozen encoder over a data set: function "embed", whose one VIEW input gives the pipeline and the batch.
 * Images whose bytes are no image are left out and counted; more than max_broken of them are an error, as is any other
 * failure, and so are features that are NaN or infinite: the message counts and names their images. Polls vt_stop_signal(). */
typedef struct {
    float *values;   /* f32[n, dim], finite; owned */
    int32_t *labels; /* of each row; -1: none; owned */
    int64_t n, dim;
    int64_t broken;       /* images left out */
    VtError first_broken; /* what is wrong with the first of them */
} VtFeatures;
/* limit: at most so many images, spread over the set; 0: all. */
bool vt_features(VtInstance *instance, const VtProgram *program, const VtDataset *dataset, int64_t limit,
                 int64_t max_broken, VtFeatures *out, VtError *error);
void vt_features_free(VtFeatures *features); /* zeroed ones too */

/* ---- spectrum.c: how much of their space features fill ------------------------------------------------------------------------ */
/* The effective rank of the matrix of features: exp of the entropy of its singular values, as shares of their sum (Roy and
 * Vetterli 2007; as a criterion for features: RankMe, Garrido et al. 2023). From 1 to dim; 0 if all are 0. Of many
 * images at most 4096, spread over the set, are taken. */
bool vt_effective_rank(const VtFeatures *features, double *rank, VtError *error);
/* The mean over dimensions of the standard deviation of L2-normalised features, times √dim: near 1 when they are spread over
 * the sphere, 0 when all are alike (Chen and He 2021, section 4.1). */
bool vt_feature_std(const VtFeatures *features, double *std, VtError *error);

/* ---- knn.c: weighted k-NN (Wu et al. 2018): the k training images of largest cosine similarity s vote exp(s / temperature).
 * Images without a label, and training images of features 0, take no part; a test image of features 0 is never right.
 * Top-1 and top-5 count classes with votes alone; of equal votes the class whose nearest image is nearer goes first, and of
 * equally near images the earlier of the data set. */
typedef struct {
    const int *ks; /* numbers of neighbours, each from 1 to the training images that take part */
    int n_ks;
    double temperature;
} VtKnn;
typedef struct {
    double top1, top5;        /* percent of `test` */
    int64_t train, test;      /* images that took part */
    int classes;              /* of the training images */
    int64_t unlabelled, zero; /* images without a label; with features that are all 0 */
} VtKnnResult;
/* One result for each of the ks. Refused: no labels, a single class, features that are all zero. Polls vt_stop_signal(). */
bool vt_knn(const VtFeatures *train, const VtFeatures *test, const VtKnn *options, VtKnnResult *results,
            VtError *error);

/* Called with the states and inputs of a step (`step`: the number of steps after it) that gives values that are not finite. */
typedef void (*VtExplain)(void *user, VtInstance *instance, void *const *inputs, int64_t step);

/* ---- run_settings.c: run.json, how a run was asked for, beside its recipe ------------------------------------------ */
typedef struct {
    char data[4096];            /* as for vt_dataset_open, a relative path made absolute; "": not known */
    char target_features[1024]; /* "": this machine's */
    int64_t steps;              /* to stop after, in all; 0: by epochs */
    int64_t workers, threads;   /* 0: chosen */
    int64_t max_broken;         /* -1: not known */
    int64_t images, classes, batch, seed; /* what the checkpoint's step counts in; 0: not known */
    double epochs;
} VtRunSettings;
bool vt_run_settings_read(const char *path, VtRunSettings *out,
                          VtError *error);                 /* no file: nothing is known */
char *vt_run_settings_text(const VtRunSettings *settings); /* malloc'ed; NULL: no memory */

/* ---- run_folder.c: the folder of a training run (docs/runs.md) ------------------------------------------------------ */
typedef enum {
    VT_RUN_NEW,      /* refused if there is a checkpoint */
    VT_RUN_RESUME,   /* from checkpoint.safetensors, or from step 0 if there is none */
    VT_RUN_PREVIOUS, /* from checkpoint.previous.safetensors */
} VtRunMode;
typedef struct VtRunFolder VtRunFolder;
/* Checks all that can be checked, and takes the folder's lock if there is one. Writes nothing. */
VtRunFolder *vt_run_open(const char *path, VtRunMode mode, VtError *error);
void vt_run_close(VtRunFolder *folder);
const char *vt_run_recipe(const VtRunFolder *folder); /* the saved recipe's path; NULL: none */
const VtRunSettings *vt_run_settings(const VtRunFolder *folder);
bool vt_run_continues(const VtRunFolder *folder); /* from a checkpoint */

/* ---- train.c: the training loop
 * ------------------------------------------------------------------------------- */
typedef struct {
    VtRunFolder *folder;    /* the caller's; written to once everything else has been checked */
    const char *resolved;   /* resolved recipe text, saved as recipe.yaml in it (NULL: not saved) */
    VtRunSettings settings; /* data, steps, workers, max_broken are read; saved with what the run is */
    bool force;             /* go on although the data is not what it was */
    bool plain;             /* plain lines even on a terminal */
    double max_seconds;     /* stop, saved, after so long (0: no limit) */
    FILE *log;              /* progress (stdout) */
    VtExplain explain;      /* may be NULL */
    void *user;             /* explain's */
} VtTrainOptions;
/* 0 done; 1 failed, 2 bad request: the error is printed by the caller; 128 + n: stopped by signal n, which the log tells. */
int vt_train(const VtProgram *program, const VtTrainOptions *options, VtError *error);

#endif
