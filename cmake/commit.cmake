# The commit that is built, as commit.h: "abcdef1", "abcdef1+" with changes that are not committed; "" where no git
# folder tells. Run at each build; the file is written anew only where it changes.
cmake_minimum_required(VERSION 3.22)
execute_process(COMMAND git -C ${SOURCE} rev-parse --show-toplevel OUTPUT_VARIABLE top ERROR_QUIET
                OUTPUT_STRIP_TRAILING_WHITESPACE)
set(commit "")
if(top STREQUAL SOURCE) # and not the repository of someone who has the source in a folder of theirs
  execute_process(COMMAND git -C ${SOURCE} rev-parse --short=7 HEAD OUTPUT_VARIABLE commit ERROR_QUIET
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  execute_process(COMMAND git -C ${SOURCE} diff --quiet HEAD -- RESULT_VARIABLE changed ERROR_QUIET)
  if(commit AND changed)
    string(APPEND commit "+")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define VITC_COMMIT \"@commit@\"\n" @ONLY)
