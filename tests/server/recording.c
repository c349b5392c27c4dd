// Stands between a program and the system. It notes what is done to the files of one folder, delays or fails their
// syncs as told, and is otherwise not noticed. Loaded with LD_PRELOAD.
//
//   RECORD_FOLDER     the folder
//   RECORD_TO         where to note it; nothing is noted without
//   SYNC_DELAY_US     how long each sync takes
//   SYNC_FAILS        syncs that fail, by number from 1, separated by commas
//   SYNC_FAILS_OF     the end of the names of the files whose syncs are counted for that
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out = -1;
static long n_syncs;

struct head {
    int64_t time_ns, offset;
    uint64_t inode;
    uint32_t size;
    uint16_t name_size;
    char kind, failed;
} __attribute__((packed));

// The name within the folder, or none when it is elsewhere.
static const char *inside(const char *path) {
    const char *folder = getenv("RECORD_FOLDER");
    size_t size = folder ? strlen(folder) : 0;
    if (!size || strncmp(path, folder, size)) return NULL;
    if (!path[size]) return "";
    return path[size] == '/' ? path + size + 1 : NULL;
}

static const char *name_of(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    return inside(path);
}

static void note(char kind, int failed, const char *name, int fd, int64_t offset, const void *data, size_t size) {
    const char *to = getenv("RECORD_TO");
    if (!to || !name || strstr(name, "-shm")) return;
    int before = errno;
    struct stat file = {0};
    if (fd >= 0) fstat(fd, &file);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct head head = {now.tv_sec * 1000000000LL + now.tv_nsec, offset, file.st_ino, data ? size : 0,
                        strlen(name), kind, failed != 0};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)name, strlen(name)}, {(void *)data, data ? size : 0}};
    pthread_mutex_lock(&lock);
    if (out < 0) out = syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    syscall(SYS_writev, out, parts, 3);
    pthread_mutex_unlock(&lock);
    errno = before;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int opened(int fd, int flags) {
    char path[4096];
    const char *name = fd >= 0 ? name_of(fd, path, sizeof path) : NULL;
    if (name && (flags & O_CREAT)) note('o', 0, name, fd, 0, NULL, 0);
    if (name && (flags & O_TRUNC)) note('t', 0, name, fd, 0, NULL, 0);
    return fd;
}

#define OPEN(call, declared, ...)                                   \
    int call declared {                                             \
        va_list more;                                               \
        va_start(more, flags);                                      \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0; \
        va_end(more);                                               \
        return opened(REAL(call)(__VA_ARGS__, flags, mode), flags); \
    }
OPEN(open, (const char *path, int flags, ...), path)
OPEN(open64, (const char *path, int flags, ...), path)
OPEN(openat, (int at, const char *path, int flags, ...), at, path)
OPEN(openat64, (int at, const char *path, int flags, ...), at, path)

static ssize_t written(int fd, const void *data, ssize_t n, off_t offset) {
    char path[4096];
    if (n > 0) note('w', 0, name_of(fd, path, sizeof path), fd, offset, data, n);
    return n;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    return written(fd, data, REAL(pwrite)(fd, data, size, offset), offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    return written(fd, data, REAL(pwrite64)(fd, data, size, offset), offset);
}

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t n = REAL(write)(fd, data, size);
    return written(fd, data, n, n > 0 ? lseek(fd, 0, SEEK_CUR) - n : 0);
}

static int truncated(int fd, int result, off_t size) {
    char path[4096];
    if (!result) note('t', 0, name_of(fd, path, sizeof path), fd, size, NULL, 0);
    return result;
}

int ftruncate(int fd, off_t size) { return truncated(fd, REAL(ftruncate)(fd, size), size); }
int ftruncate64(int fd, off64_t size) { return truncated(fd, REAL(ftruncate64)(fd, size), size); }

static int must_fail(const char *name) {
    const char *which = getenv("SYNC_FAILS"), *of = getenv("SYNC_FAILS_OF");
    if (!which || !of || strlen(name) < strlen(of) || strcmp(name + strlen(name) - strlen(of), of)) return 0;
    long n = __sync_add_and_fetch(&n_syncs, 1);
    while (*which) {
        char *end;
        if (strtol(which, &end, 10) == n) return 1;
        which = *end ? end + 1 : end;
    }
    return 0;
}

static int synced(int fd, int (*sync)(int)) {
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    if (!name) return sync(fd);
    if (getenv("SYNC_DELAY_US")) usleep(atol(getenv("SYNC_DELAY_US")));
    int failed = must_fail(name);
    int result = failed ? (errno = EIO, -1) : sync(fd);
    note('s', result, name, fd, 0, NULL, 0);
    return result;
}

int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

int unlink(const char *path) {
    int result = REAL(unlink)(path);
    const char *name = inside(path);
    if (!result) note('u', 0, name, -1, 0, NULL, 0);
    return result;
}

int rename(const char *from, const char *to) {
    int result = REAL(rename)(from, to);
    const char *name = inside(to);
    if (!result && inside(from)) note('r', 0, inside(from), -1, 0, name, name ? strlen(name) : 0);
    return result;
}
