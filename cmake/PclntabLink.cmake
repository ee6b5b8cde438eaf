# SPDX-License-Identifier: Apache-2.0
#
# pclntab_link_target(<target> [LINKER bfd|gold|lld|mold] [OPTIONS <option>...])
#
# Has the linked file of <target>, an executable or a shared library, finished
# by pclntab: adds the flags by which its linker loads the plugin, or for mold,
# which cannot, a step after the link. OPTIONS are the plugin's (stats,
# strip-debug, file-prefix-map=OLD=NEW ...: see pclntab-link --help). Without LINKER
# the linker is the one that the compiler runs with the flags that the project
# and the target have so far, so set -fuse-ld=... before the call.
#
# pclntab_verify_test(<target> [NAME <name>])
#
# Adds a test, called <target>.pclntab or <name>, that holds the table of the
# linked file against its own invariants, its symbols, DWARF and call frame
# information (pclntab-dump --verify). Call it behind pclntab_link_target(), of
# which it takes the file-prefix-map options.
#
# The caller of this file has set PCLNTAB_PLUGIN (the path of pclntab-ld.so),
# PCLNTAB_LINK_TOOL (that of pclntab-link) and PCLNTAB_DUMP_TOOL (that of
# pclntab-dump).

# Sets `out` to the linker that the compiler runs with `flags`.
function(_pclntab_linker out flags)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  set(language C)
  foreach(known Fortran CXX C) # the last that is enabled
    if(known IN_LIST languages)
      set(language ${known})
    endif()
  endforeach()
  separate_arguments(words NATIVE_COMMAND
    "${CMAKE_${language}_FLAGS} ${CMAKE_EXE_LINKER_FLAGS} ${flags}")
  execute_process(COMMAND ${CMAKE_${language}_COMPILER} ${words} -Wl,--version
    OUTPUT_VARIABLE text ERROR_QUIET)
  if(text MATCHES "(^|\n)mold ")
    set(${out} mold PARENT_SCOPE)
  elseif(text MATCHES "(^|\n)[^\n]*LLD ")
    set(${out} lld PARENT_SCOPE)
  elseif(text MATCHES "GNU gold")
    set(${out} gold PARENT_SCOPE)
  elseif(text MATCHES "GNU ld")
    set(${out} bfd PARENT_SCOPE)
  else()
    message(FATAL_ERROR "pclntab: cannot tell which linker "
      "${CMAKE_${language}_COMPILER} runs; pass LINKER bfd, gold, lld or mold")
  endif()
endfunction()

function(pclntab_link_target target)
  cmake_parse_arguments(arg "" "LINKER" "OPTIONS" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "pclntab_link_target: what is ${arg_UNPARSED_ARGUMENTS}?")
  endif()
  set_property(TARGET ${target} PROPERTY PCLNTAB_OPTIONS ${arg_OPTIONS})
  if(NOT arg_LINKER)
    get_target_property(flags ${target} LINK_OPTIONS)
    if(NOT flags)
      set(flags "")
    endif()
    list(FILTER flags INCLUDE REGEX "^-(fuse-ld=|B)")
    list(JOIN flags " " flags)
    _pclntab_linker(arg_LINKER "${flags}")
  endif()
  if(arg_LINKER STREQUAL mold)
    list(TRANSFORM arg_OPTIONS PREPEND "--")
    add_custom_command(TARGET ${target} POST_BUILD
      COMMAND ${PCLNTAB_LINK_TOOL} ${arg_OPTIONS} $<TARGET_FILE:${target}>
      COMMENT "Adding the table of ${target}" VERBATIM)
  elseif(arg_LINKER STREQUAL lld)
    target_link_options(${target} PRIVATE "LINKER:-mllvm,-load=${PCLNTAB_PLUGIN}")
    if(arg_OPTIONS) # lld refuses options that are not its own
      list(JOIN arg_OPTIONS "," joined)
      set_property(TARGET ${target} PROPERTY RULE_LAUNCH_LINK
        "${CMAKE_COMMAND} -E env PCLNTAB_OPTIONS=${joined}")
    endif()
  elseif(arg_LINKER MATCHES "^(bfd|gold)$")
    target_link_options(${target} PRIVATE "LINKER:-plugin,${PCLNTAB_PLUGIN}")
    foreach(option IN LISTS arg_OPTIONS)
      target_link_options(${target} PRIVATE "LINKER:-plugin-opt,${option}")
    endforeach()
  else()
    message(FATAL_ERROR "pclntab_link_target: unknown linker ${arg_LINKER}")
  endif()
  # A new plugin makes a new table.
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${PCLNTAB_PLUGIN})
endfunction()

function(pclntab_verify_test target)
  cmake_parse_arguments(arg "" "NAME" "" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "pclntab_verify_test: what is ${arg_UNPARSED_ARGUMENTS}?")
  endif()
  if(NOT arg_NAME)
    set(arg_NAME ${target}.pclntab)
  endif()
  get_target_property(maps ${target} PCLNTAB_OPTIONS)
  list(FILTER maps INCLUDE REGEX "^file-prefix-map=")
  list(TRANSFORM maps PREPEND "--")
  add_test(NAME ${arg_NAME}
    COMMAND ${PCLNTAB_DUMP_TOOL} --verify ${maps} $<TARGET_FILE:${target}>)
endfunction()
