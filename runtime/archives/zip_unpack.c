/* Methods of zip files: see zip_unpack.h. Packed bytes are read a piece at a time. */
#include "runtime/archives/zip_unpack.h"

#include <bzlib.h>
#include <stdlib.h>
#include <zlib.h>

enum { PIECE = 1 << 18, MOST_OUT = 1 << 30 };

typedef enum { MORE, ENDED, BROKEN, NO_MEMORY } State;
typedef struct {
    union {
        z_stream deflate;
        bz_stream bzip2;
    } own;
    uint8_t *in, *out;
    unsigned n_in, n_out;
} Stream;
typedef struct {
    int method;
    State (*begin)(Stream *stream); /* MORE: it began */
    State (*step)(Stream *stream);  /* as far as bytes and room suffice */
    void (*end)(Stream *stream);
} Method;

static State deflate_begin(Stream *s) {
    return inflateInit2(&s->own.deflate, -MAX_WBITS) == Z_OK ? MORE : NO_MEMORY;
}
static State deflate_step(Stream *s) {
    z_stream *z = &s->own.deflate;
    z->next_in = s->in, z->avail_in = s->n_in, z->next_out = s->out, z->avail_out = s->n_out;
    int result = inflate(z, Z_NO_FLUSH);
    s->in = z->next_in, s->n_in = z->avail_in, s->out = z->next_out, s->n_out = z->avail_out;
    return result == Z_STREAM_END                    ? ENDED
           : result == Z_OK || result == Z_BUF_ERROR ? MORE
           : result == Z_MEM_ERROR                   ? NO_MEMORY
                                                     : BROKEN;
}
static void deflate_end(Stream *s) {
    inflateEnd(&s->own.deflate);
}

static State bzip2_begin(Stream *s) {
    return BZ2_bzDecompressInit(&s->own.bzip2, 0, 0) == BZ_OK ? MORE : NO_MEMORY;
}
static State bzip2_step(Stream *s) {
    bz_stream *b = &s->own.bzip2;
    b->next_in = (char *)s->in, b->avail_in = s->n_in, b->next_out = (char *)s->out, b->avail_out = s->n_out;
    int result = BZ2_bzDecompress(b);
    s->in = (uint8_t *)b->next_in, s->n_in = b->avail_in;
    s->out = (uint8_t *)b->next_out, s->n_out = b->avail_out;
    return result == BZ_STREAM_END  ? ENDED
           : result == BZ_OK        ? MORE
           : result == BZ_MEM_ERROR ? NO_MEMORY
                                    : BROKEN;
}
static void bzip2_end(Stream *s) {
    BZ2_bzDecompressEnd(&s->own.bzip2);
}

static const Method methods[] = {{ZIP_DEFLATE, deflate_begin, deflate_step, deflate_end},
                                 {ZIP_BZIP2, bzip2_begin, bzip2_step, bzip2_end}};

static const Method *find_method(int number) {
    for (size_t m = 0; m < sizeof methods / sizeof *methods; m++)
        if (methods[m].method == number) return &methods[m];
    return NULL;
}

bool zip_method_known(int method) {
    return method == ZIP_STORED || find_method(method);
}

/* Until n bytes are there, and if they are all, the stream's end too. */
static bool run(const VtArchive *a, const Method *method, Stream *s, uint8_t *piece, const ZipEntry *entry,
                int64_t place, int64_t n, uint8_t *to, const char *name, VtError *error) {
    State state = MORE;
    int64_t read = 0, done = 0;
    bool all = n == entry->size;
    while (state == MORE && (done < n || all)) {
        if (s->n_in == 0 && read < entry->packed) {
            int64_t more = entry->packed - read < PIECE ? entry->packed - read : PIECE;
            if (!archive_pread(a, place + read, more, piece, error)) return false;
            s->in = piece;
            s->n_in = (unsigned)more;
            read += more;
        }
        uint8_t beyond; /* what comes after the last byte is too much */
        unsigned room = done == n ? 1 : n - done < MOST_OUT ? (unsigned)(n - done) : MOST_OUT, had = s->n_in;
        s->out = done == n ? &beyond : to + done;
        s->n_out = room;
        state = method->step(s);
        int64_t got = room - s->n_out;
        if (done == n && got > 0) state = BROKEN;
        if (state == MORE && got == 0 && s->n_in == had && read == entry->packed) state = BROKEN;
        done += got;
    }
    if (state == NO_MEMORY) return vt_fail(error, 1, "out of memory");
    return (done == n && state != BROKEN) ||
           vt_bad_image(error, "%s: damaged in '%s': its bytes do not unpack", name, a->path);
}

static bool unpack(const VtArchive *a, const Method *method, const ZipEntry *entry, int64_t place, int64_t n,
                   uint8_t *to, const char *name, VtError *error) {
    Stream stream = {0};
    uint8_t *piece = malloc((size_t)(entry->packed < PIECE ? entry->packed : PIECE) + 1);
    bool good = piece && method->begin(&stream) == MORE;
    if (!good)
        vt_fail(error, 1, "out of memory");
    else {
        good = run(a, method, &stream, piece, entry, place, n, to, name, error);
        method->end(&stream);
    }
    free(piece);
    return good;
}

static uint32_t checksum(const uint8_t *bytes, int64_t n) {
    uLong crc = crc32(0, NULL, 0);
    for (int64_t done = 0, part; done < n; done += part) {
        part = n - done < MOST_OUT ? n - done : MOST_OUT;
        crc = crc32(crc, bytes + done, (uInt)part);
    }
    return (uint32_t)crc;
}

bool zip_unpack(const VtArchive *a, const ZipEntry *entry, int64_t place, int64_t n, uint8_t *to,
                const char *name, VtError *error) {
    const Method *method = find_method(entry->method);
    if (entry->method == ZIP_STORED) {
        if (entry->packed != entry->size)
            return vt_bad_image(error, "%s: damaged in '%s': its bytes are not there", name, a->path);
        if (!archive_pread(a, place, n, to, error)) return false;
    } else if (!method)
        return vt_bad_image(error, "%s: in '%s' packed by method %d, which is not read", name, a->path,
                            entry->method);
    else if (!unpack(a, method, entry, place, n, to, name, error))
        return false;
    return n < entry->size || checksum(to, n) == entry->crc ||
           vt_bad_image(error, "%s: damaged in '%s': its bytes do not match their checksum", name, a->path);
}
