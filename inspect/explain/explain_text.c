/* Explanations as text: see explain_text.h. */
#include "inspect/explain/explain_text.h"
#include "inspect/amounts.h"
#include "inspect/explain/text_parts.h"

#include <string.h>

/* ---- a value ----------------------------------------------------------------------------------------------------- */

static void put_origin(const Writer *w, const ValueExplanation *e) {
    Arena *a = w->arena;
    if (e->n_lines || e->n_made_for) write_heading(w, "where it comes from");
    write_lines(w, e->lines, e->n_lines);
    if (e->n_made_for)
        write_fact(w, "", arena_printf(a, "made by %s for %s", e->made_by, value_words(a, &e->made_for[0])));
    for (size_t i = 1; i < e->n_made_for && i < MOST_LISTED; i++)
        write_fact(w, "", arena_printf(a, "which was made for %s", value_words(a, &e->made_for[i])));
    if (!e->n_made_for && strcmp(e->made_by, "frontend") != 0)
        write_fact(w, "", arena_printf(a, "made by %s", e->made_by));
}

static void put_place(const Writer *w, const PlaceFacts *p) {
    Arena *a = w->arena;
    const char *bytes = amount_bytes(a, (double)p->bytes);
    const char *text;
    if (strcmp(p->kind, "registers") == 0)
        text =
            arena_printf(a, "in registers, inside the loops of its kernel: its %s never reach memory", bytes);
    else if (strcmp(p->kind, "view") == 0)
        text = "nowhere of its own: a view, which is an index into what its operand is";
    else if (p->born)
        text = arena_printf(
            a, "stored: %s of the arena, from byte %lld on; they are needed from kernel %u to kernel %u",
            bytes, (long long)p->offset, p->born, p->died);
    else if (strcmp(p->kind, "state") == 0)
        text = arena_printf(a, "stored in place: %s, over the old value of state %s", bytes, p->name);
    else if (strcmp(p->kind, "block") == 0)
        text = arena_printf(a, "in each thread's block of the chain, never whole (it would have %s)", bytes);
    else
        text =
            arena_printf(a, "stored: %s, %s%s%s", bytes, p->kind, p->name ? " " : "", p->name ? p->name : "");
    write_fact(w, "place", text);
    if (p->n_sharing) write_values(w, "same bytes", p->sharing, p->n_sharing);
}

static void put_present(const Writer *w, const ValueExplanation *e) {
    Arena *a = w->arena;
    write_heading(w, "what it is now");
    write_kernel(w, &e->kernel, true);
    if (e->kernel.seconds > 0)
        write_fact(w, "own share",
                   arena_printf(a, "%s of that, %s", amount_seconds(a, e->value.seconds),
                                amount_flops(a, e->flops)));
    write_fact(w, "precision", e->precision);
    put_place(w, &e->place);
    if (e->n_copies) write_values(w, "again", e->copies, e->n_copies);
    for (size_t i = 0; i < e->n_sources && i < MOST_LISTED; i++)
        write_fact(w, i ? "" : "reads", e->sources[i]);
    write_values(w, e->n_sources ? " " : "reads", e->operands, e->n_operands);
    write_values(w, "read by", e->readers, e->n_readers);
    for (size_t i = 0; i < e->n_results; i++) write_fact(w, i ? "" : "is the", e->results[i]);
    if (e->n_merged) write_values(w, "stands for", e->merged, e->n_merged);
}

static void put_gradient(const Writer *w, const ValueExplanation *e) {
    if (!e->gradient && !e->n_partners) return;
    write_heading(w, "its gradient");
    if (e->gradient) write_values(w, "is", e->gradient, 1);
    if (e->n_partners) write_values(w, "made for it", e->partners, e->n_partners);
}

static void put_value(const Writer *w, const ValueExplanation *e) {
    Arena *a = w->arena;
    write_title(w, arena_printf(a, "%%%u %s%s%s : %s", e->value.number, e->value.op, *e->attrs ? " " : "",
                                e->attrs, e->value.type));
    if (*e->value.scope || e->phase)
        write_sentence(w, arena_printf(a, "%s%s%s", e->value.scope, *e->value.scope && e->phase ? ", " : "",
                                       e->phase ? e->phase : ""));
    if (e->gone && !e->heir)
        write_sentence(w, arena_printf(a, "gone since %s", e->gone_by));
    else if (e->gone)
        write_sentence(w, arena_printf(a, "gone since %s: %s stands for it, which is explained below",
                                       e->gone_by, value_words(a, &e->heir->value)));
    put_origin(w, e);
    write_events(w, "what became of it", e->events, e->n_events);
    write_events(w, "what was not done, and why", e->missed, e->n_missed);
    if (!e->gone) put_present(w, e);
    if (!e->gone) put_gradient(w, e);
    if (!e->heir) return;
    fputc('\n', w->out);
    put_value(w, e->heir);
}

/* ---- a state or an input ----------------------------------------------------------------------------------------- */

static void put_update(const Writer *w, const SourceExplanation *e) {
    write_heading(w, "its update");
    if (e->update) write_values(w, "new value", e->update, 1);
    write_fact(w, "written", e->update_place);
    if (e->update && e->update_kernel.number) write_kernel(w, &e->update_kernel, true);
}

static void put_source(const Writer *w, const SourceExplanation *e) {
    Arena *a = w->arena;
    write_title(w, arena_printf(a, "%s : %s", e->name, e->type));
    write_sentence(w, arena_printf(a, "%s, %s%s%s%s", e->kind, amount_bytes(a, (double)e->bytes),
                                   e->trained ? ", trained" : "", e->frozen ? ", frozen" : "",
                                   e->decay ? ", with weight decay" : ""));
    if (e->init) write_sentence(w, arena_printf(a, "begins as %s", e->init));
    if (*e->declared.at) {
        write_heading(w, "where it comes from");
        write_lines(w, &e->declared, 1);
    }
    write_heading(w, "who reads it");
    if (e->n_readers)
        write_values(w, "", e->readers, e->n_readers);
    else
        write_sentence(w, "nothing in this function");
    if (e->gradient) {
        write_heading(w, "its gradient");
        write_values(w, "is", e->gradient, 1);
        bool apart = e->gradient_kernel.number != e->update_kernel.number;
        if (e->gradient_kernel.number && apart) write_kernel(w, &e->gradient_kernel, true);
    }
    if (e->updated) put_update(w, e);
    if (!e->n_companions) return;
    write_heading(w, "what belongs to it");
    for (size_t i = 0; i < e->n_companions; i++) {
        const Companion *c = &e->companions[i];
        write_sentence(w, arena_printf(a, "%s : %s, %s, %s: %s", c->name, c->type,
                                       amount_bytes(a, (double)c->bytes), c->role, c->how));
    }
}

/* ---- a kernel ---------------------------------------------------------------------------------------------------- */

static void put_pointers(const Writer *w, const char *label, const KernelPointer *p, size_t n) {
    size_t shown = n > MOST_LISTED + 1 ? MOST_LISTED : n;
    for (size_t i = 0; i < shown; i++)
        write_fact(w, i ? "" : label,
                   arena_printf(w->arena, "%s : %s, %s, %s", p[i].name, p[i].type,
                                amount_bytes(w->arena, (double)p[i].bytes), p[i].place));
    if (shown < n) write_fact(w, "", arena_printf(w->arena, "and %zu more", n - shown));
}

/* Sentences of its values, those of one rule together. */
static void put_kernel_events(const Writer *w, const KernelExplanation *e, bool missed) {
    size_t shown = 0, left = 0;
    const char *pass = "";
    for (size_t i = 0; i < e->n_events; i++) {
        const Event *event = &e->events[i];
        if ((event->outcome == REMARK_MISSED) != missed) continue;
        bool first;
        size_t alike = events_alike(e->events, e->n_events, i, &first);
        if (!first) continue;
        if (shown == 2 * MOST_LISTED) {
            left++;
            continue;
        }
        if (!shown++) write_heading(w, missed ? "what was not done, and why" : "what the passes did");
        const char *text = arena_printf(w->arena, "%%%u: %s", event->value, event_words(w->arena, event));
        if (alike) text = arena_printf(w->arena, "%s (and %zu more so)", text, alike);
        write_fact(w, strcmp(pass, event->pass) == 0 ? "" : event->pass, text);
        pass = event->pass;
    }
    if (left) write_fact(w, "", arena_printf(w->arena, "and %zu more", left));
}

static void put_kernel(const Writer *w, const KernelExplanation *e) {
    write_title(
        w, arena_printf(w->arena, "kernel %u, %s: %s", e->kernel.number, e->kernel.kind, e->kernel.name));
    write_sentence(w, e->phase);
    if (e->n_lines) write_heading(w, "where it comes from");
    write_lines(w, e->lines, e->n_lines);
    write_heading(w, "what it is");
    write_kernel(w, &e->kernel, false);
    if (e->prologue) write_fact(w, "prologue", e->prologue);
    write_fact(w, "waits",
               e->kernel.barrier
                   ? arena_printf(w->arena, "until all threads are past kernel %u", e->kernel.after)
                   : "no: threads go on to it as they are");
    put_pointers(w, "reads", e->reads, e->n_reads);
    put_pointers(w, "stores", e->stores, e->n_stores);
    write_values(w, "computes", e->values, e->n_values);
    put_kernel_events(w, e, false);
    put_kernel_events(w, e, true);
    fprintf(w->out, "\nIts code: --kernel %u --emit=llvm or --emit=asm.\n", e->kernel.number);
}

/* ---- a group ----------------------------------------------------------------------------------------------------- */

static const char *kernel_words(Arena *arena, const GroupPart *p) {
    return arena_printf(arena, "%s, %s, limited by %s, kernel %u%s", p->name, p->phase, p->limit, p->first,
                        p->count > 1 ? " first" : "");
}

/* The costliest are first; those that take no time are only counted. */
static void put_parts(const Writer *w, const char *heading, const GroupPart *parts, size_t n, double all) {
    size_t shown = n > 2 * MOST_LISTED ? 2 * MOST_LISTED - 1 : n;
    if (n == 0) return;
    while (shown > 1 && !(parts[shown - 1].seconds > 0)) shown--;
    int most = 0;
    for (size_t i = 0; i < shown; i++)
        if (vt_columns(parts[i].name) > most) most = vt_columns(parts[i].name);
    write_heading(w, heading);
    fprintf(w->out, "  %10s %8s %6s\n", "least time", "share", "count");
    for (size_t i = 0; i < shown; i++) {
        const GroupPart *p = &parts[i];
        const char *time = amount_seconds(w->arena, p->seconds);
        int column = 29;
        fprintf(w->out, "  %*s%s %8s %6u  ", 10 - vt_columns(time), "", time,
                amount_share(w->arena, p->seconds, all), p->count);
        if (p->first)
            vt_wrap(w->out, kernel_words(w->arena, p), column, column, w->width);
        else
            fprintf(w->out, "%-*s%s%s", *p->text ? most : 0, p->name, *p->text ? "  " : "",
                    cut_text(w->arena, p->text, w->width - column - most - 2));
        fputc('\n', w->out);
    }
    if (shown < n)
        fprintf(w->out, "  and %zu more%s\n", n - shown,
                parts[shown].seconds > 0 ? ""
                : n - shown > 1          ? ", which take no time"
                                         : ", which takes no time");
}

static void put_callers(const Writer *w, const GroupExplanation *e) {
    if (!e->n_callers) return;
    write_heading(w, e->library ? "for which lines of the recipe" : "for which lines");
    for (size_t i = 0; i < e->n_callers && i < MOST_LISTED; i++)
        write_fact(w, arena_printf(w->arena, "%s", amount_share(w->arena, e->caller_seconds[i], e->seconds)),
                   arena_printf(w->arena, "%s  %s", e->callers[i].at, e->callers[i].text));
}

/* In a sentence or two: what limits it, and what most of it is. */
static void put_why(const Writer *w, const GroupExplanation *e) {
    Arena *a = w->arena;
    if (!(e->seconds > 0)) return;
    bool computes = e->compute_seconds * 2 > e->seconds;
    double share = computes ? e->compute_seconds : e->seconds - e->compute_seconds;
    const char *limit = computes
                            ? arena_printf(a, "computing: %s at %s a second", amount_flops(a, e->flops),
                                           amount_flops(a, e->roofline.flops))
                            : arena_printf(a, "memory, at %s a second", amount_bytes(a, e->roofline.bytes));
    const char *most = "";
    if (e->n_lines > 1)
        most = arena_printf(a, "; %s of it is %s, %s", amount_share(a, e->lines[0].seconds, e->seconds),
                            e->lines[0].name, e->lines[0].text);
    write_fact(
        w, "why",
        arena_printf(a, "%s of it is limited by %s%s", amount_share(a, share, e->seconds), limit, most));
}

static void put_group(const Writer *w, const GroupExplanation *e) {
    Arena *a = w->arena;
    write_title(w, arena_printf(a, "%s %s", e->what, e->title));
    if (e->line.at && *e->line.text) write_sentence(w, e->line.text);
    write_heading(w, "what it costs");
    write_fact(w, "time",
               arena_printf(a, "%s at least, %s of the step's %s", amount_seconds(a, e->seconds),
                            amount_share(a, e->seconds, e->step_seconds),
                            amount_seconds(a, e->step_seconds)));
    for (int p = 0; p < N_PHASES; p++)
        if (e->phase[p] > 0)
            write_fact(w, p == PHASE_FORWARD ? "forward" : PHASE_NAMES[p],
                       arena_printf(a, "%s, %s", amount_seconds(a, e->phase[p]),
                                    amount_share(a, e->phase[p], e->seconds)));
    put_why(w, e);
    write_fact(w, "values",
               arena_printf(a, "%zu when the recipe was read; %zu now, with gradients and updates", e->n_made,
                            e->n_now));
    if (e->bodies)
        write_fact(w, "loops",
                   arena_printf(a,
                                "others of its values are in the body of a loop, which --function=NAME "
                                "explains: %s",
                                e->bodies));
    put_parts(w, "in which kernels", e->kernels, e->n_kernels, e->seconds);
    if (e->n_lines > 1 || (e->n_lines == 1 && !e->line.at))
        put_parts(w, "by the lines that say it", e->lines, e->n_lines, e->seconds);
    put_callers(w, e);
    write_heading(w, "costliest values");
    write_values(w, "", e->values, e->n_values);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

void explain_text(Arena *arena, const Explanation *e, FILE *out, const VtTerminal *terminal) {
    Writer w = writer_make(arena, out, terminal);
    switch (e->kind) {
    case EXPLAINS_VALUE: put_value(&w, &e->u.value); break;
    case EXPLAINS_SOURCE: put_source(&w, &e->u.source); break;
    case EXPLAINS_KERNEL: put_kernel(&w, &e->u.kernel); break;
    case EXPLAINS_GROUP: put_group(&w, &e->u.group); break;
    }
}

void meanings_text(Arena *arena, const char *asked, const Meanings *m, FILE *out,
                   const VtTerminal *terminal) {
    Writer w = writer_make(arena, out, terminal);
    write_title(&w, arena_printf(arena, "'%s' means %zu %s", asked, m->count,
                                 m->gone ? "values, all of which are gone" : "things"));
    write_sentence(&w, "Each is explained by --explain with what stands on the left.");
    fputc('\n', out);
    for (size_t i = 0; i < m->count; i++) {
        const Meaning *it = &m->items[i];
        const char *cost =
            it->seconds > 0 ? arena_printf(arena, ", %s", amount_seconds(arena, it->seconds)) : "";
        write_fact(&w, it->ask, arena_printf(arena, "%s%s", it->what, cost));
    }
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static void put_line_costs(const Writer *w, const char *title, const LineCost *lines, size_t n, double all) {
    enum { MOST = 12 };
    int most = 4;
    for (size_t i = 0; i < n && i < MOST; i++)
        if (vt_columns(lines[i].at) > most) most = vt_columns(lines[i].at);
    fprintf(w->out, "\n%10s %6s %6s %9s %9s %9s  %-*s  %s\n", "ms", "share", "itself", "forward", "gradient",
            "update", most, "line", title);
    for (size_t i = 0; i < n && i < MOST; i++) {
        const LineCost *l = &lines[i];
        if (i >= 3 && l->seconds < all / 1000) break;
        double percent = all > 0 ? 100 / all : 0;
        fprintf(w->out, "%10.3f %5.1f%% %5.1f%%", l->seconds * 1e3, l->seconds * percent,
                l->own_seconds * percent);
        for (int p = 0; p < N_PHASES; p++) fprintf(w->out, " %9.3f", l->phase[p] * 1e3);
        fprintf(w->out, "  %-*s  ", most, l->at);
        int room = w->width - 58 - most;
        fprintf(w->out, "%s\n", cut_text(w->arena, l->text, room > 20 ? room : 20));
    }
}

void lines_text(Arena *arena, const LineCosts *lines, const char *recipe, FILE *out,
                const VtTerminal *terminal) {
    Writer w = writer_make(arena, out, terminal);
    if (lines->n_own)
        put_line_costs(&w,
                       lines->measured ? "of the recipe, with all that it calls, measured"
                                       : "of the recipe, with all that it calls",
                       lines->lines, lines->n_own, lines->seconds);
    if (lines->n_own) fprintf(out, "  vitc inspect %s --explain %s tells why\n", recipe, lines->lines[0].at);
    if (lines->count > lines->n_own)
        put_line_costs(&w,
                       lines->measured ? "of libraries, with all that it calls, measured"
                                       : "of libraries, with all that it calls",
                       lines->lines + lines->n_own, lines->count - lines->n_own, lines->seconds);
}
