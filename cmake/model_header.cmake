# The text of library/model.h as a C string, `model_header`: `vitc build --emit=lib` writes headers from it.
set(model_header ${CMAKE_BINARY_DIR}/model_header.c)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/library/model.h)
file(READ ${CMAKE_SOURCE_DIR}/library/model.h text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n\"" text "${text}")
file(CONFIGURE OUTPUT ${model_header} CONTENT "const char model_header[] =\n\"@text@\";\n" @ONLY)
