/* vitc init: a first recipe with comments, or a copy of another with a comment for each of its sections. */
#include "driver/driver.h"
#include "driver/help/topics.h"
#include "driver/init/begins_with.h"
#include "frontend/text/base.h"
#include "ir/base/stream.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FROM, BASE, OBJECTIVE, LIST, N };
static const FlagRow FLAGS[N] = {
    [FROM] = {"from", FLAG_VALUE, "RECIPE", COMPLETE_RECIPE, "begin with a copy of this recipe"},
    [BASE] = {"base", FLAG_VALUE, "RECIPE", COMPLETE_RECIPE,
              "begin with this recipe, and say only what differs"},
    [OBJECTIVE] = {"objective", FLAG_VALUE, "KIND", COMPLETE_TEMPLATE,
                   "what to learn from, as --list has it (contrast)"},
    [LIST] = {"list", FLAG_BARE, NULL, COMPLETE_NONE, "list what to begin with, and write nothing"}};
const FlagTable INIT_FLAGS = {FLAGS, N, NULL};

/* What a copy says of each section, as first recipes do at length. */
static const struct {
    const char *key, *text;
} SECTIONS[] = {
    {"base", "The recipe that this one begins with: all that is not said here is as there."},
    {"use", "Libraries of modules: of the folder of installed recipes, or beside this file."},
    {"knobs", "What can be set on the command line, as key=value. min, above … are checked; help is shown."},
    {"check", "What must hold of knobs together: said before anything is computed."},
    {"presets", "Several knobs at once, as preset=…"},
    {"data", "Sources of images, if there are several: --data SOURCE=PATH for each."},
    {"views", "What networks see of an image: augmentations, drawn anew for each. (vitc help augmentations)"},
    {"draws", "What is drawn at random at each step besides views. (vitc help samplers)"},
    {"modules", "Functions with parameters of their own, which networks are made of."},
    {"networks", "Functions with parameters, which training changes; ema: one that follows another."},
    {"state", "What is kept from step to step besides parameters."},
    {"schedules", "Numbers that change while it trains, an epoch or a step at a time."},
    {"objectives", "Losses; weight: how much each counts. update: runs after the step, and sets states."},
    {"metrics", "Numbers that are logged beside the loss, and what to warn of."},
    {"values", "Tensors that `vitc run` gives out, to compare with other programs."},
    {"log_images", "Images that are shown while it trains."},
    {"embed", "What `vitc embed` writes and `vitc eval` judges: of which view, and what of it."},
    {"train", "The loop of training. `optimizer` is applied to each parameter."},
};

typedef struct {
    Arena *arena;
    const char *path;         /* of what is written */
    char *name;               /* how the recipe calls itself, and how its run is called */
    const char *text, *begun; /* begun: what with, for people */
    bool copy;                /* of another recipe, or begun with it, not a first one */
} Init;

/* ---- the text ---------------------------------------------------------------------------------------------------- */

/* Every NAME replaced; what stands behind three blanks or more, as a comment, stays in its column. */
static char *named(Arena *arena, const char *text, const char *name) {
    TextStream stream;
    FILE *out = stream_begin(&stream);
    int behind = 0; /* columns that the line is longer by */
    for (size_t n; *text; text += n) {
        n = strspn(text, " ");
        if (strncmp(text, "NAME", 4) == 0) {
            fputs(name, out);
            behind += (int)strlen(name) - 4;
            n = 4;
        } else if (n >= 3) {
            int blanks = (int)n - behind > 2 ? (int)n - behind : 2;
            fprintf(out, "%*s", blanks, "");
            behind -= (int)n - blanks;
        } else {
            n = n ? n : 1;
            fwrite(text, 1, n, out);
            if (*text == '\n') behind = 0;
        }
    }
    char *made = stream_end(&stream, NULL), *kept = arena_strdup(arena, made);
    free(made);
    return kept;
}

static const char *section_text(const char *line) {
    for (size_t i = 0; i < sizeof SECTIONS / sizeof *SECTIONS; i++) {
        size_t n = strlen(SECTIONS[i].key);
        if (strncmp(line, SECTIONS[i].key, n) == 0 && line[n] == ':') return SECTIONS[i].text;
    }
    return NULL;
}

/* A copy that begins with its name, and says at each section what it is, where it does not already. */
static char *copied(Arena *arena, const char *text, const char *from) {
    TextStream stream;
    FILE *out = stream_begin(&stream);
    fprintf(out,
            "# Begun as a copy of %s. docs/language.md has the language.\n#\n"
            "#   vitc check NAME.yaml                                    is it right, and how large\n"
            "#   vitc train NAME.yaml --data synthetic --out runs/NAME   on images that are made up\n"
            "#   vitc eval knn runs/NAME --data synthetic                what it has learned\n",
            from);
    bool comment = false;
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        const char *section = comment ? NULL : section_text(line);
        if (section) fprintf(out, "# %s\n", section);
        if (strncmp(line, "recipe:", 7) == 0)
            fputs("recipe: NAME", out);
        else
            fwrite(line, 1, n, out);
        fputc('\n', out);
        comment = line[0] == '#';
        line += n + (line[n] == '\n');
    }
    char *made = stream_end(&stream, NULL), *kept = arena_strdup(arena, made);
    free(made);
    return kept;
}

/* ---- what is asked for ------------------------------------------------------------------------------------------- */

static bool take_template(Init *init, const char *kind) {
    const InstalledRecipe *rows;
    size_t size, n = installed_recipes(init->arena, true, &rows);
    const char **names = ARENA_ARRAY(init->arena, const char *, n + 1);
    for (size_t i = 0; i < n; i++) names[i] = rows[i].name;
    const char *path = arena_printf(init->arena, "%s/first/%s.yaml", models_dir(), kind);
    bool known = false;
    for (size_t i = 0; i < n; i++) known = known || strcmp(names[i], kind) == 0;
    if (!known) return unknown_word("unknown objective", kind, names, n, "vitc init --list") < 0;
    init->text = stream_read_file(init->arena, path, (size_t)1 << 20, &size);
    init->begun = kind;
    return init->text || fail(2, "cannot read '%s': %s", path, strerror(errno)) < 0;
}

/* The text of a recipe that the user names; NULL after telling. */
static const char *recipe_text(Init *init, const char *word, const char **path, size_t *size) {
    *path = find_recipe(init->arena, word);
    if (access(*path, F_OK) != 0 && errno == ENOENT) {
        refuse_recipe(word);
        return NULL;
    }
    const char *text = stream_read_file(init->arena, *path, (size_t)16 << 20, size);
    if (!text) fail(2, "cannot read '%s': %s", *path, strerror(errno));
    return text;
}

static bool take_copy(Init *init, const char *word) {
    size_t size;
    const char *path, *text = recipe_text(init, word, &path, &size);
    if (!text) return false;
    if (strncmp(text, "recipe:", 7) != 0 && !strstr(text, "\nrecipe:"))
        return fail(2, "'%s' is no recipe: it has no line `recipe: NAME`", path) < 0;
    init->text = copied(init->arena, text, word);
    init->begun = word;
    init->copy = true;
    return true;
}

/* How a recipe beside init->path names one at `path`: installed ones as the user did. */
static const char *base_word(Init *init, const char *path, const char *word) {
    size_t n = strlen(models_dir());
    if (strncmp(path, models_dir(), n) == 0 && path[n] == '/') return word;
    char *real = realpath(path, NULL);
    const char *kept = real ? arena_printf(init->arena, "\"%s\"", real) : path;
    free(real);
    return kept;
}

static bool take_base(Init *init, const char *word) {
    size_t size;
    const char *path, *text = recipe_text(init, word, &path, &size);
    if (!text) return false;
    Diags *diags = diags_new(init->arena);
    const Tree *tree = tree_of_recipe(init->arena, diags, path, text, size, models_dir());
    diags_print(diags, stderr, vt_terminal(stderr).colour);
    if (!tree) return diags_errors(diags) == 0 && fail(2, "'%s' is no recipe", path) < 0;
    init->text = begins_with(init->arena, base_word(init, path, word), tree);
    init->begun = word;
    init->copy = true;
    return true;
}

/* "runs/my.yaml", or without the end: the recipe is called my. */
static bool take_name(Init *init, const char *word) {
    size_t n = strlen(word);
    bool whole = n > 5 && strcmp(word + n - 5, ".yaml") == 0;
    init->path = whole ? word : arena_printf(init->arena, "%s.yaml", word);
    const char *slash = strrchr(init->path, '/'), *base = slash ? slash + 1 : init->path;
    init->name = arena_strndup(init->arena, base, strlen(base) - 5);
    for (const char *c = init->name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
            return fail(2, "'%s': a recipe's name is letters, digits, _ and -", init->name) < 0;
    return init->name[0] || fail(2, "'%s': a name was expected", word) < 0;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* Nothing is written that vitc does not take: a copy may use files that lie elsewhere. */
static bool is_good(const Init *init) {
    Diags *diags = diags_new(init->arena);
    Recipe recipe;
    RecipeOptions options = {.models_dir = models_dir(), .warnings = WARNINGS_IGNORED};
    bool good =
        recipe_load_text(init->arena, diags, init->path, init->text, strlen(init->text), &options, &recipe);
    diags_print(diags, stderr, vt_terminal(stderr).colour);
    return good;
}

/* All of it, or no file. */
static int write_new(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST)
        return fail(2, "'%s' is there already, and stays: take another name", path);
    if (fd < 0) return fail(2, "cannot write '%s': %s", path, strerror(errno));
    size_t size = strlen(text), done = 0;
    while (done < size) {
        ssize_t n = write(fd, text + done, size - done);
        if (n < 0 && errno != EINTR) break;
        if (n > 0) done += (size_t)n;
    }
    if (done == size && close(fd) == 0) return 0;
    int problem = errno;
    if (done < size) close(fd);
    unlink(path);
    return fail(1, "cannot write '%s': %s", path, strerror(problem));
}

/* The last preset of a copy, whose size may be a paper's; "". Found before anything is written. */
static const char *preset_of(const Init *init) {
    const Tree *root = init->copy ? tree_of_recipe(init->arena, diags_new(init->arena), init->path,
                                                   init->text, strlen(init->text), models_dir())
                                  : NULL;
    const Tree *presets = root ? tree_get(root, "presets") : NULL;
    if (!presets || presets->kind != TREE_MAP || !presets->count) return "";
    return arena_printf(init->arena, " preset=%s", presets->items[presets->count - 1].key->text);
}

static void tell_next(const Init *init, const char *preset) {
    printf("%s: a first recipe, begun with %s\n", init->path, init->begun);
    printf("  vitc check %s\n", init->path);
    printf("  vitc train %s%s --data synthetic --out runs/%s\n", init->path, preset, init->name);
    printf("  vitc eval knn runs/%s --data synthetic --k 20\n", init->name);
}

int verb_init(int argc, char **argv) {
    Flag flags[N];
    Arguments args;
    if (!parse_arguments(argc, argv, flags, N, &args)) return 2;
    if (flags[LIST].given) {
        if (args.n_words || flags[FROM].given || flags[BASE].given || flags[OBJECTIVE].given)
            return fail(2, "init --list writes nothing: it stands alone");
        return tell_templates(), 0;
    }
    if (args.n_words != 1 || args.n_overrides) return fail(2, "init wants one name: vitc init NAME");
    if (flags[FROM].given + flags[BASE].given + flags[OBJECTIVE].given > 1)
        return fail(2, "--from, --base and --objective all say what to begin with: one of them");
    Init init = {.arena = arena_new()};
    int code = 2;
    bool good = take_name(&init, args.words[0]);
    if (good && flags[FROM].given)
        good = take_copy(&init, flags[FROM].value);
    else if (good && flags[BASE].given)
        good = take_base(&init, flags[BASE].value);
    else if (good)
        good = take_template(&init, flags[OBJECTIVE].given ? flags[OBJECTIVE].value : "contrast");
    if (good) init.text = named(init.arena, init.text, init.name);
    if (good && is_good(&init)) {
        const char *preset = preset_of(&init);
        code = write_new(init.path, init.text);
        if (code == 0) tell_next(&init, preset);
    }
    arena_free(init.arena);
    return code;
}
