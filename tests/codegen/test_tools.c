/* What perf and debuggers are told of a program in this process: every kernel, under its name, where its code is; also
 * of a program from an image. */
#include "codegen/codegen.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <elf.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

/* A loop with one kernel, two products of one shape, and what is in no scope. */
static const char TEXT[] = "module @small target(batch = 64) {\n"
                           "  state %a : f32[256x256] = constant(value = 0.5), role = param\n"
                           "  state %b : f32[256x256] = constant(value = 0.5), role = param\n"
                           "  body @b(%i : i32, %c : f32[256x256], %u : f32[256x256]) {\n"
                           "    %p = matmul %c, %u\n    %t = tanh %p\n    output c = %t\n  }\n"
                           "  func @step(%x : f32[256x256]) {\n"
                           "    %p = matmul %x, %a : f32[256x256]\n"
                           "    %q = matmul %p, %b : f32[256x256]\n"
                           "    %l = loop %q, %b {body = @b, words = 65536, count = 5, carried = 1}\n"
                           "    %r = slice %l {start = [0], limit = [65536], step = [1]}\n"
                           "    %s = sum %r {axes = [0]}\n"
                           "    output sum = %s\n  }\n}\n";

typedef struct {
    Arena *arena;
    const Module *module;
    Compiled *compiled;
} Program;

static Program compile(const CodegenOptions *options) {
    static const VtInput input = {.tensor = {.name = "x", .rank = 2, .dim = {256, 256}},
                                  .source = VT_SOURCE_FEED};
    Program p = {.arena = arena_new()};
    Diags *diags = diags_new(p.arena);
    char error[512] = "";
    Module *module = module_parse(p.arena, diags, "test", arena_strdup(p.arena, TEXT), strlen(TEXT));
    if (!module || !codegen_machine(NULL, &module->machine, error, sizeof error) ||
        !passes_run(module, PASSES_ALL, &(PassOptions){.verify = true}, diags))
        fail_msg("%s%s", diags_text(diags), error);
    VtProgram plan = {.name = "small", .version = "", .n_inputs = 1, .inputs = &input, .train = {.batch = 1}};
    p.compiled = codegen_compile(module, &plan, options, error, sizeof error);
    if (!p.compiled) fail_msg("%s", error);
    p.module = module;
    return p;
}

static void end(Program *p) {
    compiled_free(p->compiled);
    arena_free(p->arena);
}

/* ---- calls and their kernels ------------------------------------------------------------------------------------- */

static void test_origins(void **state) {
    (void)state;
    Program p = compile(NULL);
    const VtProgram *program = compiled_program(p.compiled);
    const VtFunction *step = vt_find_function(program, "step");
    const CallOrigin *origins = compiled_origins(p.compiled, (int)(step - program->functions));
    const Func *func = module_find_func(p.module, "step");
    uint32_t outer = 0, in_loop = 0;
    for (int c = 0; c < step->n_calls; c++) {
        assert_true(origins[c].outer >= outer &&
                    origins[c].outer < func->plan->n_kernels + func->plan->n_copies);
        outer = origins[c].outer;
        if (origins[c].func == func && origins[c].kernel != IR_NONE)
            assert_int_equal(origins[c].kernel, outer);
        if (origins[c].func == func) continue;
        assert_true(origins[c].func->body && origins[c].kernel < origins[c].func->plan->n_kernels);
        assert_int_equal(func_node(func, func->plan->kernels[outer].last)->op, OP_loop);
        in_loop++;
    }
    assert_true(in_loop > 0);
    for (int i = 0; i < compiled_kernels(p.compiled); i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "kernel_%d.", i);
        assert_memory_equal(compiled_symbol(p.compiled, i), prefix, strlen(prefix));
        for (const char *c = compiled_symbol(p.compiled, i); *c; c++) assert_false(*c == ' ' || *c == '/');
    }
    end(&p);
}

/* ---- the map ----------------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t address, size;
    char name[256];
} Line;

enum { MOST_LINES = 1024 };
static Line lines[MOST_LINES];
static size_t n_lines;

static void read_map(void) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (n_lines = 0; fgets(text, sizeof text, file); n_lines++) {
        Line *line = &lines[n_lines];
        assert_true(n_lines < MOST_LINES);
        assert_int_equal(
            sscanf(text, "%" SCNx64 " %" SCNx64 " %255[^\n]", &line->address, &line->size, line->name), 3);
        assert_true(line->size > 0);
    }
    fclose(file);
}

static const Line *find_address(uint64_t address) {
    for (size_t i = 0; i < n_lines; i++)
        if (address >= lines[i].address && address - lines[i].address < lines[i].size) return &lines[i];
    return NULL;
}

/* Whether all code around the address may be executed: /proc/self/maps. */
static bool is_executable(const Line *line) {
    char text[512];
    FILE *file = fopen("/proc/self/maps", "r");
    uint64_t first, last;
    char rights[8];
    bool found = false;
    while (file && fgets(text, sizeof text, file))
        if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %7s", &first, &last, rights) == 3 && rights[2] == 'x')
            found = found || (line->address >= first && line->address + line->size <= last);
    fclose(file);
    return found;
}

/* Every call's kernel that was generated begins a line of the map, of its name. */
static void check_map(const Compiled *compiled) {
    const VtProgram *program = compiled_program(compiled);
    int found = 0;
    read_map();
    for (int i = 0; i < compiled_kernels(compiled); i++) {
        const Line *line = NULL;
        for (size_t j = 0; j < n_lines; j++)
            if (strcmp(lines[j].name, compiled_symbol(compiled, i)) == 0) line = &lines[j];
        assert_non_null(line);
        assert_true(is_executable(line));
    }
    for (int f = 0; f < program->n_functions; f++)
        for (int c = 0; c < program->functions[f].n_calls; c++) {
            uint64_t address = (uint64_t)(uintptr_t)program->functions[f].calls[c].kernel;
            const Line *line = find_address(address);
            if (!line) continue; /* a C function of the runtime */
            assert_int_equal(line->address, address);
            assert_memory_equal(line->name, "kernel_", 7);
            found++;
        }
    assert_true(found >= compiled_kernels(compiled));
}

static volatile uint64_t sampled[4096];
static volatile sig_atomic_t n_sampled;

static void take_sample(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    const ucontext_t *at = context;
    if (n_sampled >= 4096) return;
#if defined(__x86_64__)
    sampled[n_sampled++] = (uint64_t)at->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    sampled[n_sampled++] = at->uc_mcontext.pc;
#else
    (void)at;
#endif
}

/* Runs the step under a timer until some instruction pointers were in its code; all of these have a name. */
static void check_samples(const Compiled *compiled) {
    struct sigaction action = {.sa_sigaction = take_sample, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct itimerval every = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    VtError error;
    VtInstance *instance = vt_instance_new(compiled_program(compiled), &error);
    float *x = calloc(256 * 256, sizeof *x);
    void *inputs[] = {x};
    int resolved = 0, products = 0;
    assert_true(vt_instance_init(instance, 1, &error));
    vt_set_threads(1);
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &every, NULL);
    for (int run = 0; run < 20000 && n_sampled < 40; run++)
        assert_true(vt_instance_run(instance, "step", inputs, &error));
    setitimer(ITIMER_PROF, &never, NULL);
    for (int i = 0; i < n_sampled; i++) {
        const Line *line = find_address(sampled[i]);
        resolved += line != NULL;
        products += line && (strstr(line->name, "matmul") || strstr(line->name, "micro"));
    }
    assert_true(resolved > n_sampled / 2 && products > 0);
    vt_set_threads(0);
    free(x);
    vt_instance_free(instance);
}

static void test_map(void **state) {
    (void)state;
    char error[512] = "", path[64];
    size_t size;
    Program p = compile(&(CodegenOptions){.tell = TELL_PERF_MAP, .frames = true});
    check_map(p.compiled);
    check_samples(p.compiled);
    size_t before = n_lines;
    void *image = compiled_image(p.compiled, &size);
    Compiled *loaded = codegen_load(image, size, TELL_PERF_MAP, error, sizeof error);
    assert_non_null(loaded);
    assert_null(compiled_origins(loaded, 0));
    check_map(loaded);
    assert_int_equal(n_lines, 2 * before); /* the first program's are still there */
    compiled_free(loaded);
    free(image);
    end(&p);
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    unlink(path);
}

/* ---- the dump ---------------------------------------------------------------------------------------------------- */

static void test_dump(void **state) {
    (void)state;
    char folder[] = "/tmp/vitc-test-XXXXXX", path[128], before[512];
    assert_non_null(mkdtemp(folder));
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    Program p = compile(&(CodegenOptions){.tell = TELL_PERF_DUMP});
    assert_int_equal(chdir(before), 0);
    snprintf(path, sizeof path, "%s/jit-%d.dump", folder, (int)getpid());
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct {
        uint32_t magic, version, size, machine, pad, pid;
        uint64_t time, flags;
    } head;
    struct {
        uint32_t id, size;
        uint64_t time;
        uint32_t pid, tid;
        uint64_t vma, address, code_size, index;
    } load;
    assert_int_equal(fread(&head, sizeof head, 1, file), 1);
    assert_int_equal(head.magic, 0x4A695444);
    assert_int_equal(head.size, sizeof head);
    assert_int_equal(head.pid, getpid());
    int kernels = 0;
    for (uint64_t n = 0; fread(&load, sizeof load, 1, file) == 1; n++) {
        size_t rest = load.size - sizeof load;
        char *bytes = malloc(rest);
        assert_int_equal(fread(bytes, 1, rest, file), rest);
        size_t name = strlen(bytes) + 1;
        assert_int_equal(load.index, n);
        assert_int_equal(name + load.code_size, rest);
        assert_memory_equal(bytes + name, (const void *)(uintptr_t)load.address, load.code_size);
        kernels += strncmp(bytes, "kernel_", 7) == 0;
        free(bytes);
    }
    assert_int_equal(kernels, compiled_kernels(p.compiled));
    fclose(file);
    unlink(path);
    rmdir(folder);
    end(&p);
}

/* ---- debuggers --------------------------------------------------------------------------------------------------- */

/* As GDB's manual describes it (JIT Interface). */
typedef struct Entry Entry;
struct Entry {
    Entry *next, *previous;
    const char *bytes;
    uint64_t size;
};
typedef struct {
    uint32_t version, action;
    Entry *relevant, *first;
} Registered;

static bool has_text(const Entry *entry, const char *text) {
    return memmem(entry->bytes, entry->size, text, strlen(text) + 1) != NULL;
}

/* Objects that are registered and have the symbol, and of these those with a section .debug_line. */
static int count_objects(const char *symbol, int *with_lines) {
    const Registered *registered = dlsym(RTLD_DEFAULT, "__jit_debug_descriptor");
    int n = 0;
    assert_non_null(registered);
    *with_lines = 0;
    for (const Entry *entry = registered->first; entry; entry = entry->next) {
        assert_memory_equal(entry->bytes, ELFMAG, SELFMAG);
        if (!has_text(entry, symbol)) continue;
        n++;
        *with_lines += has_text(entry, ".debug_line");
    }
    return n;
}

static void test_debuggers(void **state) {
    (void)state;
    int with_lines;
    Program p = compile(NULL);
    char *symbol = strdup(compiled_symbol(p.compiled, 0));
    assert_int_equal(count_objects(symbol, &with_lines), 0);
    end(&p);
    p = compile(&(CodegenOptions){.tell = TELL_GDB});
    assert_int_equal(count_objects(symbol, &with_lines), 1);
    assert_int_equal(with_lines, 0);
    end(&p);
    p = compile(&(CodegenOptions){.tell = TELL_GDB, .lines = true});
    assert_int_equal(count_objects(symbol, &with_lines), 1);
    assert_int_equal(with_lines, 1);
    end(&p);
    assert_int_equal(count_objects(symbol, &with_lines), 0); /* what is freed is taken back */
    free(symbol);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_dump),
        cmocka_unit_test(test_debuggers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
