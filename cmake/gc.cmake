# SPDX-License-Identifier: Apache-2.0
# Programs of size on the collector, built by clang with the plug-in. Included
# by tests.cmake.

if(PCLNTAB_SANITIZE OR NOT TARGET pclntab-gc-19)
  return()
endif()

# The runtime as programs with sanitizers need it.
get_target_property(lookup_sources pclntab_lookup SOURCES)
list(FILTER lookup_sources EXCLUDE REGEX ${in_files})
set(runtime_sources ${lookup_sources})
foreach(part pclnrt_objects pclnrt_heap_objects pclnrt_collect_objects)
  get_target_property(part_sources ${part} SOURCES)
  list(APPEND runtime_sources ${part_sources})
endforeach()
get_target_property(runtime_options pclnrt_objects COMPILE_OPTIONS)
foreach(sanitizer address thread)
  add_library(pclnrt_${sanitizer} STATIC ${runtime_sources})
  target_compile_options(pclnrt_${sanitizer} PRIVATE
    -fsanitize=${sanitizer} -fno-omit-frame-pointer ${runtime_options})
  target_compile_definitions(pclnrt_${sanitizer} PRIVATE _GNU_SOURCE)
  target_link_libraries(pclnrt_${sanitizer} PRIVATE pclntab_warnings)
endforeach()

foreach(program binary_trees cache churn graph hamt threads)
  add_test(NAME gc/program-${program}
    COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/programs.sh ${PROJECT_BINARY_DIR}
      ${program})
  set_tests_properties(gc/program-${program} PROPERTIES LABELS gc TIMEOUT 300)
endforeach()
add_test(NAME gc/retention
  COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/retention.sh ${PROJECT_BINARY_DIR})
set_tests_properties(gc/retention PROPERTIES LABELS gc TIMEOUT 120)
