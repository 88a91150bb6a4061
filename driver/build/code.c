/* The machine code of all targets: see build.h. */
#include "driver/build/build.h"

/* "cores 2, cache 1048576, shared cache 33554432": what passes took the machine to be. */
static const char *machine_text(Arena *arena, const Machine *machine) {
    Machine m = machine_with_usual(machine);
    return arena_printf(arena, "cores %lld, cache %lld, shared cache %lld", (long long)m.cores,
                        (long long)m.own_cache, (long long)m.shared_cache);
}

bool build_code(Build *b, BuildKind kind, BuiltFiles *out) {
    char error[1024];
    BuildVariant variants[MAX_BUILD_TARGETS];
    for (int i = 0; i < b->n_targets; i++)
        variants[i] =
            (BuildVariant){.module = b->sessions[i].recipe.module,
                           .plan = &b->sessions[i].recipe.plan,
                           .target = b->targets[i].name,
                           .machine = machine_text(b->arena, &b->sessions[i].recipe.module->machine)};
    BuildRequest request = {.variants = variants,
                            .n_variants = b->n_targets,
                            .about = &b->about,
                            .symbol = b->symbol,
                            .kind = kind,
                            .lines = b->debug};
    double start = seconds_now();
    if (codegen_build(&request, out, error, sizeof error)) {
        timing_add(&b->sessions[0].timing, "machine code", seconds_now() - start, (size_t)b->n_targets,
                   "targets");
        return true;
    }
    b->code = 1;
    return fail(1, "%s", error) < 0;
}
