// What every LinearView and vjp must satisfy, checked against the Jacobian of `forward` that unit
// vectors give, in float64.
#pragma once
#include <gtest/gtest.h>

#include <random>

#include "limn/error.h"
#include "limn/graph.h"
#include "ops/op.h"
#include "support/support.h"

namespace limn::testing {

constexpr double kExact = 1e-11;

/// A one-node graph; keep it alive while its node is used.
inline Graph one_node(const std::string& op, int opset, Attributes attributes, std::size_t inputs,
                      std::size_t outputs = 1) {
  return Graph(single_node(op, opset, std::move(attributes), inputs, outputs));
}

inline Tensor random_tensor(at::IntArrayRef sizes) {
  return at::randn(sizes, at::TensorOptions().dtype(at::kDouble));
}

/// Forward with one input replaced.
inline Tensor forward_with(const Node& node, const Tensors& in, std::size_t data, const Tensor& x) {
  Tensors inputs = in;
  inputs[data] = x;
  return node.spec->forward(node, inputs)[0];
}

/// The linear part of `forward` as a matrix [x.numel, z.numel]: row i is f(e_i) - f(0).
inline Tensor jacobian(const Node& node, const Tensors& in, std::size_t data) {
  const Tensor zero = at::zeros_like(in[data]).contiguous();
  const Tensor offset = forward_with(node, in, data, zero);
  Tensors rows;
  for (std::int64_t i = 0; i < zero.numel(); ++i) {
    Tensor unit = zero.clone();
    unit.view({-1})[i] = 1;
    rows.push_back((forward_with(node, in, data, unit) - offset).reshape({-1}));
  }
  return at::stack(rows);
}

/// vjp against autograd, for the inputs of `wanted`.
inline void expect_vjp(const Node& node, const Tensors& in,
                       const std::vector<char>& wanted_inputs) {
  ASSERT_NE(node.spec->vjp, nullptr);
  const Tensors out = node.spec->forward(node, in);
  Tensors grad_out;
  for (const Tensor& z : out) {
    grad_out.push_back(z.is_floating_point() ? random_tensor(z.sizes()) : Tensor());
  }
  const std::unique_ptr<bool[]> wanted(new bool[in.size()]);
  for (std::size_t i = 0; i < in.size(); ++i) wanted[i] = wanted_inputs[i] != 0;
  const std::span<const bool> flags(wanted.get(), in.size());
  const Tensors got = node.spec->vjp(node, in, out, grad_out, flags);
  const Tensors want = autograd_vjp(node, in, grad_out, flags);
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!flags[i]) continue;
    ASSERT_TRUE(got[i].defined()) << "input " << i;
    EXPECT_LT(relative_error(got[i], want[i]), kExact) << "input " << i;
  }
}

/// All promises of a view whose data input has its batch on dimension 0.
inline void expect_view(const Node& node, const Tensors& in, std::size_t data) {
  const std::unique_ptr<bool[]> constant(new bool[in.size()]);
  for (std::size_t i = 0; i < in.size(); ++i) constant[i] = i != data;
  const auto view = node.spec->linear_view(node, in, {constant.get(), in.size()});
  const Tensor x = in[data];
  const Tensor w = view->weight(), b = view->bias();
  const Tensor z = node.spec->forward(node, in)[0];
  EXPECT_LT(relative_error(view->apply(x, w, b), z), kExact) << "apply";
  if (b.defined()) {
    EXPECT_LT(relative_error(view->apply(x, w, {}) + b, z), kExact) << "apply without bias";
  } else {
    EXPECT_LT(relative_error(forward_with(node, in, data, x * 2), z * 2), kExact) << "linearity";
  }
  const Tensor matrix = jacobian(node, in, data);
  const Tensor s = random_tensor(z.sizes());
  const Tensor want = at::mv(matrix, s.reshape({-1})).reshape(x.sizes());
  EXPECT_LT(relative_error(view->pull_x(s, w), want), kExact) << "pull_x";
  EXPECT_LT(relative_error(view->pull_x(s, w * -2.5), want * -2.5), kExact) << "pull_x scaled";

  const std::int64_t batch = x.size(0);
  // A bundle of two seeds: [2 N, ...].
  const Tensor two = at::cat({s, s * 3});
  EXPECT_LT(relative_error(view->pull_x(two, w), at::cat({want, want * 3})), kExact) << "bundle";
  EXPECT_LT(relative_error(view->apply(at::cat({x, x * 2}), w, {}),
                           at::cat({view->apply(x, w, {}), view->apply(x, w, {}) * 2})),
            kExact)
      << "apply to a larger batch";

  // pull_w: <pull_w(x, s), v> = <apply(x, v), s> per sample for any v; unit vectors v give all.
  const Tensor grad = view->pull_w(x, s);
  std::vector<std::int64_t> shape = w.sizes().vec();
  shape.insert(shape.begin(), batch);
  ASSERT_EQ(grad.sizes().vec(), shape);
  Tensors columns;
  const Tensor zero = at::zeros_like(w).contiguous();
  for (std::int64_t i = 0; i < w.numel(); ++i) {
    Tensor unit = zero.clone();
    unit.view({-1})[i] = 1;
    columns.push_back((view->apply(x, unit, {}) * s).reshape({batch, -1}).sum(1));
  }
  const Tensor grad_want = at::stack(columns, 1).reshape(shape);
  EXPECT_LT(relative_error(grad, grad_want), kExact) << "pull_w";
  EXPECT_LT(relative_error(view->pull_w(x, two), at::cat({grad_want, grad_want * 3})), kExact)
      << "pull_w of a bundle";

  // Per-sample weights against one sample at a time.
  const Tensor each = random_tensor(shape);
  Tensors applied, pulled;
  for (std::int64_t n = 0; n < batch; ++n) {
    applied.push_back(view->apply(x.narrow(0, n, 1), each[n], {}));
    pulled.push_back(view->pull_x(s.narrow(0, n, 1), each[n]));
  }
  EXPECT_LT(relative_error(view->apply(x, each, {}), at::cat(applied)), kExact) << "per sample";
  EXPECT_LT(relative_error(view->pull_x(s, each), at::cat(pulled)), kExact) << "pull per sample";
  if (b.defined()) {
    EXPECT_LT(relative_error(view->apply(x, each, b), at::cat(applied) + b), kExact)
        << "per sample with bias";
  }
  EXPECT_LT(
      relative_error(view->pull_x(two, each), at::cat({at::cat(pulled), at::cat(pulled) * 3})),
      kExact)
      << "pull per sample of a bundle";
  if (node.spec->vjp) {
    std::vector<char> wanted(in.size(), 0);
    wanted[data] = 1;
    expect_vjp(node, in, wanted);
  }
}

/// Calls `body` with every index of a box of these sizes.
template <typename Body>
void for_each_index(const std::vector<std::int64_t>& sizes, Body&& body) {
  std::int64_t total = 1;
  for (const auto size : sizes) total *= size;
  std::vector<std::int64_t> index(sizes.size());
  for (std::int64_t flat = 0; flat < total; ++flat) {
    std::int64_t rest = flat;
    for (std::size_t axis = sizes.size(); axis-- > 0;) {
      index[axis] = rest % sizes[axis];
      rest /= sizes[axis];
    }
    body(index);
  }
}

/// A double tensor read and written by index vectors.
class Box {
 public:
  explicit Box(const Tensor& tensor) : tensor_(tensor.to(at::kDouble).contiguous()) {}
  explicit Box(const std::vector<std::int64_t>& sizes)
      : tensor_(at::zeros(sizes, at::TensorOptions().dtype(at::kDouble))) {}
  double& at(const std::vector<std::int64_t>& index) const {
    std::int64_t flat = 0;
    for (std::size_t axis = 0; axis < index.size(); ++axis) {
      flat = flat * tensor_.size(static_cast<std::int64_t>(axis)) + index[axis];
    }
    return tensor_.data_ptr<double>()[flat];
  }
  bool contains(const std::vector<std::int64_t>& index) const {
    for (std::size_t axis = 0; axis < index.size(); ++axis) {
      if (index[axis] < 0 || index[axis] >= tensor_.size(static_cast<std::int64_t>(axis))) {
        return false;
      }
    }
    return true;
  }
  const Tensor& tensor() const { return tensor_; }

 private:
  Tensor tensor_;
};

/// Small random integers for configurations.
class Dice {
 public:
  explicit Dice(unsigned seed) : generator_(seed) {}
  std::int64_t operator()(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(generator_);
  }
  std::vector<std::int64_t> list(std::size_t count, std::int64_t low, std::int64_t high) {
    std::vector<std::int64_t> values(count);
    for (auto& value : values) value = (*this)(low, high);
    return values;
  }

 private:
  std::mt19937 generator_;
};

}  // namespace limn::testing
