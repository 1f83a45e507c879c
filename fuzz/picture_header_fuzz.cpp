// Any bytes as the beginning of a picture. Nothing may come out but a size, which is never below
// zero.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "image/picture_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const limn::PictureHeader header =
      limn::read_picture_header({reinterpret_cast<const char*>(data), size});
  if (header.width < 0 || header.height < 0) std::abort();
  return 0;
}
