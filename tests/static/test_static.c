/* A program without a dynamic section, alone in an empty root, reads all that others do. */
#include "tests/runtime/encode.h"
#include "tests/runtime/pack.h"
#include "tests/static/reader.h"

#include <elf.h>
#include <locale.h>
#include <sched.h>
#include <sys/wait.h>

static void write_encoded(const char *name, Encoded file) {
    write_file(name, file.bytes, file.size);
    free(file.bytes);
}

static void write_tiff(const char *name, const VtImage *image, uint16_t compression) {
    bool bits = compression == COMPRESSION_CCITTFAX4;
    TiffKind kind = {.photometric = bits ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB,
                     .samples = bits ? 1 : 3,
                     .bits = bits ? 1 : 8,
                     .compression = compression};
    write_encoded(name, encode_tiff(image->pixels, image->width, image->height, kind));
}

static void write_images(void) {
    static const uint16_t packings[] = {COMPRESSION_NONE,     COMPRESSION_LZW,  COMPRESSION_ADOBE_DEFLATE,
                                        COMPRESSION_PACKBITS, COMPRESSION_JPEG, COMPRESSION_CCITTFAX4,
                                        COMPRESSION_ZSTD,     COMPRESSION_LZMA, COMPRESSION_WEBP};
    VtImage image = make_image(40, 24, 1);
    uint8_t places[40 * 24];
    for (int i = 0; i < 40 * 24; i++) places[i] = (uint8_t)(i % 251);
    write_encoded("set/a.png", png_of(&image));
    write_encoded("set/b.jpg", jpeg_of(&image));
    write_encoded("set/c.webp", encode_webp(&image, false));
    write_encoded("set/d.webp", encode_webp_animation(&image));
    write_encoded("set/e.gif", encode_gif(places, 40, 24, 0, 0, false));
    write_encoded("set/f.bmp", encode_bmp24(&image));
    write_encoded("set/g.ppm", encode_ppm(&image));
    for (size_t p = 0; p < sizeof packings / sizeof *packings; p++) {
        char name[32];
        snprintf(name, sizeof name, "set/t%zu.tif", p);
        write_tiff(name, &image, packings[p]);
    }
    vt_image_free(&image);
}

/* One that says it is packed by JBIG. */
static void write_jbig(const char *name) {
    uint8_t tag[] = {3, 1, 3, 0, 1, 0, 0, 0, COMPRESSION_NONE, 0}, pixels[5] = {0};
    Encoded file =
        encode_tiff(pixels, 8, 5, (TiffKind){.photometric = PHOTOMETRIC_MINISBLACK, .samples = 1, .bits = 1});
    uint8_t *place = memmem(file.bytes, file.size, tag, sizeof tag);
    assert_non_null(place);
    place[8] = COMPRESSION_JBIG & 255;
    place[9] = COMPRESSION_JBIG >> 8;
    write_encoded(name, file);
}

static void write_archive(const char *name, bool zip, int (*filter)(struct archive *)) {
    Pack *pack = pack_begin(name, zip, filter);
    pack_image(pack, "cat/gr\xc3\xbc\xc3\x9f.png", 1);
    pack_image(pack, "dog/2.png", 2);
    pack_end(pack);
}

static const struct {
    const char *name;
    bool zip;
    int (*filter)(struct archive *);
} archives[] = {{"a.tar", false, NULL},
                {"a.tar.gz", false, archive_write_add_filter_gzip},
                {"a.tar.bz2", false, archive_write_add_filter_bzip2},
                {"a.tar.xz", false, archive_write_add_filter_xz},
                {"a.tar.zst", false, archive_write_add_filter_zstd},
                {"a.tar.lz4", false, archive_write_add_filter_lz4},
                {"a.zip", true, NULL}};

/* The temporary folder becomes the root, where that is allowed. */
static void go_there(void) {
    if (chdir(folder_root) != 0) _exit(126);
    if (chroot(".") != 0 && unshare(CLONE_NEWUSER) == 0 && chroot(".") != 0) return;
}

/* What the static program says of a data set. */
static const char *run_reader(const char *set) {
    static char text[8192];
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        go_there();
        execle("./reader", "reader", set, NULL, (char *[]){NULL});
        _exit(127);
    }
    close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    text[fread(text, 1, sizeof text - 1, said)] = '\0';
    fclose(said);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s: ended with %x: %s", set, (unsigned)status, text);
    return text;
}

static void expect_same(const char *set, int lines) {
    static char want[8192];
    FILE *out = fmemopen(want, sizeof want, "w");
    assert_int_equal(chdir(folder_root), 0);
    read_set(set, out);
    fclose(out);
    int n = 0;
    for (const char *p = want; (p = strchr(p, '\n')); p++) n++;
    assert_int_equal(n, lines);
    assert_null(strstr(want, "damaged"));
    assert_string_equal(run_reader(set), want);
}

static void test_reads(void **state) {
    (void)state;
    write_images();
    expect_same("set", 16);
    for (size_t k = 0; k < sizeof archives / sizeof *archives; k++) {
        write_archive(archives[k].name, archives[k].zip, archives[k].filter);
        expect_same(archives[k].name, 2);
    }
    write_jbig("jbig/t.tif");
    assert_non_null(strstr(run_reader("jbig"), "damaged or cut short TIFF"));
    assert_non_null(strstr(run_reader("jbig"), "not read by this program"));
}

/* Neither an interpreter nor a dynamic section. */
static void test_alone(void **state) {
    Elf64_Ehdr header;
    FILE *file = fopen(in_folder("reader"), "rb");
    (void)state;
    assert_non_null(file);
    assert_int_equal(fread(&header, sizeof header, 1, file), 1);
    fseek(file, (long)header.e_phoff, SEEK_SET);
    for (int i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr part;
        assert_int_equal(fread(&part, sizeof part, 1, file), 1);
        assert_true(part.p_type != PT_INTERP && part.p_type != PT_DYNAMIC);
    }
    fclose(file);
}

static int bring_reader(void **state) {
    size_t size;
    if (folder_make(state) != 0) return -1;
    FILE *from = fopen(READER, "rb");
    static uint8_t bytes[64 << 20];
    if (!from) return -1;
    size = fread(bytes, 1, sizeof bytes, from);
    fclose(from);
    write_file("reader", bytes, size);
    return chmod(in_folder("reader"), 0755);
}

int main(void) {
    setlocale(LC_ALL, "C.UTF-8"); /* to write names in it */
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone), cmocka_unit_test(test_reads)};
    return cmocka_run_group_tests(tests, bring_reader, folder_remove);
}
