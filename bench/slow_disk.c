/* Makes every fdatasync() a millisecond longer while a file exists, as a slower disk would.
 * Preloaded into PostgreSQL by bench/cluster.py, which gives SWITCH, the path of that file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

int fdatasync(int descriptor)
{
    static int (*real)(int);
    const struct timespec millisecond = {0, 1000000};
    int answer, kept;

    if (!real)
        real = (int (*)(int)) dlsym(RTLD_NEXT, "fdatasync");
    answer = real(descriptor);
    kept = errno;
    if (access(SWITCH, F_OK) == 0)
        nanosleep(&millisecond, NULL);
    errno = kept;
    return answer;
}
