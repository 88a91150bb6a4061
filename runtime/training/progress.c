/* Progress of a training run: see progress.h. A log that cannot be written ends no run: that is told once on stderr. */
#include "runtime/training/progress.h"
#include "runtime/base/terminal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <string.h>

void progress_open(Progress *p, FILE *log, bool plain) {
    *p = (Progress){.log = log, .terminal = !plain && vt_terminal(log).terminal};
}

void progress_start(Progress *p, int64_t first_step, int64_t batch) {
    p->first_step = first_step;
    p->batch = batch;
    p->started = vt_now();
}

/* After each line, with the log locked. */
static void flush(Progress *p) {
    errno = 0;
    if (fflush(p->log) == 0 && !ferror(p->log)) return;
    int problem = errno ? errno : EIO;
    __fpurge(p->log); /* else fclose tries again */
    clearerr(p->log);
    bool told = p->closed || p->problem;
    if (problem == EPIPE || problem == EBADF)
        p->closed = true;
    else
        p->problem = problem;
    if (!told)
        fprintf(stderr, "%s: progress cannot be written: %s; training goes on, metrics.jsonl has it\n",
                program_invocation_short_name, strerror(problem));
}

void progress_say(Progress *p, const char *format, ...) {
    va_list args;
    if (!p->log) return;
    flockfile(p->log);
    if (!p->closed) {
        char text[4096], shown[4096];
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        if (p->terminal) fputs("\r\033[K", p->log);
        fputs(vt_show_text(text, shown, sizeof shown), p->log);
        fputc('\n', p->log);
        flush(p);
    }
    funlockfile(p->log);
}

static void print_bar(FILE *log, int64_t step, int64_t total) {
    int filled = (int)(20 * step / total);
    fputs("\r\033[K[", log);
    for (int i = 0; i < 20; i++) fputc(i < filled ? '=' : i == filled ? '>' : ' ', log);
    fputs("] ", log);
}

static void print_step(Progress *p, const ProgressStep *s, double time) {
    double rate = (double)(s->step - p->first_step) / (time - p->started + 1e-9);
    long left = (long)((double)(s->total - s->step) / (rate + 1e-9));
    FILE *log = p->log;
    if (p->terminal) print_bar(log, s->step, s->total);
    fprintf(log, "epoch %.2f  step %lld/%lld", s->epoch, (long long)s->step, (long long)s->total);
    for (int i = 0; i < s->scalars->n; i++)
        if (s->scalars->roles[i] != VT_OUTPUT_VALUE)
            fprintf(log, "  %s %.4g", s->scalars->names[i], s->scalars->values[i]);
    fprintf(log, "  %.0f images/s  %ld:%02ld:%02ld left", rate * (double)p->batch, left / 3600,
            left / 60 % 60, left % 60);
    if (s->data_wait > 0.2) fprintf(log, "  (%.0f %% waiting for data)", 100 * s->data_wait);
    if (!p->terminal || s->step == s->total) fputc('\n', log);
}

void progress_step(Progress *p, const ProgressStep *s) {
    double time = vt_now(), interval = p->terminal ? 0.2 : 10;
    if (time - p->last_line < interval && s->step != s->total && s->step != p->first_step + 1) return;
    p->last_line = time;
    flockfile(p->log);
    if (!p->closed) {
        print_step(p, s, time);
        flush(p);
    }
    funlockfile(p->log);
}
