// See descent.h.
#include "concepts/descent.h"

#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>

namespace limn {

struct Descent::Optimizer {
  std::unique_ptr<torch::optim::Optimizer> of;
};

Descent::Descent(const Tensor& start, const DescentOptions& o)
    : parameters_(start.detach().clone(at::MemoryFormat::Contiguous).requires_grad_(true)),
      optimizer_(std::make_unique<Optimizer>()) {
  const std::vector<Tensor> all = {parameters_};
  if (o.is_adam) {
    optimizer_->of = std::make_unique<torch::optim::Adam>(
        all, torch::optim::AdamOptions(o.rate).weight_decay(o.weight_decay));
  } else {
    optimizer_->of = std::make_unique<torch::optim::SGD>(
        all, torch::optim::SGDOptions(o.rate).momentum(o.momentum).weight_decay(o.weight_decay));
  }
}

Descent::~Descent() = default;

void Descent::step(const Tensor& gradient) {
  parameters_.mutable_grad() = gradient.to(parameters_.options()).contiguous();
  optimizer_->of->step();
}

void Descent::set_rate(double rate) {
  for (auto& group : optimizer_->of->param_groups()) group.options().set_lr(rate);
}

}  // namespace limn
