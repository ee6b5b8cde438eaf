# SPDX-License-Identifier: Apache-2.0
#
# What `cmake --install` puts where: the tools, the plugin in a folder that no
# linker searches by itself, two libraries with their headers, and what CMake
# and pkg-config need to find them.
include(CMakePackageConfigHelpers)

# libpclntab: reading tables (usable in signal handlers) and building them.
add_library(pclntab STATIC
  $<TARGET_OBJECTS:pclntab_lookup> $<TARGET_OBJECTS:pclntab_model>)
target_link_libraries(pclntab PUBLIC Threads::Threads)
target_include_directories(pclntab INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/pclntab>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/pclntab>)

# libpclntab_check: a table against its file. Reads ELF, DWARF and CFI, so it
# needs what they are compressed with.
add_library(pclntab_check STATIC
  $<TARGET_OBJECTS:pclntab_check_objects> $<TARGET_OBJECTS:pclntab_sources>)
target_link_libraries(pclntab_check PUBLIC pclntab z zstd)

# libpclntab_disasm: a table against machine code, and listings. Needs capstone.
add_library(pclntab_disasm STATIC $<TARGET_OBJECTS:pclntab_disasm_objects>)
target_link_libraries(pclntab_disasm PUBLIC pclntab capstone)

set(libraries pclntab pclntab_check pclntab_disasm pclnrt pclnrt_shared)
set(tools pclntab-link pclntab-dump pclntab-obj)
set(headers pclntab/format.h pclntab/status.h pclntab/pclntab.h
  pclntab/buildinfo.h pclntab/image.h pclntab/locate.h pclntab/reader.h
  pclntab/scan.h pclntab/go_funcdata.h pclntab/go_names.h pclntab/stackmap.h pclntab/stackmap_llvm.h
  pclntab/stackmap_pairs.h pclntab/module.h
  pclntab/roots_table.h pclntab/funcdata.h pclntab/funcdata.inc
  pclntab/check.h disasm/disasm.h runtime/pclnrt.h runtime/gc.h runtime/roots.h)

install(TARGETS ${libraries} EXPORT pclntab-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS ${tools} DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS pclntab-ld LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/pclntab)
install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pclntab)
install(FILES docs/man/pclntab-link.1 docs/man/pclntab-dump.1
  docs/man/pclntab-obj.1
  DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/pclnrt_gc.3 docs/man/pclnrt_roots.3
  DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
install(FILES docs/man/pclntab-gc.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
install(FILES docs/pclntab-dump.schema.json
  DESTINATION ${CMAKE_INSTALL_DATADIR}/pclntab)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs
  FILES_MATCHING PATTERN "*.md" PATTERN man EXCLUDE)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pclntab)
install(EXPORT pclntab-targets NAMESPACE pclntab:: DESTINATION ${package_dir})
configure_package_config_file(cmake/pclntab-config.cmake.in
  pclntab-config.cmake INSTALL_DESTINATION ${package_dir}
  PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(pclntab-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES cmake/PclntabLink.cmake
  ${PROJECT_BINARY_DIR}/pclntab-config.cmake
  ${PROJECT_BINARY_DIR}/pclntab-config-version.cmake
  DESTINATION ${package_dir})

# pclntab_pc(<name> <description>): <name>.pc,
# which says where it is by its own place, so that a moved prefix still works.
function(pclntab_pc PC_NAME PC_DESCRIPTION)
  file(RELATIVE_PATH PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
    ${CMAKE_INSTALL_PREFIX})
  configure_file(cmake/pclntab.pc.in ${PC_NAME}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${PC_NAME}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
pclntab_pc(pclntab "Reads and builds program counter tables")
pclntab_pc(pclnrt "Tracebacks of the running program from its table")
