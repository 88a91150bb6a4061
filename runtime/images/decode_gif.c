/* GIF through giflib: the first frame, on a canvas of the transparent colour, or of the palette's first. */
#include "runtime/base/error.h"
#include "runtime/images/decode.h"
#include "runtime/images/pixels.h"

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *bytes;
    size_t size, at;
} Source;

static int read_source(GifFileType *gif, GifByteType *to, int n) {
    Source *source = gif->UserData;
    size_t left = source->size - source->at, part = (size_t)n < left ? (size_t)n : left;
    memcpy(to, source->bytes + source->at, part);
    source->at += part;
    return (int)part;
}

static bool complain(const GifFileType *gif, int problem, const char *name, VtError *error) {
    if (gif) problem = gif->Error;
    const char *what = GifErrorString(problem);
    if (problem == D_GIF_ERR_NOT_ENOUGH_MEM) return vt_fail(error, 1, "%s: out of memory", name);
    return vt_bad_image(error, "%s: damaged or cut short GIF: %s", name, what ? what : "no frame");
}

/* Up to the first frame; *transparent is the place in the palette that its extension names, or -1. False: there is
 * none. */
static bool find_frame(GifFileType *gif, int *transparent) {
    GifRecordType record;
    while (DGifGetRecordType(gif, &record) == GIF_OK && record != TERMINATE_RECORD_TYPE) {
        if (record == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) == GIF_OK;
        GifByteType *data;
        int code;
        if (DGifGetExtension(gif, &code, &data) != GIF_OK) return false;
        while (data) {
            GraphicsControlBlock control;
            if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(data[0], data + 1, &control) == GIF_OK &&
                control.TransparentColor >= 0)
                *transparent = control.TransparentColor;
            if (DGifGetExtensionNext(gif, &data) != GIF_OK) return false;
        }
    }
    return false;
}

/* A place beyond the palette, or in none at all, is a shade of gray. */
static void put_color(const ColorMapObject *palette, int place, uint8_t *to) {
    to[0] = to[1] = to[2] = (uint8_t)place;
    if (!palette || place >= palette->ColorCount) return;
    to[0] = palette->Colors[place].Red;
    to[1] = palette->Colors[place].Green;
    to[2] = palette->Colors[place].Blue;
}

static bool read_rows(GifFileType *gif, const ColorMapObject *palette, uint8_t *line, VtImage *out) {
    static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    const GifImageDesc *frame = &gif->Image;
    for (int pass = 0; pass < (frame->Interlace ? 4 : 1); pass++)
        for (int y = frame->Interlace ? first[pass] : 0; y < frame->Height;
             y += frame->Interlace ? step[pass] : 1) {
            if (DGifGetLine(gif, line, frame->Width) != GIF_OK) return false;
            uint8_t *row =
                out->pixels + 3 * ((size_t)(frame->Top + y) * (size_t)out->width + (size_t)frame->Left);
            for (int x = 0; x < frame->Width; x++) put_color(palette, line[x], row + 3 * x);
        }
    return true;
}

static bool decode(GifFileType *gif, const char *name, VtImage *out, VtError *error) {
    int transparent = -1;
    if (!find_frame(gif, &transparent)) return complain(gif, 0, name, error);
    const GifImageDesc *frame = &gif->Image;
    int right = frame->Left + frame->Width, bottom = frame->Top + frame->Height;
    if (!image_make(out, right > gif->SWidth ? right : gif->SWidth,
                    bottom > gif->SHeight ? bottom : gif->SHeight, name, error))
        return false;
    if (frame->Width < 1 || frame->Height < 1)
        return vt_bad_image(error, "%s: damaged GIF: its first frame has no pixels", name);
    const ColorMapObject *palette = frame->ColorMap ? frame->ColorMap : gif->SColorMap;
    uint8_t *line = malloc((size_t)frame->Width);
    if (!line) return vt_fail(error, 1, "%s: out of memory", name);
    for (size_t i = 0; i < (size_t)out->width * (size_t)out->height; i++)
        put_color(palette, transparent < 0 ? 0 : transparent, out->pixels + 3 * i);
    bool good = read_rows(gif, palette, line, out) || complain(gif, 0, name, error);
    free(line);
    return good;
}

bool decode_gif(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    Source source = {bytes, size, 0};
    int problem = 0;
    GifFileType *gif = DGifOpen(&source, read_source, &problem);
    if (!gif) return complain(NULL, problem, name, error);
    bool good = decode(gif, name, out, error);
    DGifCloseFile(gif, &problem);
    return good;
}
