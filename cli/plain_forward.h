// What limn's speed is measured against, and how it is measured.
#pragma once
#include <functional>
#include <vector>

#include "limn/model.h"

namespace limn::cli {

/// The model as eager libtorch runs it: node by node, nothing folded, contiguous tensors; a value
/// is freed after its last use.
class PlainForward {
 public:
  explicit PlainForward(const Model& model);
  /// The first output; with gradients only where x asks for them.
  Tensor run(const Tensor& x) const;

 private:
  const Graph& graph_;
  ValueId input_;
  std::vector<int> last_use_;
  Tensors constants_;
};

double seconds_of(const std::function<void()>& work);
double median(std::vector<double> values);

}  // namespace limn::cli
