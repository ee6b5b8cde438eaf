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
