# SPDX-License-Identifier: Apache-2.0
#
# What tests of programs on the collector share; sourced with $build set, and
# $clang to a release of it other than 19. A folder of its own that goes away,
# headers as they are installed, and how to compile and link.
clang=${clang:-19}
programs=$(realpath "$(dirname "${BASH_SOURCE[0]}")/programs")
lisp=$programs/lisp
root=$(realpath "$programs/../../..")
stress=gcstress=1,gcpoison=1,gcdead=1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
unset PCLNTAB_OPTIONS PCLNTAB_DEBUG
mkdir -p include/pclntab
ln -s "$root"/pclntab/*.h "$root"/runtime/*.h include/pclntab/
rm include/pclntab/link.h # private; <link.h> is the system's

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# The source files of a program: one, or all of a folder.
sources() {
  if [ -d "$programs/$1" ]; then
    echo "$programs/$1"/*.c
  else
    echo "$programs/$1".c*
  fi
}

# compile OPTIONS: by clang, of the language that the program is in.
compile() {
  case $(sources "$program") in
  *.cc) clang++-$clang -std=c++17 -Wall -Wextra "$@" ;;
  *) clang-$clang -Wall -Wextra "$@" ;;
  esac
}

# variant NAME LINKER OPTIONS: builds $program as program-NAME; NAME is that of
# a sanitizer if the runtime is to be built with it, too.
variant() {
  local name=$1 linker=$2 runtime=$build/libpclnrt.a objects=() source
  shift 2
  [ ! -f "$build/libpclnrt_$name.a" ] || runtime=$build/libpclnrt_$name.a
  for source in $(sources "$program"); do
    objects+=("$name-$(basename "${source%.c*}").o")
    compile -Iinclude -fpass-plugin="$build/llvm-$clang/pclntab-gc.so" "$@" \
      -c "$source" -o "${objects[-1]}"
  done
  local use=(-fuse-ld="$linker" -Wl,-plugin,"$build/pclntab-ld.so")
  [ "$linker" != lld ] || use=(--ld-path="$(command -v "ld.lld-$clang")"
    -Wl,-mllvm,-load="$build/pclntab-ld.so")
  compile "$@" "${use[@]}" "${objects[@]}" "$runtime" -lm -pthread \
    -o "program-$name"
}

# value KEY: from the report of the run whose standard error is in `err`.
value() { sed -n "s/^report.* $1=\([0-9]*\).*/\1/p" err; }
