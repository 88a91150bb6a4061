/* Descriptors as LLVM's constants: see descriptor.h. */
#include "codegen/program/descriptor.h"

#include <stdio.h>
#include <string.h>

enum { CONSTANT_ALIGN = 16 }; /* as in an arena: what kernels may take for granted */

Descriptor descriptor_make(Arena *arena, LLVMModuleRef module) {
    return (Descriptor){.arena = arena, .module = module, .context = LLVMGetModuleContext(module)};
}

void descriptor_know(Descriptor *d, const void *pointer, LLVMValueRef global) {
    KnownPointer known = {pointer, global};
    ARENA_PUSH(d->arena, d->known, d->n_known, d->known_capacity, known);
}

/* ---- globals ----------------------------------------------------------------------------------------------------- */

/* A name of the global's own is added to by LLVM where another has it. */
static LLVMValueRef add_global(Descriptor *d, LLVMValueRef value, const char *name, unsigned align) {
    LLVMValueRef global = LLVMAddGlobal(d->module, LLVMTypeOf(value), name);
    LLVMSetInitializer(global, value);
    LLVMSetGlobalConstant(global, true);
    LLVMSetLinkage(global, LLVMPrivateLinkage);
    if (align) LLVMSetAlignment(global, align);
    return global;
}

static LLVMValueRef bytes_of(Descriptor *d, const void *bytes, size_t n) {
    return LLVMConstStringInContext2(d->context, bytes, n, true);
}

static LLVMValueRef null_pointer(const Descriptor *d) {
    return LLVMConstNull(LLVMPointerTypeInContext(d->context, 0));
}

/* Its address does not matter: linkers merge it with equal ones. */
static LLVMValueRef text(Descriptor *d, const char *s) {
    if (!s) return null_pointer(d);
    uint32_t number = names_find(&d->texts, s);
    if (number != NAMES_NONE) return d->text_globals[number];
    LLVMValueRef global = add_global(d, bytes_of(d, s, strlen(s) + 1), "text", 1);
    LLVMSetUnnamedAddress(global, LLVMGlobalUnnamedAddr);
    names_set(d->arena, &d->texts, s, (uint32_t)d->n_texts);
    ARENA_PUSH(d->arena, d->text_globals, d->n_texts, d->texts_capacity, global);
    return global;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static LLVMValueRef int_of(const Descriptor *d, int32_t x) {
    return LLVMConstInt(LLVMInt32TypeInContext(d->context), (uint64_t)(int64_t)x, true);
}

static LLVMValueRef wide_of(const Descriptor *d, int64_t x) {
    return LLVMConstInt(LLVMInt64TypeInContext(d->context), (uint64_t)x, true);
}

/* By its bits, which say which NaN it is. */
static LLVMValueRef real_of(const Descriptor *d, double x) {
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return LLVMConstBitCast(wide_of(d, bits), LLVMDoubleTypeInContext(d->context));
}

static LLVMValueRef array_of(Descriptor *d, LLVMValueRef *items, int n) {
    (void)d;
    return LLVMConstArray2(LLVMTypeOf(items[0]), items, (uint64_t)n);
}

static LLVMValueRef struct_of(Descriptor *d, const Record *record, const char *data);

/* What `n` elements of a pointer field are, one after the other. */
static LLVMValueRef elements_of(Descriptor *d, const Field *field, const void *array, int n) {
    LLVMValueRef *items = ARENA_ARRAY(d->arena, LLVMValueRef, n);
    for (int i = 0; i < n; i++) switch (field->kind) {
        case FIELD_INTS: items[i] = int_of(d, ((const int32_t *)array)[i]); break;
        case FIELD_NAMES: items[i] = text(d, ((const char *const *)array)[i]); break;
        case FIELD_DATA: {
            LLVMValueRef bytes = bytes_of(d, ((const void *const *)array)[i], (size_t)*d->constant_bytes++);
            items[i] = add_global(d, bytes, "constant", CONSTANT_ALIGN);
            break;
        }
        default: {
            const Record *record = field->of();
            items[i] = struct_of(d, record, (const char *)array + (size_t)i * record->size);
        }
        }
    return array_of(d, items, n);
}

static LLVMValueRef pointed(Descriptor *d, const Record *record, const Field *field, const void *array,
                            int n) {
    char name[64];
    if (n == 0 || !array) return null_pointer(d);
    for (size_t i = 0; i < d->n_known; i++)
        if (d->known[i].pointer == array) return d->known[i].global;
    snprintf(name, sizeof name, "%s.%s", record->name, field->name);
    return add_global(d, elements_of(d, field, array, n), name, 0);
}

static LLVMValueRef numbers_of(Descriptor *d, const Field *field, const void *at) {
    LLVMValueRef *items = ARENA_ARRAY(d->arena, LLVMValueRef, field->n);
    for (int i = 0; i < field->n; i++)
        items[i] = field->kind == FIELD_REALS ? real_of(d, ((const double *)at)[i])
                                              : wide_of(d, ((const int64_t *)at)[i]);
    return array_of(d, items, field->n);
}

static LLVMValueRef value_of(Descriptor *d, const Record *record, const Field *field, const char *data) {
    const void *at = data + field->offset, *pointer;
    switch (field->kind) {
    case FIELD_NAME:
    case FIELD_TEXT: return text(d, *(const char *const *)at);
    case FIELD_INT: return int_of(d, *(const int32_t *)at);
    case FIELD_WIDE: return wide_of(d, *(const int64_t *)at);
    case FIELD_REAL: return real_of(d, *(const double *)at);
    case FIELD_REALS:
    case FIELD_WIDES: return numbers_of(d, field, at);
    case FIELD_PART: return struct_of(d, field->of(), at);
    case FIELD_CODE: return *d->codes++;
    default:
        memcpy(&pointer, at, sizeof pointer);
        return pointed(d, record, field, pointer, field_count(field, data));
    }
}

/* Its fields in their order have the C struct's places, since both follow the alignment of the same types. */
static LLVMValueRef struct_of(Descriptor *d, const Record *record, const char *data) {
    LLVMValueRef *fields = ARENA_ARRAY(d->arena, LLVMValueRef, record->n_fields);
    for (int i = 0; i < record->n_fields; i++) fields[i] = value_of(d, record, &record->fields[i], data);
    return LLVMConstStructInContext(d->context, fields, (unsigned)record->n_fields, false);
}

LLVMValueRef descriptor_global(Descriptor *d, const Record *record, const void *data, int n,
                               const char *name) {
    LLVMValueRef *items = ARENA_ARRAY(d->arena, LLVMValueRef, n);
    for (int i = 0; i < n; i++)
        items[i] = struct_of(d, record, (const char *)data + (size_t)i * record->size);
    LLVMValueRef global = add_global(d, n == 1 ? items[0] : array_of(d, items, n), name, 0);
    descriptor_know(d, data, global);
    return global;
}
