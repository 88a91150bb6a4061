/* Trains recipe `weights` for an epoch, from weights in a file that the recipe names: ./weights CHECKPOINT. */
#include <weights.h>

#include <stdio.h>

int main(int argc, char **argv) {
    const char *data = "synthetic:12";
    char message[1024];
    weights_handle *handle;
    if (argc != 2) return 2;
    weights_status status = weights_create(NULL, &handle, message, sizeof message);
    if (status) return fprintf(stderr, "%s\n", message), (int)status;
    status = weights_open_data(handle, &data, 1);
    for (int s = 0; s < 3 && !status; s++) status = weights_step(handle);
    if (!status) status = weights_save(handle, argv[1]);
    if (status) fprintf(stderr, "%s\n", weights_message(handle));
    weights_free(handle);
    return (int)status;
}
