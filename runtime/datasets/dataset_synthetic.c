/* Procedural images: a textured shape on a ground of another texture, half hidden by clutter at times, in a gradient of
 * light. The label is the shape, the second label its texture; colours, textures, pose and light vary freely, so that
 * raw pixels say little and form says all. Image i of a split is a function of i. */
#include "runtime/base/error.h"
#include "runtime/base/rng.h"
#include "runtime/datasets/dataset.h"
#include "runtime/datasets/format.h"
#include "runtime/images/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHAPES = 10, TEXTURES = 6, MAX_BLOBS = 2, SIZE = 32, TRAIN = 10000, TEST = 2000 };

static const char *const SHAPE_NAMES[SHAPES] = {"disc", "square",   "triangle", "cross",     "ring",
                                                "star", "crescent", "bar",      "hourglass", "arch"};

/* Whether (x, y), in the shape's own frame of about [-1, 1], is inside. */
static bool inside_shape(int shape, double x, double y) {
    double r = sqrt(x * x + y * y);
    switch (shape) {
    case 0: return r < 0.85;
    case 1: return fabs(x) < 0.75 && fabs(y) < 0.75;
    case 2: return y > -0.6 && y < 0.9 - 1.7 * fabs(x);
    case 3: return (fabs(x) < 0.28 && fabs(y) < 0.95) || (fabs(y) < 0.28 && fabs(x) < 0.95);
    case 4: return r < 0.95 && r > 0.52;
    case 5: return r < 0.6 + 0.38 * cos(5 * atan2(y, x));
    case 6: return r < 0.9 && hypot(x - 0.45, y) > 0.75;
    case 7: return fabs(x) < 0.25 && fabs(y) < 1.0;
    case 8: return fabs(y) < 0.9 && fabs(x) < 0.12 + 0.8 * fabs(y);
    default: return (r < 0.95 && r > 0.5 && y > 0) || (y <= 0 && y > -0.8 && fabs(x) < 0.95 && fabs(x) > 0.5);
    }
}

static double lattice(uint32_t seed, int x, int y) {
    uint32_t h = seed ^ (uint32_t)x * 0x85ebca6bu ^ (uint32_t)y * 0xc2b2ae35u;
    h = (h ^ h >> 15) * 0x2c1b3c6du;
    h = (h ^ h >> 12) * 0x297a2d39u;
    return (h ^ h >> 15) * 0x1p-32;
}

static double noise(uint32_t seed, double x, double y) {
    int ix = (int)floor(x), iy = (int)floor(y);
    double fx = x - ix, fy = y - iy;
    double top = lattice(seed, ix, iy) * (1 - fx) + lattice(seed, ix + 1, iy) * fx;
    double low = lattice(seed, ix, iy + 1) * (1 - fx) + lattice(seed, ix + 1, iy + 1) * fx;
    return top * (1 - fy) + low * fy;
}

typedef struct {
    int kind;
    double along[2], phase; /* cycles a pixel, turned */
    uint32_t seed;
    double color[2][3];
} Texture;

/* The texture's value in [0, 1] at a pixel. */
static double texture_at(const Texture *t, double x, double y) {
    double u = x * t->along[0] + y * t->along[1] + t->phase, v = y * t->along[0] - x * t->along[1];
    switch (t->kind) {
    case 0: return 0.5 + 0.5 * sin(6.2831853 * u);
    case 1: return ((int)floor(2 * u) + (int)floor(2 * v)) & 1;
    case 2: u -= floor(u) + 0.5, v -= floor(v) + 0.5; return u * u + v * v < 0.09;
    case 3: return noise(t->seed, 1.5 * u, 1.5 * v) * 0.6 + noise(t->seed + 1, 3 * u, 3 * v) * 0.4;
    case 4: return 0.5 + 0.5 * sin(6.2831853 * (u + 0.35 * sin(6.2831853 * v)));
    default: return noise(t->seed, 4 * u, 4 * v);
    }
}

/* `contrast`: how far apart the two colours are. */
static Texture draw_texture(VtRng *rng, int not_kind, double contrast) {
    Texture t = {.kind = (int)vt_rng_below(rng, TEXTURES)};
    double scale = 0.08 + 0.14 * vt_rng_uniform(rng), angle = 6.2831853 * vt_rng_uniform(rng);
    t.along[0] = cos(angle) * scale;
    t.along[1] = sin(angle) * scale;
    t.phase = vt_rng_uniform(rng);
    t.seed = vt_rng_u32(rng);
    if (t.kind == not_kind) t.kind = (t.kind + 1) % TEXTURES;
    for (int k = 0; k < 2; k++)
        for (int c = 0; c < 3; c++) t.color[k][c] = vt_rng_uniform(rng);
    for (int c = 0; c < 3; c++) t.color[1][c] = t.color[0][c] + contrast * (t.color[1][c] - t.color[0][c]);
    return t;
}

typedef struct {
    double x, y, radius, color[3];
} Blob;

/* Everything that is drawn by lot for an image but its grain. Lengths in pixels. */
typedef struct {
    int shape, blobs;
    Texture ground, figure;
    double size, cosine, sine, squeeze, x, y, mirror, light[2], grain;
    Blob blob[MAX_BLOBS];
} Scene;

/* The figure is made darker or lighter where its colour would hide it. */
static void stand_out(const Texture *ground, Texture *figure) {
    double distance = 0;
    for (int c = 0; c < 3; c++) distance += fabs(ground->color[0][c] - figure->color[0][c]);
    for (int c = 0; distance < 0.6 && c < 3; c++)
        for (int k = 0; k < 2; k++)
            figure->color[k][c] =
                ground->color[0][c] > 0.5 ? 0.5 * figure->color[k][c] : 0.5 + 0.5 * figure->color[k][c];
}

static Scene draw_scene(VtRng *rng, int shape, double n) {
    Scene s = {.shape = shape, .ground = draw_texture(rng, -1, 0.25)}; /* out of focus */
    s.figure = draw_texture(rng, s.ground.kind, 0.55);
    stand_out(&s.ground, &s.figure);
    s.size = n * (0.3 + 0.12 * vt_rng_uniform(rng));
    double turn = 0.7 * (vt_rng_uniform(rng) - 0.5);
    s.cosine = cos(turn);
    s.sine = sin(turn);
    s.squeeze = 0.8 + 0.4 * vt_rng_uniform(rng);
    s.x = n * (0.4 + 0.2 * vt_rng_uniform(rng));
    s.y = n * (0.4 + 0.2 * vt_rng_uniform(rng));
    s.mirror = vt_rng_uniform(rng) < 0.5 ? -1 : 1;
    for (int k = 0; k < 2; k++) s.light[k] = 0.5 * (vt_rng_uniform(rng) - 0.5);
    s.grain = 0.06 * vt_rng_uniform(rng);
    s.blobs = (int)vt_rng_below(rng, MAX_BLOBS + 1);
    for (int b = 0; b < s.blobs; b++) {
        Blob *blob = &s.blob[b];
        blob->x = n * vt_rng_uniform(rng);
        blob->y = n * vt_rng_uniform(rng);
        blob->radius = n * (0.03 + 0.05 * vt_rng_uniform(rng));
        for (int c = 0; c < 3; c++) blob->color[c] = vt_rng_uniform(rng);
    }
    return s;
}

/* The share of the pixel that the shape covers, from 2 x 2 points in it. */
static double coverage(const Scene *s, int x, int y) {
    double covered = 0;
    for (int k = 0; k < 4; k++) {
        double dx = (x + 0.25 + 0.5 * (k & 1) - s->x) / s->size * s->mirror,
               dy = (s->y - y - 0.25 - 0.5 * (k >> 1)) / s->size;
        double u = dx * s->cosine + dy * s->sine, v = (dy * s->cosine - dx * s->sine) * s->squeeze;
        covered += 0.25 * inside_shape(s->shape, u, v);
    }
    return covered;
}

static void draw_pixel(const Scene *s, int n, int x, int y, double speckle, uint8_t *rgb) {
    double covered = coverage(s, x, y), color[3];
    double a = covered < 1 ? texture_at(&s->ground, x, y) : 0,
           b = covered > 0 ? texture_at(&s->figure, x, y) : 0;
    for (int c = 0; c < 3; c++) {
        double ground = s->ground.color[0][c] * (1 - a) + s->ground.color[1][c] * a,
               figure = s->figure.color[0][c] * (1 - b) + s->figure.color[1][c] * b;
        color[c] = ground * (1 - covered) + figure * covered;
    }
    for (int k = 0; k < s->blobs; k++) {
        const Blob *blob = &s->blob[k];
        double hides = blob->radius + 0.5 - hypot(x + 0.5 - blob->x, y + 0.5 - blob->y);
        hides = hides < 0 ? 0 : hides > 1 ? 1 : hides;
        for (int c = 0; c < 3; c++) color[c] += hides * (blob->color[c] - color[c]);
    }
    double light = 1 + s->light[0] * (2.0 * x / n - 1) + s->light[1] * (2.0 * y / n - 1);
    for (int c = 0; c < 3; c++) {
        double value = 255 * (light * color[c] + speckle);
        rgb[c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

static VtRng image_rng(const VtDataset *d, int64_t index) {
    bool test = d->split && strcmp(d->split, "test") == 0;
    return (VtRng){.seed = 20260101,
                   .stream = vt_stream(test ? "synthetic.test" : "synthetic.train"),
                   .step = (uint64_t)index};
}

/* As bands of another number of channels see the colours: each lies between two of red, green, blue and red again. */
static void as_bands(const uint8_t rgb[3], int channels, uint8_t *out) {
    for (int c = 0; c < channels; c++) {
        int third = 3 * c / channels, rest = 3 * c % channels;
        out[c] = (uint8_t)((rgb[third] * (channels - rest) + rgb[(third + 1) % 3] * rest) / channels);
    }
}

static bool load_synthetic(const VtDataset *d, int64_t index, VtImage *out, VtError *error) {
    int n = d->width, channels = d->wanted;
    VtRng rng = image_rng(d, index);
    *out = (VtImage){n, n, channels, malloc((size_t)channels * (size_t)n * (size_t)n)};
    if (!out->pixels) return vt_fail(error, 1, "out of memory");
    Scene scene = draw_scene(&rng, d->items[index].label, n);
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            uint8_t rgb[3];
            draw_pixel(&scene, n, x, y, scene.grain * (vt_rng_uniform(&rng) - 0.5), rgb);
            as_bands(rgb, channels, out->pixels + (size_t)channels * (size_t)(y * n + x));
        }
    return true;
}

static int texture_label(const VtDataset *d, int64_t index) {
    VtRng rng = image_rng(d, index);
    return draw_scene(&rng, d->items[index].label, d->width).figure.kind;
}

int dataset_open_synthetic(VtDataset *d, const char *path, const char *split, VtError *error) {
    if (strncmp(path, "synthetic", 9) != 0 || (path[9] && path[9] != ':')) return 0;
    bool test = split && strcmp(split, "test") == 0;
    if (split && strcmp(split, "unused") == 0) {
        dataset_missing_split(d, error, "synthetic images are for training and test");
        return -1;
    }
    long count = test ? TEST : TRAIN, size = SIZE;
    char *end = NULL;
    if (path[9]) {
        count = strtol(path + 10, &end, 10);
        if (*end == ':') size = strtol(end + 1, &end, 10);
        if (*end || count < SHAPES || count > 10000000 || size < 8 || size > 1024) {
            vt_fail(error, 2, "'%s': synthetic[:COUNT[:SIZE]] with 10 or more images of 8 to 1024 pixels",
                    path);
            return -1;
        }
        if (test) count = count / 5 > SHAPES ? count / 5 : SHAPES;
    }
    bool room = true;
    for (long i = 0; room && i < count; i++) room = dataset_add(d, NULL, (int)(i % SHAPES), 0, 0);
    for (int c = 0; room && c < SHAPES; c++) room = dataset_class(d, SHAPE_NAMES[c]) == c;
    if (!room) vt_fail(error, 1, "out of memory");
    if (!room) return -1;
    d->format = "synthetic";
    d->width = d->height = (int)size;
    d->load = load_synthetic;
    d->second_label = texture_label;
    d->second_classes = TEXTURES;
    return 1;
}
