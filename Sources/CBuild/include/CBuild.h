// Which commit was built. In a room of its own, so that a new commit compiles one file of C and what records it.
#ifndef CBUILD_H
#define CBUILD_H

/// The commit as `git describe --always --dirty` names it, or NULL where the build was not told.
const char *cbuild_commit(void);

#endif
