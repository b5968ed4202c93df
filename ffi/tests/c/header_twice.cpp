// The header may be included twice, and is C++11.
#include "trueline.h"
#include "trueline.h"

int main() {
  tl_engine_config config = TL_ENGINE_CONFIG_INIT;
  tl_guard_options options = TL_GUARD_OPTIONS_INIT;
  return config.struct_size == sizeof config && options.struct_size == sizeof options ? 0 : 1;
}
