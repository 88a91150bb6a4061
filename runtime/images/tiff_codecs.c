/* LERC and JBIG, which libtiff calls and no image here needs: for programs, in which libtiff is an archive that wants
 * them. LERC's library is C++ and would bring its own along; JBIG's is under the GPL, which would then hold for all of
 * the program. What is packed so is refused as damaged TIFF.
 *
 * The linker alone brings them and libtiff together (`-u vt_tiff_codecs` in cmake/runtime.cmake). */
#include <stddef.h>

extern const char vt_tiff_codecs[];
const char vt_tiff_codecs[] = "not read by this program";

/* Each is called with the arguments that its library declares, and looks at none. */
typedef int Codec(void);
typedef const char *CodecText(void);
Codec lerc_getBlobInfo, lerc_decode, lerc_encodeForVersion;
Codec jbg_dec_init, jbg_dec_in, jbg_dec_getsize, jbg_dec_free, jbg_enc_init, jbg_enc_out, jbg_enc_free,
    jbg_newlen;
CodecText jbg_dec_getimage, jbg_strerror;

enum { OK = 0, FAILED = 1 };

int lerc_getBlobInfo(void) {
    return FAILED;
}
int lerc_decode(void) {
    return FAILED;
}
int lerc_encodeForVersion(void) {
    return FAILED;
}
int jbg_dec_in(void) {
    return FAILED;
}
int jbg_dec_init(void) {
    return OK;
}
int jbg_dec_getsize(void) {
    return OK;
}
int jbg_dec_free(void) {
    return OK;
}
int jbg_enc_init(void) {
    return OK;
}
int jbg_enc_out(void) {
    return OK;
}
int jbg_enc_free(void) {
    return OK;
}
int jbg_newlen(void) {
    return OK;
}
const char *jbg_dec_getimage(void) {
    return NULL;
}
const char *jbg_strerror(void) {
    return vt_tiff_codecs;
}
