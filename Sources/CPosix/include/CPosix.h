// Calls that Swift's Glibc module does not import. Every function returns 0 or an errno value unless it says otherwise.
#ifndef CPosix_H
#define CPosix_H

// Renames `from` to `to`, both in the same file system, and fails with EEXIST if `to` exists in any form (a dangling
// symbolic link too). Where the file system cannot do that in one call (some network file systems), it makes a hard
// link under the new name, which also refuses an existing one, and then removes the old name.
int cposix_rename_noreplace(const char *from, const char *to);

// The same with each name relative to an open folder.
int cposix_rename_noreplace_at(int from_folder, const char *from, int to_folder, const char *to);

// Flushes a folder's entries, so that a rename in it survives a power cut. A file system that cannot flush folders
// (EINVAL) counts as success: there is nothing more that a program could do.
int cposix_fsync_folder(const char *path);

// Opens `path` for reading beneath the open folder `folder`: no step may leave the folder or follow a symbolic link, and
// nothing blocks. On success *descriptor is the open file. A kernel without openat2 is served step by step.
int cposix_open_beneath(int folder, const char *path, int *descriptor);

// Makes the empty file `to` share the blocks of `from` (copy on write); EOPNOTSUPP, EXDEV or EINVAL where the file
// system cannot.
int cposix_clone_file(int from, int to);

// Returns 1 if another process has this regular file open for writing, 0 if none has or it cannot be told (the lease
// that tells needs the file's owner and a local file system).
int cposix_has_writer(int descriptor);

// Has the kernel kill this process when the thread that started it ends; returns an errno value, ESRCH if the parent is
// no longer `parent`.
int cposix_die_with_parent(int parent);

// Adds to what a new process does first (`actions` is a posix_spawn_file_actions_t): it closes every descriptor from
// `first` on. What a library or another thread has open without close-on-exec in that moment would stay open in it for as
// long as it lives.
int cposix_spawn_closes_from(void *actions, int first);

#endif
