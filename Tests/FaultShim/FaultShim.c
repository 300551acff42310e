#define _GNU_SOURCE
#include "FaultShim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// Everything goes to the kernel by syscall(), so that no call of ours passes through here again.

struct counters {
  _Atomic uint64_t calls;
  _Atomic uint64_t faults;
};

enum action { NONE, KILL_BEFORE, KILL_AFTER, STOP, FAIL, DONE_BUT_FAIL, SHORT };

static const char *folder, *operations, *part, *trace;
static struct counters *counters;
static uint64_t first, span = 1;
static enum action action;
static int failure;

__attribute__((constructor)) static void prepare(void) {
  const char *state = getenv("FAULT_STATE");
  const char *text = getenv("FAULT_ACTION");
  if (!getenv("FAULT_FOLDER") || !state) return;
  int file = (int)syscall(SYS_openat, AT_FDCWD, state, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *map = mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  syscall(SYS_close, file);
  if (map == MAP_FAILED) return;
  operations = getenv("FAULT_OPS");
  part = getenv("FAULT_PATH");
  trace = getenv("FAULT_TRACE");
  if (getenv("FAULT_AT")) first = strtoull(getenv("FAULT_AT"), NULL, 10);
  if (getenv("FAULT_SPAN")) span = strtoull(getenv("FAULT_SPAN"), NULL, 10);
  if (text) {
    action = !strcmp(text, "kill-before")       ? KILL_BEFORE
             : !strcmp(text, "kill-after")      ? KILL_AFTER
             : !strcmp(text, "stop")            ? STOP
             : !strncmp(text, "errno:", 6)      ? FAIL
             : !strncmp(text, "done:", 5)       ? DONE_BUT_FAIL
             : !strcmp(text, "short")           ? SHORT
                                                : NONE;
    const char *number = strchr(text, ':');
    if (number) failure = atoi(number + 1);
  }
  counters = map;
  folder = getenv("FAULT_FOLDER");
}

// The path of a descriptor, or of a name relative to one.
static int path_of(int descriptor, const char *name, char *out, size_t size) {
  if (name && name[0] == '/') return snprintf(out, size, "%s", name) < (int)size;
  char link[64];
  if (descriptor == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
  else snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  long length = syscall(SYS_readlinkat, AT_FDCWD, link, out, size - 1);
  if (length < 0) return 0;
  out[length] = 0;
  if (name && name[0]) {
    if ((size_t)length + 2 + strlen(name) > size) return 0;
    out[length] = '/';
    strcpy(out + length + 1, name);
  }
  return 1;
}

static int is_wanted(const char *operation) {
  if (!operations) return 1;
  size_t length = strlen(operation);
  for (const char *at = operations; (at = strstr(at, operation)); at += length) {
    int starts = at == operations || at[-1] == ',';
    if (starts && (at[length] == 0 || at[length] == ',')) return 1;
  }
  return 0;
}

static void note(uint64_t number, const char *operation, const char *path) {
  char line[4400];
  int length = snprintf(line, sizeof line, "%llu %d %s %s\n", (unsigned long long)number, (int)syscall(SYS_getpid),
                        operation, path);
  int file = (int)syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  if (length > (int)sizeof line - 1) length = sizeof line - 1;
  syscall(SYS_write, file, line, (size_t)length);
  syscall(SYS_close, file);
}

static void kill_group(void) {
  syscall(SYS_kill, 0, SIGKILL);
  for (;;) syscall(SYS_pause);
}

// Counts the call; what is to become of it. A kill before the call and a stop happen here.
static enum action enter(const char *operation, int descriptor, const char *name) {
  if (!folder || !is_wanted(operation)) return NONE;
  int before = errno;
  char path[4200];
  enum action todo = NONE;
  if (path_of(descriptor, name, path, sizeof path)) {
    size_t length = strlen(folder);
    int is_below = !strncmp(path, folder, length) && (path[length] == '/' || path[length] == 0);
    if (is_below && (!part || strstr(path, part))) {
      uint64_t number = atomic_fetch_add(&counters->calls, 1) + 1;
      if (trace) note(number, operation, path);
      if (action != NONE && first && number >= first && (span == 0 || number < first + span)) todo = action;
    }
  }
  if (todo != NONE) atomic_fetch_add(&counters->faults, 1);
  if (todo == KILL_BEFORE) kill_group();
  if (todo == STOP) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGSTOP);
    todo = NONE;
  }
  errno = before;
  return todo;
}

static long leave(enum action todo, long result) {
  if (todo == KILL_AFTER) kill_group();
  if (todo == DONE_BUT_FAIL && result >= 0) {
    errno = failure;
    return -1;
  }
  return result;
}

#define GUARDED(operation, descriptor, name, call)        \
  enum action todo = enter(operation, descriptor, name);  \
  if (todo == FAIL) {                                     \
    errno = failure;                                      \
    return -1;                                            \
  }                                                       \
  return leave(todo, (call))

static int open_file(int at, const char *name, int flags, mode_t mode) {
  if (!(flags & (O_CREAT | O_TRUNC))) return (int)syscall(SYS_openat, at, name, flags, mode);
  enum action todo = enter("open", at, name);
  if (todo == FAIL || todo == DONE_BUT_FAIL) {
    errno = failure;
    return -1;
  }
  long result = syscall(SYS_openat, at, name, flags, mode);
  if (todo == KILL_AFTER) kill_group();
  return (int)result;
}

#define MODE(flags)                             \
  mode_t mode = 0;                              \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {      \
    va_list rest;                               \
    va_start(rest, flags);                      \
    mode = (mode_t)va_arg(rest, unsigned);      \
    va_end(rest);                               \
  }

int open(const char *name, int flags, ...) {
  MODE(flags)
  return open_file(AT_FDCWD, name, flags, mode);
}
int open64(const char *name, int flags, ...) {
  MODE(flags)
  return open_file(AT_FDCWD, name, flags | O_LARGEFILE, mode);
}
int openat(int at, const char *name, int flags, ...) {
  MODE(flags)
  return open_file(at, name, flags, mode);
}
int openat64(int at, const char *name, int flags, ...) {
  MODE(flags)
  return open_file(at, name, flags | O_LARGEFILE, mode);
}

ssize_t write(int file, const void *bytes, size_t count) {
  enum action todo = enter("write", file, NULL);
  if (todo == FAIL) {
    errno = failure;
    return -1;
  }
  if (todo == SHORT && count > 1) count /= 2;
  return leave(todo, syscall(SYS_write, file, bytes, count));
}

static ssize_t write_at(int file, const void *bytes, size_t count, off_t offset) {
  enum action todo = enter("write", file, NULL);
  if (todo == FAIL) {
    errno = failure;
    return -1;
  }
  if (todo == SHORT && count > 1) count /= 2;
  return leave(todo, syscall(SYS_pwrite64, file, bytes, count, offset));
}
ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) { return write_at(file, bytes, count, offset); }
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
  return write_at(file, bytes, count, offset);
}
ssize_t writev(int file, const struct iovec *pieces, int count) {
  GUARDED("write", file, NULL, syscall(SYS_writev, file, pieces, count));
}

int fsync(int file) { GUARDED("fsync", file, NULL, (int)syscall(SYS_fsync, file)); }
int fdatasync(int file) { GUARDED("fsync", file, NULL, (int)syscall(SYS_fdatasync, file)); }
int ftruncate(int file, off_t length) { GUARDED("ftruncate", file, NULL, (int)syscall(SYS_ftruncate, file, length)); }
int ftruncate64(int file, off64_t length) {
  GUARDED("ftruncate", file, NULL, (int)syscall(SYS_ftruncate, file, length));
}

// A rename and a link count under the name that they make.
int rename(const char *from, const char *to) {
  GUARDED("rename", AT_FDCWD, to, (int)syscall(SYS_rename, from, to));
}
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  GUARDED("rename", to_folder, to, (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0));
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  GUARDED("rename", to_folder, to, (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}
int link(const char *from, const char *to) {
  GUARDED("link", AT_FDCWD, to, (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
  GUARDED("link", to_folder, to, (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags));
}

int unlink(const char *name) { GUARDED("unlink", AT_FDCWD, name, (int)syscall(SYS_unlinkat, AT_FDCWD, name, 0)); }
int unlinkat(int at, const char *name, int flags) {
  GUARDED(flags & AT_REMOVEDIR ? "rmdir" : "unlink", at, name, (int)syscall(SYS_unlinkat, at, name, flags));
}
int remove(const char *name) {
  enum action todo = enter("unlink", AT_FDCWD, name);
  if (todo == FAIL) {
    errno = failure;
    return -1;
  }
  long result = syscall(SYS_unlinkat, AT_FDCWD, name, 0);
  if (result != 0 && errno == EISDIR) result = syscall(SYS_unlinkat, AT_FDCWD, name, AT_REMOVEDIR);
  return (int)leave(todo, result);
}
int mkdir(const char *name, mode_t mode) {
  GUARDED("mkdir", AT_FDCWD, name, (int)syscall(SYS_mkdirat, AT_FDCWD, name, mode));
}
int mkdirat(int at, const char *name, mode_t mode) {
  GUARDED("mkdir", at, name, (int)syscall(SYS_mkdirat, at, name, mode));
}
int rmdir(const char *name) {
  GUARDED("rmdir", AT_FDCWD, name, (int)syscall(SYS_unlinkat, AT_FDCWD, name, AT_REMOVEDIR));
}
int chmod(const char *name, mode_t mode) {
  GUARDED("chmod", AT_FDCWD, name, (int)syscall(SYS_fchmodat, AT_FDCWD, name, mode));
}
int fchmod(int file, mode_t mode) { GUARDED("chmod", file, NULL, (int)syscall(SYS_fchmod, file, mode)); }

static int roomy(struct statvfs *status, int result) {
  if (result == 0 && getenv("FAULT_FREE")) status->f_bavail = status->f_bfree = (1ul << 40) / status->f_frsize;
  return result;
}
int statvfs(const char *name, struct statvfs *status) {
  int (*next)(const char *, struct statvfs *) = dlsym(RTLD_NEXT, "statvfs");
  return roomy(status, next(name, status));
}
int statvfs64(const char *name, struct statvfs64 *status) {
  int (*next)(const char *, struct statvfs *) = dlsym(RTLD_NEXT, "statvfs");
  return roomy((struct statvfs *)status, next(name, (struct statvfs *)status));
}

static int notices_are(const char *what) {
  const char *text = getenv("FAULT_NOTICES");
  return text && !strcmp(text, what);
}
int inotify_init1(int flags) {
  if (notices_are("fail")) {
    errno = EMFILE;
    return -1;
  }
  return (int)syscall(SYS_inotify_init1, flags);
}
int inotify_add_watch(int file, const char *name, uint32_t mask) {
  if (notices_are("full")) {
    errno = ENOSPC;
    return -1;
  }
  if (notices_are("lost")) return 1;
  return (int)syscall(SYS_inotify_add_watch, file, name, mask);
}

int ioctl(int file, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  unsigned long argument = va_arg(rest, unsigned long);
  va_end(rest);
  if (request != FICLONE) return (int)syscall(SYS_ioctl, file, request, argument);
  GUARDED("clone", file, NULL, (int)syscall(SYS_ioctl, file, request, argument));
}
