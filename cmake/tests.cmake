# SPDX-License-Identifier: Apache-2.0
# Every test, by name.
find_library(CMOCKA_LIBRARY cmocka REQUIRED)

# pclntab_unit_test(<module> <objects or libraries...>): tests/unit/test_<module>.c
function(pclntab_unit_test module)
  add_executable(test_${module} ${PROJECT_SOURCE_DIR}/tests/unit/test_${module}.c)
  target_include_directories(test_${module} PRIVATE
    ${PROJECT_SOURCE_DIR}/tests/support)
  target_link_libraries(test_${module} PRIVATE pclntab_warnings pclntab_headers
    ${ARGN} ${CMOCKA_LIBRARY})
  add_test(NAME unit/${module} COMMAND test_${module})
endfunction()

pclntab_unit_test(module pclntab_model pclntab_lookup)
pclntab_unit_test(elf_image pclntab_sources pclntab_lookup)
