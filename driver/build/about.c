/* What a built program tells of itself: see build.h and runtime/built.h. */
#include "driver/build/build.h"
#include "driver/report/recipe_text.h"

#include <nettle/sha2.h>
#include <string.h>

/* As C has names: other letters become _, and a digit does not begin one. */
static char *identifier(Arena *arena, const char *name) {
    char *out = arena_printf(arena, "%s%s", *name >= '0' && *name <= '9' ? "_" : "", name);
    for (char *c = out; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!letter) *c = '_';
    }
    return *out ? out : "_";
}

static char *hash_of(Arena *arena, const char *text) {
    struct sha256_ctx hash;
    uint8_t digest[SHA256_DIGEST_SIZE];
    char *out = arena_alloc(arena, 2 * SHA256_DIGEST_SIZE + 1);
    sha256_init(&hash);
    sha256_update(&hash, strlen(text), (const uint8_t *)text);
    sha256_digest(&hash, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return out;
}

/* Those of the recipe, as programs have them. */
static const VtKnob *knobs_of(Arena *arena, const Recipe *recipe) {
    VtKnob *knobs = ARENA_ARRAY(arena, VtKnob, recipe->n_knobs);
    for (size_t i = 0; i < recipe->n_knobs; i++)
        knobs[i] = (VtKnob){.name = recipe->knobs[i].name,
                            .value = recipe->knobs[i].value,
                            .help = recipe->knobs[i].help ? recipe->knobs[i].help : "",
                            .fixed = recipe->knobs[i].fixed};
    return knobs;
}

bool about_recipe(Build *b, const char *name) {
    const Session *s = &b->sessions[0];
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    if (name && (!*name || name[strspn(name, letters)]))
        return fail(2, "--name '%s': letters, digits and _.- were expected", name) < 0;
    b->symbol = identifier(b->arena, name ? name : s->recipe.plan.name);
    b->about = (VtBuilt){.name = name ? name : s->recipe.plan.name,
                         .version = VITC_VERSION,
                         .n_knobs = (int32_t)s->recipe.n_knobs,
                         .knobs = knobs_of(b->arena, &s->recipe),
                         .recipe = s->resolved,
                         .recipe_hash = hash_of(b->arena, s->resolved)};
    if (b->verbose) recipe_knobs_text(&s->recipe, stderr);
    return true;
}

const char *about_name(Build *b) {
    char *name = arena_strdup(b->arena, b->about.name);
    for (char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    return name;
}

char *about_text(Build *b) {
    const VtBuilt *a = &b->about;
    char *text = arena_printf(b->arena, "name: %s\nrecipe-sha256: %s\nvitc: %s\n", about_name(b),
                              a->recipe_hash, a->version);
    for (int i = 0; i < b->n_targets; i++)
        text = arena_printf(b->arena, "%starget: %s (%s)\n", text, b->targets[i].name,
                            *b->targets[i].features ? b->targets[i].features : b->arch);
    return text;
}
