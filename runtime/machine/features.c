/* Features of the processor: see features.h. */
#include "runtime/machine/features.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- what the processor and the system tell ---------------------------------------------------------------------- */

#if defined(__x86_64__)
#include <cpuid.h>

const char vt_architecture[] = "x86_64";
static const char *const NAMES[] = {
#define X86(name, leaf, subleaf, register, bit, state) name,
#include "runtime/machine/features.def"
#define X86_TRAIT(name, function) name,
#include "runtime/machine/features.def"
};
enum {
#define X86_TRAIT(name, function) +1
    N_TRAITS = 0
#include "runtime/machine/features.def"
};

/* Requests of arch_prctl (Linux, Documentation/arch/x86/xstate.rst), and tile data as the kernel numbers it. */
enum { ARCH_GET_XCOMP_SUPP = 0x1021, ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

/* Bits of XCR0: SSE and AVX; opmask, upper halves and upper registers; tile configuration and data. */
typedef enum { BASE = 0, AVX = 0x6, AVX512 = 0xe6, TILES = 0x60000 } State;

/* What the system saves: XCR0 (OSXSAVE says that it may be read), and tiles only if the kernel can grant them. */
static uint64_t saved_states(void) {
    enum { OSXSAVE = 1u << 27 };
    uint32_t eax, ebx, ecx, edx;
    uint64_t supported = 0;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & OSXSAVE)) return 0;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    uint64_t states = (uint64_t)edx << 32 | eax;
    if ((states & TILES) && (syscall(SYS_arch_prctl, ARCH_GET_XCOMP_SUPP, &supported) != 0 ||
                             !(supported & (uint64_t)1 << XFEATURE_XTILEDATA)))
        states &= ~(uint64_t)TILES;
    return states;
}

/* Whether vdpbf16ps, two FMAs a lane, takes no longer than one. On processors of Intel, up to those with AMX, it takes
 * four times as long (bench_peak: half the FLOP/s of an FMA); on AMD's from Zen 4 on it does not (twice the FLOP/s).
 * No feature tells. */
static bool has_fast_bf16_dot(void) {
    uint32_t most, ebx, ecx, edx;
    return __get_cpuid(0, &most, &ebx, &ecx, &edx) &&
           !(ebx == signature_INTEL_ebx && ecx == signature_INTEL_ecx && edx == signature_INTEL_edx);
}

static void look(bool *here) {
    enum { EAX, EBX, ECX, EDX };
    static const struct {
        uint32_t leaf, subleaf;
        int in, bit;
        State state;
    } rows[] = {
#define X86(name, leaf, subleaf, register, bit, state) {leaf, subleaf, register, bit, state},
#include "runtime/machine/features.def"
    };
    uint64_t states = saved_states();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t r[4] = {0};
        uint64_t needed = (uint64_t)rows[i].state;
        here[i] = __get_cpuid_count(rows[i].leaf, rows[i].subleaf, &r[EAX], &r[EBX], &r[ECX], &r[EDX]) &&
                  (r[rows[i].in] >> rows[i].bit & 1) && (states & needed) == needed;
    }
    bool *traits = here + sizeof rows / sizeof *rows;
#define X86_TRAIT(name, function) *traits++ = function();
#include "runtime/machine/features.def"
}

static int permit(const char *feature) {
    if (strncmp(feature, "amx-", 4) != 0) return 0;
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 ? 0 : errno;
}

#elif defined(__aarch64__)
#include <sys/auxv.h>

const char vt_architecture[] = "aarch64";
static const char *const NAMES[] = {
#define ARM(name, word, bit) name,
#include "runtime/machine/features.def"
};
enum { N_TRAITS = 0 };

static void look(bool *here) {
    static const struct {
        unsigned long word;
        int bit;
    } rows[] = {
#define ARM(name, word, bit) {word, bit},
#include "runtime/machine/features.def"
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        here[i] = getauxval(rows[i].word) >> rows[i].bit & 1;
}

static int permit(const char *feature) {
    (void)feature;
    return 0;
}

#else
const char vt_architecture[] = "";
static const char *const NAMES[] = {""};
enum { N_TRAITS = 0 };

static void look(bool *here) {
    *here = false;
}

static int permit(const char *feature) {
    (void)feature;
    return 0;
}
#endif

enum { N_NAMES = sizeof NAMES / sizeof *NAMES };

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static bool is_name(const char *name, const char *at, size_t length) {
    return strlen(name) == length && memcmp(name, at, length) == 0;
}

static bool is_in(const char *list, const char *name, size_t length) {
    for (const char *at = list; *at; at += strspn(at, ",")) {
        size_t n = strcspn(at, ",");
        if (n == length && memcmp(at, name, n) == 0) return true;
        at += n;
    }
    return false;
}

static bool here_now[N_NAMES];

static void look_once(void) {
    const char *without = getenv("VITC_CPU_WITHOUT");
    look(here_now);
    for (int i = 0; without && i < N_NAMES; i++)
        if (is_in(without, NAMES[i], strlen(NAMES[i]))) here_now[i] = false;
}

static bool is_here(const char *name, size_t length) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, look_once);
    for (int i = 0; i < N_NAMES; i++)
        if (is_name(NAMES[i], name, length)) return here_now[i];
    return false;
}

/* ---- the door ---------------------------------------------------------------------------------------------------- */

const char *const *vt_feature_names(int *n) {
    *n = N_NAMES - N_TRAITS;
    return NAMES;
}

bool vt_feature_here(const char *name) {
    return is_here(name, strlen(name));
}

bool vt_features_here(const char *list, char missing[VT_FEATURE_NAME]) {
    return vt_features_here_without(list, "", missing);
}

bool vt_features_here_without(const char *list, const char *without, char missing[VT_FEATURE_NAME]) {
    for (const char *at = list; *at; at += strspn(at, ",")) {
        size_t n = strcspn(at, ",");
        if (!is_here(at, n) || is_in(without, at, n)) {
            size_t shown = n < VT_FEATURE_NAME ? n : VT_FEATURE_NAME - 1;
            memcpy(missing, at, shown);
            missing[shown] = '\0';
            return false;
        }
        at += n;
    }
    return true;
}

int vt_features_permit(const char *list) {
    int refused = 0;
    for (const char *at = list; *at && !refused; at += strspn(at, ",")) {
        refused = permit(at);
        at += strcspn(at, ",");
    }
    return refused;
}
