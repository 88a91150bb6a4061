# The layers that built programs consist of, and the libraries they need. No LLVM, no YAML.

# runtime_library(NAME PKG-CONFIG-MODULE DEBIAN-PACKAGE): archives.cmake tells `vitc build` how to link it.
set(runtime_packages)
macro(runtime_library name module package)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
  list(APPEND runtime_packages PkgConfig::${name})
  foreach(library ${${name}_LIBRARIES})
    list(APPEND runtime_shared -l${library})
    list(APPEND runtime_debian "${library} ${package}")
  endforeach()
  foreach(library ${${name}_STATIC_LIBRARIES})
    list(APPEND runtime_static -l${library})
  endforeach()
endmacro()
runtime_library(ARCHIVE libarchive libarchive-dev)
runtime_library(ZIP libzip libzip-dev)
runtime_library(JANSSON jansson libjansson-dev)
runtime_library(PNG libpng16 libpng-dev)
runtime_library(JPEG libjpeg libjpeg62-turbo-dev)
runtime_library(WEBP "libwebp;libwebpdemux" libwebp-dev)
runtime_library(TIFF libtiff-4 libtiff-dev)
runtime_library(ZLIB zlib zlib1g-dev)
runtime_library(XXHASH libxxhash libxxhash-dev)
runtime_library(NETTLE nettle nettle-dev)
find_package(GIF REQUIRED) # it has no file for pkg-config
list(APPEND runtime_packages GIF::GIF)
list(APPEND runtime_shared -lgif)
list(APPEND runtime_static -lgif)
list(APPEND runtime_debian "gif libgif-dev")
list(APPEND runtime_shared -lm)
list(APPEND runtime_static -lm)
list(REMOVE_DUPLICATES runtime_shared)

# Kernels in C that compiled programs call: codegen names them and links them, the rest of runtime/ knows nothing of them.
file(GLOB kernel_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/kernels/*.c)
add_library(vitc_kernels STATIC ${kernel_sources})
target_include_directories(vitc_kernels PUBLIC ${CMAKE_SOURCE_DIR})
target_link_libraries(vitc_kernels PUBLIC m)
vitc_shipped(vitc_kernels)

# What the processor has: codegen asks it too.
file(GLOB machine_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/machine/*.c)
add_library(vitc_machine STATIC ${machine_sources})
target_include_directories(vitc_machine PUBLIC ${CMAKE_SOURCE_DIR})
vitc_shipped(vitc_machine)

vitc_shipped_layer(runtime vitc_machine Threads::Threads ${runtime_packages})
vitc_shipped_layer(command vitc_runtime)
vitc_shipped_layer(standalone vitc_command vitc_runtime)
vitc_shipped_layer(library vitc_runtime)

# Loops over pixels and matrices become vectors; floats round the same in every version (runtime/base/simd.h).
set_source_files_properties(runtime/images/augment.c runtime/images/color.c runtime/images/resize.c
                            runtime/kernels/convolution.c runtime/kernels/factor.c runtime/kernels/spectral.c PROPERTIES
                            COMPILE_OPTIONS "$<$<NOT:$<CONFIG:Debug>>:-O3>;-ffp-contract=off")

# Bits are decided elsewhere (runtime/program/normals.c), and errno is read by no one: roots are taken in vectors.
set_source_files_properties(runtime/program/normals.c PROPERTIES
                            COMPILE_OPTIONS "$<$<NOT:$<CONFIG:Debug>>:-O3>;-fno-math-errno;-fno-trapping-math")
