# SPDX-License-Identifier: Apache-2.0
# Tests of the runtime. Included by tests.cmake, whose functions it uses.

# A unit test with the runtime's private header.
function(pclntab_runtime_test module)
  pclntab_unit_test(${module} pclnrt_objects pclntab_lookup Threads::Threads)
  target_include_directories(test_${module} PRIVATE
    ${PROJECT_SOURCE_DIR}/runtime)
endfunction()
pclntab_runtime_test(ehframe)
pclntab_runtime_test(roots)
target_compile_definitions(test_roots PRIVATE _GNU_SOURCE)
pclntab_runtime_test(traceback)
pclntab_runtime_test(unwind)

# The heap, with a collector of the tests' own.
add_library(small_collector OBJECT
  ${PROJECT_SOURCE_DIR}/tests/support/small_collector.c)
target_link_libraries(small_collector PRIVATE pclntab_warnings
                      PUBLIC pclntab_headers)
target_include_directories(small_collector PUBLIC
  ${PROJECT_SOURCE_DIR}/tests/support ${PROJECT_SOURCE_DIR}/runtime)
function(pclntab_heap_test module)
  pclntab_runtime_test(${module})
  target_link_libraries(test_${module} PRIVATE pclnrt_heap_objects
                        small_collector)
endfunction()
foreach(module heap heap_check heap_limits heap_threads)
  pclntab_heap_test(${module})
endforeach()

# --- Programs: the runtime as users have it ------------------------------------

# A sanitizer's own signal handlers, and its plugin inside an uninstrumented
# linker, leave nothing of these to test; threads get a build of their own.
if(PCLNTAB_SANITIZE)
  return()
endif()

# pclntab_subject(<name> <source of tests/programs> [TABLE] [SHARED]): built
# with -O1 (frames stay apart) and stripped; with TABLE linked through our
# plugin, with SHARED against the shared runtime.
function(pclntab_subject name source)
  cmake_parse_arguments(SUBJECT "TABLE;SHARED" "" "" ${ARGN})
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/programs/${source})
  target_compile_options(${name} PRIVATE -O1 -g)
  target_link_libraries(${name} PRIVATE pclntab_warnings
    $<IF:$<BOOL:${SUBJECT_SHARED}>,pclnrt_shared,pclnrt> Threads::Threads)
  if(SUBJECT_TABLE)
    add_dependencies(${name} pclntab-ld)
    target_link_options(${name} PRIVATE
      LINKER:-plugin,$<TARGET_FILE:pclntab-ld>)
  endif()
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_STRIP} $<TARGET_FILE:${name}>)
endfunction()

pclntab_subject(crash_static crash.c TABLE)
pclntab_subject(crash_shared crash.c TABLE SHARED)
add_executable(test_crash ${PROJECT_SOURCE_DIR}/tests/unit/test_crash.c)
target_link_libraries(test_crash PRIVATE pclntab_warnings ${CMOCKA_LIBRARY})
foreach(kind static shared)
  add_test(NAME programs/crash-${kind}
    COMMAND test_crash $<TARGET_FILE:crash_${kind}>)
endforeach()

add_test(NAME programs/imports
  COMMAND ${PROJECT_SOURCE_DIR}/tests/programs/imports.sh
    $<TARGET_FILE:pclnrt_shared>)

# Without crti's _init, which has no call frame information.
function(pclntab_plugin name)
  add_library(${name} MODULE ${PROJECT_SOURCE_DIR}/tests/programs/plugin.c)
  target_link_libraries(${name} PRIVATE pclntab_warnings)
  target_link_options(${name} PRIVATE -nostartfiles)
endfunction()
pclntab_plugin(stress_plugin)
pclntab_plugin(stress_plugin_table)
add_dependencies(stress_plugin_table pclntab-ld)
target_link_options(stress_plugin_table PRIVATE
  LINKER:-plugin,$<TARGET_FILE:pclntab-ld>)

# Its own debug information, for the lines in its table.
target_compile_options(stress_plugin_table PRIVATE -g)

add_executable(test_registry ${PROJECT_SOURCE_DIR}/tests/unit/test_registry.c)
target_compile_definitions(test_registry PRIVATE _GNU_SOURCE)
target_include_directories(test_registry PRIVATE ${PROJECT_SOURCE_DIR}/runtime)
target_link_libraries(test_registry PRIVATE pclntab_warnings pclntab_headers
  pclnrt_objects pclntab_lookup ${CMOCKA_LIBRARY})
add_dependencies(test_registry stress_plugin stress_plugin_table pclntab-link)
add_test(NAME programs/registry
  COMMAND test_registry $<TARGET_FILE:stress_plugin>
    $<TARGET_FILE:stress_plugin_table> $<TARGET_FILE:pclntab-link>)

pclntab_subject(stress stress.c)
pclntab_subject(stress_table stress.c TABLE SHARED)
foreach(mode malloc dlopen self threads)
  add_test(NAME programs/stress-${mode}
    COMMAND stress ${mode} 6000 $<TARGET_FILE:stress_plugin>)
  add_test(NAME programs/stress-${mode}-table
    COMMAND stress_table ${mode} 6000 $<TARGET_FILE:stress_plugin_table>)
endforeach()

# Every table verified at registration. As many walks as above: while functions
# are bound lazily a walk may end early, and one in a hundred is excused.
add_test(NAME programs/verify COMMAND stress_table self 6000 none)
set_tests_properties(programs/verify PROPERTIES
  ENVIRONMENT PCLNTAB_DEBUG=verify=1)

# The registry under the thread sanitizer, with all of its own code built so.
add_executable(stress_tsan
  ${PROJECT_SOURCE_DIR}/tests/programs/stress.c
  $<TARGET_PROPERTY:pclnrt_objects,SOURCES>
  $<TARGET_PROPERTY:pclntab_lookup,SOURCES>)
target_compile_definitions(stress_tsan PRIVATE _GNU_SOURCE)
target_compile_options(stress_tsan PRIVATE -O1 -g -fsanitize=thread
  "SHELL:-iquote ${PROJECT_SOURCE_DIR}/pclntab"
  "SHELL:-iquote ${PROJECT_SOURCE_DIR}/runtime")
target_link_options(stress_tsan PRIVATE -fsanitize=thread)
target_link_libraries(stress_tsan PRIVATE pclntab_warnings Threads::Threads)
foreach(plugin stress_plugin stress_plugin_table)
  add_test(NAME programs/tsan-${plugin}
    COMMAND stress_tsan threads 2000 $<TARGET_FILE:${plugin}>)
endforeach()

# Roots of frames and variables described by hand, with each linker.
add_test(NAME gc/roots
  COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/roots.sh ${PROJECT_BINARY_DIR})
set_tests_properties(gc/roots PROPERTIES LABELS gc TIMEOUT 120)

# --- Walks against libunwind's -------------------------------------------------

# pclntab_unwind_test(<kind> <stops> [TABLE] [OPTIONS <of compiler and linker>])
find_library(LIBUNWIND_LIBRARY unwind REQUIRED)
function(pclntab_unwind_test kind)
  cmake_parse_arguments(UNWIND "TABLE" "" "OPTIONS;LIBS" ${ARGN})
  add_executable(unwind_${kind} ${PROJECT_SOURCE_DIR}/tests/compare/unwind.c
    ${PROJECT_SOURCE_DIR}/tests/compare/unwind_peer.c)
  target_compile_definitions(unwind_${kind} PRIVATE _GNU_SOURCE)
  target_compile_options(unwind_${kind} PRIVATE ${UNWIND_OPTIONS})
  # Bound at start: how the dynamic linker binds is not what is compared.
  target_link_options(unwind_${kind} PRIVATE ${UNWIND_OPTIONS} LINKER:-z,now)
  target_link_libraries(unwind_${kind} PRIVATE pclntab_warnings pclnrt unwind
    ${UNWIND_LIBS} m)
  if(UNWIND_TABLE)
    add_dependencies(unwind_${kind} pclntab-ld)
    target_link_options(unwind_${kind} PRIVATE
      LINKER:-plugin,$<TARGET_FILE:pclntab-ld>)
  endif()
  add_test(NAME compare/unwind-${kind}-timer
    COMMAND unwind_${kind} timer 5000)
  add_test(NAME compare/unwind-${kind}-step
    COMMAND unwind_${kind} step 100000)
  set_tests_properties(compare/unwind-${kind}-timer
    compare/unwind-${kind}-step PROPERTIES LABELS compare)
endfunction()
pclntab_unwind_test(plain OPTIONS -O2)
pclntab_unwind_test(table TABLE OPTIONS -O2)
pclntab_unwind_test(fp TABLE OPTIONS -O0 -fno-omit-frame-pointer)
pclntab_unwind_test(static TABLE OPTIONS -O2 -static LIBS lzma)

# The same in real programs.
add_library(unwind_preload SHARED
  ${PROJECT_SOURCE_DIR}/tests/compare/unwind_preload.c
  ${PROJECT_SOURCE_DIR}/tests/compare/unwind_peer.c)
target_compile_definitions(unwind_preload PRIVATE _GNU_SOURCE)
target_link_libraries(unwind_preload PRIVATE pclntab_warnings pclnrt unwind)
add_test(NAME compare/unwind-real
  COMMAND ${PROJECT_SOURCE_DIR}/tests/compare/unwind_real.sh
    ${PROJECT_BINARY_DIR})
set_tests_properties(compare/unwind-real PROPERTIES LABELS real
  FIXTURES_REQUIRED real TIMEOUT 900)
