# The layers that built programs consist of, and the libraries they need. No LLVM, no YAML.

# runtime_library(LIBRARY PACKAGE [inside|below]): -lLIBRARY, of that Debian package, which has it as an archive too.
#   inside  programs have it inside even if others are shared: it would load libraries that no program needs (libarchive
#           loads libxml2 and ICU, libtiff the C++ library), which takes most of the time in which a program starts
#   below   those two alone call it
# archives.cmake tells `vitc build` all of it.
macro(runtime_library library package)
  if("${ARGN}" STREQUAL "inside")
    list(APPEND runtime_program -Wl,-Bstatic -l${library} -Wl,-Bdynamic)
  else()
    list(APPEND runtime_program -l${library})
  endif()
  if(NOT "${ARGN}" STREQUAL "below")
    list(APPEND runtime_shared -l${library})
  endif()
  list(APPEND runtime_static -l${library})
  list(APPEND runtime_debian "${library} ${package}")
endmacro()
# In place of the codecs of libtiff that nobody needs (runtime/images/tiff_codecs.c).
set(runtime_program -Wl,-u,vt_tiff_codecs)
set(runtime_static -Wl,-u,vt_tiff_codecs)
# A library stands before those it calls.
runtime_library(tiff libtiff-dev inside)
runtime_library(archive libarchive-dev inside)
runtime_library(webpdemux libwebp-dev)
runtime_library(webp libwebp-dev)
runtime_library(jpeg libjpeg62-turbo-dev)
runtime_library(png16 libpng-dev)
runtime_library(gif libgif-dev)
runtime_library(jansson libjansson-dev)
runtime_library(lzma liblzma-dev below)
runtime_library(zstd libzstd-dev below)
runtime_library(lz4 liblz4-dev below)
runtime_library(deflate libdeflate-dev below)
runtime_library(bz2 libbz2-dev)
runtime_library(z zlib1g-dev)
runtime_library(xxhash libxxhash-dev)
runtime_library(nettle nettle-dev)
runtime_library(m libc6-dev)

pkg_check_modules(NETTLE REQUIRED IMPORTED_TARGET nettle)
pkg_check_modules(PACKED REQUIRED IMPORTED_TARGET libarchive zlib)
pkg_check_modules(IMAGES REQUIRED IMPORTED_TARGET libpng16 libjpeg libwebp libwebpdemux libtiff-4)
pkg_check_modules(TEXT REQUIRED IMPORTED_TARGET jansson libxxhash)
find_package(GIF REQUIRED) # these have no file for pkg-config
find_package(BZip2 REQUIRED)
set(runtime_packages PkgConfig::NETTLE PkgConfig::PACKED PkgConfig::IMAGES PkgConfig::TEXT GIF::GIF BZip2::BZip2)

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
foreach(shell bash zsh fish)
  vitc_embed(vitc_command completion_${shell} command/shells/${shell})
endforeach()
vitc_shipped_layer(standalone vitc_command vitc_runtime)
vitc_shipped_layer(library vitc_runtime)

# Loops over pixels and matrices become vectors; floats round the same in every version (runtime/base/simd.h).
set_source_files_properties(runtime/images/affine.c runtime/images/augment.c runtime/images/color.c
                            runtime/images/resize.c
                            runtime/kernels/convolution.c runtime/kernels/factor.c runtime/kernels/spectral.c PROPERTIES
                            COMPILE_OPTIONS "$<$<NOT:$<CONFIG:Debug>>:-O3>")

# Bits are decided elsewhere (runtime/program/normals.c), and errno is read by no one: roots are taken in vectors.
set_source_files_properties(runtime/program/normals.c PROPERTIES
                            COMPILE_OPTIONS "$<$<NOT:$<CONFIG:Debug>>:-O3>;-fno-math-errno;-fno-trapping-math")
