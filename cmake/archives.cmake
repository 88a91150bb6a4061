# Runtime archives: what `vitc build` links, in lib/vitc/ARCH of the build and of the installation.
#
#   libvitc-program.a   all of a built program but the compiled recipe
#   libvitc-library.a   the same for libraries
#   link.txt            how they are linked, a line a fact: "program: -l…" and "static: -l…", the libraries of programs
#                       with and without a dynamic section, "shared: -l…" of shared libraries; "flags: …" that the compiler needs besides, and
#                       "compiler: …", the only one that knows them; "package: LIBRARY DEBIAN-PACKAGE" for messages

set(VITC_ARCH ${CMAKE_SYSTEM_PROCESSOR})
set(VITC_ARCHIVES ${CMAKE_BINARY_DIR}/lib/vitc CACHE PATH "where the folders of architectures lie")
set(archive_folder ${VITC_ARCHIVES}/${VITC_ARCH})

# vitc_archive(NAME LAYER…): the objects of layers that have any, in one archive.
set(archives)
function(vitc_archive name)
  set(objects)
  foreach(layer ${ARGN})
    if(NOT TARGET vitc_${layer})
      continue()
    endif()
    get_target_property(kind vitc_${layer} TYPE)
    if(NOT kind STREQUAL "INTERFACE_LIBRARY")
      list(APPEND objects $<TARGET_OBJECTS:vitc_${layer}>)
    endif()
  endforeach()
  add_library(vitc-${name} STATIC ${objects})
  set_target_properties(vitc-${name} PROPERTIES ARCHIVE_OUTPUT_DIRECTORY ${archive_folder} LINKER_LANGUAGE C)
  set(archives ${archives} vitc-${name} PARENT_SCOPE)
endfunction()
vitc_archive(program runtime machine kernels command standalone)
vitc_archive(library runtime machine kernels library)
add_custom_target(vitc_archives DEPENDS ${archives})

set(link_text "program: ${runtime_program}\nstatic: ${runtime_static}\nshared: ${runtime_shared}\n")
if(VITC_SANITIZE)
  string(APPEND link_text "compiler: ${CMAKE_C_COMPILER}\nflags: -fsanitize=address,undefined\n")
endif()
foreach(line ${runtime_debian})
  string(APPEND link_text "package: ${line}\n")
endforeach()
string(REPLACE ";" " " link_text "${link_text}")
file(WRITE ${archive_folder}/link.txt "${link_text}")
