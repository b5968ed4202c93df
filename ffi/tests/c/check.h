/* What the C tests share: a check that counts, and a closing line. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <string.h>

#include "trueline.h"

static int check_passed, check_failed;

#define CHECK(condition)                                                            \
  do {                                                                              \
    if (condition) {                                                                \
      check_passed++;                                                               \
    } else {                                                                        \
      check_failed++;                                                               \
      printf("%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__, #condition, \
             tl_last_error());                                                      \
    }                                                                               \
  } while (0)

/* The call has this status, and the last error names this. */
#define CHECK_ERROR(call, status, word)                                                      \
  do {                                                                                       \
    tl_status check_status = (call);                                                         \
    if (check_status == (status) && strstr(tl_last_error(), (word)) != NULL) {               \
      check_passed++;                                                                        \
    } else {                                                                                 \
      check_failed++;                                                                        \
      printf("%s:%d: %s gave %s: %s\n", __FILE__, __LINE__, #call, tl_status_name(check_status), \
             tl_last_error());                                                               \
    }                                                                                        \
  } while (0)

static int check_end(const char *name) {
  printf("%s: %d passed, %d failed\n", name, check_passed, check_failed);
  return check_failed == 0 ? 0 : 1;
}

#endif
