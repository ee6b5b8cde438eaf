# SPDX-License-Identifier: Apache-2.0
# Tests of the collector. Included by tests.cmake.

# The collector without the compiler's plug-in: types and roots by hand.
function(pclntab_collect_test name)
  add_executable(gc_${name} ${PROJECT_SOURCE_DIR}/tests/gc/${name}.c)
  target_include_directories(gc_${name} PRIVATE
    ${PROJECT_SOURCE_DIR}/runtime)
  target_compile_definitions(gc_${name} PRIVATE _GNU_SOURCE)
  target_link_libraries(gc_${name} PRIVATE pclntab_warnings pclntab_headers
    pclnrt_objects pclnrt_heap_objects pclnrt_collect_objects pclntab_lookup
    Threads::Threads ${CMOCKA_LIBRARY})
  add_test(NAME gc/${name} COMMAND gc_${name})
  set_tests_properties(gc/${name} PROPERTIES LABELS gc TIMEOUT 120)
  if(PCLNTAB_ASAN_BUILD)
    add_test(NAME asan/gc_${name} COMMAND ${PCLNTAB_ASAN_BUILD}/gc_${name})
    set_tests_properties(asan/gc_${name} PROPERTIES LABELS asan TIMEOUT 240)
  endif()
endfunction()
foreach(name collect_finalize collect_mark collect_pace collect_threads)
  pclntab_collect_test(${name})
endforeach()

if(PCLNTAB_SANITIZE)
  return()
endif()

# The runtime as programs with sanitizers need it.
get_target_property(sanitized_sources pclntab_lookup SOURCES)
list(FILTER sanitized_sources EXCLUDE REGEX ${in_files})
foreach(objects pclnrt_objects pclnrt_heap_objects pclnrt_collect_objects)
  get_target_property(sources ${objects} SOURCES)
  list(APPEND sanitized_sources ${sources})
endforeach()
get_target_property(runtime_options pclnrt_objects COMPILE_OPTIONS)
foreach(sanitizer address thread)
  add_library(pclnrt_${sanitizer} STATIC ${sanitized_sources})
  target_compile_options(pclnrt_${sanitizer} PRIVATE
    -fsanitize=${sanitizer} -fno-omit-frame-pointer ${runtime_options})
  target_compile_definitions(pclnrt_${sanitizer} PRIVATE _GNU_SOURCE)
  target_link_libraries(pclnrt_${sanitizer} PRIVATE pclntab_warnings)
endforeach()

# Threads under the thread sanitizer.
foreach(name collect_finalize collect_mark collect_threads)
  add_executable(gc_tsan_${name} ${PROJECT_SOURCE_DIR}/tests/gc/${name}.c)
  target_include_directories(gc_tsan_${name} PRIVATE
    ${PROJECT_SOURCE_DIR}/runtime)
  target_compile_definitions(gc_tsan_${name} PRIVATE _GNU_SOURCE)
  target_compile_options(gc_tsan_${name} PRIVATE -O1 -g -fsanitize=thread)
  target_link_options(gc_tsan_${name} PRIVATE -fsanitize=thread)
  target_link_libraries(gc_tsan_${name} PRIVATE pclnrt_thread
    pclntab_warnings pclntab_headers Threads::Threads ${CMOCKA_LIBRARY})
  add_test(NAME gc/tsan-${name} COMMAND gc_tsan_${name})
  set_tests_properties(gc/tsan-${name} PROPERTIES LABELS gc TIMEOUT 200)
endforeach()
