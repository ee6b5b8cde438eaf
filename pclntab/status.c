// SPDX-License-Identifier: Apache-2.0
//
// Text of statuses. Its own file so that a program that only looks up pulls in
// nothing else.
#include "status.h"

const char *pcln_status_text(enum pcln_status status) {
  switch (status) {
#define PCLN_STATUS_CASE(name, text)                                           \
  case name:                                                                   \
    return text;
    PCLN_STATUS_LIST(PCLN_STATUS_CASE)
#undef PCLN_STATUS_CASE
  }
  return "unknown status";
}
