/* The file of features that `embed` writes, row by row: FILE.npy, f32[n, dim], or FILE.safetensors with features
 * f32[n, dim], labels i32[n] where images have any (-1: this one has none), paths u8[n, w], the names of the images as
 * UTF-8 with zeros behind, and metadata of what they are. Written beside its place and renamed. */
#ifndef VITC_COMMAND_EMBED_FILE_H
#define VITC_COMMAND_EMBED_FILE_H

#include "command/command.h"

typedef struct {
    const VtProgram *program;
    const VtDataset *data;
    const char *path, *split; /* of the data; split NULL: all */
    const char *expression;   /* of the features; NULL: not known */
    const char *read;         /* layers and readout; "": as the expression says */
    int crops;
    double step; /* of the checkpoint; -1: of none */
    bool normalized;
} EmbedAbout;

bool embed_file_kind(const char *path); /* whether its name says which file it is to be */
typedef struct EmbedFile EmbedFile;
/* At most n rows. What `about` points to stays until the end. NULL with an error. */
EmbedFile *embed_file_begin(const char *path, int64_t n, int64_t dim, const EmbedAbout *about,
                            VtError *error);
/* What fails the end tells. */
void embed_file_put(EmbedFile *file, const float *row, int label, const char *name);
bool embed_file_end(EmbedFile *file, int64_t *rows, VtError *error); /* frees */
void embed_file_drop(EmbedFile *file);                               /* instead; NULL is fine */

#endif
