#include "browser.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_SECONDS = 20, END_SECONDS = 3, ERROR_SIZE = 2000 };

struct Browser {
    pid_t pid;
    int to, from;    /* pipes; -1: closed */
    char folder[64]; /* "": none was made */
    int next_id;
    char *session; /* of the page */
    char *buffer;  /* what was read: whole messages are taken off its front */
    size_t used, capacity;
    bool loaded;
    char *complaints, *told;
    char error[ERROR_SIZE];
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(Browser *browser, const char *what, const char *more) {
    snprintf(browser->error, sizeof browser->error, "%s%s%s", what, more ? ": " : "", more ? more : "");
}

const char *browser_error(const Browser *browser) {
    return browser->error;
}

const char *browser_folder(const Browser *browser) {
    return browser->folder;
}

/* ---- the process ------------------------------------------------------------------------------------------------ */

const char *browser_path(void) {
    static const char *const names[] = {"chromium",       "chromium-browser", "google-chrome",
                                        "headless_shell", "chrome",           "google-chrome-stable"};
    static const char *const folders[] = {"/usr/bin", "/usr/local/bin", "/opt/google/chrome", "/snap/bin"};
    static char path[200];
    const char *chosen = getenv("VITC_BROWSER");
    if (chosen && *chosen) return access(chosen, X_OK) == 0 ? chosen : NULL;
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
            snprintf(path, sizeof path, "%s/%s", folders[f], names[n]);
            if (access(path, X_OK) == 0) return path;
        }
    return NULL;
}

/* In the child: its ends of the pipes become 3 and 4, all it says is lost. */
static void become(const char *path, int in, int out, const char *folder, int width, int height) {
    char data[100], size[60];
    snprintf(data, sizeof data, "--user-data-dir=%s", folder);
    snprintf(size, sizeof size, "--window-size=%d,%d", width, height);
    const char *const args[] = {path,
                                "--headless=new",
                                "--remote-debugging-pipe",
                                geteuid() == 0 ? "--no-sandbox" : "--disable-breakpad",
                                "--disable-gpu",
                                "--disable-dev-shm-usage",
                                "--disable-extensions",
                                "--disable-background-networking",
                                "--disable-component-update",
                                "--disable-sync",
                                "--no-first-run",
                                "--no-default-browser-check",
                                "--hide-scrollbars",
                                "--mute-audio",
                                "--force-color-profile=srgb",
                                "--force-device-scale-factor=1",
                                data,
                                size,
                                "about:blank",
                                NULL};
    setpgid(0, 0);
    int nothing = open("/dev/null", O_RDWR);
    int high_in = fcntl(in, F_DUPFD, 10), high_out = fcntl(out, F_DUPFD, 10);
    if (nothing < 0 || high_in < 0 || high_out < 0) _exit(126);
    dup2(nothing, 0);
    dup2(nothing, 1);
    dup2(nothing, 2);
    dup2(high_in, 3);
    dup2(high_out, 4);
    close(high_in);
    close(high_out);
    unsetenv("LD_PRELOAD"); /* of tests */
    execv(path, (char *const *)args);
    _exit(127);
}

static bool spawn(Browser *browser, const char *path, int width, int height) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0) return false;
    if (pipe2(from, O_CLOEXEC) != 0) {
        close(to[0]);
        close(to[1]);
        return false;
    }
    browser->pid = fork();
    if (browser->pid == 0) become(path, to[0], from[1], browser->folder, width, height);
    close(to[0]);
    close(from[1]);
    browser->to = to[1];
    browser->from = from[0];
    if (browser->pid > 0) setpgid(browser->pid, browser->pid);
    return browser->pid > 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where) {
    (void)status, (void)type, (void)where;
    return remove(path);
}

/* What is ending may still write into it. */
static void remove_folder(const char *folder) {
    for (int tries = 0; tries < 50 && access(folder, F_OK) == 0; tries++) {
        nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        if (access(folder, F_OK) == 0) usleep(20000);
    }
}

/* Gives it time to end by itself, then ends all of its group; no zombie stays. */
static void reap(Browser *browser) {
    bool gone = false;
    double end = now() + END_SECONDS;
    while (!gone && now() < end) {
        gone = waitpid(browser->pid, NULL, WNOHANG) == browser->pid;
        if (!gone) usleep(20000);
    }
    kill(-browser->pid, SIGKILL); /* its children, which may outlive it */
    if (!gone) waitpid(browser->pid, NULL, 0);
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static bool send_message(Browser *browser, json_t *message) {
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    if (!text) return false;
    size_t left = strlen(text) + 1; /* with the NUL */
    for (const char *at = text; left;) {
        ssize_t n = write(browser->to, at, left);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        at += n;
        left -= (size_t)n;
    }
    free(text);
    return left == 0;
}

static void complain(Browser *browser, const char *text) {
    size_t had = strlen(browser->complaints), more = strlen(text);
    char *longer = realloc(browser->complaints, had + more + 2);
    if (!longer) return;
    memcpy(longer + had, text, more);
    memcpy(longer + had + more, "\n", 2);
    browser->complaints = longer;
}

static const char *text_at(json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* What the page says without being asked. */
static void take_event(Browser *browser, json_t *message) {
    const char *method = text_at(message, "method");
    json_t *params = json_object_get(message, "params");
    if (strcmp(method, "Page.loadEventFired") == 0) browser->loaded = true;
    if (strcmp(method, "Runtime.exceptionThrown") == 0) {
        json_t *details = json_object_get(params, "exceptionDetails");
        const char *text = text_at(json_object_get(details, "exception"), "description");
        complain(browser, *text ? text : text_at(details, "text"));
    }
    if (strcmp(method, "Runtime.consoleAPICalled") == 0 && strcmp(text_at(params, "type"), "error") == 0) {
        json_t *first = json_array_get(json_object_get(params, "args"), 0);
        const char *text = text_at(first, "value");
        complain(browser, *text ? text : text_at(first, "description"));
    }
    json_t *entry = json_object_get(params, "entry");
    if (strcmp(method, "Log.entryAdded") == 0 && strcmp(text_at(entry, "level"), "error") == 0)
        complain(browser, text_at(entry, "text"));
}

/* The next message; NULL: none until `end`, or the browser is gone. */
static json_t *next_message(Browser *browser, double end) {
    for (;;) {
        char *stop = memchr(browser->buffer, 0, browser->used);
        if (stop) {
            json_t *message = json_loads(browser->buffer, 0, NULL);
            size_t length = (size_t)(stop - browser->buffer) + 1;
            browser->used -= length;
            memmove(browser->buffer, stop + 1, browser->used);
            if (message) return message;
            continue;
        }
        if (browser->capacity - browser->used < 65536) {
            char *larger = realloc(browser->buffer, browser->capacity * 2);
            if (!larger) return NULL;
            browser->buffer = larger;
            browser->capacity *= 2;
        }
        double left = end - now();
        struct pollfd wait = {.fd = browser->from, .events = POLLIN};
        if (left <= 0 || poll(&wait, 1, (int)(left * 1000) + 1) <= 0) return NULL;
        ssize_t n = read(browser->from, browser->buffer + browser->used, browser->capacity - browser->used);
        if (n <= 0) return NULL;
        browser->used += (size_t)n;
    }
}

static json_t *call(Browser *browser, const char *method, json_t *params, bool of_page) {
    int id = ++browser->next_id;
    json_t *message =
        json_pack("{s:i, s:s, s:o}", "id", id, "method", method, "params", params ? params : json_object());
    if (of_page) json_object_set_new(message, "sessionId", json_string(browser->session));
    if (!send_message(browser, message)) return fail(browser, method, "the browser is gone"), NULL;
    double end = now() + ANSWER_SECONDS;
    for (json_t *answer; (answer = next_message(browser, end)) != NULL; json_decref(answer)) {
        if (json_integer_value(json_object_get(answer, "id")) != id) {
            take_event(browser, answer);
            continue;
        }
        json_t *result = json_incref(json_object_get(answer, "result"));
        if (!result) fail(browser, method, text_at(json_object_get(answer, "error"), "message"));
        json_decref(answer);
        return result;
    }
    fail(browser, method, "no answer");
    return NULL;
}

json_t *browser_call(Browser *browser, const char *method, json_t *params) {
    return call(browser, method, params, true);
}

/* ---- start and end ---------------------------------------------------------------------------------------------- */

static bool done(json_t *result) {
    bool ok = result != NULL;
    json_decref(result);
    return ok;
}

/* A page of its own, whose events are told. */
static bool attach(Browser *browser) {
    json_t *made = call(browser, "Target.createTarget", json_pack("{s:s}", "url", "about:blank"), false);
    if (!made) return false;
    json_t *attached =
        call(browser, "Target.attachToTarget",
             json_pack("{s:s, s:b}", "targetId", text_at(made, "targetId"), "flatten", 1), false);
    json_decref(made);
    if (!attached) return false;
    browser->session = strdup(text_at(attached, "sessionId"));
    json_decref(attached);
    return browser->session && done(browser_call(browser, "Page.enable", NULL)) &&
           done(browser_call(browser, "Runtime.enable", NULL)) &&
           done(browser_call(browser, "Log.enable", NULL));
}

Browser *browser_start(int width, int height, const char **why) {
    static char reason[ERROR_SIZE + 300];
    const char *path = browser_path();
    *why = reason;
    if (!path) return snprintf(reason, sizeof reason, "no Chromium is installed here"), NULL;
    Browser *browser = calloc(1, sizeof *browser);
    if (!browser) return snprintf(reason, sizeof reason, "out of memory"), NULL;
    *browser = (Browser){.pid = -1, .to = -1, .from = -1, .capacity = 1 << 17};
    browser->buffer = malloc(browser->capacity);
    browser->complaints = strdup("");
    char made[] = "/tmp/vitc-browser-XXXXXX";
    signal(SIGPIPE, SIG_IGN); /* a browser that ended is an error of the call */
    bool ok = browser->buffer && browser->complaints && mkdtemp(made) && strcpy(browser->folder, made) &&
              spawn(browser, path, width, height) && attach(browser) &&
              done(browser_call(browser, "Emulation.setDeviceMetricsOverride",
                                json_pack("{s:i, s:i, s:i, s:b}", "width", width, "height", height,
                                          "deviceScaleFactor", 1, "mobile", 0)));
    if (ok) return browser;
    snprintf(reason, sizeof reason, "%s did not start: %s", path,
             *browser->error ? browser->error : strerror(errno));
    browser_stop(browser);
    return NULL;
}

void browser_stop(Browser *browser) {
    if (!browser) return;
    if (browser->session) json_decref(call(browser, "Browser.close", NULL, false));
    if (browser->to >= 0) close(browser->to);
    if (browser->pid > 0) reap(browser);
    if (browser->from >= 0) close(browser->from);
    if (browser->folder[0]) remove_folder(browser->folder);
    free(browser->session);
    free(browser->buffer);
    free(browser->complaints);
    free(browser->told);
    free(browser);
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

bool browser_open(Browser *browser, const char *url) {
    browser->loaded = false;
    json_t *result = browser_call(browser, "Page.navigate", json_pack("{s:s}", "url", url));
    const char *wrong = result ? text_at(result, "errorText") : "";
    if (*wrong) fail(browser, url, wrong);
    bool ok = result && !*wrong;
    json_decref(result);
    double end = now() + ANSWER_SECONDS;
    while (ok && !browser->loaded) {
        json_t *message = next_message(browser, end);
        if (!message) return fail(browser, url, "was not loaded in time"), false;
        take_event(browser, message);
        json_decref(message);
    }
    return ok;
}

json_t *browser_evaluate(Browser *browser, const char *expression) {
    json_t *result = browser_call(browser, "Runtime.evaluate",
                                  json_pack("{s:s, s:b, s:b, s:b}", "expression", expression, "returnByValue",
                                            1, "awaitPromise", 1, "userGesture", 1));
    if (!result) return NULL;
    json_t *thrown = json_object_get(result, "exceptionDetails"), *value = NULL;
    if (thrown) {
        const char *text = text_at(json_object_get(thrown, "exception"), "description");
        fail(browser, expression, *text ? text : text_at(thrown, "text"));
    } else {
        value = json_object_get(json_object_get(result, "result"), "value");
        value = value ? json_incref(value) : json_null(); /* undefined */
    }
    json_decref(result);
    return value;
}

bool browser_true(Browser *browser, const char *expression) {
    json_t *value = browser_evaluate(browser, expression);
    bool is = json_is_true(value);
    json_decref(value);
    return is;
}

bool browser_until(Browser *browser, const char *expression, double seconds) {
    for (double end = now() + seconds; now() < end; usleep(15000))
        if (browser_true(browser, expression)) return true;
    return browser_true(browser, expression);
}

/* ---- keys and pointer ------------------------------------------------------------------------------------------- */

bool browser_key(Browser *browser, const char *key) {
    static const struct {
        const char *key, *text;
        int code;
    } named[] = {{"Enter", "\r", 13},      {"Escape", NULL, 27},    {"Backspace", NULL, 8},
                 {"Tab", NULL, 9},         {"ArrowLeft", NULL, 37}, {"ArrowUp", NULL, 38},
                 {"ArrowRight", NULL, 39}, {"ArrowDown", NULL, 40}};
    const char *text = key;
    int code = key[1] ? 0 : key[0];
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(named[i].key, key) == 0) {
            text = named[i].text;
            code = named[i].code;
        }
    json_t *down = json_pack("{s:s, s:s, s:i}", "type", text ? "keyDown" : "rawKeyDown", "key", key,
                             "windowsVirtualKeyCode", code);
    if (text) json_object_set_new(down, "text", json_string(text));
    bool ok = done(browser_call(browser, "Input.dispatchKeyEvent", down));
    return ok && done(browser_call(browser, "Input.dispatchKeyEvent",
                                   json_pack("{s:s, s:s, s:i}", "type", "keyUp", "key", key,
                                             "windowsVirtualKeyCode", code)));
}

bool browser_type(Browser *browser, const char *text) {
    return done(browser_call(browser, "Input.insertText", json_pack("{s:s}", "text", text)));
}

bool browser_mouse(Browser *browser, const char *type, double x, double y, int clicks) {
    return done(browser_call(browser, "Input.dispatchMouseEvent",
                             json_pack("{s:s, s:f, s:f, s:s, s:i}", "type", type, "x", x, "y", y, "button",
                                       clicks ? "left" : "none", "clickCount", clicks)));
}

bool browser_click(Browser *browser, double x, double y) {
    return browser_mouse(browser, "mouseMoved", x, y, 0) && browser_mouse(browser, "mousePressed", x, y, 1) &&
           browser_mouse(browser, "mouseReleased", x, y, 1);
}

/* ---- pictures and complaints ------------------------------------------------------------------------------------ */

static int base64_digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool browser_screenshot(Browser *browser, const char *file) {
    json_t *result = browser_call(browser, "Page.captureScreenshot", json_pack("{s:s}", "format", "png"));
    FILE *out = result ? fopen(file, "wb") : NULL;
    bool ok = out != NULL;
    uint32_t bits = 0;
    int n = 0;
    for (const char *at = result ? text_at(result, "data") : ""; ok && base64_digit(*at) >= 0; at++) {
        bits = bits << 6 | (uint32_t)base64_digit(*at);
        n += 6;
        if (n < 8) continue;
        n -= 8;
        ok = fputc((int)(bits >> n & 255), out) != EOF;
    }
    if (out && fclose(out) != 0) ok = false;
    if (!ok && result) fail(browser, file, "could not be written");
    json_decref(result);
    return ok;
}

const char *browser_complaints(Browser *browser) {
    json_decref(browser_evaluate(browser, "0")); /* whatever was said before has arrived now */
    free(browser->told);
    browser->told = browser->complaints;
    browser->complaints = strdup("");
    return browser->told;
}
