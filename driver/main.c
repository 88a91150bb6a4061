/* vitc: the compiler's command. */
#include "driver/driver.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static const Verb VERBS[] = {
    {"train", verb_train,
     "RECIPE [key=value …] --data [NAME=]PATH … --out DIR [--init FILE [--rename NAMES.yaml] [--only "
     "PATTERNS]] "
     "[--resume [--previous] [--extend] [--force]] [--steps N] "
     "[--minutes M] [--threads N] [--workers N] [--target NAME] [--max-broken N] [--plain] [--no-cache] "
     "[--timing] "
     "[--strict]",
     "train a recipe on images"},
    {"resume", verb_resume,
     "DIR [key=value …] [--data [NAME=]PATH …] [--previous] [--extend] [--force] [--steps N] [--minutes M] "
     "[--threads "
     "N] "
     "[--workers N] [--target NAME] [--max-broken N] [--plain] [--no-cache] [--timing] [--strict]",
     "continue a run with its own recipe and settings (--previous: from checkpoint.previous; --extend: more "
     "epochs; "
     "--force: whatever changed)"},
    {"eval", verb_eval,
     "knn RUN|RECIPE --data PATH [--init FILE [--rename NAMES.yaml] [--only PATTERNS]] [--k N] "
     "[--temperature T] [--limit N] [--max-broken N] [--previous] [--target NAME] [--no-cache] "
     "[--strict]",
     "judge what a run has learned, or with --init the weights of a file"},
    {"embed", verb_embed,
     "RUN|RECIPE --data PATH --out FILE.npy|FILE.safetensors [--init FILE [--rename NAMES.yaml] [--only "
     "PATTERNS]] "
     "[--names FILE] [--split train|test] [--normalize] [--skip-broken] [--max-broken N] [--previous] "
     "[--threads N] "
     "[--no-cache] [--strict]",
     "write the features of images, a row each, of what a run has learned, or with --init of a file's "
     "weights"},
    {"run", verb_run,
     "RECIPE [key=value …] --function NAME --in A.safetensors --out B.safetensors [--rename NAMES.yaml] "
     "[--interpret] [--trace-nan] [--step N] [--steps-per-epoch N] [--target NAME] [--timing] [--strict]",
     "run one compiled function on given tensors"},
    {"build", verb_build,
     "RECIPE [key=value …] -o FILE [--emit=exe|lib|obj|asm|llvm|ir] [--target NAME[,NAME …]] [--static] "
     "[--name "
     "NAME] "
     "[-g] [--cc COMMAND] [--verbose] [--force] [--timing] [--strict]",
     "make a program that trains the recipe, and needs nothing of vitc; or a C library, or its code in other "
     "forms"},
    {"info", verb_info, "FILE",
     "tell what a file made by build is, without running it, and whether it is whole"},
    {"doctor", verb_doctor, "[--target NAME] [--threads N]",
     "tell what there is of processor, targets and tools, what they reach, and whether micro-kernels compute "
     "what they should: what a report of a bug should hold"},
    {"check", verb_check, "RECIPE [key=value …] [--knobs] [--labels] [--strict]",
     "validate a recipe and summarise it; tell which knobs are settings, and the labels that `.at` can read"},
    {"data", verb_data, "check [NAME=]PATH … [--threads N]",
     "read a data set as training would, decode all of it, and tell what is wrong or left out"},
    {"inspect", verb_inspect,
     "RECIPE [key=value …] [--after PASS | [--memory [FILE.svg]] [--cost [--peak GFLOPS] [--bandwidth GBS]] "
     "[--function NAME] [--format text|json]] [--target NAME] [--timing] [--strict]",
     "print the IR; its memory plan, as a picture too; what its kernels should cost by the roofline model"},
    {"opt", verb_opt, "--passes a,b [--timing] FILE|-", "run passes over IR text"},
    {"bench", verb_bench,
     "RECIPE [key=value …] [--steps N] [--profile [--peak GFLOPS] [--bandwidth GBS]] [--threads N] "
     "[--target NAME] [--format text|json] [--no-cache] [--timing] [--strict]",
     "time the compiled step, with --profile each kernel, as shares of what limits it"},
    {"help", verb_help, "[VERB | passes | ops | samplers | augmentations | formats | targets]",
     "this text, or a list"},
};
static const char NOTES[] =
    "Compiled programs are kept in ~/.cache/vitc (VITC_CACHE: another folder, or off; "
    "VITC_CACHE_LIMIT: bytes, "
    "1 GiB\nunless set) and taken from there by train, eval and bench while recipe, settings, vitc "
    "and machine are "
    "the same.\n--strict makes warnings of a recipe errors. Of a flag or a setting that is given "
    "twice the last one holds; -- ends the flags; "
    "--help works "
    "after any verb.";

int verb_help(int argc, char **argv) {
    if (argc > 0 && strcmp(argv[0], "passes") == 0) {
        int n;
        const Pass *table = pass_table(&n);
        for (int i = 0; i < n; i++) printf("%-12s %s\n", table[i].name, table[i].doc);
        return 0;
    }
    if (argc > 0 && strcmp(argv[0], "ops") == 0) {
        char *text = ops_doc();
        fputs(text, stdout);
        free(text);
        return 0;
    }
    if (argc > 0 && strcmp(argv[0], "targets") == 0) return print_targets(stdout), 0;
    if (argc > 0 && strcmp(argv[0], "samplers") == 0) {
#define SAMPLER(name, dtype, params, doc) printf("%-20s %s, %s\n    %s\n", #name, #dtype, doc, params);
#include "runtime/catalog.def"
        return 0;
    }
    if (argc > 0 && strcmp(argv[0], "augmentations") == 0) {
#define AUGMENT(name, params, doc) printf("%-20s %s\n    %s\n", #name, doc, params);
#include "runtime/catalog.def"
        return 0;
    }
    if (argc > 0 && strcmp(argv[0], "formats") == 0) {
#define FORMAT(name, doc) printf("%-12s %s\n", #name, doc);
#include "runtime/catalog.def"
        return 0;
    }
    if (tell_usage(argc > 0 ? argv[0] : NULL)) return 0;
    return fail(2, "no help on '%s'", argv[0]);
}

/* LLVM asks for much memory in small pieces and gives it all back: the heap grows in large steps and keeps what it
 * has. */
static void tune_heap(void) {
    mallopt(M_TOP_PAD, 16 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* setting the others ends its own adaptation */
}

int main(int argc, char **argv) {
    command = &VITC;
    tune_heap();
    return command_main(VERBS, sizeof VERBS / sizeof *VERBS, NOTES, argc, argv);
}
