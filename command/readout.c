/* Layers and readouts: see readout.h. */
#include "command/readout.h"

#include <stdio.h>

const char READOUT_LIBRARY[] = "lib/readouts.yaml";

bool readout_flags(const Flag *layer, const Flag *last, const Flag *readout, Readout *out) {
    *out = (Readout){.readout = readout->value, .given = layer->given || last->given || readout->given};
    const Flag *first = layer->given ? layer : last->given ? last : readout;
    if (layer->given && last->given)
        return fail(2, "--layer and --last both say which layers: one of them is meant") < 0;
    if (out->given && !command->compiles)
        return fail(2, "--%s compiles a program for it: vitc does", first->row->name) < 0;
    return numbers_flag(layer, NULL, &(NumberRange){-1000, 1000, .whole = true}, &out->layers) &&
           whole_flag(last, 1, 1000, &out->last);
}

void readout_setting(const Readout *read, bool apart, char *out, size_t size) {
    const char *kind = read->readout ? read->readout : "auto";
    if (read->last > 0) {
        snprintf(out, size, "embed.readout=read_last(applied, %.0f, '%s')", read->last, kind);
        return;
    }
    size_t n = (size_t)snprintf(out, size, "embed.readout=read_layers(applied, [");
    for (int i = 0; i < read->layers.n && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%.0f", i ? ", " : "", read->layers.values[i]);
    if (n < size)
        snprintf(out + n, size - n, "%s], '%s'%s)", read->layers.n ? "" : "-1", kind, apart ? ", true" : "");
}

int readout_parts(const Readout *read) {
    return read->layers.n > 1 ? read->layers.n : 1;
}

void readout_layer_text(const Readout *read, int part, char *out, size_t size) {
    size_t n = 0;
    out[0] = '\0';
    if (read->last > 0)
        snprintf(out, size, read->last == 1 ? "the last layer" : "the last %.0f layers", read->last);
    else if (read->layers.n == 0 && read->given)
        snprintf(out, size, "the last layer");
    else if (part >= 0 && read->layers.n)
        snprintf(out, size, "layer %.0f", read->layers.values[part]);
    else
        for (int i = 0; i < read->layers.n && n < size; i++)
            n += (size_t)snprintf(out + n, size - n, "%s%.0f",
                                  i                    ? ", "
                                  : read->layers.n > 1 ? "layers "
                                                       : "layer ",
                                  read->layers.values[i]);
}
