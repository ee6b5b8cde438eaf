#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds real programs in every combination that the tests look at: compiler,
# optimisation, frame pointers, linker, link-time optimisation. Each set of
# flags is compiled once and linked by each linker with the plugin.
#
#   tests/real/build.sh BUILD      BUILD is a finished build of this project
#
# makes BUILD/real/<program>-<cc>-<flags>-<linker> and, for whoever iterates
# over them, BUILD/real/list: one line each of
#
#   path program cc flags linker
#
# Only what changed is built again: the work is done by ninja, from the file
# that this script writes.
#
#   tests/real/build.sh BUILD --objects PROGRAM CC FLAGS
#
# compiles one set of objects, BUILD/real/obj/<program>-<cc>-<flags>/*.o, and
# links nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?build folder}" && pwd)
out=$build/real
src=$out/src
cache=${PCLNTAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pclntab}/sources
plugin=${PCLNTAB_PLUGIN:-$build/pclntab-ld.so}
programs="sqlite lua jsonnet"
objects_of=""
if [ "${2-}" = --objects ]; then
  programs=${3:?program}
  objects_of=$programs-${4:?compiler}-${5:?flags}
fi
mkdir -p "$src"

# --- Sources -------------------------------------------------------------------

# unpack NAME: the Debian source package NAME with its patches, into $src/NAME.
unpack() {
  [ -e "$src/$1/.unpacked" ] && return
  compgen -G "$cache/$1/*.dsc" >/dev/null ||
    { echo "build.sh: no source of $1: run scripts/deps" >&2; exit 2; }
  echo "unpacking $1"
  rm -rf "${src:?}/$1"
  # apt verified the files against the archive's signature.
  (cd "$src" && dpkg-source --no-check --no-copy -x "$cache/$1"/*.dsc "$1" \
    >unpack.log 2>&1) || { cat "$src/unpack.log" >&2; exit 2; }
  case $1 in
  sqlite3) # one file of all, as its authors recommend to compile it
    echo "generating sqlite3.c"
    (cd "$src/$1" && { ./configure --disable-tcl --disable-readline &&
      make sqlite3.c shell.c; } >../sqlite3.log 2>&1) ||
      { tail -20 "$src/sqlite3.log" >&2; exit 2; } ;;
  lua5.4) # Debian's build makes this header
    echo '#define DEB_HOST_MULTIARCH "x86_64-linux-gnu"' \
      >"$src/$1/src/lua5.4-deb-multiarch.h" ;;
  jsonnet) # the standard library, as numbers between commas
    (cd "$src/$1" && { od -v -An -t u1 stdlib/std.jsonnet | tr -s ' \n' ',,' |
      sed 's/^,//'; echo 0; } >core/std.jsonnet.h) ;;
  esac
  touch "$src/$1/.unpacked"
}

# --- What to build -------------------------------------------------------------

# units PROGRAM: its source files, relative to $src.
units() {
  case $1 in
  sqlite) echo sqlite3/sqlite3.c sqlite3/shell.c ;;
  lua) (cd "$src" && ls lua5.4/src/*.c | grep -v /luac.c) ;;
  jsonnet)
    (cd "$src" && ls jsonnet/core/{desugarer,formatter,lexer,libjsonnet}.cpp \
      jsonnet/core/{parser,pass,static_analysis,string_utils,vm}.cpp \
      jsonnet/cmd/{jsonnet,utils}.cpp jsonnet/third_party/md5/md5.cpp \
      jsonnet/third_party/rapidyaml/rapidyaml/{src/c4/yml,ext/c4core/src/c4}/*.cpp)
    ;;
  esac
}
cflags_of() {
  local j=$src/jsonnet t=$src/jsonnet/third_party
  case $1 in
  sqlite) echo "-DSQLITE_THREADSAFE=1 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_JSON1 -I$src/sqlite3" ;;
  lua) echo "-DLUA_USE_LINUX -DLUA_COMPAT_5_3" ;;
  jsonnet) echo "-std=c++11 -I$j/include -I$t/md5 -I$t/json -I$t/rapidyaml/rapidyaml/src -I$t/rapidyaml/rapidyaml/ext/c4core/src" ;;
  esac
}
libs_of() {
  case $1 in
  sqlite | lua) echo "-lm -ldl -lpthread" ;;
  esac
}
# compiler PROGRAM CC
compiler() {
  case $1:$2 in
  jsonnet:gcc) echo g++ ;;
  jsonnet:clang) echo clang++-19 ;;
  *:clang) echo clang-19 ;;
  *) echo gcc ;;
  esac
}
flags_of() {
  case $1 in
  O0) echo "-O0 -g" ;; # keeps frame pointers
  O2) echo "-O2 -g" ;; # omits them
  O2fp) echo "-O2 -g -fno-omit-frame-pointer" ;;
  lto) echo "-O2 -g -flto" ;;
  thinlto) echo "-O2 -g -flto=thin" ;;
  esac
}
# link_flags CC LINKER: the linker, with the plugin.
link_flags() {
  case $2 in
  lld) # not on the path under this name
    echo "-fuse-ld=lld -B/usr/lib/llvm-19/bin -Wl,-mllvm,-load=$plugin" ;;
  *) echo "-fuse-ld=$2 -Wl,-plugin,$plugin" ;;
  esac
}
all=(bfd gold lld)
matrix() { # program cc flags linkers...
  local p
  for p in $programs; do
    case $p in
    sqlite)
      echo "sqlite gcc O0 ${all[*]}"
      echo "sqlite gcc O2 ${all[*]}"
      echo "sqlite gcc O2fp ${all[*]}"
      echo "sqlite gcc lto bfd gold" ;; # lld reads no GCC bytecode
    lua)
      echo "lua gcc O0 ${all[*]}"
      echo "lua gcc O2 ${all[*]}"
      echo "lua gcc O2fp ${all[*]}"
      echo "lua clang O0 ${all[*]}"
      echo "lua clang O2 ${all[*]}" ;;
    jsonnet)
      echo "jsonnet gcc O0 ${all[*]}"
      echo "jsonnet gcc O2 ${all[*]}"
      echo "jsonnet clang thinlto ${all[*]}" ;;
    esac
  done
}

# --- The ninja file ------------------------------------------------------------

declare -A package=([sqlite]=sqlite3 [lua]=lua5.4 [jsonnet]=jsonnet)
for p in $programs; do unpack "${package[$p]}"; done

list=$(mktemp -p "$out")
ninja_file=$(mktemp -p "$out" XXXXXX.ninja)
trap 'rm -f "$list" "$ninja_file"' EXIT
{
  cat <<'RULES'
rule cc
  command = $cc $flags -w -MMD -MF $out.d -c $in -o $out
  depfile = $out.d
  description = compile $out
rule link
  command = $cc $flags $in -o $out $link
  description = link $out
pool links
  depth = 2
RULES
  while read -r p cc flags linkers; do
    objs=""
    for u in $(units "$p"); do
      o=obj/$p-$cc-$flags/${u//\//_}.o
      objs+=" $o"
      echo "build $o: cc $src/$u"
      echo "  cc = $(compiler "$p" "$cc")"
      echo "  flags = $(flags_of "$flags") $(cflags_of "$p")"
    done
    echo "build $p-$cc-$flags: phony$objs"
    for linker in $linkers; do
      exe=$p-$cc-$flags-$linker
      echo "build $exe: link$objs | $plugin"
      echo "  cc = $(compiler "$p" "$cc")"
      echo "  flags = $(flags_of "$flags")"
      echo "  link = $(link_flags "$cc" "$linker") $(libs_of "$p")"
      echo "  pool = links"
      echo "$out/$exe $p $cc $flags $linker" >>"$list"
    done
  done < <(matrix)
} >"$ninja_file"

cd "$out"
# Each finished step is one line, so that a long build shows that it moves.
ninja -f "$ninja_file" -j "${PCLNTAB_JOBS:-$(nproc)}" $objects_of | cat
[ -z "$objects_of" ] || exit 0
chmod 644 "$list"
mv "$list" list
echo "real programs: $(wc -l <list) in $out"
