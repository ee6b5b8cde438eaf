# SPDX-License-Identifier: Apache-2.0
# Programs of size on the collector, built by clang with the plug-in. Included
# by tests.cmake.

if(PCLNTAB_SANITIZE OR NOT TARGET pclntab-gc-19)
  return()
endif()

foreach(program binary_trees cache churn deep graph hamt json lisp symbolic
    threads unions)
  add_test(NAME gc/program-${program}
    COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/programs.sh ${PROJECT_BINARY_DIR}
      ${program})
  set_tests_properties(gc/program-${program} PROPERTIES LABELS gc TIMEOUT 300)
endforeach()
add_test(NAME gc/random
  COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/random.sh ${PROJECT_BINARY_DIR})
set_tests_properties(gc/random PROPERTIES LABELS gc TIMEOUT 300)
if(TARGET pclntab-gc-22)
  foreach(program hamt json lisp symbolic unions)
    add_test(NAME gc/program-${program}-22
      COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/programs.sh ${PROJECT_BINARY_DIR}
        ${program} 22)
    set_tests_properties(gc/program-${program}-22 PROPERTIES LABELS gc
      TIMEOUT 300)
  endforeach()
endif()
add_test(NAME gc/retention
  COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/retention.sh ${PROJECT_BINARY_DIR})
set_tests_properties(gc/retention PROPERTIES LABELS gc TIMEOUT 120)

# Maps with a pointer bit cleared, found by --verify and under stress.
add_test(NAME gc/broken_maps
  COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/broken_maps.sh ${PROJECT_BINARY_DIR})
set_tests_properties(gc/broken_maps PROPERTIES LABELS gc TIMEOUT 300)

# Every known way of losing a reference ends with an error.
add_test(NAME gc/fail_closed
  COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/fail_closed.sh ${PROJECT_BINARY_DIR})
set_tests_properties(gc/fail_closed PROPERTIES LABELS gc TIMEOUT 300)

# The code in the documents.
add_test(NAME text/docs
  COMMAND ${PROJECT_SOURCE_DIR}/tests/docs.sh ${PROJECT_BINARY_DIR})
set_tests_properties(text/docs PROPERTIES LABELS text TIMEOUT 120)

# The examples of the manual pages.
add_test(NAME gc/man
  COMMAND ${PROJECT_SOURCE_DIR}/tests/gc/man.sh ${PROJECT_BINARY_DIR})
set_tests_properties(gc/man PROPERTIES LABELS gc TIMEOUT 120)
