/* Debug locations: see positions.h. */
#include "codegen/emit/positions.h"

#include <string.h>

enum { VERSION_OF_DWARF = 5, MOST_FILES = 4096 };

struct Positions {
    Arena *arena;
    const Diags *diags;
    bool listing;
    const char *const *names; /* by Loc.file; NULL: the last parts of paths */
    size_t n_names;
    LLVMContextRef context;
    LLVMDIBuilderRef builder;
    LLVMMetadataRef unit, type, files[MOST_FILES]; /* files: by Loc.file; NULL: not wanted so far */
    LLVMMetadataRef function;                      /* that is being built */
    LLVMMetadataRef current;                       /* NULL: none */
};

static void set_flag(LLVMModuleRef module, const char *key, unsigned value) {
    LLVMTypeRef i32 = LLVMInt32TypeInContext(LLVMGetModuleContext(module));
    LLVMAddModuleFlag(module, LLVMModuleFlagBehaviorWarning, key, strlen(key),
                      LLVMValueAsMetadata(LLVMConstInt(i32, value, false)));
}

/* `number`: Loc.file; 0, and those beyond what there is room for, are the text of no file. */
static LLVMMetadataRef file_of(Positions *p, uint32_t number) {
    if (number >= MOST_FILES) number = 0;
    if (p->files[number]) return p->files[number];
    const char *path = diags_source_name(p->diags, number), *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path ? path : "recipe";
    if (number < p->n_names && p->names[number]) name = p->names[number];
    size_t folder = slash && !p->listing ? (size_t)(slash - path) : 0;
    p->files[number] = LLVMDIBuilderCreateFile(p->builder, name, strlen(name), folder ? path : "", folder);
    return p->files[number];
}

Positions *positions_begin(Arena *arena, LLVMModuleRef module, const Diags *diags, bool listing) {
    Positions *p = ARENA_NEW(arena, Positions);
    *p = (Positions){.arena = arena,
                     .diags = diags,
                     .listing = listing,
                     .context = LLVMGetModuleContext(module),
                     .builder = LLVMCreateDIBuilder(module)};
    set_flag(module, "Debug Info Version", LLVMDebugMetadataVersion());
    set_flag(module, "Dwarf Version", VERSION_OF_DWARF);
    p->unit = LLVMDIBuilderCreateCompileUnit(p->builder, LLVMDWARFSourceLanguageC11, file_of(p, 0), "vitc", 4,
                                             true, "", 0, 0, "", 0, LLVMDWARFEmissionLineTablesOnly, 0, false,
                                             false, "", 0, "", 0);
    p->type = LLVMDIBuilderCreateSubroutineType(p->builder, file_of(p, 0), NULL, 0, LLVMDIFlagZero);
    return p;
}

void positions_end(Positions *p) {
    if (!p) return;
    LLVMDIBuilderFinalize(p->builder);
    LLVMDisposeDIBuilder(p->builder);
}

void positions_names(Positions *p, const char *const *names, size_t n) {
    p->names = names;
    p->n_names = n;
}

static void move_to(Positions *p, LLVMBuilderRef builder, LLVMMetadataRef at) {
    p->current = at;
    LLVMSetCurrentDebugLocation2(builder, at);
}

void positions_function(Positions *p, LLVMBuilderRef builder, LLVMValueRef function, Loc loc) {
    size_t length;
    if (!p) return;
    const char *name = LLVMGetValueName2(function, &length);
    LLVMMetadataRef file = file_of(p, loc.file);
    p->function = LLVMDIBuilderCreateFunction(p->builder, file, name, length, name, length, file, loc.line,
                                              p->type, true, true, loc.line, LLVMDIFlagZero, true);
    LLVMSetSubprogram(function, p->function);
    move_to(p, builder, LLVMDIBuilderCreateDebugLocation(p->context, loc.line, loc.col, p->function, NULL));
}

/* Expressions of a kernel come from several files: one in another file than the function's is in a block of its own. */
LLVMMetadataRef positions_set(Positions *p, LLVMBuilderRef builder, Loc loc) {
    if (!p || !p->current) return NULL;
    LLVMMetadataRef before = p->current;
    if (!loc.file) return before;
    LLVMMetadataRef scope =
        LLVMDIBuilderCreateLexicalBlockFile(p->builder, p->function, file_of(p, loc.file), 0);
    move_to(p, builder, LLVMDIBuilderCreateDebugLocation(p->context, loc.line, loc.col, scope, NULL));
    return before;
}

void positions_restore(Positions *p, LLVMBuilderRef builder, LLVMMetadataRef before) {
    if (p) move_to(p, builder, before);
}

LLVMMetadataRef positions_leave(Positions *p, LLVMBuilderRef builder) {
    if (!p) return NULL;
    LLVMMetadataRef before = p->current;
    move_to(p, builder, NULL);
    return before;
}
