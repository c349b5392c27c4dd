/* A disk whose sync takes FSYNC_MS milliseconds at least, whatever the real one takes: loaded before the
   program under test, so that a goal stated for such a disk can be measured on any machine. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int slowly(const char *name, int fd) {
    const char *text = getenv("FSYNC_MS");
    long left = (text ? atol(text) : 0) * 1000000L;
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    int result = ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    left -= (ended.tv_sec - begun.tv_sec) * 1000000000L + ended.tv_nsec - begun.tv_nsec;
    if (left > 0) {
        struct timespec pause = {0, left};
        nanosleep(&pause, NULL);
    }
    return result;
}

int fsync(int fd) { return slowly("fsync", fd); }

int fdatasync(int fd) { return slowly("fdatasync", fd); }
