/* Objects that debuggers know: see debuggers.h. */
#include "codegen/program/debuggers.h"
#include "ir/base/arena.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

/* As the interface has them. */
typedef struct DebuggerEntry Entry;
struct DebuggerEntry {
    Entry *next, *previous;
    const char *bytes;
    uint64_t size;
};
enum { NO_ACTION, REGISTER, UNREGISTER };
typedef struct {
    uint32_t version, action;
    Entry *relevant, *first;
} Descriptor;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Entry *first_before; /* of debuggers_begin */
static Entry *retired;      /* LLVM made them: they are not ours to free */

static Descriptor *descriptor(void) {
    return dlsym(RTLD_DEFAULT, "__jit_debug_descriptor"); /* LLVM's library defines it */
}

/* New entries are put before the others. */
void debuggers_begin(void) {
    pthread_mutex_lock(&lock);
    const Descriptor *d = descriptor();
    first_before = d ? d->first : NULL;
}

Registered debuggers_end(void) {
    const Descriptor *d = descriptor();
    Registered found = {0};
    for (const Entry *e = d ? d->first : NULL; e && e != first_before; e = e->next) found.n++;
    found.entries = arena_must(calloc(found.n + 1, sizeof *found.entries));
    size_t i = 0;
    for (Entry *e = d ? d->first : NULL; i < found.n; e = e->next) found.entries[i++] = e;
    pthread_mutex_unlock(&lock);
    return found;
}

static void take_back(Descriptor *d, Entry *entry) {
    void (*tell)(void) = (void (*)(void))(uintptr_t)dlsym(RTLD_DEFAULT, "__jit_debug_register_code");
    const Entry *there = d->first;
    while (there && there != entry) there = there->next;
    if (!there) return;
    if (entry->previous)
        entry->previous->next = entry->next;
    else
        d->first = entry->next;
    if (entry->next) entry->next->previous = entry->previous;
    d->relevant = entry;
    d->action = UNREGISTER;
    if (tell) tell(); /* a debugger stops there, and reads the descriptor */
    d->action = NO_ACTION;
    entry->previous = NULL;
    entry->next = retired;
    retired = entry;
}

void debuggers_forget(Registered *registered) {
    pthread_mutex_lock(&lock);
    Descriptor *d = descriptor();
    for (size_t i = 0; d && i < registered->n; i++) take_back(d, registered->entries[i]);
    pthread_mutex_unlock(&lock);
    free(registered->entries);
    *registered = (Registered){0};
}
