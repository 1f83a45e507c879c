// Any bytes as a .npy file. Only limn::Error may come out, and what reads writes and reads to the
// same again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "limn/error.h"
#include "limn/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const limn::Tensor read = limn::decode_npy({reinterpret_cast<const char*>(data), size});
    const std::string written = limn::encode_npy(read);
    if (limn::encode_npy(limn::decode_npy(written)) != written) std::abort();
  } catch (const limn::Error&) {
  }
  return 0;
}
