// NaN or infinity in weights would turn every map into nothing, and integers fit no layer; the
// error names the initializer.
#include <array>
#include <cstring>

#include "import/onnx_reader.h"
#include "import/onnx_tensor.h"
#include "limn/error.h"

namespace limn {
namespace {

struct Found {
  bool nan = false, infinity = false;
};

/// One pass over the bits in blocks, which the compiler turns into vector code.
template <typename Bits>
Found scan(const Tensor& tensor, Bits exponent, Bits mantissa) {
  const Tensor flat = tensor.contiguous();
  const char* data = static_cast<const char*>(flat.data_ptr());
  const std::int64_t count = flat.numel();
  Found found;
  constexpr std::int64_t kBlock = 4096;
  std::array<Bits, kBlock> block;
  for (std::int64_t start = 0; start < count; start += kBlock) {
    const std::int64_t size = std::min(kBlock, count - start);
    std::memcpy(block.data(), data + start * static_cast<std::int64_t>(sizeof(Bits)),
                static_cast<std::size_t>(size) * sizeof(Bits));
    Bits special = 0;
    for (std::int64_t i = 0; i < size; ++i) {
      special |= static_cast<Bits>((block[static_cast<std::size_t>(i)] & exponent) == exponent);
    }
    if (!special) continue;
    for (std::int64_t i = 0; i < size; ++i) {
      const Bits bits = block[static_cast<std::size_t>(i)];
      if ((bits & exponent) != exponent) continue;
      (bits & mantissa ? found.nan : found.infinity) = true;
    }
  }
  return found;
}

Found scan(const Tensor& tensor) {
  if (tensor.scalar_type() == at::kFloat) {
    return scan<std::uint32_t>(tensor, 0x7f800000u, 0x007fffffu);
  }
  if (tensor.scalar_type() == at::kDouble) {
    return scan<std::uint64_t>(tensor, 0x7ff0000000000000u, 0x000fffffffffffffu);
  }
  return {};
}

bool takes_weights(std::string_view op) {
  constexpr std::array<std::string_view, 10> kOps = {"Conv",
                                                     "ConvTranspose",
                                                     "Gemm",
                                                     "MatMul",
                                                     "PRelu",
                                                     "BatchNormalization",
                                                     "LRN",
                                                     "InstanceNormalization",
                                                     "LayerNormalization",
                                                     "GroupNormalization"};
  return std::find(kOps.begin(), kOps.end(), op) != kOps.end();
}

/// Arithmetic on constants alone may be of integers; a layer has an input that is none.
void check_types(const Draft& draft) {
  for (const auto& node : draft.nodes) {
    if (!takes_weights(node.op)) continue;
    bool layer = false;
    for (const auto& input : node.inputs) {
      layer = layer || (!input.empty() && !draft.constants.contains(input));
    }
    for (const auto& input : node.inputs) {
      const auto found = draft.constants.find(input);
      if (!layer || found == draft.constants.end() || found->second.is_floating_point()) continue;
      fail(ErrorCode::BadModel, "initializer \"", input, "\", the weights of node \"", node.name,
           "\" (", node.op, "), is ", onnx_type_name(found->second.scalar_type()),
           ", not of floating point; export the model with float32 weights");
    }
  }
}

}  // namespace

void check_weights(const Draft& draft) {
  check_types(draft);
  std::map<std::string, bool> infinite;
  for (const auto& [name, tensor] : draft.constants) {
    const Found found = scan(tensor);
    if (found.nan) {
      fail(ErrorCode::Numerical, "initializer \"", name,
           "\" holds NaN; the model's training or export went wrong");
    }
    if (found.infinity) infinite[name] = true;
  }
  if (infinite.empty()) return;
  for (const auto& node : draft.nodes) {
    if (!takes_weights(node.op)) continue;
    for (const auto& input : node.inputs) {
      if (!infinite.contains(input)) continue;
      fail(ErrorCode::Numerical, "initializer \"", input, "\", the weights of node \"", node.name,
           "\" (", node.op, "), holds infinity; the model's training or export went wrong");
    }
  }
}

}  // namespace limn
