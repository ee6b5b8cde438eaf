# SPDX-License-Identifier: Apache-2.0
#
# For tests that source it: is a table sound? They have set $dump and have a
# function fail.

# verified FILE: its table is sound. In static programs --verify finds code of
# the C library that its own call frame information does not describe.
verified() {
  local libc='call_fini|__restore_rt|_dl_runtime_[a-z0-9_]+|__mpn_(add|sub)mul_1'
  "$dump" --verify "$1" >verify.log 2>&1 && return
  grep '^fault ' verify.log >findings.log || { cat verify.log; fail "$1"; }
  if grep -vE "^fault code-(start|depth) error .*func=($libc) " findings.log; then
    fail "$1"
  fi
}
