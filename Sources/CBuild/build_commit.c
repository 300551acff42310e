#include "CBuild.h"

#include <stddef.h>

const char *cbuild_commit(void) {
#ifdef BUILD_COMMIT
  return BUILD_COMMIT;
#else
  return NULL;
#endif
}
