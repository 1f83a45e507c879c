# Installs libraries, headers, the program, its demo models, and a package for find_package(limn):
# targets limn::core (libtorch alone) and limn::limn (everything; absent with LIMN_CORE_ONLY).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(limn_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/limn)
set(limn_libraries limn_core)
if(TARGET limn)
  list(APPEND limn_libraries limn)
endif()
install(TARGETS ${limn_libraries} EXPORT limnTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT limnTargets NAMESPACE limn:: DESTINATION ${limn_package_dir})
install(DIRECTORY include/limn DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET limn_cli)
  install(TARGETS limn_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/limn/models
          FILES_MATCHING PATTERN *.onnx PATTERN *.limn.json PATTERN *.md)
endif()

configure_package_config_file(cmake/limnConfig.cmake.in ${CMAKE_BINARY_DIR}/limnConfig.cmake
                              INSTALL_DESTINATION ${limn_package_dir})
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/limnConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/limnConfig.cmake ${CMAKE_BINARY_DIR}/limnConfigVersion.cmake
        DESTINATION ${limn_package_dir})
