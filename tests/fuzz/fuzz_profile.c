/* libFuzzer target: any text as a profile of vitc bench. What reads is written and reads back as the same. */
#include "inspect/report/profile_file.h"
#include "inspect/report/report_json.h"
#include "ir/base/stream.h"

#include <stdlib.h>
#include <string.h>

static void must(bool condition) {
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = arena_new();
    char error[512] = "";
    ProfileFile *profile = profile_file_parse(arena, "fuzz", (const char *)data, size, error, sizeof error);
    must(profile != NULL || error[0]);
    if (profile) {
        TextStream stream;
        size_t length;
        report_write(profile_file_json(profile), stream_begin(&stream));
        char *text = stream_end(&stream, &length);
        ProfileFile *back = profile_file_parse(arena, "written", text, length, error, sizeof error);
        must(back && back->n_calls == profile->n_calls && back->steps == profile->steps);
        for (size_t i = 0; i < back->n_calls; i++)
            must(strcmp(back->calls[i].name, profile->calls[i].name) == 0);
        must(profile_kernel_seconds(arena, profile, 3)[0] >= 0);
        free(text);
    }
    arena_free(arena);
    return 0;
}
