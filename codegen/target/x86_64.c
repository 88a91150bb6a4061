/* What all targets of x86-64 have in common. */
#include "codegen/target/targets.h"

/* A division of 64 bits, a thread's share of the work twice a kernel, shall be one instruction, not a test, two
 * branches and two instructions. */
const Architecture architecture_x86_64 = {.name = "x86_64", .cpu = "x86-64", .preferences = "-idivq-to-divl"};
