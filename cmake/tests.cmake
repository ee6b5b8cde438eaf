# SPDX-License-Identifier: Apache-2.0
# Every test, by name. With PCLNTAB_ASAN_BUILD, the folder of a finished build
# with sanitizers, each unit test runs from there as well, so that one run of
# ctest covers both.
set(PCLNTAB_ASAN_BUILD "" CACHE PATH "A finished build of the asan preset")
find_library(CMOCKA_LIBRARY cmocka REQUIRED)

# pclntab_unit_test(<module> <objects or libraries...>): tests/unit/test_<module>.c
function(pclntab_unit_test module)
  add_executable(test_${module} ${PROJECT_SOURCE_DIR}/tests/unit/test_${module}.c)
  target_include_directories(test_${module} PRIVATE
    ${PROJECT_SOURCE_DIR}/tests/support)
  target_link_libraries(test_${module} PRIVATE pclntab_warnings pclntab_headers
    ${ARGN} ${CMOCKA_LIBRARY})
  add_test(NAME unit/${module} COMMAND test_${module})
  set_tests_properties(unit/${module} PROPERTIES LABELS unit)
  if(PCLNTAB_ASAN_BUILD)
    add_test(NAME asan/${module} COMMAND ${PCLNTAB_ASAN_BUILD}/test_${module})
    set_tests_properties(asan/${module} PROPERTIES LABELS asan)
  endif()
endfunction()

# pclntab_fuzz_test(<entry> SOURCES <files of pclntab/...> [LIBS <names...>])
# builds tests/fuzz/fuzz_<entry>.c and the sources with clang's fuzzer and
# sanitizers, and runs it for a few seconds from tests/fuzz/corpus/<entry>.
# Not a target of CMake's compiler: only clang carries the fuzzer. A build with
# sanitizers has none of these tests, since these bring their own.
find_program(PCLNTAB_CLANG clang-19 REQUIRED)
set(PCLNTAB_FUZZ_SECONDS 8 CACHE STRING "How long each fuzz target runs")
add_custom_target(fuzzers ALL)
function(pclntab_fuzz_test entry)
  if(PCLNTAB_SANITIZE)
    return()
  endif()
  cmake_parse_arguments(FUZZ "" "" "SOURCES;LIBS" ${ARGN})
  list(TRANSFORM FUZZ_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/)
  list(TRANSFORM FUZZ_LIBS PREPEND -l)
  set(fuzzer ${CMAKE_CURRENT_BINARY_DIR}/fuzz/run_${entry})
  set(main ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_${entry}.c)
  file(GLOB headers ${PROJECT_SOURCE_DIR}/pclntab/*.h) # dependencies only
  add_custom_command(OUTPUT ${fuzzer}
    COMMAND ${PCLNTAB_CLANG} -std=gnu11 -O1 -g
      -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
      -I${PROJECT_SOURCE_DIR}/pclntab -I${PROJECT_SOURCE_DIR}/tests/support
      ${main} ${FUZZ_SOURCES} ${FUZZ_LIBS} -lpthread -o ${fuzzer}
    DEPENDS ${main} ${FUZZ_SOURCES} ${headers}
    COMMENT "Building fuzz_${entry}" VERBATIM)
  add_custom_target(fuzzer_${entry} DEPENDS ${fuzzer})
  add_dependencies(fuzzers fuzzer_${entry})
  set(seeds ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${entry})
  if(NOT EXISTS ${seeds})
    set(seeds "")
  endif()
  # New inputs go to the build folder, failing ones too.
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/fuzz/${entry})
  add_test(NAME fuzz/${entry}
    COMMAND ${fuzzer} -max_total_time=${PCLNTAB_FUZZ_SECONDS} -timeout=10
      -rss_limit_mb=2048 -seed=1 -print_final_stats=1
      -artifact_prefix=${CMAKE_CURRENT_BINARY_DIR}/fuzz/
      ${CMAKE_CURRENT_BINARY_DIR}/fuzz/${entry} ${seeds})
  set_tests_properties(fuzz/${entry} PROPERTIES LABELS fuzz
    TIMEOUT 120)
endfunction()

# The rules of the house: who may include whom, what may be imported.
add_test(NAME style/layering COMMAND ${PROJECT_SOURCE_DIR}/tests/layering.sh
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
set_tests_properties(style/layering PROPERTIES LABELS style)

pclntab_unit_test(module pclntab_model pclntab_lookup)
pclntab_unit_test(elf_image pclntab_sources pclntab_model pclntab_lookup)
pclntab_unit_test(elf_write pclntab_sources pclntab_model pclntab_lookup)
pclntab_unit_test(crc32c pclntab_lookup)
include(cmake/runtime_tests.cmake)
pclntab_unit_test(pool pclntab_model pclntab_lookup)
pclntab_unit_test(encode pclntab_model pclntab_lookup)
pclntab_unit_test(decode pclntab_model pclntab_lookup)
target_link_options(test_decode PRIVATE
  -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)

# Small tables made by hand, for the reader's tests.
add_library(test_tables OBJECT
  tests/support/sample_table.c
  tests/support/table_maker.c)
target_link_libraries(test_tables PRIVATE pclntab_warnings
                      PUBLIC pclntab_headers)
target_include_directories(test_tables PUBLIC tests/support)
pclntab_unit_test(lookup test_tables pclntab_lookup)
pclntab_unit_test(pcvalue test_tables pclntab_lookup)
pclntab_unit_test(frameinfo test_tables pclntab_lookup)
pclntab_unit_test(dump pclntab_dump_objects pclntab_model pclntab_sources
                  pclntab_lookup)
pclntab_unit_test(format_doc pclntab_model pclntab_lookup)
target_compile_definitions(test_format_doc PRIVATE
  PCLN_FORMAT_DOC="${PROJECT_SOURCE_DIR}/docs/format.md")
pclntab_unit_test(verify test_tables pclntab_lookup)
pclntab_unit_test(cfi pclntab_lookup)
pclntab_fuzz_test(cfi SOURCES pclntab/cfi.c pclntab/cfi_entry.c
  pclntab/cfi_expr.c pclntab/cfi_rule.c)

# Rows of the CFI interpreter against another reader's.
add_executable(cfi_rows tests/compare/cfi_rows.c)
target_link_libraries(cfi_rows PRIVATE pclntab_warnings pclntab_headers
  pclntab_sources pclntab_model pclntab_lookup)
add_test(NAME compare/cfi COMMAND ${PROJECT_SOURCE_DIR}/tests/compare/cfi.sh
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
set_tests_properties(compare/cfi PROPERTIES LABELS compare)
pclntab_fuzz_test(dwarf SOURCES pclntab/dwarf_abbrev.c pclntab/dwarf_build.c
  pclntab/dwarf_form.c pclntab/dwarf_info.c pclntab/dwarf_line.c
  pclntab/dwarf_names.c pclntab/dwarf_pieces.c pclntab/dwarf_units.c
  pclntab/dwarf_walk.c pclntab/module.c pclntab/parallel.c pclntab/status.c)

# The reader on real Go binaries, against Go's own readers. The oracle's cache
# stays in the build folder: the first run compiles Go's library.
add_executable(table_rows tests/compare/table_rows.c)
target_link_libraries(table_rows PRIVATE pclntab_warnings pclntab_headers
  pclntab_sources pclntab_model pclntab_lookup)
add_test(NAME compare/go_compat
  COMMAND ${PROJECT_SOURCE_DIR}/tests/compare/go_compat.sh
    $<TARGET_FILE:pclntab-link> $<TARGET_FILE:pclntab-dump>
    $<TARGET_FILE:table_rows> ${CMAKE_CURRENT_BINARY_DIR}/compare/go_compat)
set_tests_properties(compare/go_compat PROPERTIES LABELS compare
  SKIP_RETURN_CODE 77 TIMEOUT 300)
add_test(NAME compare/go_tables
  COMMAND ${PROJECT_SOURCE_DIR}/tests/compare/go_tables.sh
    $<TARGET_FILE:table_rows> ${CMAKE_CURRENT_BINARY_DIR}/compare/go)
set_tests_properties(compare/go_tables PROPERTIES LABELS compare
  SKIP_RETURN_CODE 77 TIMEOUT 900)
pclntab_fuzz_test(elf SOURCES pclntab/elf_image.c pclntab/elf_plan.c
                  pclntab/elf_write.c pclntab/status.c LIBS z zstd)

# The whole chain, one feature a test, on each linker.
foreach(feature archives damage failing kinds lld lto placement refused relocatable
        responses same sections shared)
  add_test(NAME link/${feature}
    COMMAND ${PROJECT_SOURCE_DIR}/tests/link/${feature}.sh ${PROJECT_BINARY_DIR})
  set_tests_properties(link/${feature} PROPERTIES LABELS link TIMEOUT 300)
endforeach()
pclntab_unit_test(dwarf_line pclntab_sources pclntab_model pclntab_lookup)
pclntab_unit_test(dwarf_info pclntab_sources pclntab_model pclntab_lookup)
pclntab_unit_test(dwarf pclntab_sources pclntab_model pclntab_lookup)
target_compile_definitions(test_dwarf PRIVATE
  PCLN_DWARF_SEEDS="${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/dwarf")
target_link_options(test_dwarf PRIVATE
  LINKER:--wrap=malloc,--wrap=calloc,--wrap=realloc)
add_test(NAME compare/dwarf_forms
  COMMAND ${PROJECT_SOURCE_DIR}/tests/compare/dwarf_forms.sh
    ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
set_tests_properties(compare/dwarf_forms PROPERTIES LABELS compare TIMEOUT 900)
pclntab_unit_test(src_cfi pclntab_sources pclntab_model pclntab_lookup)

# Function ranges and names against other tools'.
add_executable(list_functions tests/compare/list_functions.c)
target_link_libraries(list_functions PRIVATE pclntab_warnings pclntab_headers
  pclntab_sources pclntab_model pclntab_lookup)
add_test(NAME compare/functions
  COMMAND ${PROJECT_SOURCE_DIR}/tests/compare/functions.sh
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
set_tests_properties(compare/functions PROPERTIES LABELS compare)
pclntab_fuzz_test(functions SOURCES pclntab/src_fdes.c pclntab/src_functions.c
  pclntab/src_cfi.c pclntab/src_plt.c pclntab/src_sort.c pclntab/cfi.c
  pclntab/cfi_entry.c pclntab/cfi_expr.c pclntab/cfi_rule.c
  pclntab/elf_image.c pclntab/module.c pclntab/status.c LIBS z zstd)
pclntab_fuzz_test(table SOURCES pclntab/crc32c.c pclntab/frameinfo.c
  pclntab/lookup.c pclntab/pcvalue.c pclntab/verify.c pclntab/verify_func.c)

# Lines and inlined calls against llvm-symbolizer, instruction by instruction.
add_test(NAME compare/symbolizer
  COMMAND ${PROJECT_SOURCE_DIR}/tests/compare/symbolizer_variants.sh
    ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
set_tests_properties(compare/symbolizer PROPERTIES LABELS compare TIMEOUT 900)

# What people read, held by FileCheck.
add_test(NAME text/output COMMAND ${PROJECT_SOURCE_DIR}/tests/text/text.sh
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
set_tests_properties(text/output PROPERTIES LABELS text TIMEOUT 120)
