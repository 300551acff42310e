#define _GNU_SOURCE
#include "CPosix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int cposix_rename_noreplace(const char *from, const char *to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (link(from, to) != 0) return errno;
  // The new name stands; an old name that cannot be removed is litter, not a failure.
  (void)unlink(from);
  return 0;
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
