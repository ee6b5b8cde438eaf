# SPDX-License-Identifier: Apache-2.0
# Second opinions: our answers beside those of other readers of the same bytes.
# Included by tests.cmake.

# pclntab_compare_program(<name>): what prints our side, from tests/compare.
function(pclntab_compare_program name)
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/compare/${name}.c)
  target_link_libraries(${name} PRIVATE pclntab_warnings pclntab_headers
    pclntab_sources pclntab_model pclntab_lookup)
endfunction()

# pclntab_compare_test(<name> <script of tests/compare> <its arguments...>)
function(pclntab_compare_test name script)
  add_test(NAME compare/${name}
    COMMAND ${PROJECT_SOURCE_DIR}/tests/compare/${script}.sh ${ARGN})
  set_tests_properties(compare/${name} PROPERTIES LABELS compare
    SKIP_RETURN_CODE 77 TIMEOUT 900)
endfunction()

# Rows of the CFI interpreter against llvm-dwarfdump's.
pclntab_compare_program(cfi_rows)
pclntab_compare_test(cfi cfi ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})

# Function ranges and names against llvm-symbolizer's and llvm-objdump's.
pclntab_compare_program(list_functions)
pclntab_compare_test(functions functions
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})

# Lines and inlined calls against llvm-symbolizer, instruction by instruction.
pclntab_compare_test(dwarf_forms dwarf_forms
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
pclntab_compare_test(symbolizer symbolizer_variants
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})

# The reader on real Go binaries, and Go's own readers on ours. The oracle's
# cache stays in the build folder: the first run compiles Go's library.
pclntab_compare_program(table_rows)
pclntab_compare_test(go_tables go_tables
  $<TARGET_FILE:table_rows> ${PROJECT_BINARY_DIR}/compare/go)
pclntab_compare_test(go_compat go_compat
  $<TARGET_FILE:pclntab-link> $<TARGET_FILE:pclntab-dump>
  $<TARGET_FILE:table_rows> ${PROJECT_BINARY_DIR}/compare/go_compat)

# Frames, arguments and names of Go programs against compiler and runtime.
add_executable(name_parts ${PROJECT_SOURCE_DIR}/tests/compare/name_parts.c)
target_link_libraries(name_parts PRIVATE pclntab_warnings pclntab_headers
  pclntab_lookup)
pclntab_compare_test(go_maps go_maps
  $<TARGET_FILE:pclntab-dump> $<TARGET_FILE:name_parts>
  ${PROJECT_BINARY_DIR}/compare/go_maps ${PROJECT_BINARY_DIR}/compare/go)

# pclntab-dump on Go programs of all formats, processors and versions.
pclntab_compare_test(go_corpus go_corpus $<TARGET_FILE:pclntab-dump>
  ${PROJECT_BINARY_DIR}/compare/go_corpus)

# The decoders and the listing against those of LLVM and Go.
add_executable(insn_objdump ${PROJECT_SOURCE_DIR}/tests/compare/insn_objdump.c)
target_link_libraries(insn_objdump PRIVATE pclntab_warnings pclntab_disasm_objects
  pclntab_lookup)
add_executable(insn_step ${PROJECT_SOURCE_DIR}/tests/compare/insn_step.c)
target_compile_definitions(insn_step PRIVATE _GNU_SOURCE)
target_link_libraries(insn_step PRIVATE pclntab_warnings pclntab_disasm_objects
  pclntab_lookup)
add_executable(insn_qemu ${PROJECT_SOURCE_DIR}/tests/compare/insn_qemu.c)
target_link_libraries(insn_qemu PRIVATE pclntab_warnings
  pclntab_disasm_objects pclntab_sources pclntab_model pclntab_lookup)
add_test(NAME compare/insn-cases
  COMMAND ${PROJECT_SOURCE_DIR}/tests/compare/insn_cases.sh
    ${PROJECT_SOURCE_DIR})
add_test(NAME compare/insn
  COMMAND ${PROJECT_SOURCE_DIR}/tests/compare/insn.sh ${PROJECT_SOURCE_DIR}
    ${PROJECT_BINARY_DIR} ${PROJECT_BINARY_DIR}/compare/insn)
set_tests_properties(compare/insn-cases compare/insn PROPERTIES LABELS compare
  TIMEOUT 200)

# Machine code against tables, with faults planted in those of real programs.
pclntab_compare_program(code_faults)
target_link_libraries(code_faults PRIVATE pclntab_disasm_objects)

# What the verification proves: changes of one bit, and which check finds them.
pclntab_compare_program(mutate_table)
target_link_libraries(mutate_table PRIVATE pclntab_check_objects
  pclntab_disasm_objects)
pclntab_compare_test(go_verify go_verify $<TARGET_FILE:pclntab-dump>
  $<TARGET_FILE:mutate_table> ${PROJECT_BINARY_DIR}/compare/go)
set_tests_properties(compare/go_verify PROPERTIES DEPENDS compare/go_tables)

# Where tables and text start are found, and build information, against Go's
# own tools: other systems' formats, other ways of linking, programs installed.
foreach(part cross linked buildinfo)
  pclntab_compare_test(go_images_${part} go_images $<TARGET_FILE:pclntab-dump>
    ${PROJECT_BINARY_DIR}/compare/go_images_${part} ${part})
endforeach()
