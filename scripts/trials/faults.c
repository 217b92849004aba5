/* Preloaded into a command: counts what it asks of the file system below one folder, and lets the n-th request fail.
 *
 * `TRIALS_FAULTS` names a file of `struct state`, which all processes of the command and the trial share.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, SYNC = 4, RENAME = 8, MAKE = 16 };

/* faults.py knows this layout. */
struct state {
    long count;  /* requests so far */
    long first;  /* the first that fails, 0 for none */
    long last;   /* the last that fails */
    long error;  /* errno, or 0: the process is killed instead */
    long kinds;  /* which kinds are counted */
    char root[1000];
    char what[1000]; /* the first that failed */
};

static struct state *state;

__attribute__((constructor)) static void start(void) {
    const char *name = getenv("TRIALS_FAULTS");
    int file = name ? (int)syscall(SYS_openat, AT_FDCWD, name, O_RDWR, 0) : -1;
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED) state = memory;
}

/* Whether this request fails; errno is set then. */
static int fails(int kind, const char *path, const char *name) {
    if (!state || !(state->kinds & kind) || !state->root[0]) return 0;
    size_t length = strlen(state->root);
    if (strncmp(path, state->root, length) || (path[length] && path[length] != '/')) return 0;
    long number = __atomic_add_fetch(&state->count, 1, __ATOMIC_SEQ_CST);
    if (!state->first || number < state->first || number > state->last) return 0;
    if (number == state->first) snprintf(state->what, sizeof state->what, "%s %s", name, path + length);
    if (!state->error) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    errno = (int)state->error;
    return 1;
}

static int path_fails(int kind, int folder, const char *path, const char *name) {
    char whole[2 * PATH_MAX], link[64];
    ssize_t length = 0;
    if (!state || !path) return 0;
    if (path[0] == '/') return fails(kind, path, name);
    if (folder == AT_FDCWD) {
        if (!getcwd(whole, PATH_MAX)) return 0;
        length = strlen(whole);
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        if ((length = readlink(link, whole, PATH_MAX)) < 0) return 0;
    }
    snprintf(whole + length, sizeof whole - length, "/%s", path);
    return fails(kind, whole, name);
}

static int file_fails(int kind, int file, const char *name) {
    char path[PATH_MAX + 1], link[64];
    if (!state) return 0;
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX);
    errno = before;
    if (length < 0) return 0;
    path[length] = 0;
    return fails(kind, path, name);
}

#define NEXT(type, name, ...) \
    static type (*next)(__VA_ARGS__); \
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, name)

#define OPENS(function, text) \
    int function(const char *path, int flags, ...) { \
        NEXT(int, text, const char *, int, ...); \
        va_list list; \
        va_start(list, flags); \
        mode_t mode = va_arg(list, mode_t); \
        va_end(list); \
        if ((flags & (O_CREAT | O_WRONLY | O_RDWR)) && path_fails(OPEN, AT_FDCWD, path, "open")) return -1; \
        return next(path, flags, mode); \
    }
OPENS(open, "open")
OPENS(open64, "open64")

#define OPENS_AT(function, text) \
    int function(int folder, const char *path, int flags, ...) { \
        NEXT(int, text, int, const char *, int, ...); \
        va_list list; \
        va_start(list, flags); \
        mode_t mode = va_arg(list, mode_t); \
        va_end(list); \
        if ((flags & (O_CREAT | O_WRONLY | O_RDWR)) && path_fails(OPEN, folder, path, "open")) return -1; \
        return next(folder, path, flags, mode); \
    }
OPENS_AT(openat, "openat")
OPENS_AT(openat64, "openat64")

#define FOPENS(function, text) \
    FILE *function(const char *path, const char *mode) { \
        NEXT(FILE *, text, const char *, const char *); \
        if (strpbrk(mode, "wa+") && path_fails(OPEN, AT_FDCWD, path, "open")) return NULL; \
        return next(path, mode); \
    }
FOPENS(fopen, "fopen")
FOPENS(fopen64, "fopen64")

ssize_t write(int file, const void *data, size_t size) {
    NEXT(ssize_t, "write", int, const void *, size_t);
    return file_fails(WRITE, file, "write") ? -1 : next(file, data, size);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    NEXT(ssize_t, "writev", int, const struct iovec *, int);
    return file_fails(WRITE, file, "write") ? -1 : next(file, parts, count);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t place) {
    NEXT(ssize_t, "pwrite", int, const void *, size_t, off_t);
    return file_fails(WRITE, file, "write") ? -1 : next(file, data, size, place);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t place) {
    NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return file_fails(WRITE, file, "write") ? -1 : next(file, data, size, place);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
    NEXT(size_t, "fwrite", const void *, size_t, size_t, FILE *);
    return file_fails(WRITE, fileno(file), "write") ? 0 : next(data, size, count, file);
}

int fsync(int file) {
    NEXT(int, "fsync", int);
    return file_fails(SYNC, file, "fsync") ? -1 : next(file);
}

int fdatasync(int file) {
    NEXT(int, "fdatasync", int);
    return file_fails(SYNC, file, "fsync") ? -1 : next(file);
}

int rename(const char *from, const char *to) {
    NEXT(int, "rename", const char *, const char *);
    return path_fails(RENAME, AT_FDCWD, to, "rename") ? -1 : next(from, to);
}

int renameat(int one, const char *from, int other, const char *to) {
    NEXT(int, "renameat", int, const char *, int, const char *);
    return path_fails(RENAME, other, to, "rename") ? -1 : next(one, from, other, to);
}

int mkdir(const char *path, mode_t mode) {
    NEXT(int, "mkdir", const char *, mode_t);
    return path_fails(MAKE, AT_FDCWD, path, "mkdir") ? -1 : next(path, mode);
}

int mkdirat(int folder, const char *path, mode_t mode) {
    NEXT(int, "mkdirat", int, const char *, mode_t);
    return path_fails(MAKE, folder, path, "mkdir") ? -1 : next(folder, path, mode);
}
