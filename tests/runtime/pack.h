/* For tests: archives put together member by member. */
#ifndef VITC_TESTS_RUNTIME_PACK_H
#define VITC_TESTS_RUNTIME_PACK_H

#include "tests/runtime/folder.h"

#include <archive.h>
#include <archive_entry.h>

typedef struct archive Pack;

/* A tar, or with `zip` a zip, in the temporary folder. `filter`: NULL, or archive_write_add_filter_gzip and the
 * like. */
static inline Pack *pack_begin(const char *name, bool zip, int (*filter)(struct archive *)) {
    Pack *pack = archive_write_new();
    assert_int_equal((zip ? archive_write_set_format_zip : archive_write_set_format_pax_restricted)(pack),
                     ARCHIVE_OK);
    if (filter) filter(pack);
    archive_write_set_bytes_in_last_block(pack, 1);
    write_file(name, "", 0);
    assert_int_equal(archive_write_open_filename(pack, in_folder(name)), ARCHIVE_OK);
    return pack;
}

/* `type`: AE_IFREG and the like. `link`: where to; hard unless the type is AE_IFLNK. */
static inline void pack_entry(Pack *pack, const char *path, unsigned type, const char *link,
                              const void *bytes, size_t size) {
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (int64_t)size);
    if (link && type == AE_IFLNK)
        archive_entry_set_symlink(entry, link);
    else if (link)
        archive_entry_set_hardlink(entry, link);
    assert_int_equal(archive_write_header(pack, entry), ARCHIVE_OK);
    if (size) assert_int_equal(archive_write_data(pack, bytes, size), size);
    archive_entry_free(entry);
}

static inline void pack_text(Pack *pack, const char *path, const char *text) {
    pack_entry(pack, path, AE_IFREG, NULL, text, strlen(text));
}

/* make_image(9, 8, number) as PNG. */
static inline void pack_image(Pack *pack, const char *path, int number) {
    VtImage image = make_image(9, 8, number);
    Encoded png = png_of(&image);
    pack_entry(pack, path, AE_IFREG, NULL, png.bytes, png.size);
    free(png.bytes);
    vt_image_free(&image);
}

static inline void pack_end(Pack *pack) {
    assert_int_equal(archive_write_close(pack), ARCHIVE_OK);
    archive_write_free(pack);
}

static inline uint8_t *read_file(const char *name, size_t *size) {
    FILE *file = fopen(in_folder(name), "rb");
    struct stat status;
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    uint8_t *bytes = malloc((size_t)status.st_size + 1);
    *size = fread(bytes, 1, (size_t)status.st_size, file);
    fclose(file);
    return bytes;
}

/* Adds NAME, a .npy file of that dictionary and those elements. */
static inline void pack_npy(Pack *pack, const char *name, const char *dictionary, const void *elements,
                            size_t size) {
    uint8_t bytes[4096] = "\x93NUMPY\x01";
    size_t length = strlen(dictionary);
    bytes[8] = (uint8_t)length;
    memcpy(bytes + 10, dictionary, length);
    memcpy(bytes + 10 + length, elements, size);
    pack_entry(pack, name, AE_IFREG, NULL, bytes, 10 + length + size);
}

#endif
