#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Holds the tree to its own rules: who may include whom, which foreign
# interface has which home, what the code that runs in signal handlers may
# import, and what every file must carry. Usage: layering.sh SOURCE BUILD
set -u
src=${1:?source folder} build=${2:?build folder}
cd "$src" || exit 2
faults=0
fault() {
  echo "layering: $*"
  faults=$((faults + 1))
}
# Tracked files, or all of them where there is no repository.
files() {
  if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard -- "$@"
  else
    find "${@%%/\*}" -type f
  fi | sort -u | while read -r f; do [ -f "$f" ] && echo "$f"; done
}

# --- Who may include whom ----------------------------------------------------

# The layer a file belongs to.
layer() {
  case $1 in
  pclntab/tools/*) echo tools ;;
  pclntab/format.h | pclntab/status.[ch]) echo base ;;
  pclntab/pclntab.h | pclntab/bytes.h | pclntab/table.h | \
    pclntab/lookup*.[ch] | pclntab/pcvalue*.[ch] | pclntab/frameinfo.[ch] | \
    pclntab/verify*.[ch] | pclntab/crc32c.[ch] | pclntab/cfi*.[ch] | \
    pclntab/image*.[ch] | pclntab/locate*.[ch] | pclntab/scan*.[ch] | \
    pclntab/buildinfo.[ch] | pclntab/go_*.[ch] | pclntab/stackmap*.[ch] | \
    pclntab/reader*.[ch] | pclntab/roots_table.[ch] | pclntab/elf_header.h)
    echo lookup ;;
  pclntab/module*.[ch] | pclntab/encode*.[ch] | pclntab/decode*.[ch] | \
    pclntab/pool.[ch] | pclntab/pairs.h | pclntab/parallel.[ch] | \
    pclntab/safepoints*.[ch])
    echo model ;;
  pclntab/elf_plan.[ch] | pclntab/elf_slot.c | pclntab/elf_write.c | \
    pclntab/link*.[ch] | pclntab/check*.[ch])
    echo link ;;
  pclntab/elf_*.[ch] | pclntab/src_*.[ch] | pclntab/dwarf_*.[ch] | \
    pclntab/annot*.[ch] | pclntab/safepoints.[ch] | pclntab/sources.h)
    echo sources ;;
  pclntab/funcdata.h | pclntab/funcdata.inc) echo funcdata ;;
  ld-plugin/*.cc | ld-plugin/gc_*.h) echo gc-plugin ;;
  ld-plugin/*.c | ld-plugin/*.h) echo ld-plugin ;;
  disasm/*) echo disasm ;;
  runtime/*) echo runtime ;;
  *) echo none ;;
  esac
}

# True if layer $1 may include a header of layer $2.
may_include() {
  case $1:$2 in
  tools:* | *:base) ;;
  base:* | none:*) return 1 ;;
  lookup:lookup | model:model | model:lookup | gc-plugin:gc-plugin) ;;
  sources:sources | sources:model | sources:lookup) ;;
  link:link | link:sources | link:model | link:lookup) ;;
  ld-plugin:ld-plugin | ld-plugin:link | funcdata:funcdata) ;;
  runtime:runtime | runtime:lookup) ;;
  disasm:disasm | disasm:lookup | disasm:model) ;;
  *) return 1 ;;
  esac
}

# Where "name" as written in file $1 stands in the tree.
resolve() {
  local dir
  for dir in "$(dirname "$1")" pclntab runtime disasm ld-plugin .; do
    [ -f "$dir/$2" ] && { echo "${dir#./}/$2" | sed 's|^\./||'; return; }
  done
}

for f in $(files 'pclntab/*' 'ld-plugin/*' 'runtime/*' 'disasm/*' |
  grep -E '\.(c|h|cc|S)$'); do
  from=$(layer "$f")
  [ "$from" != none ] || fault "$f: belongs to no layer known here"
  while read -r name; do
    to_file=$(resolve "$f" "$name")
    if [ -z "$to_file" ]; then
      case $name in
      *.inc) ;; # made by the build
      *) fault "$f: \"$name\" is not in the tree" ;;
      esac
      continue
    fi
    to=$(layer "$to_file")
    case $from:$to_file in
    ld-plugin:pclntab/link.h | ld-plugin:ld-plugin/* | ld-plugin:*/status.h) ;;
    ld-plugin:*) fault "$f: of pclntab/, ld-plugin may include link.h alone" ;;
    esac
    may_include "$from" "$to" ||
      fault "$f ($from) may not include $to_file ($to)"
  done < <(sed -nE 's/^ *# *include *"([^"]+)".*/\1/p' "$f")

  # Foreign interfaces: one home each.
  while read -r name; do
    case $name in
    libelf.h | gelf.h | elfutils/* | dwarf.h)
      case $f in pclntab/elf_*.c | pclntab/src_*.c) ;;
      *) fault "$f: <$name> is for elf_*.c and src_*.c" ;; esac ;;
    capstone/*)
      case $f in disasm/insn_*.c) ;;
      *) fault "$f: <$name> is for disasm/insn_*.c" ;; esac ;;
    plugin-api.h)
      case $f in ld-plugin/linker_api.c) ;;
      *) fault "$f: <$name> is for ld-plugin/linker_api.c" ;; esac ;;
    llvm/* | clang/*)
      case $f in ld-plugin/*.cc | ld-plugin/gc_*.h) ;;
      *) fault "$f: <$name> is for ld-plugin/gc_*" ;; esac ;;
    stdio.h | stdlib.h | malloc.h | pthread.h | threads.h | semaphore.h)
      case $from in base | lookup)
        fault "$f: <$name> in the lookup half, which runs in signal handlers" ;;
      esac ;;
    sys/mman.h | sys/syscall.h | ucontext.h | signal.h)
      case $from in base | lookup | model)
        fault "$f: <$name> does not belong in $from" ;; esac ;;
    esac
  done < <(sed -nE 's/^ *# *include *<([^>]+)>.*/\1/p' "$f")
done
grep -hoE '^ *# *include.*' pclntab/format.h | grep -vq '<stdint.h>' &&
  fault "pclntab/format.h may include <stdint.h> alone"

# --- What may be imported ----------------------------------------------------

memory='malloc|calloc|realloc|reallocarray|free|posix_memalign|aligned_alloc|memalign|strn?dup|v?asprintf'
stdio='v?[fsd]?n?printf(_chk)?|__v?[fsd]?n?printf_chk|puts|fputs|putchar|fwrite|fread|fopen|fclose|fflush|perror|stderr|stdout|getline'
locks='pthread_(mutex|rwlock|spin|cond|once|barrier).*|mtx_.*|cnd_.*|call_once|sem_(wait|post|timedwait|init)|dl_iterate_phdr|dlopen|dlsym|dladdr1?|dlclose|__tls_get_addr'
# Data of libgcc.a, which not every language's linker names.
other='__assert_fail|abort|exit|atexit|strerror|setlocale|getenv|__cpu_.*'

# imports OBJECT PATTERN WHY
imports() {
  local bad
  bad=$(nm -u "$1" | awk '{print $NF}' | sed 's/@.*//' |
    grep -xE "$2" | sort -u | xargs)
  [ -z "$bad" ] || fault "${1#"$build"/}: imports $bad: $3"
}
checked=0
for o in $(find "$build" -path '*/CMakeFiles/pclntab_lookup.dir/*.o' \
  -o -path '*/CMakeFiles/pclntab_cfi.dir/*.o'); do
  imports "$o" "$memory|$stdio|$locks|$other" \
    "the lookup half runs in signal handlers"
  checked=$((checked + 1))
done
[ "$checked" -gt 0 ] || fault "no object of the lookup half found in $build"
for o in $(find "$build" -path '*/CMakeFiles/pclnrt*.dir/runtime/*.o'); do
  imports "$o" "$memory|$stdio" "the runtime has neither heap nor stdio"
  case $(basename "$o") in
  # Set-up alone: the environment and the loader's list.
  registry.c.o) imports "$o" "$locks" "a lock in the registry" ;;
  sys_linux.c.o) ;;
  # The collector: set-up, and the end of a process. Never in handlers.
  gc_options.c.o | collect_report.c.o) imports "$o" "$locks" "libc's locks" ;;
  *) imports "$o" "$locks|$other" "the unwinder runs in signal handlers" ;;
  esac
  runtime=$((${runtime:-0} + 1))
done
[ "${runtime:-0}" -gt 0 ] || fault "no object of the runtime found in $build"

# --- What every file carries -------------------------------------------------

for f in $(files '*' | grep -E '\.(c|h|cc|S|s|sh|py|cmake|go|ll)$|CMakeLists.txt$|^scripts/|^bench/run$|^\.ci/'); do
  head -3 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
    fault "$f: no licence line"
done
for f in $(files '*' | grep -vE '^LICENSE$|^tests/layering\.sh$'); do
  grep -Iq . "$f" || continue # binary or empty
  grep -nEw 'TODO|FIXME|XXX' "$f" /dev/null | sed 's/^/  /' | grep . &&
    fault "$f: unfinished work is an issue, not a comment"
  grep -n ' $' "$f" /dev/null | head -3 | sed 's/^/  /' | grep . &&
    fault "$f: blanks at the end of a line"
done
if command -v clang-format-14 >/dev/null; then
  # The version is pinned: others lay out the same style differently.
  for f in $(files '*.c' '*.h' '*.cc'); do
    clang-format-14 --dry-run -Werror "$f" >/dev/null 2>&1 ||
      fault "$f: run clang-format-14 -i on it"
  done
else
  echo "layering: clang-format-14 is not installed: formatting not checked"
fi

[ "$faults" = 0 ] || { echo "layering: $faults faults"; exit 1; }
echo "layering: sound"
