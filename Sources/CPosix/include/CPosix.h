// Calls that Swift's Glibc module does not import. Every function returns 0 or an errno value.
#ifndef CPosix_H
#define CPosix_H

// Renames `from` to `to`, both in the same file system, and fails with EEXIST if `to` exists in any form (a dangling
// symbolic link too). Where the file system cannot do that in one call (some network file systems), it makes a hard
// link under the new name, which also refuses an existing one, and then removes the old name.
int cposix_rename_noreplace(const char *from, const char *to);

// Flushes a folder's entries, so that a rename in it survives a power cut. A file system that cannot flush folders
// (EINVAL) counts as success: there is nothing more that a program could do.
int cposix_fsync_folder(const char *path);

#endif
