# SPDX-License-Identifier: Apache-2.0
# LLVM's stack maps: objects made fit, and from them to the table, on each
# linker, for both versions of LLVM.
foreach(feature stackmaps_obj)
  add_test(NAME link/${feature}
    COMMAND ${PROJECT_SOURCE_DIR}/tests/link/${feature}.sh ${PROJECT_BINARY_DIR})
  set_tests_properties(link/${feature} PROPERTIES LABELS link TIMEOUT 120)
endforeach()
