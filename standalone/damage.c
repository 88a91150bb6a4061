/* Whether a built program is the one that was built. */
#include "runtime/files/program_file.h"
#include "standalone/standalone.h"

#include <stdio.h>

void find_damage(char *out, size_t size) {
    VtProgramFile file = {.ours = false};
    VtError error;
    *out = '\0';
    if (!vt_program_file_read(vt_program_file_self(), &file, &error)) return;
    if (file.ours) snprintf(out, size, "%s", file.damage);
    vt_program_file_free(&file);
}
