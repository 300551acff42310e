#define _GNU_SOURCE
#include "CPosix.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int cposix_rename_noreplace_at(int from_folder, const char *from, int to_folder, const char *to) {
  if (renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (linkat(from_folder, from, to_folder, to, 0) != 0) return errno;
  // The new name stands; an old name that cannot be removed is litter, not a failure.
  (void)unlinkat(from_folder, from, 0);
  return 0;
}

int cposix_rename_noreplace(const char *from, const char *to) {
  return cposix_rename_noreplace_at(AT_FDCWD, from, AT_FDCWD, to);
}

int cposix_fsync_folder(const char *path) {
  int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  int failure = 0;
  while (fsync(descriptor) != 0) {
    if (errno == EINTR) continue;
    failure = errno == EINVAL ? 0 : errno;
    break;
  }
  close(descriptor);
  return failure;
}

enum { READ_FLAGS = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW };

// One component after the other, none of them a link or a way up.
static int open_step_by_step(int folder, const char *path, int *descriptor) {
  int current = folder;
  for (;;) {
    const char *slash = strchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : strlen(path);
    char name[256];
    if (length == 0 || length >= sizeof name) {
      if (current != folder) close(current);
      return ENAMETOOLONG;
    }
    memcpy(name, path, length);
    name[length] = 0;
    if (strcmp(name, "..") == 0) {
      if (current != folder) close(current);
      return EXDEV;
    }
    int next = openat(current, name, slash ? O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW : READ_FLAGS);
    int failure = errno;
    if (current != folder) close(current);
    if (next < 0) return failure;
    if (!slash) {
      *descriptor = next;
      return 0;
    }
    current = next;
    path = slash + 1;
  }
}

int cposix_open_beneath(int folder, const char *path, int *descriptor) {
  struct open_how how = {.flags = READ_FLAGS,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  for (;;) {
    long opened = syscall(SYS_openat2, folder, path, &how, sizeof how);
    if (opened >= 0) {
      *descriptor = (int)opened;
      return 0;
    }
    if (errno == ENOSYS || errno == EPERM) return open_step_by_step(folder, path, descriptor);
    // EAGAIN: something on the way was being renamed.
    if (errno != EINTR && errno != EAGAIN) return errno;
  }
}

int cposix_clone_file(int from, int to) { return ioctl(to, FICLONE, from) == 0 ? 0 : errno; }

int cposix_has_writer(int descriptor) {
  // A read lease is refused with EAGAIN while the file is open for writing anywhere on this machine.
  // Whoever opens it for writing just then breaks the lease: of the signals that tell, SIGIO would end the process, and
  // SIGURG does nothing.
  (void)fcntl(descriptor, F_SETSIG, SIGURG);
  if (fcntl(descriptor, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN;
  (void)fcntl(descriptor, F_SETLEASE, F_UNLCK);
  return 0;
}

int cposix_die_with_parent(int parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
  return getppid() == parent ? 0 : ESRCH;
}

int cposix_spawn_closes_from(void *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}
