# The benchmark suites as a list of C strings: {"name", R"suite(text)suite"}, in the order below.
set(limn_suites demo sanity region-insertion ucag-tables rsp-table wsss coco-imagenet
    coco-labels)
set(limn_suites_list "")
foreach(name ${limn_suites})
  set(file ${CMAKE_SOURCE_DIR}/src/evaluation/suites/${name}.suite)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} text)
  string(APPEND limn_suites_list "{\"${name}\", R\"suite(${text})suite\"},\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/limn_suites.inc
     CONTENT "@limn_suites_list@" @ONLY)
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/evaluation/suites.cpp PROPERTIES
                            INCLUDE_DIRECTORIES ${CMAKE_BINARY_DIR}/generated)
