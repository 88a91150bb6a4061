/* Whether a run may go on with a recipe that has changed: see changes.h. */
#include "command/changes.h"

#include <stdio.h>

bool judge_changes(const MakeRequest *request, const Change *changes, size_t n) {
    enum { SHOWN = 20 };
    bool force = request->force, extend = request->extend || force;
    size_t refused = 0, extents = 0;
    for (size_t i = 0; i < n; i++) {
        refused += changes[i].kind == CHANGE_MEANING && !force;
        extents += changes[i].kind == CHANGE_EXTENT && !extend;
    }
    FILE *out = refused + extents ? stderr : stdout;
    if (n && refused + extents) fprintf(out, "%s: ", command->name);
    if (n) fprintf(out, "%s: the recipe is not that of this run:\n", request->run);
    for (size_t i = 0; i < n && i < SHOWN; i++)
        fprintf(out, "  %s: %s -> %s\n", changes[i].key, changes[i].before, changes[i].after);
    if (n > SHOWN) fprintf(out, "  and %zu more\n", n - SHOWN);
    if (refused && !request->trains)
        fprintf(stderr, "--force takes its checkpoint all the same\n");
    else if (refused)
        fprintf(stderr, "%s resume %s continues the saved recipe; --force takes these changes all the same\n",
                command->name, request->run);
    else if (extents)
        fprintf(
            stderr,
            "--extend takes another number of epochs and another batch: schedules go by the new ones from "
            "here on\n");
    return refused + extents == 0;
}
