/* Named tensors in files. Reading checks everything before it trusts anything: header length, JSON, dtypes, offsets
 * within the file, sizes that match the shape, no overlap. Tensors that vitc wrote are held against their checksums as
 * they are read (safetensors_sum.h). Writing replaces (output.h). */
#ifndef VITC_RUNTIME_FILES_SAFETENSORS_H
#define VITC_RUNTIME_FILES_SAFETENSORS_H

#include "runtime/base/error.h"
#include "runtime/program.h"

enum { VT_U8 = VT_BOOL + 1 }; /* of files that are written alone: bytes */

typedef struct VtTensorFile VtTensorFile;
VtTensorFile *vt_tensors_open(const char *path, VtError *error);
VtTensorFile *vt_tensors_open_memory(const char *name, const void *bytes, size_t size,
                                     VtError *error); /* bytes stay the caller's */
void vt_tensors_close(VtTensorFile *file);
int vt_tensors_count(const VtTensorFile *file);
const char *vt_tensors_name(const VtTensorFile *file, int i);
/* Shape and safetensors dtype name ("F32", "I64", "U8", …). */
const char *vt_tensors_type(const VtTensorFile *file, int i, VtTensor *shape);
int vt_tensors_find(const VtTensorFile *file, const char *name); /* -1: none */
/* Copies tensor i, converted to `dtype`, to out. Fails if the conversion loses (a fraction to an integer). */
bool vt_tensors_read(const VtTensorFile *file, int i, int dtype, void *out, VtError *error);
bool vt_tensors_verify(const VtTensorFile *file, VtError *error); /* every tensor against its checksum */
const char *vt_tensors_metadata(const VtTensorFile *file, const char *key); /* NULL: none */
typedef struct {
    VtTensor tensor;
    const void *data;
} VtNamedTensor;
bool vt_tensors_write(const char *path, const VtNamedTensor *tensors, int n,
                      const char *const *metadata /* key, value, …, NULL */, VtError *error);

/* The same a piece at a time, of tensors whose first dimension may turn out to be less than was thought. */
typedef struct VtTensorStream VtTensorStream;
/* tensors: with the largest shapes that they can have. They and the metadata stay the caller's until the end. */
VtTensorStream *vt_tensors_begin(const char *path, const VtTensor *tensors, int n,
                                 const char *const *metadata, VtError *error);
/* The next bytes of tensor i: all of one tensor come before those of the next. What fails vt_tensors_end tells. */
void vt_tensors_put(VtTensorStream *stream, int i, const void *bytes, size_t size);
/* tensors: as they are. Frees; false: `path` is what it was before. */
bool vt_tensors_end(VtTensorStream *stream, const VtTensor *tensors, VtError *error);
void vt_tensors_drop(VtTensorStream *stream); /* instead: `path` stays; NULL is fine */

#endif
