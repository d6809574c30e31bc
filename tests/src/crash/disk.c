// For tests: loaded into the program (LD_PRELOAD), it writes down in order what is done to the files below a folder, and
// makes syncs slow. So the power can be cut at any moment of a real run, and a real run can have a slow disk.
//
// CRASH_DISK_BELOW   the folder
// CRASH_DISK_RECORD  the file that is written to: for each operation its letter, at (u64), lengths of path and bytes
//                    (u64 each, of this machine's order), path, bytes
// CRASH_DISK_DELAY   a file with the microseconds that a sync takes longer; may change, may be missing
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// Held over an operation and its record, so that the order written down is the order on the disk.
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static int is_below(const char *path) {
    const char *below = getenv("CRASH_DISK_BELOW");
    size_t length = below ? strlen(below) : 0;
    return length && !strncmp(path, below, length) && (path[length] == '/' || !path[length]);
}

// The path of an open file below the folder.
static int path_of(int fd, char path[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    const char *end = strrchr(path, ' ');
    int is_removed = end && !strcmp(end, " (deleted)");
    return length > 0 && !is_removed && is_below(path);
}

static void put(int out, const void *from, size_t length) {
    const char *at = from;
    while (length) {
        ssize_t written = REAL(write)(out, at, length);
        if (written < 0 && errno == EINTR) continue;
        // A record with a gap would show cuts that never were.
        if (written <= 0) abort();
        at += written, length -= (size_t)written;
    }
}

static void record(char letter, uint64_t at, const char *path, const void *bytes, uint64_t length) {
    static int out = -1;
    int kept = errno;
    const char *name = getenv("CRASH_DISK_RECORD");
    if (!name) return;
    if (out < 0) out = REAL(open)(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    uint64_t numbers[3] = {at, strlen(path), length};
    char *whole = malloc(1 + sizeof numbers + numbers[1] + length);
    if (out < 0 || !whole) abort();
    whole[0] = letter;
    memcpy(whole + 1, numbers, sizeof numbers);
    memcpy(whole + 1 + sizeof numbers, path, numbers[1]);
    if (length) memcpy(whole + 1 + sizeof numbers + numbers[1], bytes, length);
    put(out, whole, 1 + sizeof numbers + numbers[1] + length);
    free(whole);
    errno = kept;
}

// Does something to a path of its own, and writes it down when it was done.
#define DONE(result, letter, at, path, bytes, length)                                  \
    do {                                                                               \
        pthread_mutex_lock(&turn);                                                     \
        __typeof__(result) done = (result);                                            \
        if (done >= 0) record(letter, (uint64_t)(at), path, bytes, (uint64_t)(length)); \
        pthread_mutex_unlock(&turn);                                                   \
        return done;                                                                   \
    } while (0)

static int open_file(__typeof__(&open) real, const char *path, int flags, mode_t mode) {
    if (!(flags & (O_CREAT | O_TRUNC)) || !is_below(path)) return real(path, flags, mode);
    pthread_mutex_lock(&turn);
    int was_there = !access(path, F_OK), fd = real(path, flags, mode);
    if (fd >= 0 && !was_there) record('c', 0, path, NULL, 0);
    else if (fd >= 0 && flags & O_TRUNC) record('z', 0, path, NULL, 0);
    pthread_mutex_unlock(&turn);
    return fd;
}

#define OPEN(name)                                              \
    int name(const char *path, int flags, ...) {                \
        va_list more;                                           \
        va_start(more, flags);                                  \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0; \
        va_end(more);                                           \
        return open_file(REAL(name), path, flags, mode);        \
    }
OPEN(open)
OPEN(open64)

int mkdir(const char *path, mode_t mode) {
    if (!is_below(path)) return REAL(mkdir)(path, mode);
    DONE(REAL(mkdir)(path, mode), 'd', 0, path, NULL, 0);
}

int rename(const char *from, const char *to) {
    if (!is_below(from)) return REAL(rename)(from, to);
    DONE(REAL(rename)(from, to), 'r', 0, from, to, strlen(to));
}

int unlink(const char *path) {
    if (!is_below(path)) return REAL(unlink)(path);
    DONE(REAL(unlink)(path), 'u', 0, path, NULL, 0);
}

#define PWRITE(name, offset)                                                          \
    ssize_t name(int fd, const void *bytes, size_t length, offset at) {               \
        char path[PATH_MAX];                                                          \
        if (!path_of(fd, path)) return REAL(name)(fd, bytes, length, at);             \
        DONE(REAL(name)(fd, bytes, length, at), 'w', at, path, bytes, done);          \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *bytes, size_t length) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return REAL(write)(fd, bytes, length);
    DONE(REAL(write)(fd, bytes, length), 'w', lseek(fd, 0, SEEK_CUR) - done, path, bytes, done);
}

#define FTRUNCATE(name, offset)                                       \
    int name(int fd, offset size) {                                   \
        char path[PATH_MAX];                                          \
        if (!path_of(fd, path)) return REAL(name)(fd, size);          \
        DONE(REAL(name)(fd, size), 'z', size, path, NULL, 0);         \
    }
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

static void take_time(void) {
    const char *name = getenv("CRASH_DISK_DELAY");
    FILE *file = name ? fopen(name, "re") : NULL;
    unsigned microseconds = 0;
    if (file && fscanf(file, "%u", &microseconds) == 1) usleep(microseconds);
    if (file) fclose(file);
}

#define SYNC(name)                                               \
    int name(int fd) {                                           \
        char path[PATH_MAX];                                     \
        if (!path_of(fd, path)) return REAL(name)(fd);           \
        take_time();                                             \
        DONE(REAL(name)(fd), 's', 0, path, NULL, 0);             \
    }
SYNC(fsync)
SYNC(fdatasync)
