/* The program descriptor: what a compiled recipe is.
 *
 * The frontend says what a program is fed and how it is trained; codegen adds states, functions and constants, or reads
 * all of it from an image of the object cache. The runtime runs a descriptor and never asks where it came from: it
 * allocates the states, draws initial values, feeds the inputs, and walks a function's list of kernel calls inside one
 * parallel region.
 *
 * Plain C11 data, no pointers to mutable memory. Every `const char *` is NUL-terminated UTF-8. */
#ifndef VITC_RUNTIME_PROGRAM_H
#define VITC_RUNTIME_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VT_ABI 13
#define VT_MAX_RANK 8
#define VT_MAX_OWN_ARGS 1024 /* arguments of a call of which some are each thread's own, or move */
#define VT_MAX_LOOPS 8       /* loops in loops */
#define VT_MAX_CHANNELS 16   /* of an image */
#define VT_MAX_PARAMS 32     /* parameters of one augmentation or sampler, see catalog.def */
#define VT_MAX_SOURCES 16    /* data sets that a recipe names */

/* Element types; the order is that of ir's DType. */
typedef enum { VT_F32, VT_F64, VT_BF16, VT_I32, VT_I64, VT_BOOL } VtDType;

typedef struct {
    const char *name;
    int32_t dtype, rank; /* row-major, contiguous */
    int64_t dim[VT_MAX_RANK];
} VtTensor;

/* ---- state: what lives across steps ------------------------------------------------------------------------------ */

typedef enum {
    VT_ROLE_PARAM,     /* trained, or frozen, parameter of a network */
    VT_ROLE_EMA,       /* parameter of an EMA network */
    VT_ROLE_OPTIMIZER, /* moments and the like */
    VT_ROLE_BUFFER,    /* everything else: centers, queues, running statistics */
    VT_ROLE_COUNTER,   /* `step`: steps done so far (f64 scalar) */
    VT_ROLE_DERIVED,   /* made from other states by function "pack"; neither saved nor loaded */
} VtRole;

typedef enum {
    VT_INIT_CONSTANT,     /* a */
    VT_INIT_NORMAL,       /* mean a, standard deviation b */
    VT_INIT_TRUNC_NORMAL, /* the same, redrawn outside a ± 2 b */
    VT_INIT_UNIFORM,      /* in [a, b) */
    VT_INIT_COPY,         /* of state `copy_of`, after all others but function-made ones */
    VT_INIT_FUNCTION,     /* an output of function "init", named like the state */
} VtInitKind;

typedef struct {
    VtTensor tensor;
    int32_t role, init;
    double a, b;
    int32_t copy_of; /* state index, or -1 */
    /* 1: a table [.., rows, width] whose rows, but for `before` at its head and `after` at its end, are the places of
     * a square grid. Weights for a grid of another size are interpolated. */
    int32_t grid, before, after;
} VtState;

/* A rule that renames tensors of a file: one * in `from` stands for any letters, which a * in `to` repeats. */
typedef struct {
    const char *from, *to;
} VtRename;

/* Initial values that come from a file. */
typedef struct {
    const char *target;      /* the network or state they are for; NULL: any */
    const char *path, *hash; /* hash: "sha256:…" of the file; NULL: any file */
    const char *rename;      /* the path of a file of more rules; NULL: there is none */
    int32_t n_only, n_rules;
    const char *const *only; /* patterns of the names to load, with * and ?; after ! of those to leave out */
    const VtRename *rules;   /* the first that matches says what a tensor is called here */
} VtWeights;

/* ---- data: where images come from -------------------------------------------------------------------------------- */

/* A data set of the command line: --data NAME=PATH. */
typedef struct {
    const char *name; /* "": --data PATH */
    double weight;    /* its share of its stream, against those of the stream's other sources */
} VtSource;

/* Images of which each step takes the next `batch`: of one source, or of several, mixed by their weights. */
typedef struct {
    const char *name; /* of its source; "": the mixture, or the only stream */
    int64_t batch;
    int32_t first_source, n_sources; /* in VtProgram.sources */
    int32_t
        pair; /* a stream before it: each step takes the images at the same places as that one; -1: none */
    int32_t repeat; /* how often an image is taken before the next one is */
} VtStream;

/* ---- inputs: what is fed at each step ---------------------------------------------------------------------------- */

typedef enum {
    VT_SOURCE_VIEW, /* f32[n, channels, size, size]: pipeline `index` on the first n images of the stream's batch */
    VT_SOURCE_DRAW, /* filled by draw `index` */
    VT_SOURCE_LABEL, /* i32[batch]: class of each image, -1: none; `index`: how many the step tells apart, 0: any */
    VT_SOURCE_INDEX, /* i32[batch]: position of each image in the stream's data; `index`: below which, 0: any */
    VT_SOURCE_STEPS_PER_EPOCH, /* f64 scalar */
    VT_SOURCE_FEED,            /* given by the caller alone */
    VT_SOURCE_LOGGED, /* f64 scalar of function "stop": an output of the step of the input's name, or NAME.last,
                         NAME.best and NAME.since (evaluations since the best) of a VtHeldOut */
    VT_SOURCE_SETTING, /* f64 scalar: the value of VtProgram.scalars `index` */
} VtSourceKind;

typedef struct {
    VtTensor tensor;
    int32_t source, index;
    int32_t stream; /* of VIEW, LABEL and INDEX: whose images */
} VtInput;

/* One augmentation of a pipeline: `kind` counts the AUGMENT rows of catalog.def; params in that row's order.
 */
typedef struct {
    int32_t kind;
    double params[VT_MAX_PARAMS];
} VtAugment;

/* How one copy of one view is made of an image: augmentations in order. `size` is the edge of the result, in
 * pixels. */
typedef struct {
    const char *name; /* "global.0" */
    int32_t size, channels, n_augments;
    const VtAugment *augments;
    const char *random; /* the name of the copy whose random numbers it takes: mostly its own */
} VtPipeline;

/* A sampler: `kind` counts the SAMPLER rows of catalog.def; the shape is that of the input it fills. */
typedef struct {
    const char *name;
    int32_t kind;
    double params[VT_MAX_PARAMS];
} VtDraw;

/* ---- functions --------------------------------------------------------------------------------------------------- */

/* A generated kernel: its share, `thread` of `threads`, of the work on `args`. All threads of the team call
 * it; in a chain the shares are blocks (VtChain), each of which one thread calls it for. */
typedef void (*VtKernel)(void *const *args, int32_t thread, int32_t threads);

typedef enum {
    VT_ARG_STATE,
    VT_ARG_INPUT,
    VT_ARG_OUTPUT,
    VT_ARG_ARENA,
    VT_ARG_CONST,
    VT_ARG_SCRATCH,
    VT_ARG_BLOCK,
    VT_ARG_ITERATION
} VtArgKind;

/* Where an argument lies: byte `offset` past the start of state/input/output/constant `index` or of the
 * arena. SCRATCH is a block of `scratch_bytes` of the calling thread's own. BLOCK is a value of which the
 * thread has but the part of the block it works on, `step` bytes, at byte `offset` of its own `block_bytes`:
 * the argument points where the whole would begin. ITERATION is the number of the iteration (i32) of the loop at depth
 * `index` around the call. `n_moves` from first_move on say how the place moves with loops around the call. */
typedef struct {
    int32_t kind, index;
    int64_t offset, step;
    int32_t first_move, n_moves; /* in VtFunction.moves */
} VtArg;

/* The place is `step` bytes further on in each iteration of the loop at `depth`; `odd`: in every second one, those of
 * an odd number. `count`: of that loop. */
typedef struct {
    int32_t depth, odd, count;
    int64_t step;
} VtMove;

typedef struct {
    VtKernel kernel;
    const char *name;          /* for profiles: "gemm 12608x1152x384", "blocks.0.norm1 …" */
    int32_t first_arg, n_args; /* in VtFunction.args */
    /* n: whoever makes the call waits until the others are past the n-th call before it, 1: past all; 0: nobody waits.
     * No loop lies between the two. */
    int32_t behind;
    int32_t single;  /* n: too little work to share: thread n - 1, modulo their number, does it; 0: all do */
    int32_t product; /* 1: matrix products or attention, whose FLOP/s tell how good a step is */
    double flops, bytes; /* for profiles */
} VtCall;

/* Calls that a thread makes one after another for each of its blocks, without barriers between them. */
typedef struct {
    int32_t first_call, n_calls, blocks;
} VtChain;

/* Calls that are made `count` times, one iteration after the other; iterations begin with a barrier. Loops nest: those
 * inside a loop follow it, at depth + 1. */
typedef struct {
    int32_t first_call, n_calls;
    int32_t count;
    int32_t depth;    /* 0: in no other loop */
    int32_t n_inside; /* loops in it, which follow */
    int32_t reverse;  /* 1: the last iteration comes first */
    int32_t barrier;  /* 1: all threads wait for each other before it */
    int32_t single;   /* 1: the first thread runs all of it alone */
    int32_t
        condition; /* the argument, in VtFunction.args, whose value says whether it runs, if not 0; -1: always */
    int32_t condition_bytes;
} VtLoop;

/* What an output says of a training step. */
typedef enum {
    VT_OUTPUT_VALUE,     /* some value: logged where it is a scalar */
    VT_OUTPUT_LOSS,      /* what training minimises: f32 scalar; one a function at most */
    VT_OUTPUT_OBJECTIVE, /* the loss of one objective, of which that is the weighted sum: f32 scalar */
    VT_OUTPUT_SHOWN,     /* a scalar that is shown while training goes on, as the losses are */
} VtOutputRole;

typedef struct {
    VtTensor tensor;
    int32_t role;
} VtOutput;

typedef struct {
    const char *name; /* "step", "embed", "init" */
    int32_t n_calls, n_args, n_outputs, n_inputs, n_chains, n_loops, n_moves;
    const VtCall *calls;
    const VtArg *args;
    const VtOutput *outputs; /* VT_ARG_OUTPUT indexes these */
    const int32_t *inputs;   /* the VtProgram.inputs it reads */
    const VtChain *chains;   /* in the order of their calls */
    const VtLoop *loops;     /* the same; an outer one before those in it */
    const VtMove *moves;
    int64_t arena_bytes, scratch_bytes; /* scratch: each thread's */
    int64_t block_bytes;                /* each thread's */
} VtFunction;

/* Plain training options, with the recipe's values. */
typedef struct {
    int64_t batch, seed;
    double labels; /* share of the labelled images that are trained on, of each class; 0: all */
    double epochs;
    double checkpoint_every, knn_every; /* epochs; 0: only at the end */
    int32_t knn_k;
    double knn_temperature;
} VtTrain;

/* The fields of VtTrain that are settings, a bit each. */
typedef enum {
    VT_SETS_NOTHING = 0,
    VT_SETS_EPOCHS = 1,
    VT_SETS_SEED = 2,
    VT_SETS_CHECKPOINT_EVERY = 4,
    VT_SETS_KNN_EVERY = 8,
    VT_SETS_KNN_K = 16,
    VT_SETS_KNN_TEMPERATURE = 32,
} VtSets;

/* A scalar of the run, which may be given another value before it begins (program/settings.h): a knob that schedules
 * alone read, or an option of `train`. What else the program was made of is in its shapes and constants. */
typedef struct {
    const char *key, *alias,
        *help; /* "peak_lr", "train.seed"; alias: another name, or NULL; help: "" for none */
    double value;
    double least, most; /* infinite: there is no bound */
    int32_t least_excluded, most_excluded;
    int32_t whole;  /* 1: whole numbers alone */
    int32_t sets;   /* bits of VtSets: fields of VtTrain that are this value too */
    int32_t extent; /* 1: it says how long the run is, and --extend takes another */
    int32_t
        made; /* 1 + the scalar that it is where it is not given: its default is made of others; 0: none */
    int64_t at, length; /* bytes of the resolved recipe that are its value */
} VtSetting;

/* A number, a setting, or what row `op - VT_SCALAR_OPERATOR` of scalars.def makes of scalars before it. */
enum { VT_SCALAR_NUMBER, VT_SCALAR_SETTING, VT_SCALAR_OPERATOR };
typedef struct {
    int32_t op, a, b, c; /* a: of VT_SCALAR_SETTING, the setting */
    double value;        /* with the values that settings have */
} VtScalar;

/* What the recipe demands of settings: scalar `holds` is not 0, or else the text says what is wrong; in it the n-th {}
 * stands for values[n], a scalar. */
typedef struct {
    const char *text;
    int32_t holds, n_values;
    const int32_t *values;
} VtCondition;

/* A collapse check the runtime makes on a logged metric: warn when it is below `below` (NAN: no bound) or
 * above. */
typedef struct {
    const char *metric;
    double below, above;
    const char *message;
} VtWarning;

/* A metric of held-out images: an output of function "validate", averaged over their batches. */
typedef struct {
    const char *name;
    double every;    /* epochs */
    int32_t highest; /* 1: the highest value is the best, else the lowest */
} VtHeldOut;

/* Images that are written while training goes on, of function "step"'s batch: views, then the outputs of function
 * "images", f32[n, channels, height, width], if there is one. */
typedef struct {
    double every;           /* epochs; 0: none */
    int32_t count, n_views; /* images of each */
    const int32_t *views;   /* pipelines */
} VtLogImages;

typedef struct {
    int32_t abi;
    const char *name, *version; /* of the recipe; of vitc */
    int32_t n_states, n_inputs, n_pipelines, n_draws, n_functions, n_constants, n_warnings, n_sources,
        n_streams, n_weights, n_held_out, n_settings, n_scalars, n_conditions;
    const VtState *states;
    const VtSource *sources;
    const VtStream *streams; /* stream 0 is that of views that name no source, where there is such a one */
    const VtInput *inputs;
    const VtPipeline *pipelines;
    const VtDraw *draws;
    const VtFunction *functions;
    const void *const *constants;
    const VtWarning *warnings;
    const VtWeights *weights; /* in the order in which they are loaded */
    const VtHeldOut *held_out;
    const VtSetting *settings;
    const VtScalar *scalars; /* made of settings */
    const VtCondition *conditions;
    VtLogImages log_images;
    const char *stop; /* text of the condition that function "stop" gives, a bool; NULL: there is none */
    VtTrain train;
} VtProgram;

#endif
