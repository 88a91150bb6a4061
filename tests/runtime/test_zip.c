/* Zip files as other programs write them: methods, names, ZIP64, what is refused, and every byte damaged. */
#include "runtime/archives/archive.h"
#include "tests/runtime/encode.h"

#include <bzlib.h>
#include <zlib.h>

typedef struct {
    const char *name;
    const char *unicode; /* an extra field with the name in UTF-8 */
    int method, flags;
    bool zip64, descriptor; /* descriptor: sizes are behind the bytes and not in the local header */
    int stretch;            /* added to the unpacked size that the directory has */
} Member;

static const char content[] = "what is in it, what is in it, what is in it";
enum { SIZE = sizeof content - 1, MADE_BY_UNIX = 3 << 8 };

static Encoded packed_by(int method) {
    uint8_t room[512];
    unsigned n = sizeof room;
    Encoded out = {0};
    if (method == 8) {
        z_stream z = {
            .next_in = (uint8_t *)content, .avail_in = SIZE, .next_out = room, .avail_out = sizeof room};
        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        put_bytes(&out, room, z.total_out);
        deflateEnd(&z);
    } else if (method == 12) {
        assert_int_equal(BZ2_bzBuffToBuffCompress((char *)room, &n, (char *)content, SIZE, 1, 0, 0), BZ_OK);
        put_bytes(&out, room, n);
    } else
        put_text(&out, content);
    return out;
}

/* What the local header and the directory have alike. */
static void put_common(Encoded *to, const Member *m, const Encoded *packed, bool local) {
    bool later = local && m->descriptor;
    put_number(to, 45, 2);
    put_number(to, (uint64_t)m->flags | (m->descriptor ? 8 : 0), 2);
    put_number(to, (uint64_t)m->method, 2);
    put_number(to, 0, 4);
    put_number(to, later ? 0 : crc32(0, (const uint8_t *)content, SIZE), 4);
    put_number(to, later ? 0 : m->zip64 ? UINT32_MAX : packed->size, 4);
    put_number(to, later ? 0 : m->zip64 ? UINT32_MAX : (uint64_t)(SIZE + m->stretch), 4);
    put_number(to, strlen(m->name), 2);
}

static Encoded extra_of(const Member *m, const Encoded *packed, size_t place, bool local) {
    Encoded out = {0};
    put_text(&out, "xy"); /* of a kind that nobody knows */
    put_number(&out, 3, 2);
    put_text(&out, "abc");
    if (m->zip64) {
        put_number(&out, 1, 2);
        put_number(&out, local ? 16 : 24, 2);
        put_number(&out, (uint64_t)(SIZE + m->stretch), 8);
        put_number(&out, packed->size, 8);
        if (!local) put_number(&out, place, 8);
    }
    if (m->unicode) {
        put_number(&out, 0x7075, 2);
        put_number(&out, 5 + strlen(m->unicode), 2);
        put_number(&out, 1, 1);
        put_number(&out, crc32(0, (const uint8_t *)m->name, (uInt)strlen(m->name)), 4);
        put_text(&out, m->unicode);
    }
    return out;
}

static void put_member(Encoded *zip, Encoded *directory, const Member *m) {
    size_t place = zip->size;
    Encoded packed = packed_by(m->method), extra = extra_of(m, &packed, place, true);
    put_text(zip, "PK\3\4");
    put_common(zip, m, &packed, true);
    put_number(zip, extra.size, 2);
    put_text(zip, m->name);
    put_bytes(zip, extra.bytes, extra.size);
    put_bytes(zip, packed.bytes, packed.size);
    if (m->descriptor) put_number(zip, 0x08074b50, 16);
    free(extra.bytes);
    extra = extra_of(m, &packed, place, false);
    put_text(directory, "PK\1\2");
    put_number(directory, MADE_BY_UNIX | 45, 2);
    put_common(directory, m, &packed, false);
    put_number(directory, extra.size, 2);
    put_number(directory, 4, 2); /* a comment */
    put_number(directory, 0, 4);
    put_number(directory, (uint64_t)0100644 << 16, 4);
    put_number(directory, m->zip64 ? UINT32_MAX : place, 4);
    put_text(directory, m->name);
    put_bytes(directory, extra.bytes, extra.size);
    put_text(directory, "note");
    free(extra.bytes);
    free(packed.bytes);
}

/* `comment`: of the whole file. `disk`: the number of the file among several. */
static Encoded make_zip(const Member *members, int n, const char *comment, int disk) {
    Encoded zip = {0}, directory = {0};
    for (int i = 0; i < n; i++) put_member(&zip, &directory, &members[i]);
    bool zip64 = n > 0 && members[0].zip64;
    size_t start = zip.size, end = start + directory.size;
    put_bytes(&zip, directory.bytes, directory.size);
    if (zip64) {
        put_text(&zip, "PK\6\6");
        put_number(&zip, 44, 8);
        put_number(&zip, 45 << 16 | 45, 4);
        put_number(&zip, 0, 8);
        put_number(&zip, (uint64_t)n, 8);
        put_number(&zip, (uint64_t)n, 8);
        put_number(&zip, directory.size, 8);
        put_number(&zip, start, 8);
        put_text(&zip, "PK\6\7");
        put_number(&zip, 0, 4);
        put_number(&zip, end, 8);
        put_number(&zip, 1, 4);
    }
    put_text(&zip, "PK\5\6");
    put_number(&zip, (uint64_t)disk, 2);
    put_number(&zip, 0, 2);
    put_number(&zip, zip64 ? UINT16_MAX : (uint64_t)n, 2);
    put_number(&zip, zip64 ? UINT16_MAX : (uint64_t)n, 2);
    put_number(&zip, zip64 ? UINT32_MAX : directory.size, 4);
    put_number(&zip, zip64 ? UINT32_MAX : start, 4);
    put_number(&zip, strlen(comment), 2);
    put_text(&zip, comment);
    free(directory.bytes);
    return zip;
}

static VtArchive *open_zip(const Encoded *zip, VtError *error) {
    VtArchive *archive = NULL;
    char path[64];
    int descriptor = memfd_create("x.zip", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    *error = (VtError){0};
    assert_int_equal(write(descriptor, zip->bytes, zip->size), zip->size);
    int result = vt_archive_open(&archive, path, error);
    assert_int_equal(result == 1, archive != NULL);
    close(descriptor); /* the archive has one of its own */
    return archive;
}

/* All members, one after the other: "NAME NAME"; those that do not hold `content`: "!NAME". NULL: an error. */
static const char *list_zip(const Encoded *zip, VtError *error) {
    static char text[1024];
    VtArchive *archive = open_zip(zip, error);
    ArchiveMember member;
    int result = archive ? 1 : -1;
    text[0] = '\0';
    while (archive && (result = vt_archive_next(archive, &member, error)) == 1) {
        uint8_t bytes[SIZE + 8] = {0}, few[3] = {0};
        VtError why = {0};
        bool good = member.file && member.size == SIZE &&
                    vt_archive_read(archive, member.place, member.size, SIZE, bytes, member.name, &why) &&
                    memcmp(bytes, content, SIZE) == 0 &&
                    vt_archive_read(archive, member.place, member.size, 3, few, member.name, &why) &&
                    memcmp(few, content, 3) == 0;
        assert_int_equal(why.code != 0, why.bad_image);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s%s", used ? " " : "", good ? "" : "!", member.name);
    }
    vt_archive_close(archive);
    return result == 0 ? text : NULL;
}

static void expect(const Member *members, int n, const char *comment, const char *want) {
    VtError error;
    Encoded zip = make_zip(members, n, comment, 0);
    const char *got = list_zip(&zip, &error);
    if (!got) fail_msg("%s", error.message);
    assert_string_equal(got, want);
    free(zip.bytes);
}

static void test_kinds(void **state) {
    static const Member kinds[] = {{.name = "0", .method = 0},
                                   {.name = "8", .method = 8},
                                   {.name = "12", .method = 12},
                                   {.name = "d0", .method = 0, .descriptor = true},
                                   {.name = "d8", .method = 8, .descriptor = true},
                                   {.name = "z8", .method = 8, .zip64 = true}},
                        large[] = {{.name = "z0", .method = 0, .zip64 = true},
                                   {.name = "z12", .method = 12, .zip64 = true, .descriptor = true}};
    (void)state;
    expect(kinds, 6, "", "0 8 12 d0 d8 z8");
    expect(kinds, 6, "a comment with PK\5\6 in it, and more than a record after it", "0 8 12 d0 d8 z8");
    expect(large, 2, "", "z0 z12");
    expect(large, 0, "", "");
}

static void test_names(void **state) {
    static const Member names[] = {{.name = "gr\xc3\xbc\xc3\x9f", .flags = 1 << 11},
                                   {.name = "gr\xc3\xbc\xc3\x9f"},
                                   {.name = "gr\x81\xe1"}, /* code page 437 */
                                   {.name = "\xc4\xc1\xf8"},
                                   {.name = "gr??", .unicode = "gr\xc3\xbc\xc3\x9f"},
                                   {.name = "bad", .unicode = "gr\xc3"}};
    (void)state;
    expect(names, 6, "", "grüß grüß grüß ─┴° grüß bad");
}

static void refuse(const Member *member, int disk, int code, const char *why) {
    VtError error;
    Encoded zip = make_zip(member, 1, "", disk);
    const char *got = list_zip(&zip, &error);
    if (got) fail_msg("'%s' was read", got);
    if (error.code != code || !strstr(error.message, why))
        fail_msg("'%s' (%d) does not say '%s' (%d)", error.message, error.code, why, code);
    free(zip.bytes);
}

static void test_refused(void **state) {
    (void)state;
    refuse(&(Member){.name = "x", .flags = 1}, 0, 2, "'x' is encrypted, which is not read");
    refuse(&(Member){.name = "x", .flags = 1 << 13}, 0, 2, "'x' is encrypted");
    refuse(&(Member){.name = "x", .method = 99}, 0, 2, "'x' is encrypted");
    refuse(&(Member){.name = "x", .method = 9}, 0, 2, "'x' is compressed by method 9, which is not read");
    refuse(&(Member){.name = "x"}, 1, 2, "one of several files of a zip");
    for (int method = 0; method <= 12; method += method ? 4 : 8) /* sizes that are not those of the bytes */
        for (int stretch = -1; stretch <= 1; stretch += 2)
            expect(&(Member){.name = "x", .method = method, .stretch = stretch}, 1, "", "!x");
}

/* Any byte damaged: refused, or members are told that do not read; what reads is what it was. Cut anywhere, refused. */
static void test_damaged(void **state) {
    static const Member members[] = {{.name = "a", .method = 0, .zip64 = true},
                                     {.name = "b", .method = 8, .unicode = "c"},
                                     {.name = "d", .method = 12}};
    Encoded zip = make_zip(members, 3, "", 0);
    VtError error;
    (void)state;
    for (size_t i = 0; i < zip.size; i++)
        for (int bit = 0; bit < 3; bit++) {
            uint8_t was = zip.bytes[i];
            zip.bytes[i] ^= (uint8_t)(bit == 0 ? 0xff : bit == 1 ? 1 : 0x80);
            const char *got = list_zip(&zip, &error);
            if (!got && i >= 4 && error.code == 0) fail_msg("byte %zu: refused without a word", i);
            zip.bytes[i] = was;
        }
    for (size_t size = 4; size < zip.size; size++) {
        Encoded cut = {zip.bytes, size};
        assert_null(list_zip(&cut, &error));
        assert_non_null(strstr(error.message, ": damaged or cut short"));
    }
    free(zip.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
