#include "api/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The fields behind the name of /proc/self/stat (proc(5)), the state being the first. */
struct stat_fields {
    uint64_t user_ticks, system_ticks, virtual_bytes, resident_pages;
    unsigned threads;
};

/* False: it cannot be read, or is none. */
static bool read_stat(struct stat_fields *ret)
{
    char text[1024];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    const char *at;

    if (fd >= 0)
        (void)close(fd);
    if (len <= 0)
        return false;
    text[len] = '\0';
    /* The name may hold blanks and brackets; the last one is the kernel's. */
    at = strrchr(text, ')');
    return at && sscanf(at + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                        " %*d %*d %*d %*d %u %*d %*u %" SCNu64 " %" SCNu64,
                        &ret->user_ticks, &ret->system_ticks, &ret->threads, &ret->virtual_bytes,
                        &ret->resident_pages) == 5;
}

/* Less the one that looks. -1: not known. */
static int64_t count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int64_t count = 0;

    if (!folder)
        return -1;
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count - 1;
}

void process_read(struct process_facts *ret)
{
    const double tick_hz = (double)sysconf(_SC_CLK_TCK);
    struct stat_fields stat;
    struct rlimit limit;

    *ret = (struct process_facts){ .open_fds = count_fds(), .max_fds = -1 };
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        ret->max_fds = (int64_t)limit.rlim_cur;
    if (tick_hz <= 0 || !read_stat(&stat))
        return;
    ret->known = true;
    ret->cpu_s = (double)(stat.user_ticks + stat.system_ticks) / tick_hz;
    ret->resident_bytes = stat.resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
    ret->virtual_bytes = stat.virtual_bytes;
    ret->threads = stat.threads;
}
