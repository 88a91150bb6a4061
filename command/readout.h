/* Which layers of an encoder features are of, and how they are read out (models/lib/readouts.yaml). */
#ifndef VITC_COMMAND_READOUT_H
#define VITC_COMMAND_READOUT_H

#include "command/command.h"

typedef struct {
    Numbers layers;      /* of --layer, from 0, or below 0 from the end; none: the last */
    double last;         /* of --last: so many at the end, side by side; 0: not given */
    const char *readout; /* cls, mean, …; NULL: cls, or mean where there is none */
    bool given;          /* any of them; else the recipe's features stay as they are */
} Readout;
/* False after telling what is wrong. */
bool readout_flags(const Flag *layer, const Flag *last, const Flag *readout, Readout *out);
/* The library, and the setting that has the features read so; `apart`: layers one after the other, each as wide as the
 * others. Only for what is given. */
extern const char READOUT_LIBRARY[];
void readout_setting(const Readout *read, bool apart, char *out, size_t size);
/* How many parts there are to tell apart: 1 but for several layers. */
int readout_parts(const Readout *read);
/* "layer 3", "the last 4 layers", "" of what is not given. part: of those above; -1: all. */
void readout_layer_text(const Readout *read, int part, char *out, size_t size);

#endif
