# SPDX-License-Identifier: Apache-2.0
# One fuzz target for each entry point that takes untrusted bytes. Included by
# tests.cmake.

# pclntab_fuzz_test(<entry> SOURCES <files of pclntab/...> [LIBS <names...>]
#   [SEEDS <entry>])
# builds tests/fuzz/fuzz_<entry>.c and the sources with clang's fuzzer and
# sanitizers. Not a target of CMake's compiler: only clang carries the fuzzer. A
# build with sanitizers has none of these tests, since these bring their own.
#
# The test runs the inputs of tests/fuzz/corpus/<entry>, seeds and past findings,
# and changed copies that follow from those alone (tests/fuzz/fixed_run.c): the
# same ones on every machine and after every change, so that it fails only for
# what a change broke. libFuzzer's own choice of inputs goes by coverage, which
# any change moves. To look for new failures, let it run by itself for as long as
# there is time, with several seeds:
#
#   build/release/fuzz/run_<entry> -max_total_time=600 -seed=7 \
#     build/release/fuzz/<entry> tests/fuzz/corpus/<entry>
#
# What that finds is fixed, and the input joins the corpus as found-<what>.
find_program(PCLNTAB_CLANG clang-19 REQUIRED)
set(PCLNTAB_FUZZ_COPIES 30000 CACHE STRING
  "How many changed copies of the corpus each fuzz test tries")
add_custom_target(fuzzers ALL)
function(pclntab_fuzz_test entry)
  if(PCLNTAB_SANITIZE)
    return()
  endif()
  cmake_parse_arguments(FUZZ "" "SEEDS" "SOURCES;LIBS" ${ARGN})
  list(TRANSFORM FUZZ_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/)
  list(TRANSFORM FUZZ_LIBS PREPEND -l)
  set(fuzzer ${CMAKE_CURRENT_BINARY_DIR}/fuzz/run_${entry})
  set(main ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_${entry}.c
    ${PROJECT_SOURCE_DIR}/tests/fuzz/fixed_run.c)
  file(GLOB headers ${PROJECT_SOURCE_DIR}/pclntab/*.h) # dependencies only
  add_custom_command(OUTPUT ${fuzzer}
    COMMAND ${PCLNTAB_CLANG} -std=gnu11 -O1 -g
      -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
      -I${PROJECT_SOURCE_DIR}/pclntab -I${PROJECT_SOURCE_DIR}/disasm
      -I${PROJECT_SOURCE_DIR}/tests/support
      ${main} ${FUZZ_SOURCES} ${FUZZ_LIBS} -lpthread -o ${fuzzer}
    DEPENDS ${main} ${FUZZ_SOURCES} ${headers}
    COMMENT "Building fuzz_${entry}" VERBATIM)
  add_custom_target(fuzzer_${entry} DEPENDS ${fuzzer})
  add_dependencies(fuzzers fuzzer_${entry})
  if(NOT FUZZ_SEEDS) # another target's may do
    set(FUZZ_SEEDS ${entry})
  endif()
  set(seeds ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${FUZZ_SEEDS})
  if(NOT EXISTS ${seeds})
    set(seeds "")
  endif()
  # What libFuzzer keeps when it is run by hand.
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/fuzz/${entry})
  add_test(NAME fuzz/${entry}
    COMMAND ${fuzzer} --fixed=${PCLNTAB_FUZZ_COPIES}
      --artifact=${CMAKE_CURRENT_BINARY_DIR}/fuzz/${entry}.failed ${seeds})
  set_tests_properties(fuzz/${entry} PROPERTIES LABELS fuzz
    TIMEOUT 120)
endfunction()

pclntab_fuzz_test(table SOURCES pclntab/crc32c.c pclntab/frameinfo.c
  pclntab/go_funcdata.c
  pclntab/lookup.c pclntab/lookup_open.c pclntab/pcvalue.c pclntab/pcvalue_rows.c pclntab/verify.c
  pclntab/verify_func.c pclntab/verify_funcdata.c pclntab/verify_roots.c
  pclntab/stackmap_pairs.c
  pclntab/roots_table.c pclntab/stackmap.c pclntab/stackmap_compact.c
  pclntab/stackmap_objects.c pclntab/go_args.c pclntab/go_names.c)
pclntab_fuzz_test(reader SEEDS table SOURCES pclntab/frameinfo.c
  pclntab/go_funcdata.c pclntab/image_source.c pclntab/lookup.c
  pclntab/lookup_open.c pclntab/pcvalue.c pclntab/pcvalue_rows.c
  pclntab/reader.c)
pclntab_fuzz_test(scan SEEDS table SOURCES pclntab/frameinfo.c
  pclntab/go_funcdata.c pclntab/lookup.c pclntab/lookup_open.c
  pclntab/pcvalue.c pclntab/pcvalue_rows.c pclntab/scan.c pclntab/scan_judge.c)
pclntab_fuzz_test(cfi SOURCES pclntab/cfi.c pclntab/cfi_entry.c
  pclntab/cfi_expr.c pclntab/cfi_rule.c)
pclntab_fuzz_test(functions SOURCES pclntab/src_fdes.c pclntab/src_functions.c
  pclntab/src_cfi.c pclntab/src_padding.c pclntab/src_plt.c
  pclntab/src_sort.c pclntab/cfi.c
  pclntab/cfi_entry.c pclntab/cfi_expr.c pclntab/cfi_rule.c
  pclntab/elf_image.c pclntab/module.c pclntab/status.c LIBS z zstd)
pclntab_fuzz_test(dwarf SOURCES pclntab/dwarf_abbrev.c pclntab/dwarf_build.c
  pclntab/dwarf_form.c pclntab/dwarf_info.c pclntab/dwarf_line.c
  pclntab/dwarf_names.c pclntab/dwarf_pieces.c pclntab/dwarf_units.c
  pclntab/dwarf_walk.c pclntab/module.c pclntab/parallel.c pclntab/status.c)
# What finishes a table of pointer maps: from safepoints to verified bytes.
set(pclntab_fuzz_tables pclntab/cfi.c pclntab/cfi_entry.c pclntab/cfi_expr.c
  pclntab/cfi_rule.c pclntab/crc32c.c pclntab/elf_image.c pclntab/encode.c
  pclntab/encode_func.c pclntab/encode_maps.c pclntab/frameinfo.c pclntab/go_args.c
  pclntab/go_funcdata.c pclntab/go_names.c pclntab/lookup.c
  pclntab/lookup_open.c pclntab/module.c pclntab/pcvalue.c
  pclntab/pcvalue_rows.c pclntab/pool.c pclntab/roots_table.c
  pclntab/safepoints.c pclntab/safepoints_rows.c pclntab/stackmap.c pclntab/stackmap_compact.c
  pclntab/stackmap_objects.c pclntab/stackmap_pairs.c pclntab/status.c
  pclntab/verify.c pclntab/verify_func.c pclntab/verify_funcdata.c
  pclntab/verify_roots.c)
pclntab_fuzz_test(annot LIBS z zstd SOURCES pclntab/annot.c
  pclntab/annot_forms.c pclntab/annot_inputs.c pclntab/annot_shared.c
  pclntab/src_annot.c pclntab/src_annot_count.c pclntab/src_annot_points.c
  pclntab/src_annot_roots.c pclntab/src_annot_symbols.c pclntab/src_annot_user.c
  ${pclntab_fuzz_tables})
pclntab_fuzz_test(elf SOURCES pclntab/elf_image.c pclntab/elf_plan.c
                  pclntab/elf_replace.c pclntab/elf_write.c pclntab/status.c LIBS z zstd)
pclntab_fuzz_test(code SEEDS table LIBS capstone SOURCES disasm/check.c
  disasm/check_calls.c disasm/check_code.c disasm/check_flow.c
  disasm/check_rows.c disasm/insn_aarch64.c disasm/insn_aarch64_text.c
  disasm/insn_text.c disasm/insn_x86_64.c
  pclntab/frameinfo.c pclntab/go_funcdata.c pclntab/lookup.c
  pclntab/lookup_open.c pclntab/pcvalue.c pclntab/pcvalue_rows.c
  pclntab/stackmap.c pclntab/stackmap_compact.c)
pclntab_fuzz_test(insn SOURCES disasm/insn_x86_64.c disasm/insn_aarch64.c)
pclntab_fuzz_test(image SOURCES pclntab/buildinfo.c pclntab/go_names.c
  pclntab/image.c pclntab/image_elf.c pclntab/image_macho.c pclntab/image_pe.c
  pclntab/image_xcoff.c pclntab/locate.c pclntab/locate_module.c
  pclntab/locate_version.c
  pclntab/lookup.c pclntab/lookup_open.c pclntab/pcvalue.c pclntab/crc32c.c
  pclntab/image_source.c
  pclntab/status.c tests/support/image_maker.c tests/support/sample_table.c
  tests/support/table_maker.c)
pclntab_fuzz_test(listing SEEDS table SOURCES disasm/annotate.c
  disasm/check.c
  disasm/check_calls.c
  disasm/check_code.c
  disasm/check_flow.c
  disasm/check_rows.c
  disasm/insn_aarch64.c
  disasm/insn_aarch64_text.c
  disasm/insn_text.c
  disasm/insn_x86_64.c
  pclntab/frameinfo.c pclntab/go_funcdata.c pclntab/lookup.c
  pclntab/lookup_open.c pclntab/pcvalue.c pclntab/pcvalue_rows.c
  pclntab/stackmap.c pclntab/stackmap_compact.c LIBS capstone)
pclntab_fuzz_test(funcdata SOURCES pclntab/frameinfo.c pclntab/go_args.c
  pclntab/go_funcdata.c pclntab/go_names.c pclntab/lookup.c pclntab/pcvalue.c
  pclntab/stackmap.c pclntab/stackmap_compact.c pclntab/stackmap_objects.c)
