// See fold_shapes.h. The sizes come from the file's declarations; a model whose batch is fixed
// refuses other batches, so there all of them hold.
#include "import/fold_shapes.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "import/pattern.h"

namespace limn {
namespace {

/// Sizes of a Shape's result; -1 is open.
using Sizes = std::vector<std::int64_t>;

class ShapeFolder {
 public:
  explicit ShapeFolder(Draft& draft) : draft_(draft), pattern_(draft) {
    if (!draft.inputs.empty() && !draft.inputs[0].shape.empty()) batch_ = draft.inputs[0].shape[0];
    for (const auto& info : draft.values) note(info, false);
    for (const auto& info : draft.inputs) note(info, true);
  }
  void run();

 private:
  void note(const ValueInfo& info, bool is_input);
  void fold(const std::string& output, Tensor value) {
    draft_.constants[output] = std::move(value);
    folded_.insert(output);
  }
  std::optional<Sizes> sizes_after(const DraftNode& node);
  std::optional<Sizes> shape_of(const DraftNode& node) const;
  std::optional<Sizes> gather(const DraftNode& node, const Sizes& sizes);
  std::optional<Sizes> slice(const DraftNode& node, const Sizes& sizes) const;

  Draft& draft_;
  Pattern pattern_;
  std::int64_t batch_ = -1;
  std::map<std::string, Sizes> declared_, partial_;
  std::vector<std::int64_t> result_shape_;
  std::set<std::string> folded_;
};

void ShapeFolder::note(const ValueInfo& info, bool is_input) {
  if (!info.has_shape) return;
  Sizes sizes = info.shape;
  if (batch_ < 0 && !is_input && !sizes.empty()) sizes[0] = -1;
  declared_[info.name] = std::move(sizes);
}

std::int64_t clamped(std::int64_t position, std::int64_t count) {
  if (position < 0) position = std::max<std::int64_t>(position, -count) + count;
  return std::min(position, count);
}

std::optional<Sizes> ShapeFolder::shape_of(const DraftNode& node) const {
  const auto found = declared_.find(input_of(node, 0));
  if (found == declared_.end()) return std::nullopt;
  const Sizes& all = found->second;
  const auto count = static_cast<std::int64_t>(all.size());
  const std::int64_t start = clamped(node.attributes.integer("start", 0), count);
  const std::int64_t end = clamped(node.attributes.integer("end", count), count);
  return start < end ? Sizes(all.begin() + start, all.begin() + end) : Sizes();
}

std::optional<Sizes> ShapeFolder::gather(const DraftNode& node, const Sizes& sizes) {
  const Tensor indices = pattern_.constant(input_of(node, 1));
  const std::int64_t axis = node.attributes.integer("axis", 0);
  if (!indices.defined() || (axis != 0 && axis != -1) || indices.dim() > 1) return std::nullopt;
  const auto picks = pattern_.integers(node, "", 1);
  Sizes result;
  const auto count = static_cast<std::int64_t>(sizes.size());
  for (const std::int64_t index : *picks) {
    if (index < -count || index >= count) return std::nullopt;
    result.push_back(sizes[static_cast<std::size_t>(index < 0 ? index + count : index)]);
  }
  result_shape_ = indices.sizes().vec();
  return result;
}

std::optional<Sizes> ShapeFolder::slice(const DraftNode& node, const Sizes& sizes) const {
  const auto starts = pattern_.integers(node, "starts", 1);
  const auto ends = pattern_.integers(node, "ends", 2);
  const auto axes = pattern_.integers(node, "axes", 3);
  const auto steps = pattern_.integers(node, "steps", 4);
  if (!starts || !ends || starts->size() != 1 || ends->size() != 1) return std::nullopt;
  if (!axes && !input_of(node, 3).empty()) return std::nullopt;
  if (!steps && !input_of(node, 4).empty()) return std::nullopt;
  if (axes && *axes != Sizes{0} && *axes != Sizes{-1}) return std::nullopt;
  if (steps && *steps != Sizes{1}) return std::nullopt;
  const auto count = static_cast<std::int64_t>(sizes.size());
  const std::int64_t start = clamped(starts->front(), count);
  const std::int64_t end = clamped(ends->front(), count);
  return start < end ? Sizes(sizes.begin() + start, sizes.begin() + end) : Sizes();
}

std::optional<Sizes> ShapeFolder::sizes_after(const DraftNode& node) {
  if (node.op == "Shape") return shape_of(node);
  const auto found = partial_.find(input_of(node, 0));
  if (found == partial_.end()) return std::nullopt;
  if (node.op == "Gather") return gather(node, found->second);
  if (node.op == "Slice") return slice(node, found->second);
  if (node.op == "Cast" && node.attributes.integer("to", 0) == 7) return found->second;
  return std::nullopt;
}

bool is_open(std::int64_t size) { return size < 0; }

void ShapeFolder::run() {
  for (const auto& node : draft_.nodes) {
    if (!node.domain.empty() || node.outputs.size() != 1 || node.outputs[0].empty()) continue;
    const std::string& output = node.outputs[0];
    if (pattern_.producer(output) != &node || pattern_.is_constant(output)) continue;
    if (pattern_.is_input(output)) continue;
    if (node.op == "Size") {
      const auto found = declared_.find(input_of(node, 0));
      if (found == declared_.end()) continue;
      const Sizes& sizes = found->second;
      if (std::any_of(sizes.begin(), sizes.end(), is_open)) continue;
      // Sizes up to 2^40 each: their product must not overflow.
      double product = 1;
      for (const std::int64_t size : sizes) product *= static_cast<double>(size);
      if (product > 1e15) continue;
      fold(output, at::scalar_tensor(static_cast<std::int64_t>(product), at::kLong));
      continue;
    }
    result_shape_ = {-1};
    auto sizes = sizes_after(node);
    if (!sizes) continue;
    if (std::none_of(sizes->begin(), sizes->end(), is_open)) {
      fold(output, at::tensor(*sizes, at::kLong)
                       .reshape(sizes->empty() ? std::vector<std::int64_t>{0} : result_shape_));
    }
    if (!result_shape_.empty()) partial_[output] = std::move(*sizes);
  }
  std::erase_if(draft_.nodes, [&](const DraftNode& node) {
    return node.outputs.size() == 1 && folded_.contains(node.outputs[0]);
  });
}

}  // namespace

void fold_shapes(Draft& draft) { ShapeFolder(draft).run(); }

}  // namespace limn
