// Pad with zeros before AveragePool is AveragePool with pads that counts the padding. Exact where
// the pool does not pad itself without counting, and no window lies in the padding alone. Before a
// convolution it is the convolution's own padding.
#include <ATen/ATen.h>

#include <algorithm>

#include "import/pattern.h"

namespace limn {
namespace {

/// Neither a crop nor so large that sums would overflow.
bool is_plain_pad(std::int64_t pad) { return pad >= 0 && pad < (std::int64_t{1} << 31); }

/// Pads of all axes, begins before ends, or none where they are not constant zeros' pads.
std::optional<std::vector<std::int64_t>> zero_pads(const Pattern& pattern, const DraftNode& pad,
                                                   std::size_t rank) {
  if (pad.attributes.text("mode", "constant") != "constant") return std::nullopt;
  if (pad.attributes.real("value", 0) != 0) return std::nullopt;
  if (!input_of(pad, 2).empty() && pattern.scalar(pad.inputs[2]) != 0.0) return std::nullopt;
  auto pads = pattern.integers(pad, "pads", 1);
  if (!pads) return std::nullopt;
  if (!input_of(pad, 3).empty()) {
    const auto axes = pattern.integers(pad, "axes", 3);
    if (!axes || pads->size() != 2 * axes->size()) return std::nullopt;
    std::vector<std::int64_t> all(2 * rank, 0);
    for (std::size_t i = 0; i < axes->size(); ++i) {
      const auto count = static_cast<std::int64_t>(rank);
      const std::int64_t axis = (*axes)[i] < 0 ? (*axes)[i] + count : (*axes)[i];
      if (axis < 0 || axis >= count) return std::nullopt;
      all[static_cast<std::size_t>(axis)] = (*pads)[i];
      all[static_cast<std::size_t>(axis) + rank] = (*pads)[i + axes->size()];
    }
    pads = std::move(all);
  }
  if (pads->size() != 2 * rank) return std::nullopt;
  if (!std::all_of(pads->begin(), pads->end(), is_plain_pad)) return std::nullopt;
  return pads;
}

/// Adds zero pads of the spatial axes to a node's own; false where the Pad does anything else.
bool add_pads(const Pattern& pattern, const DraftNode& pad, std::vector<std::int64_t>& own) {
  const std::size_t spatial = own.size() / 2;
  const auto pads = zero_pads(pattern, pad, spatial + 2);
  if (!pads || (*pads)[0] || (*pads)[1] || (*pads)[spatial + 2] || (*pads)[spatial + 3]) {
    return false;
  }
  for (std::size_t i = 0; i < spatial; ++i) {
    own[i] += (*pads)[i + 2];
    own[spatial + i] += (*pads)[spatial + 4 + i];
  }
  return true;
}

}  // namespace

void fuse_pad_conv(Draft& draft) {
  Pattern pattern(draft);
  for (auto& conv : draft.nodes) {
    if (conv.op != "Conv" || !conv.domain.empty() || conv.inputs.size() < 2) continue;
    const DraftNode* pad = pattern.producer(conv.inputs[0], {"Pad"});
    const Tensor weight = pattern.constant(conv.inputs[1]);
    if (!pad || pad->inputs.empty() || !weight.defined() || weight.dim() < 3) continue;
    const std::string automatic = conv.attributes.text("auto_pad", "NOTSET");
    if (automatic != "NOTSET" && automatic != "VALID") continue;
    const auto spatial = static_cast<std::size_t>(weight.dim()) - 2;
    auto own = conv.attributes.integers("pads", std::vector<std::int64_t>(2 * spatial, 0));
    if (own.size() != 2 * spatial || automatic == "VALID") own.assign(2 * spatial, 0);
    if (!std::all_of(own.begin(), own.end(), is_plain_pad)) continue;
    if (!add_pads(pattern, *pad, own)) continue;
    conv.attributes.erase("auto_pad");
    conv.attributes.set("pads", own);
    conv.inputs[0] = pad->inputs[0];
  }
}

void fuse_pad_pool(Draft& draft) {
  Pattern pattern(draft);
  for (auto& pool : draft.nodes) {
    if (pool.op != "AveragePool" || !pool.domain.empty() || pool.inputs.size() != 1) continue;
    const DraftNode* pad = pattern.producer(pool.inputs[0], {"Pad"});
    if (!pad || pad->inputs.empty()) continue;
    const Attributes& given = pool.attributes;
    const auto kernel = given.integers("kernel_shape");
    const std::size_t spatial = kernel.size();
    const std::string automatic = given.text("auto_pad", "NOTSET");
    if (automatic != "NOTSET" && automatic != "VALID") continue;
    if (given.integer("ceil_mode", 0) != 0) continue;
    auto own = given.integers("pads", std::vector<std::int64_t>(2 * spatial, 0));
    if (own.size() != 2 * spatial || automatic == "VALID") own.assign(2 * spatial, 0);
    if (!std::all_of(own.begin(), own.end(), is_plain_pad)) continue;
    const bool pads_itself = std::any_of(own.begin(), own.end(), [](auto p) { return p != 0; });
    if (pads_itself && given.integer("count_include_pad", 0) == 0) continue;
    if (!add_pads(pattern, *pad, own)) continue;
    bool fits = true;
    for (std::size_t i = 0; i < spatial; ++i) {
      fits = fits && own[i] < kernel[i] && own[spatial + i] < kernel[i];
    }
    if (!fits) continue;
    pool.attributes.erase("auto_pad");
    pool.attributes.set("pads", own);
    pool.attributes.set("count_include_pad", std::int64_t{1});
    pool.inputs[0] = pad->inputs[0];
  }
}

}  // namespace limn
