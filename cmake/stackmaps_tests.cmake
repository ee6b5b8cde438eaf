# SPDX-License-Identifier: Apache-2.0
pclntab_unit_test(src_stackmaps pclntab_sources pclntab_model pclntab_lookup)

# LLVM's stack maps: objects made fit, and from them to the table, on each
# linker, for both versions of LLVM.
add_test(NAME link/stackmaps_obj
  COMMAND ${PROJECT_SOURCE_DIR}/tests/link/stackmaps_obj.sh ${PROJECT_BINARY_DIR})
set_tests_properties(link/stackmaps_obj PROPERTIES LABELS link TIMEOUT 120)

add_executable(live_words tests/compare/live_words.c)
target_link_libraries(live_words PRIVATE pclntab_warnings pclntab_lookup)
foreach(version 19 22)
  add_test(NAME link/stackmaps_${version}
    COMMAND ${PROJECT_SOURCE_DIR}/tests/link/stackmaps.sh ${PROJECT_BINARY_DIR}
    ${version})
  set_tests_properties(link/stackmaps_${version} PROPERTIES LABELS link
    TIMEOUT 300 SKIP_RETURN_CODE 77)
  pclntab_compare_test(llvm_records_${version} llvm_records
    ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR} ${version})
endforeach()

pclntab_fuzz_test(stackmaps LIBS z zstd SOURCES pclntab/src_stackmaps.c
  pclntab/src_stackmaps_func.c pclntab/parallel.c pclntab/stackmap_llvm.c
  ${pclntab_fuzz_tables})
