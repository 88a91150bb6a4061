/* A headless Chromium, driven through the DevTools protocol on two pipes (--remote-debugging-pipe: file descriptors 3
 * and 4 of the browser, JSON messages that end in NUL). One page at a time. Nothing listens on a port; the browser's
 * folder is temporary and is removed; a browser that hangs is ended after a time.
 *
 * https://chromedevtools.github.io/devtools-protocol/ names the methods. */
#ifndef VITC_TESTS_BROWSER_H
#define VITC_TESTS_BROWSER_H

#include <jansson.h>
#include <stdbool.h>

typedef struct Browser Browser;

/* A browser that is installed here: chromium, google-chrome, headless_shell …, or what $VITC_BROWSER names; NULL:
 * none. */
const char *browser_path(void);

/* Starts one with a window of that size. NULL: it did not start; *why tells. */
Browser *browser_start(int width, int height, const char **why);
void browser_stop(Browser *browser);                /* NULL is allowed */
const char *browser_folder(const Browser *browser); /* where it keeps its files until it stops */

/* Calls a method of the page and waits for what it gives back, which the caller owns; NULL: it failed or took too long,
 * browser_error tells. `params` is taken over; NULL: none. */
json_t *browser_call(Browser *browser, const char *method, json_t *params);
const char *browser_error(const Browser *browser);

/* Loads a page and waits until it has been loaded. */
bool browser_open(Browser *browser, const char *url);

/* The value of a JavaScript expression, of a promise what it becomes; NULL: it threw, browser_error tells what. */
json_t *browser_evaluate(Browser *browser, const char *expression);
bool browser_true(Browser *browser, const char *expression); /* its value is true */
/* Waits until it is; false: not within `seconds`. */
bool browser_until(Browser *browser, const char *expression, double seconds);

/* A key as it is called in KeyboardEvent.key: "Enter", "/", "a". */
bool browser_key(Browser *browser, const char *key);
bool browser_type(Browser *browser, const char *text);
/* type: "mousePressed", "mouseReleased", "mouseMoved". */
bool browser_mouse(Browser *browser, const char *type, double x, double y, int clicks);
bool browser_click(Browser *browser, double x, double y);

/* Writes what is seen as PNG. */
bool browser_screenshot(Browser *browser, const char *file);

/* What pages complained of since the last call: errors of the console and exceptions, one a line; "": nothing. Lives
 * until the next call. */
const char *browser_complaints(Browser *browser);

#endif
