/* RandAugment: see rand_augment.h. */
#include "runtime/images/rand_augment.h"
#include "runtime/images/affine.h"
#include "runtime/images/color.h"
#include "runtime/images/levels.h"

#include <math.h>

/* One operation on one image: x is the number that its row makes of the level. */
typedef struct {
    VtImage *image;
    double x; /* signed where the operation has two ways */
    const RandStyle *style;
} Change;

static bool affine(const Change *c, const double m[6]) {
    return vt_affine(c->image, m, c->style->cubic, c->style->fill);
}

static bool do_autocontrast(const Change *c) {
    vt_autocontrast(c->image);
    return true;
}

static bool do_equalize(const Change *c) {
    vt_equalize(c->image);
    return true;
}

static bool do_invert(const Change *c) {
    vt_solarize(c->image, 0);
    return true;
}

static bool do_rotate(const Change *c) {
    double m[6];
    if (c->x == 0) return true;
    vt_rotation(c->image, c->x, m);
    return affine(c, m);
}

static bool do_posterize(const Change *c) {
    int bits = (int)c->x;
    if (bits < 8) vt_posterize(c->image, bits < 0 ? 0 : bits);
    return true;
}

static bool do_solarize(const Change *c) {
    vt_solarize(c->image, (int)c->x);
    return true;
}

static bool do_solarize_add(const Change *c) {
    vt_solarize_add(c->image, (int)c->x, 128);
    return true;
}

static bool do_color(const Change *c) {
    if (c->image->channels == 3) vt_saturation(c->image, c->x);
    return true;
}

static bool do_contrast(const Change *c) {
    vt_contrast(c->image, c->x);
    return true;
}

static bool do_brightness(const Change *c) {
    vt_brightness(c->image, c->x);
    return true;
}

static bool do_sharpness(const Change *c) {
    return vt_sharpness(c->image, c->x);
}

static bool do_shear_x(const Change *c) {
    return affine(c, (double[6]){1, c->x, 0, 0, 1, 0});
}

static bool do_shear_y(const Change *c) {
    return affine(c, (double[6]){1, 0, 0, c->x, 1, 0});
}

static bool do_translate_x(const Change *c) {
    return affine(c, (double[6]){1, 0, c->x * c->image->width, 0, 1, 0});
}

static bool do_translate_y(const Change *c) {
    return affine(c, (double[6]){1, 0, 0, 0, 1, c->x * c->image->height});
}

/* How a level becomes an operation's number: scale * level / 10, to whole numbers where it is one of levels. */
typedef enum {
    UNUSED,
    SIGNED,  /* either way, the sign being drawn */
    WHOLE,   /* downwards to a whole number; increasing: `from` less that */
    COUNTED, /* downwards to a whole number, in both tables */
    FACTOR, /* scale * level / 10 + 0.1, 1 being no change; increasing: 1 more or less half of scale * level / 10 */
} LevelKind;

static const struct {
    const char *name;
    bool (*apply)(const Change *);
    LevelKind kind;
    double scale, from;
} OPERATIONS[] = {
    {"autocontrast", do_autocontrast, UNUSED, 0, 0},
    {"equalize", do_equalize, UNUSED, 0, 0},
    {"invert", do_invert, UNUSED, 0, 0},
    {"rotate", do_rotate, SIGNED, 30, 0}, /* degrees */
    {"posterize", do_posterize, WHOLE, 4, 4},
    {"solarize", do_solarize, WHOLE, 256, 256},
    {"solarize_add", do_solarize_add, COUNTED, 110, 0},
    {"color", do_color, FACTOR, 1.8, 0},
    {"contrast", do_contrast, FACTOR, 1.8, 0},
    {"brightness", do_brightness, FACTOR, 1.8, 0},
    {"sharpness", do_sharpness, FACTOR, 1.8, 0},
    {"shear_x", do_shear_x, SIGNED, 0.3, 0},
    {"shear_y", do_shear_y, SIGNED, 0.3, 0},
    {"translate_x", do_translate_x, SIGNED, 0.45, 0}, /* of the width */
    {"translate_y", do_translate_y, SIGNED, 0.45, 0},
};
enum { N_OPERATIONS = sizeof OPERATIONS / sizeof *OPERATIONS };

const char *rand_operation_name(int operation) {
    return operation < N_OPERATIONS ? OPERATIONS[operation].name : NULL;
}

static double number_of(int operation, double level, bool negative, bool increasing) {
    double scale = OPERATIONS[operation].scale, x = level / 10 * scale;
    switch (OPERATIONS[operation].kind) {
    case UNUSED: return 0;
    case SIGNED: return negative ? -x : x;
    case WHOLE: return increasing ? OPERATIONS[operation].from - trunc(x) : trunc(x);
    case COUNTED: return trunc(x);
    case FACTOR: break;
    }
    if (!increasing) return x + 0.1;
    double change = level / 10 * (scale / 2);
    return fmax(0.1, 1.0 + (negative ? -change : change));
}

bool rand_operation(int operation, VtImage *image, double level, bool negative, const RandStyle *style) {
    double x = number_of(operation, level, negative, style->increasing);
    return OPERATIONS[operation].apply(&(Change){image, x, style});
}

bool rand_augment(const RandAugment *how, VtRng *rng, VtImage *image) {
    for (int i = 0; i < how->operations; i++) {
        int operation = (int)vt_rng_below(rng, N_OPERATIONS);
        if (vt_rng_uniform(rng) >= how->p) continue;
        double level = how->magnitude;
        if (how->spread > 0) level += how->spread * vt_rng_normal(rng);
        level = fmin(fmax(level, 0), how->highest);
        bool negative = vt_rng_uniform(rng) >= 0.5;
        RandStyle style = how->style;
        if (how->any_interpolation) style.cubic = vt_rng_uniform(rng) >= 0.5;
        if (!rand_operation(operation, image, level, negative, &style)) return false;
    }
    return true;
}
