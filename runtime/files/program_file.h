/* A built program as a file: whether it is one of ours, and whether it is whole.
 *
 * `vitc build` gives programs (ELF files of 64 bits, little-endian) a section .note.vitc with two notes of owner
 * "vitc": of type 1 the XXH3 of what is loaded of the file, but for the file's header and that sum itself, so that
 * `strip` leaves it right; of type 2 a text of lines "key: value" that tells what the program is. */
#ifndef VITC_RUNTIME_FILES_PROGRAM_FILE_H
#define VITC_RUNTIME_FILES_PROGRAM_FILE_H

#include "runtime/base/error.h"
#include <stddef.h>

enum { VT_NOTE_SUM = 1, VT_NOTE_ABOUT = 2 };

typedef struct {
    bool ours;        /* it has those notes */
    char damage[160]; /* what is wrong with it, "it ends after 4096 of 1800192 bytes"; "": nothing */
    char *about;      /* the second note; NULL: not there */
} VtProgramFile;

/* Reads a file without running it. False: it cannot be read. Free it by vt_program_file_free. */
bool vt_program_file_read(const char *path, VtProgramFile *out, VtError *error);
void vt_program_file_free(VtProgramFile *file);
/* The file that this process runs: a path that is good for open(). */
const char *vt_program_file_self(void);
/* Writes the sum into the bytes of a program, at its end. False: there is no note for it. */
bool vt_program_file_seal(void *bytes, size_t size);

#endif
