# SPDX-License-Identifier: Apache-2.0
# Programs of size on the collector, built by clang with the plug-in. Included
# by tests.cmake.

# The runtime as programs with sanitizers need it.
get_target_property(pclnrt_sources pclnrt_objects SOURCES)
get_target_property(lookup_sources pclntab_lookup SOURCES)
list(FILTER lookup_sources EXCLUDE REGEX ${in_files})
foreach(sanitizer address thread)
  add_library(pclnrt_${sanitizer} STATIC ${pclnrt_sources} ${lookup_sources})
  target_compile_options(pclnrt_${sanitizer} PRIVATE
    -fsanitize=${sanitizer} -fno-omit-frame-pointer -fno-plt
    -iquote ${PROJECT_SOURCE_DIR}/pclntab)
  target_compile_definitions(pclnrt_${sanitizer} PRIVATE _GNU_SOURCE)
  target_link_libraries(pclnrt_${sanitizer} PRIVATE pclntab_warnings
    pclntab_headers)
endforeach()

foreach(program binary_trees cache churn graph hamt json lisp symbolic threads unions)
  add_test(NAME gc/program-${program}
    COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/programs.sh ${PROJECT_BINARY_DIR}
      ${program})
  set_tests_properties(gc/program-${program} PROPERTIES LABELS gc TIMEOUT 300)
endforeach()
add_test(NAME gc/retention
  COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/retention.sh ${PROJECT_BINARY_DIR})
set_tests_properties(gc/retention PROPERTIES LABELS gc TIMEOUT 120)
