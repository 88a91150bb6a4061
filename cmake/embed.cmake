# vitc_embed(TARGET SYMBOL FILE): the text of a file as a C string, `const char SYMBOL[]`, in the sources of a target.
function(vitc_embed target symbol file)
  set(out ${CMAKE_BINARY_DIR}/embedded/${symbol}.c)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${file})
  file(READ ${CMAKE_SOURCE_DIR}/${file} text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n\"" text "${text}")
  file(CONFIGURE OUTPUT ${out} CONTENT
       "extern const char ${symbol}[];\nconst char ${symbol}[] =\n\"@text@\";\n" @ONLY)
  target_sources(${target} PRIVATE ${out})
endfunction()
