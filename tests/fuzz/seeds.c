/* Writes what the fuzz targets start from: seeds FOLDER/TARGET/NAME and the dictionary FOLDER/words.dict, all made from
 * models/, docs/, tests/ and the tables of this source tree. */
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "runtime/runtime.h"
#include "tests/fuzz/small.h"
#include "tests/runtime/encode.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <glob.h>
#include <sys/stat.h>

static const char *out_folder;

static void die(const char *what) {
    fprintf(stderr, "fuzz_seeds: %s\n", what);
    exit(1);
}

static void write_seed(const char *target, const char *name, const void *bytes, size_t size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", out_folder, target);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s", out_folder, target, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) die(path);
}

static char *read_text(const char *path) {
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    if (!file || !text || fread(text, 1, (1 << 20) - 1, file) == 0) die(path);
    fclose(file);
    return text;
}

/* ---- words: everything that recipes and the IR call by name ------------------------------------------------------ */

static struct {
    char *items[8192];
    size_t count;
} words;

static void add_word(const char *start, size_t n) {
    if (n < 2 || n > 40) return;
    for (size_t i = 0; i < words.count; i++)
        if (strlen(words.items[i]) == n && memcmp(words.items[i], start, n) == 0) return;
    if (words.count < sizeof words.items / sizeof *words.items)
        words.items[words.count++] = strndup(start, n);
}

static void add_words_of(const char *text) {
    while (*text) {
        size_t n = 0;
        while (isalnum((unsigned char)text[n]) || text[n] == '_') n++;
        if (n && !isdigit((unsigned char)*text)) add_word(text, n);
        text += n ? n : 1;
    }
}

static void add_words_of_file(const char *path) {
    char *text = read_text(path);
    add_words_of(text);
    free(text);
}

static void write_words(void) {
    static const char *const signs[] = {
        " + ",       " - ",       " * ",       " / ",    " // ",  " % ",  " ** ",    " @ ",
        " == ",      " != ",      " <= ",      " := ",   " = ",   "[0]",  "[-1]",    "[:, 0]",
        "[..., 1:]", "[:, none]", "(",         ")",      "[",     "]",    "{",       "}",
        ": ",        ", ",        "\n  ",      "\n    ", " for ", " in ", " if ",    " else ",
        "return ",   "axis=",     "keep=true", "$(",     "$",     "|\n",  " : f32[", " -> ",
        "%",         "@",         " over [",   " and [", "i0",    "2*i1", "p0"};
    char path[4096];
    snprintf(path, sizeof path, "%s/words.dict", out_folder);
    FILE *file = fopen(path, "wb");
    if (!file) die(path);
    for (size_t i = 0; i < words.count; i++) fprintf(file, "\"%s\"\n", words.items[i]);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        fputc('"', file);
        for (const char *c = signs[i]; *c; c++) fprintf(file, *c == '\n' ? "\\x0a" : "%c", *c);
        fputs("\"\n", file);
    }
    if (fclose(file) != 0) die(path);
}

static void words_of_tables(void) {
    for (int i = 0; i < OP_COUNT; i++) {
        const OpInfo *op = op_info((OpKind)i);
        add_word(op->name, strlen(op->name));
        for (int k = 0; k < op->n_attrs; k++) add_word(op->attrs[k].key, strlen(op->attrs[k].key));
    }
#define AUGMENT(name, params, doc)                                                                           \
    add_words_of(#name);                                                                                     \
    add_words_of(params);
#define SAMPLER(name, dtype, params, doc)                                                                    \
    add_words_of(#name);                                                                                     \
    add_words_of(params);
#include "runtime/catalog.def"
}

/* ---- recipes and their IR ---------------------------------------------------------------------------------------- */

/* Settings that make each recipe of models/ as small as it goes; fewer than 40: those it has. */
static const struct {
    const char *recipe, *settings[16];
} SMALL[] = {
    {"dino", {"image=16", "local_size=8", "locals=2", "hidden=8", "out_dim=8", "bottleneck=4"}},
    {"hybrid", {"image=16", "mask_patch=8", "hidden=8", "out_dim=8"}},
    {"mae", {"image=16", "decoder_dim=8", "decoder_depth=1", "decoder_heads=2"}},
    {"mocov3", {"image=16", "hidden=8", "out_dim=8"}},
    {"simmim", {"image=16", "mask_patch=8"}},
    {"quickstart", {"image=16", "hidden=8", "out_dim=8"}},
    {"cmc", {"image=16", "out_dim=8", "total=16", "negatives=4"}},
    {"paper/ibot", {"image=32", "hidden=8", "out_dim=8", "bottleneck=4"}},
    {"paper/ijepa",
     {"image=32", "predictor_dim=8", "predictor_depth=1", "predictor_heads=2", "targets=1", "context=4"}},
    {"moco", {"image=16", "out_dim=8", "queue_size=8"}},
    {"sit", {"image=16", "hidden=8", "out_dim=8"}},
    {"paper/swav", {"image=16", "local_size=8", "locals=2", "hidden=8", "out_dim=8", "prototypes=4"}},
};
static const char *const SMALL_ALL[] = {"patch=8", "width=8", "depth=1", "heads=2", "batch=4"};

static void print_pass(void *user, const Pass *pass, const Module *module, double seconds) {
    char name[128];
    size_t size;
    (void)seconds;
    snprintf(name, sizeof name, "%s-%s", (const char *)user, pass->name);
    char *text = module_print(module, &size);
    if (size < 1 << 14) write_seed("ir", name, text, size);
    free(text);
}

/* A recipe with its libraries written into it, and, if it is short, its IR after each pass. */
static void write_recipe(const char *path, const char *name, const char *text, const char *const *settings,
                         int n_settings) {
    Arena *arena = arena_new();
    Diags *diags = diags_new(arena);
    RecipeOptions options = {
        .models_dir = SOURCE_DIR "/models", .overrides = settings, .n_overrides = n_settings};
    Recipe recipe;
    if (!recipe_load_text(arena, diags, path, text, strlen(text), &options, &recipe)) die(diags_text(diags));
    write_seed("recipe", name, recipe.resolved, strlen(recipe.resolved));
    if (is_small(recipe.module, SMALL_NODES, SMALL_ELEMENTS))
        write_seed("step", name, recipe.resolved, strlen(recipe.resolved));
    small_target(recipe.module);
    PassOptions printing = {.after = print_pass, .user = (void *)name};
    if (!passes_run(recipe.module, PASSES_ALL, &printing, diags)) die(diags_text(diags));
    arena_free(arena);
}

static void write_models(void) {
    for (size_t i = 0; i < sizeof SMALL / sizeof *SMALL; i++) {
        char path[4096], name[64];
        const char *settings[32];
        int n = 0;
        for (const char *const *s = SMALL[i].settings; *s; s++) settings[n++] = *s;
        for (size_t k = 0; k < sizeof SMALL_ALL / sizeof *SMALL_ALL; k++) settings[n++] = SMALL_ALL[k];
        snprintf(path, sizeof path, SOURCE_DIR "/models/%s.yaml", SMALL[i].recipe);
        const char *slash = strrchr(SMALL[i].recipe, '/');
        snprintf(name, sizeof name, "%s", slash ? slash + 1 : SMALL[i].recipe);
        char *text = read_text(path);
        write_recipe(path, name, text, settings, n);
        free(text);
    }
}

/* The recipes of tests/fuzz/recipes/: a few kernels each, for the target that compiles. */
static void write_tiny(void) {
    glob_t found;
    if (glob(SOURCE_DIR "/tests/fuzz/recipes/*.yaml", 0, NULL, &found) != 0) die("no tests/fuzz/recipes");
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char name[64], *text = read_text(found.gl_pathv[i]);
        snprintf(name, sizeof name, "%s", strrchr(found.gl_pathv[i], '/') + 1);
        *strchr(name, '.') = '\0';
        write_recipe(found.gl_pathv[i], name, text, NULL, 0);
        free(text);
    }
    globfree(&found);
}

/* Recipes and what they begin with: tests/fuzz/bases/, and each of tests/fuzz/recipes/ as a base. */
static void write_bases(void) {
    static const char outer[] = "recipe: outer\nbase: base\ntrain: {batch: 2, epochs: 3}\n----\n";
    glob_t found;
    if (glob(SOURCE_DIR "/tests/fuzz/recipes/*.yaml", 0, NULL, &found) != 0 ||
        glob(SOURCE_DIR "/tests/fuzz/bases/*.yaml", GLOB_APPEND, NULL, &found) != 0)
        die("no tests/fuzz/bases");
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *text = read_text(found.gl_pathv[i]), *pair = NULL;
        const char *first = strstr(text, "\n----\n") ? "" : outer;
        if (asprintf(&pair, "%s%s", first, text) < 0) die("out of memory");
        write_seed("base", strrchr(found.gl_pathv[i], '/') + 1, pair, strlen(pair));
        free(pair);
        free(text);
    }
    globfree(&found);
}

/* Modules of tests/passes/cases/: what stands between "// ----", "// gives:" and the end. */
static void write_cases(void) {
    glob_t found;
    int number = 0;
    if (glob(SOURCE_DIR "/tests/passes/cases/*.txt", 0, NULL, &found) != 0) die("no tests/passes/cases");
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *text = read_text(found.gl_pathv[i]), name[32];
        for (char *module = strstr(text, "module "), *next; module; module = next) {
            next = strstr(module + 1, "\nmodule ");
            snprintf(name, sizeof name, "case-%d", number++);
            write_seed("ir", name, module, next ? (size_t)(next - module) + 1 : strlen(module));
        }
        free(text);
    }
    globfree(&found);
}

/* ---- binary formats ---------------------------------------------------------------------------------------------- */

static void write_tensors(void) {
    static const double numbers[6] = {0, 1, -2.5, 3e38, 1e-9, 6};
    VtNamedTensor tensors[VT_BOOL + 1];
    for (int dtype = VT_F32; dtype <= VT_BOOL; dtype++)
        tensors[dtype] =
            (VtNamedTensor){{.name = (const char *[]){"f32", "f64", "bf16", "i32", "i64", "bool"}[dtype],
                             .dtype = dtype,
                             .rank = dtype % 3,
                             .dim = {2, 3}},
                            numbers};
    VtError error;
    char path[4096];
    snprintf(path, sizeof path, "%s/safetensors", out_folder);
    mkdir(path, 0755);
    for (int n = 0; n <= VT_BOOL + 1; n++) {
        snprintf(path, sizeof path, "%s/safetensors/%d", out_folder, n);
        const char *metadata[] = {"program", "fuzz", "step", "3", NULL};
        if (!vt_tensors_write(path, tensors, n, metadata, &error)) die(error.message);
    }
}

static void write_image(const char *format, int number, Encoded file) {
    char name[32];
    snprintf(name, sizeof name, "%s-%d", format, number);
    write_seed("image", name, file.bytes, file.size);
    free(file.bytes);
}

static void write_tiffs(const uint8_t *pixels) {
    static const TiffKind tiffs[] = {
        {.photometric = PHOTOMETRIC_RGB,
         .samples = 3,
         .bits = 8,
         .compression = COMPRESSION_NONE,
         .mode = "wb"},
        {.photometric = PHOTOMETRIC_RGB,
         .samples = 3,
         .bits = 8,
         .compression = COMPRESSION_LZW,
         .mode = "w8"},
        {.photometric = PHOTOMETRIC_RGB,
         .samples = 3,
         .bits = 8,
         .compression = COMPRESSION_ADOBE_DEFLATE,
         .separate = true,
         .orientation = 6},
        {.photometric = PHOTOMETRIC_RGB,
         .samples = 3,
         .bits = 8,
         .compression = COMPRESSION_PACKBITS,
         .tile = 16},
        {.photometric = PHOTOMETRIC_YCBCR, .samples = 3, .bits = 8, .compression = COMPRESSION_JPEG},
        {.photometric = PHOTOMETRIC_MINISBLACK, .samples = 1, .bits = 16, .compression = COMPRESSION_NONE},
        {.photometric = PHOTOMETRIC_MINISWHITE,
         .samples = 1,
         .bits = 1,
         .compression = COMPRESSION_CCITTFAX4},
        {.photometric = PHOTOMETRIC_PALETTE, .samples = 1, .bits = 8, .compression = COMPRESSION_LZW},
        {.photometric = PHOTOMETRIC_SEPARATED, .samples = 4, .bits = 8, .compression = COMPRESSION_NONE},
        {.photometric = PHOTOMETRIC_MINISBLACK, .samples = 5, .bits = 8, .compression = COMPRESSION_LZW},
        {.photometric = PHOTOMETRIC_MINISBLACK,
         .samples = 2,
         .bits = 8,
         .compression = COMPRESSION_NONE,
         .separate = true}};
    for (int k = 0; k < (int)(sizeof tiffs / sizeof *tiffs); k++)
        write_image("tiff", k, encode_tiff(pixels, 9, 5, tiffs[k]));
}

static void write_images(void) {
    VtImage image = make_image(9, 21, 1);
    image.height = 7;
    for (int type = 0; type <= 6; type++)
        for (int depth = 1; depth <= 16; depth *= 2) {
            bool whole = depth >= 8;
            if (type == 1 || type == 5 || (!whole && type != 0) || (type == 3 && depth > 8)) continue;
            uint8_t *pixels = calloc(8, 9 * 7);
            Encoded png = encode_png(pixels, 9, 7, type, depth, type == 2 && depth == 8);
            write_image("png", 100 * type + depth, png);
            free(pixels);
        }
    static const JpegKind jpegs[] = {{.channels = 3},
                                     {.channels = 3, .sampling = "22 11 11"},
                                     {.channels = 3, .sampling = "31 11 11", .progressive = true},
                                     {.channels = 3, .arithmetic = true},
                                     {.channels = 3, .separate_scans = true},
                                     {.channels = 1, .progressive = true}};
    for (int k = 0; k < (int)(sizeof jpegs / sizeof *jpegs); k++)
        write_image("jpeg", k, encode_jpeg(image.pixels, 9, jpegs[k].channels == 1 ? 21 : 7, jpegs[k]));
    write_image("jpeg", 9,
                encode_jpeg(image.pixels, 9, 5, (JpegKind){.channels = 4, .sampling = "21 11 11 21"}));
    write_tiffs(image.pixels);
    write_image("webp", 0, encode_webp(&image, false));
    write_image("webp", 1, encode_webp(&image, true));
    write_image("webp", 2, encode_webp_animation(&image));
    write_image("gif", 0, encode_gif(image.pixels, 9, 7, 0, 0, false));
    write_image("gif", 1, encode_gif(image.pixels, 9, 7, 3, 1, true));
    static const uint32_t masks[] = {0xf800, 0x7e0, 0x1f};
    write_image("bmp", 0, encode_bmp24(&image));
    write_image("bmp", 1, encode_bmp(9, -5, 16, 3, masks, image.pixels, 100));
    write_image("bmp", 2, encode_bmp(9, 7, 4, 0, NULL, image.pixels, 56));
    write_image("bmp", 3, encode_bmp(9, 2, 8, 1, NULL, "\4\7\0\5abcde\0\0\0\0\2\1\0\6\1\0\1", 20));
    write_image("bmp", 4, encode_bmp(9, 2, 4, 2, NULL, "\4\x12\0\5\x12\x34\x50\0\0\0\6\x77\0\1", 14));
    write_image("pnm", 6, encode_ppm(&image));
    Encoded npy = {0};
    put_bytes(&npy, "\x93NUMPY\1\0\x3e\0{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 5), }", 72);
    put_bytes(&npy, image.pixels, 30);
    write_image("npy", 0, npy);
    static const char *const texts[] = {"P1 3 2 0 1 0 # c\n101", "P2\n2 2 9\n0 9 3 4\n",
                                        "P3 1 1 65535 1 2 60000", "P4\n9 1\n\1\2", "P5 2 1 300\n\1\2\1\3"};
    for (int k = 0; k < 5; k++) {
        Encoded text = {0};
        put_text(&text, texts[k]);
        write_image("pnm", k + 1, text);
    }
    vt_image_free(&image);
}

/* What a member is, beside an image of the number after its name. */
typedef struct {
    const char *name, *link, *text; /* text: its bytes, instead of an image */
} Member;

static size_t pack(char *buffer, size_t room, int format, int filter, const Member *members) {
    size_t used = 0;
    struct archive *archive = archive_write_new();
    archive_write_set_format(archive, format);
    archive_write_add_filter(archive, filter);
    archive_write_set_bytes_in_last_block(archive, 1);
    if (archive_write_open_memory(archive, buffer, room, &used) != ARCHIVE_OK) die("libarchive");
    for (int i = 0; members[i].name; i++) {
        VtImage image = make_image(5, 4, i);
        Encoded png = png_of(&image);
        const Member *m = &members[i];
        size_t size = m->link ? 0 : m->text ? strlen(m->text) : png.size;
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, m->name);
        archive_entry_set_filetype(entry, m->link && m->link[0] == '>' ? AE_IFLNK : AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (int64_t)size);
        if (m->link && m->link[0] == '>') archive_entry_set_symlink(entry, m->link + 1);
        if (m->link && m->link[0] != '>') archive_entry_set_hardlink(entry, m->link);
        archive_write_header(archive, entry);
        if (size) archive_write_data(archive, m->text ? m->text : (const char *)png.bytes, size);
        archive_entry_free(entry);
        free(png.bytes);
        vt_image_free(&image);
    }
    archive_write_close(archive);
    archive_write_free(archive);
    return used;
}

static void write_archives(void) {
    static const Member
        tree[] = {{.name = "train/a/0.png"}, {.name = "train/b/1.png"}, {.name = "test/a/2.png"}, {0}},
        links[] = {{.name = "a/0.png"},
                   {.name = "a/1.png", .link = "a/0.png"},
                   {.name = "b/2.png", .link = ">../a/1.png"},
                   {.name = "c", .link = ">a"},
                   {0}},
        samples[] = {{.name = "0.png"},
                     {.name = "0.cls", .text = "3"},
                     {.name = "1.json", .text = "{\"label\": 2}"},
                     {.name = "1.png"},
                     {.name = "1.txt", .text = "a caption"},
                     {0}},
        lists[] = {{.name = "x/0.png"},
                   {.name = "x/1.png"},
                   {.name = "train.txt", .text = "x/0.png 1\n"},
                   {.name = "test.txt", .text = "x/1.png 0\n"},
                   {0}},
        cifar[] = {{.name = "cifar-10-batches-py/data_batch_1", .text = "\x80\2}U\6labels]K\1as."}, {0}};
    static const struct {
        const char *name;
        int format, filter;
        const Member *members;
    } archives[] = {{"tar", ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_NONE, tree},
                    {"ustar.gz", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_GZIP, tree},
                    {"zip", ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, tree},
                    {"links", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_NONE, links},
                    {"links.zip", ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, links},
                    {"samples", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_NONE, samples},
                    {"samples.gz", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_GZIP, samples},
                    {"lists", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_NONE, lists},
                    {"cifar", ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FILTER_NONE, cifar}};
    static char buffer[1 << 17];
    for (size_t k = 0; k < sizeof archives / sizeof *archives; k++) {
        size_t used =
            pack(buffer, sizeof buffer / 2, archives[k].format, archives[k].filter, archives[k].members);
        write_seed("dataset", archives[k].name, buffer, used);
        if (k == 0)
            used += pack(buffer + used, sizeof buffer / 2, archives[3].format, ARCHIVE_FILTER_NONE, links);
        if (k == 0) write_seed("dataset", "joined", buffer, used);
    }
}

/* A pickle of each opcode that is read. */
static void write_pickles(void) {
    static const char text[] =
        "\x80\2}q\1(U\6labelsq\2]q\3(K\1K\2eU\4datacnumpy.core.multiarray\n_reconstruct\nq\4cnumpy\n"
        "ndarray\nK\0\x85U\1b\x87R(K\1K\2K\2\x86"
        "cnumpy\ndtype\nU\2u1K\0K\1\x87R(K\3U\1|NNNJ\xff\xff\xff"
        "\xffJ\xff\xff\xff\xffK\0tb\x89U\4abcdtbu.",
                      new_text[] =
                          "\x80\4\x95\x20\0\0\0\0\0\0\0}\x94(\x8c\6labels\x94]\x94(K\1M\2\1\x8a\1\xff"
                          "eC\4data\x94\x8c\5numpy"
                          "\x8c\5dtype\x93\x88\x89Nh\0)00u.",
                      latin[] = "\x80\2}X\4\0\0\0data"
                                "c_codecs\nencode\nX\3\0\0\0a\xc3\xa9X\6\0\0\0latin1\x86Rs.";
    write_seed("pickle", "old", text, sizeof text - 1);
    write_seed("pickle", "new", new_text, sizeof new_text - 1);
    write_seed("pickle", "latin", latin, sizeof latin - 1);
}

static void write_sets(void) {
    static uint8_t cifar[2 * 3073], idx[16 + 2 * 784] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28};
    cifar[3073] = 1;
    write_seed("dataset", "cifar", cifar, sizeof cifar);
    write_seed("dataset", "idx", idx, sizeof idx);
}

/* Trees by the paths of their members. */
static void write_trees(void) {
    static const char *const trees[] = {
        "Train/cat/1.jpg\ntest/cat/2.jpg\nval/3.jpg\nval_annotations.txt\n3.jpg\tcat\n",
        "images/a/1.jpg\nimages/b/2.jpg\nmeta/test.txt\na/1\nmeta/train.txt\nb/2\nannotations/1.png\n",
        "bed/train/good/1.jpg\nbed/test/2.jpg\nsofa/train1/\nseg_train/x.jpg=3\n",
        "b/images/001.A/a1.jpg\nb/images/002.B/b1.jpg\nb/images.txt\n1 001.A/a1.jpg\n2 002.B/b1.jpg\n"
        "b/train_test_split.txt\n1 1\n2 0\n",
        "train/n00000001/1.jpg\ntrain/n00000002/2.jpg\nval/1.jpg\nval/2.jpg\nmap_clsloc.txt\nn00000001 2 x\n"
        "ILSVRC2012_validation_ground_truth.txt\n2\n1\n",
        "2021/03/1.jpg\n2021/04/2.jpg\n.hidden/3.jpg\n__MACOSX/4.jpg\n5.heic\n"};
    char name[16];
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        snprintf(name, sizeof name, "%zu", i);
        write_seed("tree", name, trees[i], strlen(trees[i]));
    }
}

static void write_profile(void) {
    static const char text[] = "{\"format\": \"vitc-profile-1\", \"version\": \"0\", \"recipe\": \"r\", "
                               "\"function\": \"step\", \"target\": \"t\", "
                               "\"precision\": \"fp32\", \"batch\": 8, \"digest\": \"xxh3:0\", "
                               "\"processor\": \"\", \"threads\": 2, \"steps\": 1, "
                               "\"seconds\": [0.5], \"calls\": [{\"function\": \"step\", \"kernel\": 1, "
                               "\"outer\": 1, \"name\": \"add f32[8]\", "
                               "\"kind\": \"loops\", \"phase\": \"forward\", \"position\": \"r.yaml:3\", "
                               "\"flops\": 8, \"bytes\": 64, \"single\": "
                               "true, \"seconds\": [0.25], \"thread_seconds\": [0.25, 0]}]}";
    write_seed("profile", "small", text, sizeof text - 1);
}

int main(int argc, char **argv) {
    if (argc != 2) die("fuzz_seeds FOLDER");
    out_folder = argv[1];
    mkdir(out_folder, 0755);
    glob_t found;
    if (glob(SOURCE_DIR "/models/*.yaml", 0, NULL, &found) != 0 ||
        glob(SOURCE_DIR "/models/lib/*.yaml", GLOB_APPEND, NULL, &found) != 0)
        die("no models/");
    words_of_tables();
    add_words_of_file(SOURCE_DIR "/docs/language.md");
    for (size_t i = 0; i < found.gl_pathc; i++) add_words_of_file(found.gl_pathv[i]);
    globfree(&found);
    write_words();
    write_models();
    write_tiny();
    write_bases();
    write_cases();
    write_tensors();
    write_images();
    write_sets();
    write_trees();
    write_archives();
    write_pickles();
    write_profile();
    return 0;
}
