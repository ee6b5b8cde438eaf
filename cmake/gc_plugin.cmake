# SPDX-License-Identifier: Apache-2.0
# The LLVM plug-in pclntab-gc.so, one for each LLVM whose headers are installed:
# it is loaded by that compiler and no other. Without C++ or LLVM there is none,
# and PCLNTAB_GC_LLVM is empty.
set(PCLNTAB_GC_LLVM "")
include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER AND NOT PCLNTAB_SANITIZE)
  enable_language(CXX)
  set(CMAKE_CXX_VISIBILITY_PRESET hidden)
  set(CMAKE_CXX_FLAGS_RELEASE "-O2")
  foreach(major 19 22)
    find_program(PCLNTAB_LLVM_CONFIG_${major} llvm-config-${major})
    if(NOT PCLNTAB_LLVM_CONFIG_${major})
      continue()
    endif()
    execute_process(COMMAND ${PCLNTAB_LLVM_CONFIG_${major}} --includedir
      OUTPUT_VARIABLE include OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT EXISTS ${include}/llvm/IR/Module.h)
      continue()
    endif()
    list(APPEND PCLNTAB_GC_LLVM ${major})
    add_library(pclntab-gc-${major} MODULE
      ld-plugin/gc_areas.cc
      ld-plugin/gc_byval.cc
      ld-plugin/gc_check.cc
      ld-plugin/gc_frame.cc
      ld-plugin/gc_globals.cc
      ld-plugin/gc_leaf.cc
      ld-plugin/gc_liveness.cc
      ld-plugin/gc_plugin.cc
      ld-plugin/gc_polls.cc
      ld-plugin/gc_prepare.cc
      ld-plugin/gc_printer.cc
      ld-plugin/gc_types.cc
      ld-plugin/gc_unions.cc
      ld-plugin/gc_values.cc)
    # LLVM's classes have no run-time types, and its headers are not ours to
    # keep free of warnings.
    target_include_directories(pclntab-gc-${major} SYSTEM PRIVATE ${include})
    target_include_directories(pclntab-gc-${major} PRIVATE pclntab)
    target_compile_features(pclntab-gc-${major} PRIVATE cxx_std_17)
    target_compile_options(pclntab-gc-${major} PRIVATE
      -fno-rtti -fno-exceptions -Wall -Wextra -Werror)
    target_compile_definitions(pclntab-gc-${major} PRIVATE
      __STDC_CONSTANT_MACROS __STDC_FORMAT_MACROS __STDC_LIMIT_MACROS)
    # Its LLVM is the one of the program that loads it.
    set_target_properties(pclntab-gc-${major} PROPERTIES PREFIX ""
      OUTPUT_NAME pclntab-gc
      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/llvm-${major})
    install(TARGETS pclntab-gc-${major}
      LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/pclntab/${major})
  endforeach()
endif()
