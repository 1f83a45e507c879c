// Einsum: sums of products named by an equation. One activation with constants is linear, two are
// a product; one activation alone (a permutation, a diagonal, a sum) is linear with weight 1.
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cctype>

#include "ops/linear_support.h"
#include "ops/op.h"

namespace limn {
namespace {

struct Equation {
  std::vector<std::string> operands;
  std::string output;
  bool explicit_output = false;
};

std::string equation_of(const Node& node) { return node.attributes.text("equation", ""); }

Equation parse(const Node& node) {
  Equation equation;
  std::string text = equation_of(node);
  std::erase_if(text, [](unsigned char c) { return std::isspace(c) != 0; });
  const std::size_t arrow = text.find("->");
  equation.explicit_output = arrow != std::string::npos;
  if (equation.explicit_output) equation.output = text.substr(arrow + 2);
  std::istringstream parts(text.substr(0, arrow));
  for (std::string part; std::getline(parts, part, ',');) equation.operands.push_back(part);
  return equation;
}

Tensors einsum_forward(const Node& node, Inputs in) {
  return {at::einsum(equation_of(node), {in.data(), in.size()})};
}

void einsum_check(const Node& node) {
  const Equation equation = parse(node);
  if (equation.operands.size() != node.inputs.size()) {
    fail(ErrorCode::BadModel, "equation \"", equation_of(node), "\" names ",
         equation.operands.size(), " inputs, the node has ", node.inputs.size());
  }
}

OpKind einsum_kind(const Node&, std::span<const bool> constant) {
  return std::count(constant.begin(), constant.end(), false) > 1 ? OpKind::Bilinear
                                                                 : OpKind::Linear;
}

/// z = einsum(x, w): the transpose comes from autograd, one sample at a time where weights differ.
class EinsumView : public LinearView {
 public:
  EinsumView(const Node& node, Inputs in, std::size_t data)
      : node_(node), in_(in.begin(), in.end()), data_(data) {
    const Equation equation = parse(node);
    const std::string& x = equation.operands[data];
    const bool by_ellipsis = x.rfind("...", 0) == 0;
    const std::string batch = by_ellipsis ? "..." : x.substr(0, 1);
    bool own = equation.explicit_output && !batch.empty() && equation.output.rfind(batch, 0) == 0;
    for (std::size_t i = 0; i < equation.operands.size(); ++i) {
      if (i != data && equation.operands[i].find(batch) != std::string::npos) own = false;
    }
    if (!own || in_[data].dim() == 0 || (!by_ellipsis && x.find(batch, 1) != std::string::npos)) {
      fail(ErrorCode::Unsupported, "equation \"", equation_of(node),
           "\" does not keep the batch in front");
    }
    // The first constant is the weight; further ones stay as they are.
    weight_at_ = in_.size() == 1 ? 0 : (data == 0 ? 1 : 0);
    weight_ = in_.size() == 1 ? at::ones({}, in_[data].options()) : in_[weight_at_];
  }

  Tensor apply(const Tensor& x, const Tensor& w, const Tensor& b) const override {
    const Tensor z =
        each(x, w, [&](const Tensor& x_n, const Tensor& w_n) { return run(x_n, w_n); });
    return b.defined() ? z + b : z;
  }
  Tensor pull_x(const Tensor& s, const Tensor& w) const override {
    return each(s, w, [&](const Tensor& s_n, const Tensor& w_n) {
      std::vector<std::int64_t> sizes = in_[data_].sizes().vec();
      sizes[0] = s_n.size(0);
      return derivative(at::zeros(sizes, s_n.options()), w_n, s_n, false);
    });
  }
  Tensor pull_w(const Tensor& x, const Tensor& s) const override {
    const Tensor all = repeat_batch(x, s.size(0));
    Tensors rows;
    for (std::int64_t n = 0; n < s.size(0); ++n) {
      rows.push_back(derivative(all.narrow(0, n, 1), weight_, s.narrow(0, n, 1), true));
    }
    return at::stack(rows);
  }
  bool is_pointwise() const override { return false; }
  bool is_pool() const override { return in_.size() == 1; }

 private:
  Tensor run(const Tensor& x, const Tensor& w) const {
    Tensors in = in_;
    in[data_] = x;
    if (in_.size() > 1) in[weight_at_] = w;
    const Tensor z = node_.spec->forward(node_, in)[0];
    return in_.size() == 1 ? z * w : z;
  }
  template <typename Body>
  Tensor each(const Tensor& batch, const Tensor& w, const Body& body) const {
    if (w.dim() == weight_.dim()) return body(batch, w);
    Tensors parts;
    for (std::int64_t n = 0; n < batch.size(0); ++n) {
      parts.push_back(body(batch.narrow(0, n, 1), w[n % w.size(0)]));
    }
    return at::cat(parts);
  }
  /// The gradient of sum(run(x, w) * s) by w or by x, which occur once each.
  Tensor derivative(const Tensor& x, const Tensor& w, const Tensor& s, bool by_weight) const {
    at::AutoGradMode enable(true);
    const Tensor source = (by_weight ? w : x).detach().clone().requires_grad_(true);
    const Tensor z = by_weight ? run(x.detach(), source) : run(source, w.detach());
    return torch::autograd::grad({z}, {source}, {s})[0];
  }

  const Node& node_;
  Tensors in_;
  std::size_t data_, weight_at_ = 0;
};

std::unique_ptr<LinearView> einsum_view(const Node& node, Inputs in,
                                        std::span<const bool> constant) {
  return std::make_unique<EinsumView>(node, in, data_input(constant));
}

}  // namespace

constinit const OpSpec op_Einsum{.name = "Einsum",
                                 .kind = OpKind::Bilinear,
                                 .help = "sums of products by an equation",
                                 .forward = einsum_forward,
                                 .kind_of = einsum_kind,
                                 .linear_view = einsum_view,
                                 .check = einsum_check,
                                 .since = 12};

}  // namespace limn
