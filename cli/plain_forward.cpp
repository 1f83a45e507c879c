// See plain_forward.h.
#include "cli/plain_forward.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>

#include "cli/allocator.h"
#include "ops/kernels.h"
#include "ops/op.h"

namespace limn::cli {

PlainForward::PlainForward(const Model& model) : graph_(model.graph()), input_(model.input()) {
  last_use_.assign(graph_.values().size(), -1);
  for (std::size_t n = 0; n < graph_.nodes().size(); ++n) {
    for (const ValueId id : graph_.nodes()[n].inputs) {
      if (id) last_use_[static_cast<std::size_t>(id.index)] = static_cast<int>(n);
    }
  }
  for (const ValueId id : graph_.outputs()) {
    last_use_[static_cast<std::size_t>(id.index)] = static_cast<int>(graph_.nodes().size());
  }
  constants_.resize(graph_.values().size());
  for (std::size_t v = 0; v < constants_.size(); ++v) {
    const Tensor& constant = graph_.values()[v].constant;
    if (constant.defined()) constants_[v] = constant.contiguous();
  }
}

Tensor PlainForward::run(const Tensor& x) const {
  const DefaultAllocator as_eager_libtorch_has_it;
  const at::AutoGradMode as_asked(x.requires_grad());
  const PlainKernels as_libtorch_runs_them;
  Tensors values = constants_;
  values[static_cast<std::size_t>(input_.index)] = x.contiguous();
  for (std::size_t n = 0; n < graph_.nodes().size(); ++n) {
    const Node& node = graph_.nodes()[n];
    Tensors in;
    for (const ValueId id : node.inputs) {
      in.push_back(id ? values[static_cast<std::size_t>(id.index)] : Tensor());
    }
    Tensors out = node.spec->forward(node, in);
    for (std::size_t i = 0; i < node.outputs.size() && i < out.size(); ++i) {
      if (node.outputs[i]) values[static_cast<std::size_t>(node.outputs[i].index)] = out[i];
    }
    for (const ValueId id : node.inputs) {
      if (id && last_use_[static_cast<std::size_t>(id.index)] == static_cast<int>(n)) {
        values[static_cast<std::size_t>(id.index)] = Tensor();
      }
    }
  }
  return values[static_cast<std::size_t>(graph_.outputs().front().index)];
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace limn::cli
