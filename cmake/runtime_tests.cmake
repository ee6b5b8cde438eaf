# SPDX-License-Identifier: Apache-2.0
# Tests of the runtime. Included by tests.cmake, whose functions it uses.

# A unit test with the runtime's private header.
function(pclntab_runtime_test module)
  pclntab_unit_test(${module} pclnrt_objects pclntab_lookup Threads::Threads)
  target_include_directories(test_${module} PRIVATE
    ${PROJECT_SOURCE_DIR}/runtime)
endfunction()
pclntab_runtime_test(ehframe)
pclntab_runtime_test(unwind)
