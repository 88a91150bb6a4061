/* The C interface of one model: its compiled training step and encoder, with all they need.
 *
 * A call says whether it succeeded: every function that can fail returns a vt_model_status, VT_MODEL_OK (0) or what
 * went wrong, and vt_model_message() then says it in words. Nothing is printed, nothing ends the process, and after an
 * error a handle can still be used, unless it says otherwise.
 *
 * Threads. Different handles may be used by different threads at the same time. One handle is used by one thread at a
 * time; a second one gets VT_MODEL_BUSY. Each handle has threads of its own, which sleep between calls. A handle is of
 * no use to a child after fork().
 *
 * Order. vt_model_create, then in any order: vt_model_set, vt_model_load, vt_model_write_state, vt_model_open_data;
 * then steps, vt_model_embed, vt_model_save as often as wanted; at the end vt_model_free.
 *
 * Strings that are returned belong to the library: those of this model are there for ever, a message until the next
 * call with its handle. All text is UTF-8.
 *
 * The results are those of `vitc train` with the same recipe, target, seed and data, bit for bit, on any number of
 * threads. */
#ifndef VT_MODEL_H
#define VT_MODEL_H

#include <stddef.h>
#include <stdint.h>

/* The interface that this header describes. A program that was compiled with it works with a library whose
 * vt_model_abi_version() is the same; a shared library of another has another SONAME. */
#define VT_MODEL_ABI 1
#define VT_MODEL_ABI_MINOR 0 /* grows with what is added */

/* [facts] */
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    VT_MODEL_OK = 0,
    VT_MODEL_FAILED = 1,      /* memory, a file, an image: it may work another time */
    VT_MODEL_BAD_REQUEST = 2, /* an argument is wrong, or it is not the time for this call */
    VT_MODEL_BAD_HANDLE = 3,  /* NULL, freed, or of another process */
    VT_MODEL_BUSY = 4,        /* another thread uses the handle */
    VT_MODEL_NOT_FINITE = 5   /* a loss, a state or features are NaN or infinite: training has diverged */
} vt_model_status;

/* A model with its states. */
typedef struct vt_model_handle vt_model_handle;

/* ---- this library ------------------------------------------------------------------------------------------------ */

/* The VT_MODEL_ABI that the library has; any other than the header's: do not go on. */
int32_t vt_model_abi_version(void);
const char *vt_model_version(void);     /* of the vitc that made it */
const char *vt_model_recipe(void);      /* the recipe, as YAML */
const char *vt_model_recipe_hash(void); /* its SHA-256, 64 digits */

/* The kinds of processor that there is code for, the best first: names as vitc's --target has them. */
int32_t vt_model_targets(void);
const char *vt_model_target_name(int32_t target); /* "x86-64-v3"; NULL: there is no such number */
const char *vt_model_target_lacks(
    int32_t target); /* what this machine lacks for it: ""; NULL: no such number */

/* ---- a handle ---------------------------------------------------------------------------------------------------- */

/* Start from VT_MODEL_OPTIONS: 0 and NULL are the defaults. Later versions only add fields at the end, so that a
 * program compiled with this header goes on working. */
typedef struct {
    size_t size;        /* sizeof(vt_model_options) */
    const char *target; /* a name as vt_model_target_name gives; NULL: the best that this machine has */
    int32_t threads;    /* that compute, the caller among them, 1 to 1024; 0: OMP_NUM_THREADS, or all cores */
    int32_t
        pin_threads; /* 1: each computing thread stays on a core of its own during a call, if there are as many as
                               cores. Good where nothing else in the process is at work. */
    int32_t loader_threads; /* that read and augment images for vt_model_step; 0: as many as compute */
    int32_t has_seed;       /* 1: `seed` holds; 0: the recipe's does */
    int64_t seed;           /* of initial weights, the order of images, augmentations and all draws */
    int64_t max_broken;     /* images that may be broken before vt_model_step fails; 0: 100; -1: none */
    int32_t draw_all;       /* 1: initial weights are drawn, also those that the recipe takes from files */
    int32_t reserved;       /* 0 */
} vt_model_options;
#define VT_MODEL_OPTIONS {sizeof(vt_model_options), NULL, 0, 0, 0, 0, 0, 0, 0, 0}

/* A model with its initial weights. `options` NULL: defaults. Sets *handle, to NULL where it fails; then `message`, of
 * `message_size` bytes, says why (NULL: not wanted). To be freed by vt_model_free. */
vt_model_status vt_model_create(const vt_model_options *options, vt_model_handle **handle, char *message,
                                size_t message_size);
/* NULL is fine, and does nothing. The states are lost. */
vt_model_status vt_model_free(vt_model_handle *handle);
/* What was wrong with the last call that failed, and what to do; "": none did. Never NULL. */
const char *vt_model_message(const vt_model_handle *handle);
const char *vt_model_target(const vt_model_handle *handle); /* the target in use; NULL: bad handle */

/* ---- training ---------------------------------------------------------------------------------------------------- */

/* Where vt_model_step takes images from: a path for each of the recipe's VT_MODEL_SOURCES sources, in their order, as
 * `vitc train --data` takes it. n 0: no data any more. */
vt_model_status vt_model_open_data(vt_model_handle *handle, const char *const *paths, int32_t n);
/* A step of training on the next batch of the data. The batch is that of the number of steps done: after vt_model_load
 * training goes on as if it had never stopped. */
vt_model_status vt_model_step(vt_model_handle *handle);
/* The same on a batch of the caller's: inputs[VT_MODEL_INPUT_x] is an array of VT_MODEL_INPUT_x_ELEMENTS numbers, for
 * each of the n = VT_MODEL_INPUTS inputs above. Views are f32, normalised as the recipe's augmentations would; labels
 * and indices are i32, a label -1 for an image without one. */
vt_model_status vt_model_step_with(vt_model_handle *handle, const void *const *inputs, int32_t n);
/* How many steps an epoch has, which schedules count in: known from the data or a checkpoint, else to be said before
 * the first vt_model_step_with. */
vt_model_status vt_model_set_steps_per_epoch(vt_model_handle *handle, double steps);
/* Steps done; steps of the whole run, and an epoch's (0: not known). Any may be NULL. */
vt_model_status vt_model_progress(vt_model_handle *handle, int64_t *done, int64_t *total,
                                  double *steps_per_epoch);
/* Images that were broken and left out since the data were opened, or training was moved to another step. */
vt_model_status vt_model_broken_images(vt_model_handle *handle, int64_t *count);

/* The scalars of a step: losses, schedules, what the recipe logs. */
int32_t vt_model_metrics(void);
const char *vt_model_metric_name(int32_t metric); /* NULL: there is no such number */
/* Of the last step of this handle. */
vt_model_status vt_model_metric(vt_model_handle *handle, const char *name, double *value);

/* ---- settings: numbers that may change at any time, by name ("peak_lr", "epochs") -------------------------------- */

typedef struct {
    const char *name, *help; /* help: "" for none */
    double least, most;      /* what it may be */
    int32_t whole;           /* 1: whole numbers alone */
} vt_model_setting_info;
int32_t vt_model_settings(void);
vt_model_status vt_model_setting(int32_t setting, vt_model_setting_info *info);
/* From the next step on. A seed that is set so is that of what is drawn from now on, not of the initial weights. */
vt_model_status vt_model_set(vt_model_handle *handle, const char *name, double value);
vt_model_status vt_model_get(vt_model_handle *handle, const char *name, double *value);

/* ---- the encoder ------------------------------------------------------------------------------------------------- */

/* images: f32[n, VT_MODEL_IMAGE_CHANNELS, VT_MODEL_IMAGE_SIZE, VT_MODEL_IMAGE_SIZE], as the next two functions make
 * them; features: f32[n, VT_MODEL_FEATURES]. */
vt_model_status vt_model_embed(vt_model_handle *handle, const float *images, int64_t n, float *features);
/* Makes an image ready for vt_model_embed: cut, resized and normalised as the recipe's `embed` says. pixels:
 * u8[height, width, channels]; image: f32[VT_MODEL_IMAGE_ELEMENTS]. */
vt_model_status vt_model_prepare_image(vt_model_handle *handle, const uint8_t *pixels, int32_t width,
                                       int32_t height, int32_t channels, float *image);
/* The same for a file, of any format that vitc reads. */
vt_model_status vt_model_read_image(vt_model_handle *handle, const char *path, float *image);

/* ---- states: parameters, their averages, moments of the optimiser, buffers, the number of steps ------------------ */

typedef enum {
    VT_MODEL_F32 = 0,
    VT_MODEL_F64 = 1,
    VT_MODEL_BF16 = 2,
    VT_MODEL_I32 = 3,
    VT_MODEL_I64 = 4,
    VT_MODEL_BOOL = 5 /* a byte */
} vt_model_dtype;
typedef enum {
    VT_MODEL_PARAMETER = 0, /* of a network, trained or frozen */
    VT_MODEL_AVERAGE = 1,   /* parameter of a network that is a moving average of another */
    VT_MODEL_OPTIMIZER = 2, /* moments and the like */
    VT_MODEL_BUFFER = 3,    /* what else there is */
    VT_MODEL_COUNTER = 4    /* the number of steps done */
} vt_model_role;
typedef struct {
    const char *name; /* as checkpoints have it: "encoder.blocks.0.norm1.weight" */
    vt_model_dtype dtype;
    vt_model_role role;
    int32_t rank;
    int64_t dim[8]; /* row-major, contiguous */
    int64_t elements;
    size_t bytes;
} vt_model_state_info;
int32_t vt_model_states(void);
vt_model_status vt_model_state(int32_t state, vt_model_state_info *info);
/* `bytes` is the size of the caller's memory, and must be that of the state. */
vt_model_status vt_model_read_state(vt_model_handle *handle, const char *name, void *data, size_t bytes);
vt_model_status vt_model_write_state(vt_model_handle *handle, const char *name, const void *data,
                                     size_t bytes);

/* All states as safetensors: the checkpoints of `vitc train` are the same files. A file is replaced whole or not at
 * all; states that are not finite are not saved. */
vt_model_status vt_model_save(vt_model_handle *handle, const char *path);
/* Where a file does not fit, the message says which tensors and why, and the states are as they were; they are not
 * where reading it failed half-way. */
vt_model_status vt_model_load(vt_model_handle *handle, const char *path);

#ifdef __cplusplus
}
#endif
#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#endif
