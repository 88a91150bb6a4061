/* models/lib/dictionaries.yaml against its formulas, written as loops over what one step of the reference interpreter
 * was given: patches, codes, what whitens, cells, and directions in which what lies in one image is alike. */
#include "tests/frontend/interpreted.h"

enum { IMAGES = 3, SIDE = 5, SIZE = 2, PLACES = 4 * 4, PIXELS = SIZE * SIZE, WIDTH = 3 * PIXELS, ATOMS = 5 };

static const char RECIPE[] = "recipe: t\nuse: [lib/dictionaries.yaml]\n"
                             "views: {x: {size: 5}}\n"
                             "state:\n"
                             "  atoms: zeros(5, 12)\n"
                             "  channels: zeros(3, 16, 12)\n"
                             "  whole: zeros(3, 16, 12)\n"
                             "  scaled: zeros(3, 16, 12)\n"
                             "  soft: zeros(3, 16, 5)\n"
                             "  binary: zeros(3, 16, 5)\n"
                             "  projected: zeros(3, 16, 5)\n"
                             "  cells: zeros(3, 4, 12)\n"
                             "  moments: zeros(12, 12)\n"
                             "  root: zeros(12, 12)\n"
                             "  alike: zeros(12, 12)\n"
                             "  directions: zeros(12, 3)\n"
                             "objectives:\n"
                             "  o:\n"
                             "    loss: |\n"
                             "      channels := centred_patches(x, 2)\n"
                             "      whole := centred_patches(x, 2, 1, 'patch')\n"
                             "      scaled := centred_patches(x, 2, 1, 'patch', 0.25)\n"
                             "      soft := coded(whole, atoms, 'soft', 0.125)\n"
                             "      binary := coded(whole, atoms, 'binary', 0.125)\n"
                             "      projected := coded(whole, atoms, 'projected', 0.125)\n"
                             "      cells := pooled(whole, 2)\n"
                             "      moments := second_moments(whole)\n"
                             "      root := inverse_root(second_moments(whole), 0.5)\n"
                             "      alike := second_moments(mean(whole, 1))\n"
                             "      directions := smooth_directions(moments, alike, 3, 0.01)\n"
                             "      return mean(x)\n"
                             "train: {batch: 3, optimizer: param}\n";

static double image_at(int image, int channel, int row, int column) {
    int k = ((image * 3 + channel) * SIDE + row) * SIDE + column;
    return sin((double)k * 0.7); /* as interpreted.h fills the first input */
}

/* The patch at a place, its pixels of a channel side by side, without a mean: of its channel, or of all. */
static void patch_at(int image, int place, bool by_channel, double out[WIDTH]) {
    double mean[3] = {0}, all = 0;
    for (int i = 0; i < WIDTH; i++) {
        int pixel = i % PIXELS;
        out[i] = image_at(image, i / PIXELS, place / 4 + pixel / SIZE, place % 4 + pixel % SIZE);
        mean[i / PIXELS] += out[i] / PIXELS;
        all += out[i] / WIDTH;
    }
    for (int i = 0; i < WIDTH; i++) out[i] -= by_channel ? mean[i / PIXELS] : all;
}

static const double *after(const Run *run, const char *name) {
    return run->after[state_of(run, name)].data;
}

static void near(double got, double want, const char *what) {
    if (!(fabs(got - want) < 1e-9)) fail_msg("%s is %.15g, not %.15g", what, got, want);
}

static void test_patches(void **state) {
    (void)state;
    Run r = run(RECIPE);
    for (int k = 0; k < IMAGES * PLACES; k++) {
        double channels[WIDTH], whole[WIDTH], variance = 0;
        patch_at(k / PLACES, k % PLACES, true, channels);
        patch_at(k / PLACES, k % PLACES, false, whole);
        for (int i = 0; i < WIDTH; i++) variance += whole[i] * whole[i] / WIDTH;
        for (int i = 0; i < WIDTH; i++) {
            near(after(&r, "channels")[k * WIDTH + i], channels[i], "a patch without its channels' means");
            near(after(&r, "whole")[k * WIDTH + i], whole[i], "a patch without its mean");
            near(after(&r, "scaled")[k * WIDTH + i], whole[i] / sqrt(variance + 0.25), "a patch, scaled");
        }
    }
}

static void test_codes(void **state) {
    (void)state;
    Run r = run(RECIPE);
    const double *atoms = r.before[state_of(&r, "atoms")].data;
    int above = 0;
    for (int k = 0; k < IMAGES * PLACES * ATOMS; k++) {
        double patch[WIDTH], product = 0, length = 0, atom = 0;
        const double *a = atoms + k % ATOMS * WIDTH;
        patch_at(k / ATOMS / PLACES, k / ATOMS % PLACES, false, patch);
        for (int i = 0; i < WIDTH; i++) {
            product += patch[i] * a[i];
            length += patch[i] * patch[i];
            atom += a[i] * a[i];
        }
        double projection = product / sqrt(atom), cosine = projection / sqrt(length);
        above += cosine > 0.125;
        near(after(&r, "soft")[k], fmax(cosine - 0.125, 0), "a soft code");
        near(after(&r, "binary")[k], cosine > 0.125, "a binary code");
        near(after(&r, "projected")[k], fmax(projection - 0.125, 0), "a projected code");
    }
    assert_true(above > 10 && above < IMAGES * PLACES * ATOMS - 10);
}

static void test_cells(void **state) {
    (void)state;
    Run r = run(RECIPE);
    for (int k = 0; k < IMAGES * 4 * WIDTH; k++) {
        int image = k / WIDTH / 4, cell = k / WIDTH % 4, i = k % WIDTH;
        double mean = 0;
        for (int place = 0; place < PLACES; place++)
            if (place / 4 / 2 == cell / 2 && place % 4 / 2 == cell % 2)
                mean += after(&r, "whole")[(image * PLACES + place) * WIDTH + i] / 4;
        near(after(&r, "cells")[k], mean, "a cell");
    }
}

/* out = a · b, of n columns of b; a is WIDTH × WIDTH. */
static void multiply(const double *a, const double *b, int n, double *out) {
    for (int i = 0; i < WIDTH; i++)
        for (int j = 0; j < n; j++) {
            out[i * n + j] = 0;
            for (int k = 0; k < WIDTH; k++) out[i * n + j] += a[i * WIDTH + k] * b[k * n + j];
        }
}

static void test_whitening(void **state) {
    (void)state;
    Run r = run(RECIPE);
    double covariance[WIDTH * WIDTH], twice[WIDTH * WIDTH], one[WIDTH * WIDTH];
    const double *x = after(&r, "whole"), *root = after(&r, "root");
    for (int k = 0; k < WIDTH * WIDTH; k++) {
        double sum = 0;
        for (int n = 0; n < IMAGES * PLACES; n++) sum += x[n * WIDTH + k / WIDTH] * x[n * WIDTH + k % WIDTH];
        near(after(&r, "moments")[k], sum / (IMAGES * PLACES), "a second moment");
        covariance[k] = sum / (IMAGES * PLACES) + (k / WIDTH == k % WIDTH ? 0.5 : 0);
        near(root[k], root[k % WIDTH * WIDTH + k / WIDTH], "ZCA, mirrored");
    }
    multiply(root, root, WIDTH, twice);
    multiply(twice, covariance, WIDTH, one);
    for (int k = 0; k < WIDTH * WIDTH; k++) near(one[k], k / WIDTH == k % WIDTH, "ZCA · ZCA · covariance");
}

/* Of V: Vᵀ·apart·V = 1, and alike·V = apart·V·Λ with what images share most first; `apart` is loaded. */
static void test_directions(void **state) {
    (void)state;
    enum { DIMS = 3 };
    Run r = run(RECIPE);
    const double *v = after(&r, "directions");
    double apart[WIDTH * WIDTH], left[WIDTH * DIMS], right[WIDTH * DIMS], trace = 0, before = INFINITY;
    memcpy(apart, after(&r, "moments"), sizeof apart);
    for (int i = 0; i < WIDTH; i++) trace += apart[i * WIDTH + i];
    for (int i = 0; i < WIDTH; i++) apart[i * WIDTH + i] += 0.01 * trace / WIDTH;
    multiply(after(&r, "alike"), v, DIMS, left);
    multiply(apart, v, DIMS, right);
    for (int i = 0; i < DIMS; i++) {
        double value = 0;
        for (int j = 0; j < DIMS; j++) {
            double white = 0, shared = 0;
            for (int k = 0; k < WIDTH; k++) {
                white += v[k * DIMS + i] * right[k * DIMS + j];
                shared += v[k * DIMS + i] * left[k * DIMS + j];
            }
            near(white, i == j, "what patches vary by");
            if (i == j) value = shared;
        }
        for (int k = 0; k < WIDTH; k++)
            near(left[k * DIMS + i], value * right[k * DIMS + i], "what images share");
        assert_true(value <= before && (i > 0 || value > 1e-6)); /* two sines are all that the images are */
        before = value;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_patches, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_codes, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_cells, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_whitening, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_directions, setup, teardown)};
    return cmocka_run_group_tests_name("dictionaries", tests, NULL, NULL);
}
