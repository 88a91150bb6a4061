/* Two models in one process, two handles of each at work at once, each in a thread of its own; then what must not
 * crash. Prints what is wrong, and ends with 1. Saves FOLDER/MODEL-N.safetensors. */
#include <other_model.h>
#include <quickstart.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDLES = 2, STEPS = 3 };

static const char *folder, *data = "synthetic:640";

#define GOOD(model, handle, call)                                                                            \
    do {                                                                                                     \
        if ((call) == model##_OK) break;                                                                     \
        fprintf(stderr, "%s: %s\n", #call, model##_message(handle));                                         \
        exit(1);                                                                                             \
    } while (0)
#define EXPECT(what)                                                                                         \
    do {                                                                                                     \
        if (what) break;                                                                                     \
        fprintf(stderr, "not so: %s\n", #what);                                                              \
        exit(1);                                                                                             \
    } while (0)

#define TRAIN(model)                                                                                         \
    static void *train_##model(void *user) {                                                                 \
        int number = *(int *)user;                                                                           \
        char path[512];                                                                                      \
        model##_options options = model##_OPTIONS;                                                           \
        model##_handle *handle;                                                                              \
        options.threads = 1 + number;                                                                        \
        GOOD(model, NULL, model##_create(&options, &handle, NULL, 0));                                       \
        GOOD(model, handle, model##_open_data(handle, &data, model##_SOURCES));                              \
        for (int s = 0; s < STEPS; s++) GOOD(model, handle, model##_step(handle));                           \
        snprintf(path, sizeof path, "%s/" #model "-%d.safetensors", folder, number);                         \
        GOOD(model, handle, model##_save(handle, path));                                                     \
        GOOD(model, handle, model##_free(handle));                                                           \
        return NULL;                                                                                         \
    }
TRAIN(quickstart)
TRAIN(other_model)

static void check_mistakes(void) {
    quickstart_options options = quickstart_OPTIONS;
    quickstart_handle *handle;
    other_model_handle *other;
    char message[256] = "";
    float features[quickstart_FEATURES];
    options.size = 3;
    EXPECT(quickstart_create(&options, &handle, message, sizeof message) == quickstart_BAD_REQUEST);
    EXPECT(handle == NULL && strstr(message, "size") != NULL);
    EXPECT(quickstart_create(NULL, NULL, NULL, 0) == quickstart_BAD_REQUEST);
    GOOD(quickstart, NULL, quickstart_create(NULL, &handle, NULL, 0));
    GOOD(other_model, NULL, other_model_create(NULL, &other, NULL, 0));
    /* A handle of the one is none of the other's. */
    EXPECT(quickstart_step((quickstart_handle *)(void *)other) == quickstart_BAD_HANDLE);
    EXPECT(quickstart_step(NULL) == quickstart_BAD_HANDLE);
    EXPECT(quickstart_step(handle) == quickstart_BAD_REQUEST); /* no data */
    EXPECT(quickstart_embed(handle, NULL, 1, features) == quickstart_BAD_REQUEST);
    GOOD(quickstart, handle, quickstart_free(handle));
    EXPECT(quickstart_step(handle) == quickstart_BAD_HANDLE);
    EXPECT(quickstart_free(handle) == quickstart_BAD_HANDLE);
    EXPECT(strlen(quickstart_message(handle)) > 0);
    GOOD(other_model, other, other_model_free(other));
}

/* One of the targets that are in the library, by name. */
static void check_targets(void) {
    other_model_options options = other_model_OPTIONS;
    other_model_handle *handle;
    char message[512] = "";
    EXPECT(other_model_targets() == 2 && strcmp(other_model_target_name(0), "x86-64-v2") == 0);
    EXPECT(strcmp(other_model_target_lacks(0), "") == 0 && other_model_target_lacks(2) == NULL);
    options.target = other_model_target_name(1);
    GOOD(other_model, NULL, other_model_create(&options, &handle, NULL, 0));
    EXPECT(strcmp(other_model_target(handle), "x86-64") == 0);
    GOOD(other_model, handle, other_model_open_data(handle, &data, 1));
    GOOD(other_model, handle, other_model_step(handle));
    GOOD(other_model, handle, other_model_free(handle));
    options.target = "amx";
    EXPECT(other_model_create(&options, &handle, message, sizeof message) == other_model_BAD_REQUEST);
    EXPECT(strstr(message, "amx") && strstr(message, "x86-64-v2"));
}

/* What the header says is what the library says. */
static void check_facts(void) {
    quickstart_state_info state;
    EXPECT(quickstart_abi_version() == quickstart_ABI && other_model_abi_version() == other_model_ABI);
    EXPECT(strcmp(quickstart_recipe_hash(), quickstart_RECIPE_HASH) == 0);
    EXPECT(strcmp(quickstart_version(), quickstart_VERSION) == 0);
    EXPECT(quickstart_INPUT_view_0 == 0 && quickstart_INPUT_view_1 == 1 && quickstart_INPUTS == 2);
    EXPECT(quickstart_INPUT_view_0_ELEMENTS == quickstart_BATCH * quickstart_IMAGE_ELEMENTS);
    EXPECT(quickstart_INPUT_view_0_RANK == 4 && quickstart_INPUT_view_0_DIM_0 == quickstart_BATCH);
    EXPECT(quickstart_INPUT_view_0_DTYPE == quickstart_F32);
    EXPECT(quickstart_states() > 1 && quickstart_state(1, &state) == quickstart_OK && state.elements > 0);
    EXPECT(strstr(quickstart_recipe(), "recipe: quickstart") != NULL);
    EXPECT(quickstart_targets() >= 1 && quickstart_target_name(0) != NULL);
    EXPECT(quickstart_metrics() > 0 && quickstart_settings() > 0);
}

int main(int argc, char **argv) {
    pthread_t threads[2 * HANDLES];
    int numbers[HANDLES];
    if (argc != 2) return 2;
    folder = argv[1];
    check_facts();
    check_targets();
    for (int i = 0; i < HANDLES; i++) {
        numbers[i] = i;
        EXPECT(pthread_create(&threads[2 * i], NULL, train_quickstart, &numbers[i]) == 0);
        EXPECT(pthread_create(&threads[2 * i + 1], NULL, train_other_model, &numbers[i]) == 0);
    }
    for (int i = 0; i < 2 * HANDLES; i++) EXPECT(pthread_join(threads[i], NULL) == 0);
    check_mistakes();
    return 0;
}
