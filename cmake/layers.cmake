# One static library a layer; a layer links only the layers it may use (docs/design.md).
function(vitc_layer name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.c)
  list(FILTER sources EXCLUDE REGEX "/runtime/(kernels|machine)/")
  if(sources)
    add_library(vitc_${name} STATIC ${sources})
    target_include_directories(vitc_${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(vitc_${name} PUBLIC ${ARGN} m)
    if(VITC_FUZZ) # fuzzers see which edges of every layer an input reaches
      target_compile_options(vitc_${name} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
  else()
    add_library(vitc_${name} INTERFACE)
    target_link_libraries(vitc_${name} INTERFACE ${ARGN})
  endif()
endfunction()

# A layer that built programs and libraries consist of too. Shared libraries want code that lies anywhere, and symbols
# that are no one else's; the linker drops the functions that nobody calls. Every product is rounded, also on processors
# that could add to it before: data are prepared alike everywhere.
function(vitc_shipped_layer name)
  vitc_layer(${name} ${ARGN})
  vitc_shipped(vitc_${name})
endfunction()
function(vitc_shipped target)
  get_target_property(kind ${target} TYPE)
  if(NOT kind STREQUAL "INTERFACE_LIBRARY")
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_compile_options(${target} PRIVATE -fvisibility=hidden -ffunction-sections -fdata-sections -ffp-contract=off)
  endif()
endfunction()
