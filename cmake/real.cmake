# SPDX-License-Identifier: Apache-2.0
#
# Tests on real programs. One test builds them all, and those that look at them
# wait for it: pclntab_real_test(<name> <command...>) registers such a test,
# which finds what was built in ${PROJECT_BINARY_DIR}/real/list.
add_test(NAME real/build
  COMMAND ${PROJECT_SOURCE_DIR}/tests/real/build.sh ${PROJECT_BINARY_DIR})
set_tests_properties(real/build PROPERTIES LABELS real FIXTURES_SETUP real
  PROCESSORS 2 TIMEOUT 1500)

function(pclntab_real_test name)
  add_test(NAME real/${name} COMMAND ${ARGN})
  set_tests_properties(real/${name} PROPERTIES LABELS real
    FIXTURES_REQUIRED real TIMEOUT 900)
endfunction()

foreach(program sqlite lua jsonnet)
  pclntab_real_test(${program} ${PROJECT_SOURCE_DIR}/tests/real/works.sh
    ${PROJECT_BINARY_DIR} ${program})
endforeach()
pclntab_real_test(symbolizer
  ${PROJECT_SOURCE_DIR}/tests/compare/symbolizer_real.sh ${PROJECT_SOURCE_DIR}
  ${PROJECT_BINARY_DIR})

# The HTML report, in a browser.
pclntab_real_test(html-report
  ${PROJECT_SOURCE_DIR}/tests/html/report.sh ${PROJECT_BINARY_DIR})
pclntab_real_test(code ${PROJECT_SOURCE_DIR}/tests/compare/code_real.sh
  $<TARGET_FILE:code_faults> ${PROJECT_BINARY_DIR})

pclntab_real_test(mutate ${PROJECT_SOURCE_DIR}/tests/real/mutate.sh
  ${PROJECT_BINARY_DIR})

# The demo, on each linker: the traceback names the bug, the library and main.
foreach(linker gold bfd lld)
  pclntab_real_test(demo-${linker} ${PROJECT_SOURCE_DIR}/scripts/demo ${linker})
  set_tests_properties(real/demo-${linker} PROPERTIES
    ENVIRONMENT PCLNTAB_BUILD=${PROJECT_BINARY_DIR}
    PASS_REGULAR_EXPRESSION
    "discount_of[^$]*shop.c:27[^$]*sqlite3VdbeExec[^$]*sqlite3.c:[^$]*print_orders[^$]*main[^$]*shop.c:67")
endforeach()

# Installed, and used as README.md says.
add_test(NAME install COMMAND ${PROJECT_SOURCE_DIR}/tests/install.sh
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
set_tests_properties(install PROPERTIES LABELS install TIMEOUT 300)

# Text and JSON of pclntab-dump, against the schema that ships.
pclntab_real_test(json ${PROJECT_SOURCE_DIR}/tests/compare/json_records.sh
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR} ${PROJECT_BINARY_DIR}/compare/json)

# Lookups, in all combinations of addr2line's flags.
pclntab_real_test(addr2line ${PROJECT_SOURCE_DIR}/tests/compare/addr2line.sh
  ${PROJECT_BINARY_DIR} ${PROJECT_BINARY_DIR}/compare/addr2line)
