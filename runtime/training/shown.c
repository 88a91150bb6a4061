/* Images that are written while training goes on: see shown.h. */
#include "runtime/training/shown.h"
#include "runtime/base/error.h"
#include "runtime/files/output.h"
#include "runtime/images/augment.h"
#include "runtime/images/encode_png.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, PATH = 4352 }; /* GAP: pixels between images */

typedef struct { /* a row of images */
    const float *data;
    int64_t n, channels, height, width;
    const VtPipeline *pipeline;
} Row;

typedef struct {
    Row *rows;
    int n;
    int64_t count, height, width; /* images a row; pixels of the whole */
} Grid;

bool shown_due(const VtProgram *p, int64_t done, double steps_per_epoch) {
    double period = p->log_images.every * steps_per_epoch;
    if (!(p->log_images.every > 0)) return false;
    return done == 0 || floor((double)done / period + 1e-9) > floor((double)(done - 1) / period + 1e-9);
}

static void add_row(Grid *grid, const VtTensor *t, const void *data, const VtPipeline *pipeline) {
    Row row = {data, t->dim[0], t->dim[1], t->dim[2], t->dim[3], pipeline};
    if (row.n > grid->count) row.n = grid->count;
    int64_t width = row.n * (row.width + GAP) - GAP;
    grid->height += row.height + (grid->n ? GAP : 0);
    if (width > grid->width) grid->width = width;
    grid->rows[grid->n++] = row;
}

/* The input that a pipeline fills; NULL: the step is not fed with it. */
static const VtInput *input_of(const Step *step, int pipeline, const void **data) {
    const VtProgram *p = step->program;
    for (int i = 0; i < p->n_inputs; i++) {
        *data = step->inputs[i];
        if (p->inputs[i].source == VT_SOURCE_VIEW && p->inputs[i].index == pipeline && *data)
            return &p->inputs[i];
    }
    return NULL;
}

/* What images that are made are normalised as. */
static const VtPipeline *usual_pipeline(const Step *step) {
    const VtProgram *p = step->program;
    const void *unused;
    if (p->log_images.n_views) return &p->pipelines[p->log_images.views[0]];
    for (int i = 0; i < p->n_pipelines; i++)
        if (input_of(step, i, &unused)) return &p->pipelines[i];
    return NULL;
}

static bool collect(const Step *step, Grid *grid, VtError *error) {
    const VtProgram *p = step->program;
    const VtLogImages *log = &p->log_images;
    const VtFunction *images = vt_find_function(p, "images");
    const void *data;
    grid->count = log->count;
    grid->rows =
        calloc((size_t)log->n_views + (images ? (size_t)images->n_outputs : 0) + 1, sizeof *grid->rows);
    if (!grid->rows) return vt_fail(error, 1, "out of memory");
    for (int i = 0; i < log->n_views; i++) {
        const VtInput *input = input_of(step, log->views[i], &data);
        if (input) add_row(grid, &input->tensor, data, &p->pipelines[log->views[i]]);
    }
    if (images && !vt_instance_run(step->instance, "images", step->inputs, error)) return false;
    for (int o = 0; images && o < images->n_outputs; o++) {
        VtTensor type;
        data = vt_instance_output(step->instance, "images", images->outputs[o].tensor.name, &type);
        add_row(grid, &type, data, usual_pipeline(step));
    }
    return true;
}

static void draw(const Grid *grid, uint8_t *rgb) {
    int64_t top = 0;
    memset(rgb, 255, (size_t)(3 * grid->width * grid->height));
    for (int r = 0; r < grid->n; r++) {
        const Row *row = &grid->rows[r];
        int64_t size = row->height * row->width;
        for (int64_t i = 0; i < row->n; i++)
            vt_pipeline_pixels(row->pipeline, row->data + i * row->channels * size, (int)row->channels,
                               row->height, row->width,
                               rgb + 3 * (top * grid->width + i * (row->width + GAP)), 3 * grid->width);
        top += row->height + GAP;
    }
}

bool shown_write(const Step *step, int64_t done, const char *folder, VtError *error) {
    Grid grid = {.n = 0};
    char path[PATH];
    snprintf(path, sizeof path, "%s/step_%06lld.png", folder, (long long)done + 1);
    uint8_t *rgb = NULL;
    bool good = collect(step, &grid, error);
    if (good && !(rgb = malloc((size_t)(3 * grid.width * grid.height) + 1)))
        good = vt_fail(error, 1, "out of memory for images");
    if (good && grid.n) {
        draw(&grid, rgb);
        good = vt_make_folders(folder, 0777, error) &&
               vt_png_write(path, rgb, (uint32_t)grid.width, (uint32_t)grid.height, error);
    }
    free(rgb);
    free(grid.rows);
    return good;
}
