// SPDX-License-Identifier: Apache-2.0
//
// The comparison of unwind_peer.h inside any program, by LD_PRELOAD: a timer
// stops its main thread until it ends. The report is appended to the file that
// PCLNRT_COMPARE_OUT names, with the status on its last line.
#include "unwind_peer.h"

#include <limits.h>
#include <stdlib.h>

__attribute__((constructor)) static void start(void) {
  if (getenv("PCLNRT_COMPARE_OUT"))
    peer_start_timer(ULONG_MAX);
}

__attribute__((destructor)) static void finish(void) {
  const char *path = getenv("PCLNRT_COMPARE_OUT");
  FILE *out = path ? fopen(path, "a") : NULL;
  peer_done = 1;
  if (!out)
    return;
  const int status = peer_report(out);
  fprintf(out, "status %d\n", status);
  fclose(out);
}
