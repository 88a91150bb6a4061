/* Objects made ahead of time: what is linked from them runs as the JIT's code does, to the bit; they are the same bytes
 * each time, and hold and want no more than docs/abi.md says. */
#include "codegen/codegen.h"
#include "runtime/machine/check_micro.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "tests/driver/step.h"

#include <dlfcn.h>
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_VARIANTS = 2 };

/* A small recipe, planned for some targets. */
typedef struct {
    Arena *arena;
    Recipe recipes[MOST_VARIANTS];
    BuildVariant variants[MOST_VARIANTS];
    VtBuilt about;
    BuildRequest request;
    BuiltFiles files[MOST_VARIANTS]; /* of the first variant, of both */
    void *libraries[MOST_VARIANTS];
    const VtBuilt *built[MOST_VARIANTS];
} Fixture;

/* `setting`: one more override. */
static bool plan_deep(Fixture *f, int i, const char *target, const char *setting, const char *depth) {
    const char *overrides[] = {"width=8", depth, "heads=1", "hidden=8", "out_dim=8", "batch=4", setting};
    char error[512] = "";
    Diags *diags = diags_new(f->arena);
    RecipeOptions options = {.models_dir = SOURCE_DIR "/models", .overrides = overrides, .n_overrides = 7};
    Recipe *recipe = &f->recipes[i];
    bool good = recipe_load(f->arena, diags, SOURCE_DIR "/models/quickstart.yaml", &options, recipe) &&
                codegen_machine(target, &recipe->module->machine, error, sizeof error) &&
                passes_run(recipe->module, PASSES_ALL, NULL, diags);
    if (!good) print_message("%s%s\n", error, diags_text(diags));
    f->variants[i] = (BuildVariant){recipe->module, &recipe->plan, target, "cores 2"};
    return good;
}

static bool plan(Fixture *f, int i, const char *target, const char *setting) {
    return plan_deep(f, i, target, setting, "depth=1");
}

static BuiltFiles build(const BuildRequest *request) {
    BuiltFiles files;
    char error[512] = "";
    if (!codegen_build(request, &files, error, sizeof error)) fail_msg("%s", error);
    return files;
}

/* The files linked into a library, with functions that are called, and loaded. */
static const VtBuilt *load(const BuiltFiles *files, const char *suffix, void **library) {
    char folder[] = "/tmp/vitc-object-XXXXXX", path[64], command[512], objects[256] = "";
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < files->n_files; i++) {
        snprintf(path, sizeof path, "%s/%d.%s", folder, i, suffix);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(files->files[i].bytes, 1, files->files[i].size, file), files->files[i].size);
        fclose(file);
        strcat(strcat(objects, " "), path);
    }
    snprintf(path, sizeof path, "%s/all.so", folder);
    snprintf(command, sizeof command, "cc -shared -Wl,-z,text -o %s%s %s -lm", path, objects,
             KERNELS_ARCHIVE);
    assert_int_equal(system(command), 0);
    *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!*library) fail_msg("%s", dlerror());
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    const VtBuilt *built = dlsym(*library, "quick_program");
    assert_non_null(built);
    return built;
}

static void same_step(const VtProgram *a, const VtProgram *b) {
    size_t sizes[2];
    char *of_a = one_step(a, &sizes[0]), *of_b = one_step(b, &sizes[1]);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(of_a, of_b, sizes[0]);
    free(of_a);
    free(of_b);
}

static int set_up(void **state) {
    static Fixture f;
    static const VtKnob knobs[] = {{"width", "8", "Width.", 1}, {"peak_lr", "0.001", "", 0}};
    f.arena = arena_new();
    f.about = (VtBuilt){.name = "quickstart",
                        .version = "1",
                        .recipe = "text",
                        .recipe_hash = "0123",
                        .knobs = knobs,
                        .n_knobs = 2};
    f.request = (BuildRequest){.variants = f.variants, .n_variants = 1, .about = &f.about, .symbol = "quick"};
    *state = &f;
    if (!plan(&f, 0, "x86-64-v3", "train.precision=fp32") || !plan(&f, 1, "x86-64", "train.precision=fp32"))
        return -1;
    for (int i = 0; i < MOST_VARIANTS; i++) {
        f.request.n_variants = i + 1;
        f.files[i] = build(&f.request);
        f.built[i] = load(&f.files[i], "o", &f.libraries[i]);
    }
    return 0;
}

static int tear_down(void **state) {
    Fixture *f = *state;
    for (int i = 0; i < MOST_VARIANTS; i++) {
        dlclose(f->libraries[i]);
        built_free(&f->files[i]);
    }
    arena_free(f->arena);
    return 0;
}

/* ---- what an object has ------------------------------------------------------------------------------------------ */

typedef struct {
    const char *bytes;
    const Elf64_Ehdr *header;
    const Elf64_Shdr *sections;
    const char *names;
} Object;

static Object object_of(const BuiltFile *file) {
    Object o = {.bytes = file->bytes, .header = (const void *)file->bytes};
    assert_memory_equal(file->bytes, ELFMAG, SELFMAG);
    o.sections = (const void *)(o.bytes + o.header->e_shoff);
    o.names = o.bytes + o.sections[o.header->e_shstrndx].sh_offset;
    return o;
}

static const Elf64_Shdr *find_section(const Object *o, const char *name) {
    for (int i = 0; i < o->header->e_shnum; i++)
        if (strcmp(o->names + o->sections[i].sh_name, name) == 0) return &o->sections[i];
    return NULL;
}

/* Whether docs/abi.md says in its table that code calls the function. */
static bool is_documented(const char *name) {
    static char text[1 << 14];
    char cell[64];
    if (!text[0]) {
        FILE *file = fopen(SOURCE_DIR "/docs/abi.md", "rb");
        assert_non_null(file);
        assert_in_range(fread(text, 1, sizeof text, file), 1, sizeof text - 1);
        fclose(file);
    }
    const char *table = strstr(text, "## What it calls");
    assert_non_null(table);
    if (strncmp(name, "vt_kernel_", 10) == 0) name = "vt_kernel_NAME";
    snprintf(cell, sizeof cell, "`%s`", name);
    return strstr(table, cell) != NULL;
}

/* `exported`: the one symbol of default visibility. Returns the number of hidden ones that are defined or wanted. */
static int check_symbols(const Object *o, const char *exported) {
    const Elf64_Shdr *table = find_section(o, ".symtab");
    assert_non_null(table);
    const Elf64_Sym *symbols = (const void *)(o->bytes + table->sh_offset);
    const char *names = o->bytes + o->sections[table->sh_link].sh_offset;
    int n_exported = 0, hidden = 0;
    for (size_t i = 1; i < table->sh_size / sizeof *symbols; i++) {
        const char *name = names + symbols[i].st_name;
        if (ELF64_ST_BIND(symbols[i].st_info) == STB_LOCAL) continue;
        if (ELF64_ST_VISIBILITY(symbols[i].st_other) == STV_HIDDEN) {
            assert_memory_equal(name, "quick_", 6);
            hidden++;
        } else if (symbols[i].st_shndx == SHN_UNDEF) {
            if (!is_documented(name)) fail_msg("%s is called", name);
        } else {
            assert_non_null(exported);
            assert_string_equal(name, exported);
            n_exported++;
        }
    }
    assert_int_equal(n_exported, exported != NULL);
    return hidden;
}

static void test_symbols(void **state) {
    const Fixture *f = *state;
    const BuiltFile *file = &f->files[0].files[0];
    assert_int_equal(f->files[0].n_files, 1);
    Object o = object_of(file);
    assert_int_equal(check_symbols(&o, "quick_program"), 0);
    assert_null(find_section(&o, ".eh_frame"));
    assert_non_null(find_section(&o, ".note.GNU-stack"));
    assert_null(find_section(&o, ".debug_info"));
    assert_null(memmem(file->bytes, file->size, SOURCE_DIR, strlen(SOURCE_DIR)));
}

static void test_symbols_of_several(void **state) {
    const Fixture *f = *state;
    const BuiltFiles *files = &f->files[1];
    assert_int_equal(files->n_files, 3);
    assert_string_equal(files->files[2].name, "program");
    for (int i = 0; i < 3; i++) {
        Object o = object_of(&files->files[i]);
        assert_int_equal(check_symbols(&o, i == 2 ? "quick_program" : NULL), i == 2 ? 4 : 2);
        assert_null(find_section(&o, ".eh_frame"));
    }
}

/* A function of every elementwise operator, in every type that it takes. */
static Module *every_operator(Arena *arena, Diags *diags) {
    static const DType types[] = {DT_F32, DT_F64, DT_BF16, DT_I32, DT_I64, DT_BOOL};
    Module *module = module_new(arena, diags, "m");
    Func *func = module_add_func(module, "step");
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        int64_t size = 40;
        ValueId x[3];
        for (int i = 0; i < 3; i++)
            x[i] = func_add_input(func, arena_printf(arena, "x%zu.%d", t, i), type_make(types[t], 1, &size));
        for (OpKind op = 0; op < OP_COUNT; op++) {
            const OpInfo *info = op_info(op);
            if (info->loop != LOOP_ELEMENTWISE || info->min_operands < 1 || info->max_operands > 3) continue;
            AnyAttrs attrs = {0};
            if (op == OP_cast) attrs.cast.dtype = types[(t + 1) % 6];
            ValueId result = func_emit(func, op, x, info->min_operands, info->n_attrs ? &attrs : NULL);
            if (result != IR_NONE) func_add_output(func, arena_printf(arena, "%s%zu", info->name, t), result);
        }
    }
    return module;
}

static void test_every_operator(void **state) {
    Fixture f = *(const Fixture *)*state;
    f.arena = arena_new();
    Diags *diags = diags_new(f.arena);
    Module *module = every_operator(f.arena, diags);
    VtInput *inputs = ARENA_ARRAY(f.arena, VtInput, module->funcs[0]->n_inputs);
    for (size_t i = 0; i < module->funcs[0]->n_inputs; i++)
        inputs[i] = (VtInput){.tensor.name = module->funcs[0]->inputs[i].name, .source = VT_SOURCE_FEED};
    assert_true(module->funcs[0]->n_outputs > 60);
    if (!passes_run(module, PASSES_ALL, NULL, diags)) fail_msg("%s", diags_text(diags));
    VtProgram program = {
        .name = "m", .version = "0", .inputs = inputs, .n_inputs = (int32_t)module->funcs[0]->n_inputs};
    f.request.n_variants = 1;
    f.request.variants = &(BuildVariant){module, &program, "x86-64", ""};
    BuiltFiles files = build(&f.request);
    Object o = object_of(&files.files[0]);
    check_symbols(&o, "quick_program");
    built_free(&files);
    arena_free(f.arena);
}

static void same_files(const BuiltFiles *a, const BuiltFiles *b) {
    assert_int_equal(a->n_files, b->n_files);
    for (int i = 0; i < a->n_files; i++) {
        assert_int_equal(a->files[i].size, b->files[i].size);
        assert_memory_equal(a->files[i].bytes, b->files[i].bytes, a->files[i].size);
    }
}

static void test_same_bytes(void **state) {
    const Fixture *f = *state;
    BuiltFiles again = build(&f->request);
    same_files(&f->files[1], &again);
    built_free(&again);
}

/* Debug information changes nothing else. */
static void test_lines(void **state) {
    BuildRequest request = ((const Fixture *)*state)->request;
    const BuiltFile *plain = &((const Fixture *)*state)->files[0].files[0];
    request.n_variants = 1;
    request.lines = true;
    BuiltFiles files = build(&request);
    Object with = object_of(&files.files[0]), without = object_of(plain);
    const Elf64_Shdr *a = find_section(&with, ".text"), *b = find_section(&without, ".text");
    assert_int_equal(a->sh_size, b->sh_size);
    assert_memory_equal(with.bytes + a->sh_offset, without.bytes + b->sh_offset, a->sh_size);
    assert_non_null(find_section(&with, ".debug_line"));
    assert_non_null(find_section(&with, ".debug_frame"));
    assert_null(find_section(&with, ".eh_frame"));
    assert_non_null(memmem(files.files[0].bytes, files.files[0].size, "vit.yaml", 8));
    check_symbols(&with, "quick_program");
    built_free(&files);
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

static bool has(const BuiltFile *file, const char *text) {
    return memmem(file->bytes, file->size, text, strlen(text)) != NULL;
}

static void test_listings(void **state) {
    BuildRequest request = ((const Fixture *)*state)->request;
    request.n_variants = 1;
    for (BuildKind kind = BUILD_ASSEMBLY; kind <= BUILD_LLVM; kind++) {
        request.kind = kind;
        BuiltFiles files = build(&request);
        const BuiltFile *file = &files.files[0];
        bool assembly = kind == BUILD_ASSEMBLY;
        assert_true(has(file, assembly ? "\n# kernel_0: " : "\n; kernel_0: "));
        assert_true(has(file, " = matmul f32["));
        assert_true(has(file, assembly ? "\nkernel_0." : "\ndefine internal void @kernel_0."));
        assert_true(has(file, assembly ? "#   vit.yaml:" : ";   vit.yaml:"));
        assert_true(has(file, "\t.loc\t") == assembly); /* instructions have positions */
        assert_true(has(file, " # vit.yaml:") == assembly);
        assert_false(has(file, "yaml:0:"));
        assert_false(has(file, ".cfi_") || has(file, ".debug_") || has(file, SOURCE_DIR));
        assert_true(has(file, "quick_program") && has(file, ".matmul.encoder."));
        if (assembly) { /* the platform's assembler makes the same program of it */
            void *library;
            const VtBuilt *built = load(&files, "s", &library);
            same_step(built->variants[0].program, ((const Fixture *)*state)->built[0]->variants[0].program);
            dlclose(library);
        }
        built_free(&files);
    }
}

/* A tile that went through the stack would have been stored with the stride of whatever is in a register then, which
 * LLVM does not know: it must not happen (llvm-project issue 110190). Of two blocks, since the last computes the cls
 * token alone, and has no attention whose gradient adds to tiles. */
static void test_tiles_stay_in_registers(void **state) {
    Fixture f = *(const Fixture *)*state;
    f.arena = arena_new();
    if (!plan_deep(&f, 0, "amx", "train.precision=bf16", "depth=2")) fail_msg("no plan for amx");
    f.request.variants = f.variants;
    f.request.n_variants = 1;
    f.request.kind = BUILD_ASSEMBLY;
    BuiltFiles files = build(&f.request);
    int loads = 0, configured = 0, released = 0;
    bool inside = false; /* a micro-kernel: tiles are nowhere else, and it has nothing on the stack */
    for (char *line = strtok((char *)files.files[0].bytes, "\n"); line; line = strtok(NULL, "\n")) {
        bool load = strstr(line, "tileloadd"), store = strstr(line, "tilestored");
        loads += load;
        configured += strstr(line, "ldtilecfg") != NULL;
        released += strstr(line, "tilerelease") != NULL;
        if (strncmp(line, "micro_tile_", strlen("micro_tile_")) == 0) inside = true;
        if (strncmp(line, ".Lfunc_end", strlen(".Lfunc_end")) == 0) inside = false;
        if (inside ? strstr(line, "%rsp") || strstr(line, "%rbp") : load || store) fail_msg("%s", line);
    }
    assert_true(loads > 20);
    assert_true(configured > 4 && configured <= released);
    built_free(&files);
    arena_free(f.arena);
}

/* ---- mistakes ---------------------------------------------------------------------------------------------------- */

static void test_refused(void **state) {
    Fixture f = *(const Fixture *)*state;
    BuildVariant variants[] = {f.variants[0], f.variants[1]};
    BuiltFiles files;
    char error[512] = "";
    f.request.variants = variants;
    variants[1].target = "pentium";
    assert_false(codegen_build(&f.request, &files, error, sizeof error));
    assert_non_null(strstr(error, "pentium"));
    assert_true(files.n_files == 0 && !files.arena);
}

/* ---- other processors -------------------------------------------------------------------------------------------- */

static void test_aarch64(void **state) {
    Fixture f = *(const Fixture *)*state;
    static const char *const names[] = {"aarch64", "aarch64-bf16"};
    f.arena = arena_new();
    for (int i = 0; i < 2; i++)
        if (!plan(&f, i, names[i], i ? "train.precision=bf16" : "train.precision=fp32"))
            fail_msg("no plan for %s", names[i]);
    f.request.variants = f.variants;
    BuiltFiles files = build(&f.request);
    for (int i = 0; i < 3; i++) {
        Object o = object_of(&files.files[i]);
        assert_int_equal(o.header->e_machine, EM_AARCH64);
        check_symbols(&o, i == 2 ? "quick_program" : NULL);
        assert_null(find_section(&o, ".eh_frame"));
    }
    built_free(&files);
    arena_free(f.arena);
}

/* ---- what it does ------------------------------------------------------------------------------------------------ */

static void test_runs_as_the_jit(void **state) {
    const Fixture *f = *state;
    for (int i = 0; i < MOST_VARIANTS; i++) {
        const VtBuilt *both = f->built[1];
        char error[512] = "";
        CodegenOptions options = {.target_features = f->variants[i].target};
        Compiled *jit =
            codegen_compile(f->recipes[i].module, &f->recipes[i].plan, &options, error, sizeof error);
        assert_non_null(jit);
        assert_string_equal(both->variants[i].target, f->variants[i].target);
        same_step(both->variants[i].program, compiled_program(jit));
        if (i == 0) same_step(f->built[0]->variants[0].program, compiled_program(jit));
        compiled_free(jit);
    }
}

/* With pairs of bf16, and with tiles. */
static void test_bf16_as_the_jit(void **state) {
    static const char *const targets[] = {"amx-model", "avx512bf16"};
    for (int i = 0; i < 2; i++) {
        char error[512] = "";
        Fixture f = *(const Fixture *)*state;
        if (!codegen_runs_here(targets[i], error, sizeof error)) continue;
        f.arena = arena_new();
        if (!plan(&f, 0, targets[i], "train.precision=bf16")) fail_msg("no plan for %s", targets[i]);
        f.request.variants = f.variants;
        f.request.n_variants = 1;
        BuiltFiles files = build(&f.request);
        CodegenOptions options = {.target_features = targets[i]};
        Compiled *jit =
            codegen_compile(f.recipes[0].module, &f.recipes[0].plan, &options, error, sizeof error);
        assert_non_null(jit);
        void *library;
        same_step(load(&files, "o", &library)->variants[0].program, compiled_program(jit));
        dlclose(library);
        compiled_free(jit);
        built_free(&files);
        arena_free(f.arena);
    }
}

static void test_facts(void **state) {
    const Fixture *f = *state;
    for (int i = 0; i < MOST_VARIANTS; i++) {
        const VtBuilt *built = f->built[i];
        assert_int_equal(built->abi, VT_ABI);
        assert_int_equal(built->n_variants, i + 1);
        assert_string_equal(built->recipe, "text");
        assert_string_equal(built->knobs[1].name, "peak_lr");
        assert_int_equal(built->knobs[0].fixed, 1);
        assert_non_null(strstr(built->variants[0].features, ",avx2,"));
        assert_string_equal(built->variants[0].machine, "cores 2");
    }
}

/* ---- micro-kernels ----------------------------------------------------------------------------------------------- */

static void test_micro_kernels(void **state) {
    const VtBuilt *built = ((const Fixture *)*state)->built[1];
    for (int v = 0; v < MOST_VARIANTS; v++) {
        assert_true(built->variants[v].n_micros > 6);
        assert_int_equal(vt_check_micros(built->variants[v].micros, built->variants[v].n_micros, stdout), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_symbols),
                                       cmocka_unit_test(test_symbols_of_several),
                                       cmocka_unit_test(test_every_operator),
                                       cmocka_unit_test(test_same_bytes),
                                       cmocka_unit_test(test_lines),
                                       cmocka_unit_test(test_listings),
                                       cmocka_unit_test(test_tiles_stay_in_registers),
                                       cmocka_unit_test(test_aarch64),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_runs_as_the_jit),
                                       cmocka_unit_test(test_bf16_as_the_jit),
                                       cmocka_unit_test(test_facts),
                                       cmocka_unit_test(test_micro_kernels)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
