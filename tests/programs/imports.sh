#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the shared runtime takes from other libraries, in full: nothing that
# allocates, prints or locks, but for what set-up uses outside of handlers. And
# nothing is bound at its first call. Usage: imports.sh LIBRARY
set -eu
library=${1:?shared library}
allowed='
  memchr memcmp memcpy memmove memset strchr strcmp strlen strncmp strrchr strstr
  _dl_find_object
  dl_iterate_phdr getauxval getenv
  sigaction sigaltstack sigfillset
  abort clock_gettime getpagesize strcspn strtoull __register_atfork
  pthread_[a-z_]*'
# The second line is asked in handlers, free of locks; the third at set-up and
# by pclnrt_refresh(); the fourth when the crash handler is installed, and
# sigaction, which POSIX allows there, at its end. The last two are the
# collector's, which never runs in handlers: threads of its own, and their ends.
taken=$(nm -D --undefined-only "$library" | awk '$1 == "U" { print $NF }' |
  sed 's/@.*//' | grep -vxE '_ITM_.*|__cxa_finalize|__gmon_start__')
for name in $taken; do
  grep -qxE -- "$(echo $allowed | tr ' ' '|')" <<<"$name" ||
    { echo "imports: $library takes $name" >&2; exit 1; }
done
readelf -dW "$library" | grep -q 'BIND_NOW' ||
  { echo "imports: $library is not linked with -z now" >&2; exit 1; }
# (pthread_atfork is a function of libc's that is linked in, with its own call.)
if readelf -rW "$library" | grep JUMP_SLO | grep -qv __register_atfork; then
  echo "imports: $library calls through the PLT" >&2
  exit 1
fi
echo "imports: sound"
