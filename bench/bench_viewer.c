/* How fast pages of vitc inspect --format=html open and pan in a headless Chromium, beside what they may take:
 * bench_viewer VITC [RECIPE…], without recipes the two largest. Frames are counted as the browser shows them, which is
 * at most 60 times a second. */
#include "tests/browser/browser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOADS = 5 };
#define MOST_SECONDS 1.0
#define LEAST_FRAMES 60

static double number(Browser *browser, const char *expression) {
    json_t *value = browser_evaluate(browser, expression);
    if (!value) fprintf(stderr, "%s\n", browser_error(browser));
    double n = value ? json_number_value(value) : -1;
    json_decref(value);
    return n;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of several loads, from the start of the navigation. */
static bool opens(Browser *browser, const char *url) {
    double graph[LOADS], all[LOADS];
    for (int i = 0; i < LOADS; i++) {
        if (!browser_open(browser, "about:blank") || !browser_open(browser, url) ||
            !browser_until(browser, "document.body.dataset.ready === 'yes'", 20)) {
            fprintf(stderr, "%s: %s\n", url, browser_error(browser));
            return false;
        }
        graph[i] = number(browser, "vitc.firstPaint") / 1e3;
        all[i] = number(browser, "vitc.readyAt") / 1e3;
    }
    qsort(graph, LOADS, sizeof *graph, by_size);
    qsort(all, LOADS, sizeof *all, by_size);
    printf("  graph painted after %.2f s, all panels after %.2f s; at most %.1f s: %s\n", graph[LOADS / 2],
           all[LOADS / 2], MOST_SECONDS, all[LOADS / 2] < MOST_SECONDS ? "good" : "TOO SLOW");
    return true;
}

/* Frames while the graph moves for three seconds, and how long painting one takes. */
static void pans(Browser *browser, const char *what) {
    static const char script[] =
        "(async () => { const paint = vitc.paint; let frames = 0, cost = 0, worst = 0, last = 0, gap = 0, n "
        "= 0;"
        " vitc.paint = (...all) => { const t = performance.now(); paint(...all); const d = performance.now() "
        "- t;"
        "  cost += d; worst = Math.max(worst, d); if (last) gap = Math.max(gap, t - last); last = t; "
        "frames++; };"
        " const start = performance.now();"
        " await new Promise(done => { const move = () => { n++; vitc.pan(n % 120 < 60 ? -8 : 8, n % 90 < 45 "
        "? -6 : 6);"
        "  if (performance.now() - start < 3000) requestAnimationFrame(move); else done(); }; move(); });"
        " vitc.paint = paint; const seconds = (performance.now() - start) / 1000;"
        " return [frames / seconds, cost / frames, worst, gap, vitc.scene().items.length]; })()";
    json_t *result = browser_evaluate(browser, script);
    double n[5] = {0};
    for (size_t i = 0; i < 5; i++) n[i] = json_number_value(json_array_get(result, i));
    json_decref(result);
    printf("  %-34s %5.0f items: %.1f frames/s (%d wanted: %s), longest gap %.0f ms, painting %.2f ms, at "
           "most %.2f ms\n",
           what, n[4], n[0], LEAST_FRAMES, n[0] > LEAST_FRAMES - 1 ? "good" : "TOO SLOW", n[3], n[1], n[2]);
}

/* Groups are opened to that depth, all of alike ones. */
static void open_groups(Browser *browser, int depth) {
    char script[400];
    snprintf(script, sizeof script,
             "(() => { const o = vitc.scene().outline; for (const g of o.groups) { if (g.depth > %d || "
             "g.update) continue;"
             " vitc.expanded.set(g.path, true); if (g.run) vitc.expanded.set(o.runKey(g.run), 'all'); }"
             " vitc.relayout(null, true); vitc.fit(); return 0; })()",
             depth);
    json_decref(browser_evaluate(browser, script));
    browser_until(browser, "vitc.still()", 5);
}

static bool measure(Browser *browser, const char *vitc, const char *recipe, const char *folder) {
    char path[400], command[900];
    struct stat status;
    snprintf(path, sizeof path, "%s/page.html", folder);
    snprintf(command, sizeof command, "%s inspect %s --format=html --force -o %s", vitc, recipe, path);
    if (system(command) != 0 || stat(path, &status) != 0) return false;
    printf("%s: a page of %.2f MB\n", recipe, (double)status.st_size / 1e6);
    snprintf(command, sizeof command, "file://%s", path);
    bool good = opens(browser, command);
    if (good) {
        pans(browser, "collapsed");
        open_groups(browser, 3);
        pans(browser, "blocks one by one");
        json_decref(browser_evaluate(browser, "(vitc.zoom(4), 0)"));
        pans(browser, "the same, near");
        open_groups(browser, 5);
        pans(browser, "all blocks open");
        json_decref(browser_evaluate(browser, "(vitc.zoom(0.1), 0)"));
        pans(browser, "the same, from afar");
    }
    remove(path);
    return good;
}

int main(int argc, char **argv) {
    static const char *const usual[] = {"models/dino.yaml", "models/mae.yaml"};
    char folder[] = "/tmp/vitc-bench-XXXXXX";
    const char *why;
    if (argc < 2) return fprintf(stderr, "bench_viewer VITC [RECIPE…]\n"), 2;
    Browser *browser = browser_start(1600, 1000, &why);
    if (!browser) return fprintf(stderr, "%s\n", why), 1;
    bool good = mkdtemp(folder) != NULL;
    int n = argc > 2 ? argc - 2 : (int)(sizeof usual / sizeof *usual);
    for (int i = 0; good && i < n; i++)
        good = measure(browser, argv[1], argc > 2 ? argv[2 + i] : usual[i], folder);
    rmdir(folder);
    browser_stop(browser);
    return good ? 0 : 1;
}
