/* The header stands alone: nothing is included before it, and it is C99. */
#include "trueline.h"

int main(void) { return tl_abi_version() == TL_ABI_VERSION ? 0 : 1; }
