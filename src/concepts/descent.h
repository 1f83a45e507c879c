// Gradient descent on one tensor of parameters, by libtorch's optimizers.
#pragma once
#include <memory>

#include "limn/tensor.h"

namespace limn {

/// Adam with libtorch's constants, or gradient steps with momentum.
struct DescentOptions {
  bool is_adam = true;
  double rate = 0.05, momentum = 0, weight_decay = 0;
};

class Descent {
 public:
  Descent(const Tensor& start, const DescentOptions& options);
  ~Descent();
  Descent(const Descent&) = delete;
  Descent& operator=(const Descent&) = delete;

  /// A leaf that wants a gradient.
  const Tensor& parameters() const { return parameters_; }
  /// One step against this gradient.
  void step(const Tensor& gradient);
  void set_rate(double rate);

 private:
  struct Optimizer;
  Tensor parameters_;
  std::unique_ptr<Optimizer> optimizer_;
};

}  // namespace limn
