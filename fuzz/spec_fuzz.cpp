// Any text as a spec string. Only limn::Error may come out, and what parses prints and parses to
// the same again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "limn/error.h"
#include "limn/spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const limn::Spec spec = limn::Spec::parse({reinterpret_cast<const char*>(data), size});
    if (limn::Spec::parse(spec.text()) != spec) std::abort();
  } catch (const limn::Error&) {
  }
  return 0;
}
