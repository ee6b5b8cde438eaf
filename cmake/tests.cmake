# SPDX-License-Identifier: Apache-2.0
# Every test, by name: unit tests here, the other kinds in the files included
# at the end. With PCLNTAB_ASAN_BUILD, the folder of a finished build
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

# Small tables made by hand, for the reader's tests.
add_library(test_tables OBJECT
  tests/support/frame_table.c
  tests/support/sample_table.c
  tests/support/table_maker.c)
target_link_libraries(test_tables PRIVATE pclntab_warnings
                      PUBLIC pclntab_headers)
target_include_directories(test_tables PUBLIC tests/support)

# Lookup half.
foreach(module lookup pcvalue pcvalue_rows reader scan frameinfo verify
        verify_funcdata)
  pclntab_unit_test(${module} test_tables pclntab_lookup)
endforeach()
pclntab_unit_test(go_funcdata test_tables pclntab_lookup)
pclntab_unit_test(stackmap test_tables pclntab_lookup)
add_library(test_images OBJECT tests/support/image_maker.c)
target_link_libraries(test_images PRIVATE pclntab_warnings
                      PUBLIC pclntab_headers)
target_include_directories(test_images PUBLIC tests/support)
pclntab_unit_test(image test_images test_tables pclntab_lookup)
pclntab_unit_test(crc32c pclntab_lookup)
pclntab_unit_test(go_names pclntab_lookup)
pclntab_unit_test(cfi pclntab_lookup)

# Model half.
foreach(module module pool encode decode format_doc roots_table safepoints)
  pclntab_unit_test(${module} pclntab_model pclntab_lookup)
endforeach()
target_compile_definitions(test_format_doc PRIVATE
  PCLN_FORMAT_DOC="${PROJECT_SOURCE_DIR}/docs/format.md")

# Sources, output and tools.
foreach(module elf_image elf_write dwarf_line dwarf_info dwarf src_cfi)
  pclntab_unit_test(${module} pclntab_sources pclntab_model pclntab_lookup)
endforeach()
pclntab_unit_test(annot pclntab_sources pclntab_model pclntab_lookup)
target_compile_definitions(test_annot PRIVATE
  PCLN_ANNOTATIONS_DOC="${PROJECT_SOURCE_DIR}/docs/annotations.md")
target_compile_definitions(test_dwarf PRIVATE
  PCLN_DWARF_SEEDS="${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/dwarf")
pclntab_unit_test(dump pclntab_dump_objects pclntab_check_objects
                  pclntab_disasm_objects pclntab_model pclntab_sources pclntab_lookup)

pclntab_unit_test(html test_tables pclntab_dump_objects pclntab_check_objects
                  pclntab_disasm_objects pclntab_model pclntab_sources pclntab_lookup)

pclntab_unit_test(check pclntab_check_objects pclntab_sources pclntab_model
                  pclntab_lookup)
# Its own code is the subject.
target_compile_options(test_check PRIVATE -O2 -g)
pclntab_unit_test(annotate test_tables pclntab_disasm_objects pclntab_lookup)
pclntab_unit_test(insn pclntab_disasm_objects pclntab_lookup)

# Machine code against a table.
pclntab_unit_test(check_flow pclntab_disasm_objects pclntab_lookup)

# These make each allocation fail in turn.
foreach(module decode dwarf)
  target_link_options(test_${module} PRIVATE
    LINKER:--wrap=malloc,--wrap=calloc,--wrap=realloc)
endforeach()

# The rules of the house: who may include whom, what may be imported.
add_test(NAME style/layering COMMAND ${PROJECT_SOURCE_DIR}/tests/layering.sh
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
add_test(NAME style/messages COMMAND ${PROJECT_SOURCE_DIR}/tests/messages.sh
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
add_test(NAME style/man COMMAND ${PROJECT_SOURCE_DIR}/tests/man.py
  ${PROJECT_SOURCE_DIR})
set_tests_properties(style/layering style/messages style/man
  PROPERTIES LABELS style)

# What people read, held by FileCheck.
add_test(NAME text/output COMMAND ${PROJECT_SOURCE_DIR}/tests/text/text.sh
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
add_test(NAME text/diff COMMAND ${PROJECT_SOURCE_DIR}/tests/text/diff.sh
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
add_test(NAME text/cli COMMAND ${PROJECT_SOURCE_DIR}/tests/text/cli.sh
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
set_tests_properties(text/cli text/diff PROPERTIES LABELS text TIMEOUT 120)
set_tests_properties(text/output PROPERTIES LABELS text TIMEOUT 120)
add_test(NAME text/forensics COMMAND
  ${PROJECT_SOURCE_DIR}/tests/text/forensics.py $<TARGET_FILE:pclntab-dump>)
set_tests_properties(text/forensics PROPERTIES LABELS text TIMEOUT 120
  SKIP_RETURN_CODE 77)

add_test(NAME text/listing COMMAND ${PROJECT_SOURCE_DIR}/tests/text/listing.sh
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}
  ${PROJECT_BINARY_DIR}/compare/listing)
set_tests_properties(text/listing PROPERTIES LABELS text TIMEOUT 200)

# The whole chain, one feature a test, on each linker.
foreach(feature annot_faults annot_gc annot_targets annot_user
        annotated archives damage dump failing go_compat kinds
        layouts lld lto planted
        placement refused relocatable responses same sections shared)
  add_test(NAME link/${feature}
    COMMAND ${PROJECT_SOURCE_DIR}/tests/link/${feature}.sh ${PROJECT_BINARY_DIR})
  set_tests_properties(link/${feature} PROPERTIES LABELS link TIMEOUT 300)
endforeach()

include(cmake/fuzz_tests.cmake)
include(cmake/compare_tests.cmake)
include(cmake/gc_tests.cmake)
include(cmake/gc.cmake)
include(cmake/gc_plugin_tests.cmake)
include(cmake/runtime_tests.cmake)
include(cmake/stackmaps_tests.cmake)
