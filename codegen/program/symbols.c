/* Symbols of linked objects: see symbols.h. The JIT tells where exported functions lie; the object's own table of
 * symbols says how far from them the others are: a section is linked as one piece. */
#include "codegen/program/symbols.h"

#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    Arena *arena;
    CodeSymbol *symbols;
    size_t count, capacity;
} List;

/* An object's table of symbols. */
typedef struct {
    const char *texts;
    size_t n_texts; /* bytes */
    const ElfW(Sym) * symbols;
    size_t n, n_sections;
} Table;

static bool lies_in(const JitObject *object, uint64_t offset, uint64_t size) {
    return offset <= object->size && size <= object->size - offset;
}

/* LLVM made the object, but it may have lain in a file since. */
static bool find_table(const JitObject *object, Table *out) {
    const ElfW(Ehdr) *head = (const void *)object->bytes;
    if (object->size < sizeof *head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0) return false;
    if (!lies_in(object, head->e_shoff, (uint64_t)head->e_shnum * sizeof(ElfW(Shdr)))) return false;
    const ElfW(Shdr) *sections = (const void *)(object->bytes + head->e_shoff);
    for (int s = 0; s < head->e_shnum; s++) {
        const ElfW(Shdr) *table = &sections[s];
        if (table->sh_type != SHT_SYMTAB || table->sh_link >= head->e_shnum) continue;
        const ElfW(Shdr) *texts = &sections[table->sh_link];
        if (!lies_in(object, table->sh_offset, table->sh_size)) return false;
        if (!lies_in(object, texts->sh_offset, texts->sh_size) || !texts->sh_size) return false;
        *out = (Table){.texts = object->bytes + texts->sh_offset,
                       .n_texts = texts->sh_size,
                       .symbols = (const void *)(object->bytes + table->sh_offset),
                       .n = table->sh_size / sizeof(ElfW(Sym)),
                       .n_sections = head->e_shnum};
        return !out->texts[texts->sh_size - 1];
    }
    return false;
}

static bool is_code(const Table *table, const ElfW(Sym) * symbol) {
    return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_size > 0 &&
           symbol->st_shndx != SHN_UNDEF && symbol->st_shndx < table->n_sections &&
           symbol->st_name < table->n_texts;
}

/* What of the JIT's addresses is where its section begins; 0: it does not export the function. */
static uint64_t section_start(Jit *jit, const Table *table, const ElfW(Sym) * symbol) {
    bool exported =
        ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL && ELF64_ST_VISIBILITY(symbol->st_other) == STV_DEFAULT;
    uint64_t address = exported ? jit_address(jit, table->texts + symbol->st_name) : 0;
    return address ? address - symbol->st_value : 0;
}

static void add_object(List *list, Jit *jit, const JitObject *object) {
    Table table;
    if (!find_table(object, &table)) return;
    uint64_t *starts = ARENA_ARRAY(list->arena, uint64_t, table.n_sections + 1);
    for (size_t i = 0; i < table.n; i++) {
        const ElfW(Sym) *symbol = &table.symbols[i];
        if (is_code(&table, symbol) && !starts[symbol->st_shndx])
            starts[symbol->st_shndx] = section_start(jit, &table, symbol);
    }
    for (size_t i = 0; i < table.n; i++) {
        const ElfW(Sym) *symbol = &table.symbols[i];
        if (!is_code(&table, symbol) || !starts[symbol->st_shndx]) continue;
        CodeSymbol found = {arena_strdup(list->arena, table.texts + symbol->st_name),
                            starts[symbol->st_shndx] + symbol->st_value, symbol->st_size};
        ARENA_PUSH(list->arena, list->symbols, list->count, list->capacity, found);
    }
}

static int by_address(const void *a, const void *b) {
    uint64_t x = ((const CodeSymbol *)a)->address, y = ((const CodeSymbol *)b)->address;
    return (x > y) - (x < y);
}

CodeSymbol *code_symbols(Arena *arena, Jit *jit, const JitObject *objects, int n_objects, size_t *n) {
    List list = {.arena = arena};
    for (int i = 0; i < n_objects; i++) add_object(&list, jit, &objects[i]);
    if (list.count) qsort(list.symbols, list.count, sizeof *list.symbols, by_address);
    *n = list.count;
    return list.symbols;
}
