# SPDX-License-Identifier: Apache-2.0
# The LLVM plug-in with each LLVM that it was built for.
foreach(major ${PCLNTAB_GC_LLVM})
  foreach(test ir refused run)
    add_test(NAME gc/plugin_${test}-${major}
      COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/plugin_${test}.sh
        ${PROJECT_BINARY_DIR} ${major})
    set_tests_properties(gc/plugin_${test}-${major} PROPERTIES LABELS gc
      SKIP_RETURN_CODE 77 TIMEOUT 300)
  endforeach()
endforeach()
