# The viewer (inspect/viewer/, in the order of files.txt) as C strings: an installed vitc writes pages without files.
set(viewer ${CMAKE_SOURCE_DIR}/inspect/viewer)
set(viewer_strings ${CMAKE_BINARY_DIR}/viewer_strings.c)
file(STRINGS ${viewer}/files.txt viewer_files)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${viewer}/files.txt ${viewer}/page.html)

# c_string(FILE OUT): the lines of a C string literal.
function(c_string file out)
  file(READ ${file} text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n\"" text "${text}")
  set(${out} "\"${text}\"\n" PARENT_SCOPE)
endfunction()

set(style "")
set(script "")
foreach(file ${viewer_files})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${viewer}/${file})
  c_string(${viewer}/${file} text)
  if(file MATCHES "[.]css$")
    string(APPEND style "${text}")
  else()
    string(APPEND script "${text}")
  endif()
endforeach()
c_string(${viewer}/page.html page)
file(CONFIGURE OUTPUT ${viewer_strings} CONTENT "#include \"inspect/page/viewer_strings.h\"
const char VIEWER_PAGE[] =\n@page@;
const char VIEWER_STYLE[] =\n@style@;
const char VIEWER_SCRIPT[] =\n@script@;
" @ONLY)
target_sources(vitc_inspect PRIVATE ${viewer_strings})
