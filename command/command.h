/* The verbs over a program: of vitc, which compiles a recipe for them (driver/), and of a built program, which is
 * linked with what was compiled (standalone/). What differs between the two is in a Command; nothing here knows what
 * recipes say. */
#ifndef VITC_COMMAND_COMMAND_H
#define VITC_COMMAND_COMMAND_H

#include "runtime/runtime.h"

#include <stdio.h>

/* ---- fail.c ------------------------------------------------------------------------------------------------------ */
/* "NAME: …" to stderr, NAME being the command's; returns code. */
int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* WHAT 'WORD'; did you mean 'NAME'? If none of the names is near: that `listed`, a command, lists them. Returns 2. */
int unknown_word(const char *what, const char *word, const char *const *names, size_t n, const char *listed);

/* ---- verbs and flags: tables that the parser, help, man pages and completion read -------------------------------- */
/* What the shell completes a word or the value of a flag with. */
typedef enum {
    COMPLETE_NONE,
    COMPLETE_WORDS,    /* one of those of its name, with | between, "text|json": another is refused */
    COMPLETE_EXAMPLES, /* those of its name, or others */
    COMPLETE_FILE,
    COMPLETE_FOLDER,
    COMPLETE_DATA, /* a data set: PATH, or NAME=PATH */
    COMPLETE_RECIPE,
    COMPLETE_RUN,      /* the folder of a run, or else a recipe */
    COMPLETE_TEMPLATE, /* a first recipe */
    COMPLETE_SETTING,
    COMPLETE_PASS,
    COMPLETE_PASSES, /* with commas between */
    COMPLETE_TARGET,
    COMPLETE_TARGETS, /* with commas between */
    COMPLETE_FUNCTION,
    COMPLETE_TOPIC /* what `help` tells of */
} Completion;

typedef enum {
    FLAG_BARE = false,
    FLAG_VALUE = true,
    FLAG_MAYBE, /* a value only as "--name=value" */
    FLAG_LIST   /* given as often as one likes: Arguments.values */
} FlagKind;
typedef struct {
    const char *name; /* without dashes */
    FlagKind kind;
    const char *value; /* what help calls its value: "FILE"; NULL: it has none */
    Completion completes;
    const char *doc; /* a clause without a full stop; NULL: help does not show the flag */
} FlagRow;
typedef struct {
    const FlagRow *rows;
    size_t count;
    const char *title; /* the heading that help puts over them */
} FlagTable;

typedef enum { WORD_ONE, WORD_MAYBE, WORD_SOME /* one or more */, WORD_ANY } WordCount;
typedef struct {
    const char *name; /* "RECIPE"; one in small letters is written as it stands */
    Completion completes;
    WordCount count;
} Word;
typedef struct {
    const char *command, *doc; /* without the name of the program */
} Example;

enum { MOST_WORDS = 4, MOST_NEEDS = 4, MOST_TABLES = 8, MOST_EXAMPLES = 8, MOST_VERB_FLAGS = 96 };
typedef struct {
    const char *name;
    int (*run)(int argc, char **argv); /* gets the arguments after its name; returns the exit code */
    const char *group;                 /* under which help lists it; NULL: help does not */
    const char *doc;                   /* a clause without a full stop, of at most 66 columns */
    const char *more;                  /* sentences, where there is more to say; paragraphs end in \n */
    Word words[MOST_WORDS];            /* up to the first without a name; so are the other lists */
    const char *needs[MOST_NEEDS];     /* flags that usage shows */
    const FlagTable *flags[MOST_TABLES];
    Example examples[MOST_EXAMPLES];
} Verb;

/* ---- options.c: flags "--name value" or "--name=value"; settings key=value; the rest are words, as is all after "--".
 * What is given twice holds as it was given last. */
typedef struct {
    const FlagRow *row;
    bool given;
    const char *value;
} Flag;
typedef struct {
    const char *words[16];
    int n_words;
    const char *overrides[256];
    int n_overrides;
    const char *values[64]; /* of the verb's FLAG_LIST */
    int n_values;
    char settings[64][64]; /* made of flags that are short for key=value: --precision */
    int n_settings;
} Arguments;
/* The arguments of the verb that runs, whose tables say which flags there are: `flags` gets them, one table behind the
 * other; n: how many the verb thinks they are. False after telling what is wrong (unknown flag: did you mean …). */
bool parse_arguments(int argc, char **argv, Flag *flags, size_t n, Arguments *out);
bool read_decimal(const char *text, double *out); /* false: it is no number, in decimal */
bool number_flag(const Flag *flag, double low, double high, double *out); /* leaves *out if not given */
bool whole_flag(const Flag *flag, double low, double high, double *out);  /* a whole number */

/* ---- numbers.c: several numbers, with commas between ------------------------------------------------------------ */
enum { MOST_NUMBERS = 64 };
typedef struct {
    double values[MOST_NUMBERS];
    int n;
} Numbers;
typedef struct {
    double low, high;
    bool above; /* low itself is not one */
    bool whole;
    int most; /* numbers; 0: MOST_NUMBERS */
} NumberRange;
/* `usual` is read where the flag is not given; NULL: there are none then. False after telling what is wrong. */
bool numbers_flag(const Flag *flag, const char *usual, const NumberRange *range, Numbers *out);

/* A flag that stands for a setting: --precision bf16 for train.precision=bf16. */
typedef struct {
    const char *flag, *key;
} FlagSetting;

/* ---- choices.c: words that are one of a few, "text|json"; those of COMPLETE_WORDS are checked as they are parsed */
/* False after telling: "--format jsn: text or json was expected; did you mean 'json'?" `what`: "--format". */
bool check_choice(const char *what, const char *word, const char *words);
/* Which of the words of its row a flag of COMPLETE_WORDS has; 0: the first, or it is not given. */
int flag_choice(const Flag *flag);

/* ---- hints.c ----------------------------------------------------------------------------------------------------- */
/* A setting that a word may have meant. */
typedef struct {
    char near[64], example[64]; /* "": none; some setting that there is, "": none is known */
    bool exact;                 /* it is that setting, but for case, dashes, or `train.` before it */
} SettingHint;
const char *dashes_of(const Flag *flag); /* "-" before a letter, "--" before a word */
/* Tells that no such flag exists, and what may have been meant: another flag, or a setting. dashes: how many it was
 * written with. value: what was given with it, or NULL. Returns false. */
bool unknown_flag(int argc, char **argv, size_t dashes, const char *name, const char *value,
                  const Flag *flags, size_t n);

/* ---- sources.c: --data PATH, or NAME=PATH for each source of images that a recipe names -------------------------- */
/* A relative path means the same from any folder, today and when a run is resumed. flag: whose it is, for messages. */
bool absolute_path(const char *path, const char *flag, char *out, size_t size);
/* Which source a value of --data is for, and its path; -1 after telling what is wrong. */
int find_source(const VtProgram *program, const char *text, const char **path);
/* The paths of the program's sources: as given in Arguments.values, else as saved; what differs is told. False after
 * telling what is wrong. */
bool choose_data(const VtProgram *program, const Arguments *args, const VtRunSettings *saved,
                 VtRunSettings *out);

/* ---- what a Command is asked for --------------------------------------------------------------------------------- */
typedef struct Made Made;           /* a program, by who made it */
typedef struct Completer Completer; /* complete.h */
typedef struct Weights Weights;     /* weights.h */

/* What a verb wants a program for. */
typedef struct {
    const char
        *recipe; /* the file or name of a recipe; NULL: that of the run. A built program has its own alone */
    const char *run;   /* the folder of a run; NULL: none */
    const char *saved; /* its recipe.yaml; NULL: there is none */
    const Arguments *args;
    const Flag *flags;     /* Command.flags as they were given */
    const char *target;    /* NULL: chosen */
    bool target_given;     /* by this command, not by the run */
    const char *also_uses; /* a library beside those of the recipe; NULL: none */
    bool trains;           /* a run goes on in `run`, or begins there: */
    bool continues;        /* from a checkpoint */
    bool extend, force;    /* take another extent, any change */
} MakeRequest;

typedef struct {
    const char *name; /* how messages begin: "vitc" */
    bool compiles;    /* verbs take a RECIPE */
    void (*print_version)(FILE *out);
    const char *summary; /* what help begins with */
    /* The last table of every verb that wants a program. */
    const FlagTable *flags;
    const FlagSetting *flag_settings;
    size_t n_flag_settings;

    /* The key of the setting that a flag without a row is; NULL: there is none. May be NULL, as the next. */
    const char *(*setting_flag)(const char *name);
    void (*hint)(int argc, char **argv, const Flag *flags, size_t n, const char *word, SettingHint *out);
    /* The file of a recipe that a word names; false: it names none. */
    bool (*find_recipe)(const char *word, char *out, size_t size);

    /* Offers what only this command knows: recipes, settings, passes … May be NULL. */
    void (*complete)(Completer *c, Completion kind);

    /* Whether a verb may run; false after telling why not. --help and --target list are told all the same. NULL: any
     * may. */
    bool (*fit)(const char *verb);
    /* For --target list: a line each, and whether it runs here, and why not. */
    void (*print_targets)(FILE *out);

    /* A program, with the recipe as it is to be saved, and how it came to be. NULL after telling what is wrong. The
     * caller unmakes it. */
    Made *(*make)(const MakeRequest *request);
    void (*unmake)(Made *made);
    /* Whether it is the program of the run that it is to continue: what differs is told, as docs/runs.md has it. */
    bool (*check_saved)(Made *made, const MakeRequest *request);
    /* Rules of a file by which tensors are called, for weights->rules. False after telling what is wrong. */
    bool (*read_renames)(Made *made, const char *path, VtWeights *weights);
    /* Writes into made->resolved what its initial weights are; false after telling. May be NULL, as all below. */
    bool (*resolve_weights)(Made *made, const Weights *weights);
    /* The value at a path of the recipe as it is saved, "embed.features", on one line; NULL: it has none there. */
    const char *(*recipe_text)(Made *made, const char *path);
    /* The i-th key of the map at a path, "knobs"; NULL: there are fewer. */
    const char *(*recipe_key)(Made *made, const char *path, size_t i);
    void (*tell)(Made *made); /* more of how it came to be, if flags ask for it */
    VtExplain explain;        /* both with the Made */
    VtBegin begin;
} Command;

struct Made {
    const VtProgram *program;
    const char *resolved; /* the recipe as a run saves it */
    const char *origin;   /* "compiled for TARGET in S s" */
    const char *target;   /* which a run is to go on with; NULL: what was asked for */
};

/* The command that this process is: main() says so before anything else. */
extern const Command *command;

/* The most rows that Command.flags may have. */
enum { MOST_COMMAND_FLAGS = 8 };

/* ---- dispatch.c: main() ------------------------------------------------------------------------------------------ */
/* Runs the verb that argv names, `help` if it names none, with standard streams that are safe to use; the exit code. */
int command_main(const Verb *verbs, int n, int argc, char **argv);
/* All verbs, and the one that runs (NULL before that). */
extern const Verb *command_verbs, *command_verb;
extern int command_n_verbs;
/* Its flags, of all its tables; how many. out: at least MOST_VERB_FLAGS. */
size_t verb_flags(const Verb *verb, Flag *out);

/* ---- the verbs --------------------------------------------------------------------------------------------------- */
int verb_train(int argc, char **argv);
int verb_resume(int argc, char **argv);
int verb_eval(int argc, char **argv);
int verb_embed(int argc, char **argv);
/* Their own flags, and those over a frozen encoder, which eval and embed share; FORCE_FLAG: built programs have it
 * too. */
extern const FlagTable TRAIN_FLAGS, RESUME_FLAGS, EVAL_FLAGS, EMBED_FLAGS, FROZEN_FLAGS, FORCE_FLAG;

#endif
