/* WebP through libwebp; of an animation the first frame, on a black canvas. */
#include "runtime/base/error.h"
#include "runtime/images/decode.h"
#include "runtime/images/pixels.h"

#include <webp/decode.h>
#include <webp/demux.h>

static bool complain(VP8StatusCode status, const char *name, VtError *error) {
    static const char *const reasons[] = {
        [VP8_STATUS_INVALID_PARAM] = "its sizes contradict each other",
        [VP8_STATUS_BITSTREAM_ERROR] = "its bits make no sense",
        [VP8_STATUS_UNSUPPORTED_FEATURE] = "it has features that libwebp does not know",
        [VP8_STATUS_NOT_ENOUGH_DATA] = "cut short",
    };
    if (status == VP8_STATUS_OUT_OF_MEMORY) return vt_fail(error, 1, "%s: out of memory", name);
    bool known = (size_t)status < sizeof reasons / sizeof *reasons && reasons[status];
    return vt_bad_image(error, "%s: damaged WebP: %s", name, known ? reasons[status] : "unknown");
}

/* One picture into the canvas, its corner at (x, y). */
static bool draw(const uint8_t *bytes, size_t size, int x, int y, const char *name, VtImage *canvas,
                 VtError *error) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return vt_fail(error, 1, "%s: no WebP decoder", name);
    VP8StatusCode status = WebPGetFeatures(bytes, size, &config.input);
    if (status == VP8_STATUS_OK &&
        (config.input.width + x > canvas->width || config.input.height + y > canvas->height))
        status = VP8_STATUS_INVALID_PARAM;
    if (status == VP8_STATUS_OK) {
        size_t channels = (size_t)canvas->channels, row = channels * (size_t)canvas->width,
               corner = (size_t)y * row + channels * (size_t)x;
        config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
        config.output.is_external_memory = 1;
        config.output.u.RGBA =
            (WebPRGBABuffer){canvas->pixels + corner, (int)row, row * (size_t)canvas->height - corner};
        status = WebPDecode(bytes, size, &config);
        WebPFreeDecBuffer(&config.output);
    }
    return status == VP8_STATUS_OK || complain(status, name, error);
}

static bool draw_first_frame(const uint8_t *bytes, size_t size, const char *name, VtImage *out,
                             VtError *error) {
    WebPIterator frame;
    WebPDemuxer *demuxer = WebPDemux(&(WebPData){bytes, size});
    bool good = demuxer && WebPDemuxGetFrame(demuxer, 1, &frame);
    if (good) {
        good =
            frame.x_offset >= 0 && frame.y_offset >= 0 &&
            draw(frame.fragment.bytes, frame.fragment.size, frame.x_offset, frame.y_offset, name, out, error);
        WebPDemuxReleaseIterator(&frame);
    } else
        vt_bad_image(error, "%s: damaged WebP: an animation without a whole first frame", name);
    WebPDemuxDelete(demuxer);
    return good;
}

bool decode_webp_channels(const uint8_t *bytes, size_t size, const char *name, int channels, VtImage *out,
                          VtError *error) {
    WebPBitstreamFeatures features;
    VP8StatusCode status = WebPGetFeatures(bytes, size, &features);
    if (status != VP8_STATUS_OK) return complain(status, name, error);
    int has = features.has_alpha ? 4 : 3;
    if (channels != 3 && channels != has) return image_wrong_channels(name, has, channels, error);
    if (!image_make_of(out, features.width, features.height, channels, name, error)) return false;
    if (features.has_animation) return draw_first_frame(bytes, size, name, out, error);
    return draw(bytes, size, 0, 0, name, out, error);
}

bool decode_webp(const uint8_t *bytes, size_t size, const char *name, VtImage *out, VtError *error) {
    return decode_webp_channels(bytes, size, name, 3, out, error);
}
