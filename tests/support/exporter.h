// Writes small networks as the exporters of timm and torchvision spell them out.
#pragma once
#include <array>
#include <cmath>

#include "support/draft_builder.h"

namespace limn::testing {

using Integers = std::vector<std::int64_t>;
using Name = std::string;

/// Float64 whose values float32 holds exactly: the same weights in the file and in the reference.
inline Tensor random(const Integers& sizes, double scale = 0.4) {
  return (at::randn(sizes, at::kFloat) * scale).to(at::kDouble);
}

struct Affine {
  Tensor w, b;  ///< w as the exporter writes it: [in, out] of a MatMul, [out, in, k, k] of a Conv
  static Affine linear(std::int64_t in, std::int64_t out) {
    return {random({in, out}), random({out})};
  }
  static Affine convolution(std::int64_t in, std::int64_t out, std::int64_t k) {
    return {random({out, in, k, k}), random({out})};
  }
  static Affine norm(std::int64_t size) { return {1 + random({size}), random({size})}; }
};

inline Tensor linear(const Tensor& x, const Affine& a) { return at::linear(x, a.w.t(), a.b); }
inline Tensor norm(const Tensor& x, const Affine& a) {
  return at::layer_norm(x, {x.size(-1)}, a.w, a.b, 1e-6);
}

/// Pictures [N, 3, size, size] with a dynamic batch, at opset 13.
class Exporter : public DraftBuilder {
 public:
  explicit Exporter(std::int64_t size) {
    input("x", {-1, 3, size, size});
    draft().inputs[0].dim_names[0] = "N";
  }
  Name weight(const Tensor& value) { return constant(value.to(at::kFloat)); }
  Name linear(const Name& x, const Affine& a) {
    return node("Add", {weight(a.b), node("MatMul", {x, weight(a.w)})});
  }
  Name conv(const Name& x, const Affine& a, std::int64_t stride, std::int64_t pad = 0,
            std::int64_t group = 1) {
    return node("Conv", {x, weight(a.w), weight(a.b)},
                {{"strides", Integers{stride, stride}},
                 {"pads", Integers{pad, pad, pad, pad}},
                 {"group", group}});
  }
  Name norm(const Name& x, const Affine& a) {
    const Name mean = node("ReduceMean", {x}, {{"axes", Integers{-1}}});
    const Name centered = node("Sub", {x, mean});
    const Name square = node("Pow", {centered, number(2)});
    const Name variance = node("ReduceMean", {square}, {{"axes", Integers{-1}}});
    const Name root = node("Sqrt", {node("Add", {variance, number(1e-6)})});
    const Name normal = node("Div", {centered, root});
    return node("Add", {node("Mul", {normal, weight(a.w)}), weight(a.b)});
  }
  Name gelu(const Name& x) {
    const Name erf = node("Erf", {node("Div", {x, number(std::sqrt(2))})});
    const Name product = node("Mul", {x, node("Add", {erf, number(1)})});
    return node("Mul", {product, number(0.5)});
  }
  Name transpose(const Name& x, Integers perm) {
    return node("Transpose", {x}, {{"perm", std::move(perm)}});
  }
  Name concat(std::vector<Name> parts, std::int64_t axis) {
    return node("Concat", std::move(parts), {{"axis", axis}});
  }
  Name pick(const Name& x, std::int64_t at, std::int64_t axis) {
    return node("Gather", {x, constant(at::scalar_tensor(at, at::kLong))}, {{"axis", axis}});
  }
  Name slice(const Name& x, std::int64_t from, std::int64_t to, std::int64_t axis,
             std::int64_t step = 1) {
    return node("Slice", {x, integers({from}), integers({to}), integers({axis}), integers({step})});
  }
  /// x.shape[axis] as [1].
  Name size(const Name& x, std::int64_t axis) {
    return node("Unsqueeze", {pick(node("Shape", {x}), axis, 0), integers({0})});
  }
  /// Reshapes to the batch of `like` (read from its shape), then `rest`.
  Name reshape(const Name& x, const Name& like, Integers rest) {
    return node("Reshape", {x, concat({size(like, 0), integers(std::move(rest))}, 0)});
  }
  /// token.expand(N, -1, -1): the exporter turns -1 into 1 where Expand reads the sizes.
  Name expand(const Tensor& token, const Name& like) {
    const Name wanted = concat({size(like, 0), integers({-1}), integers({-1})}, 0);
    const Name ones =
        node("ConstantOfShape", {node("Shape", {wanted})}, {{"value", at::ones({1}, at::kLong)}});
    const Name minus = node("Mul", {ones, integers({-1})});
    const Name sizes = node("Where", {node("Equal", {wanted, minus}), ones, wanted});
    return node("Expand", {weight(token), sizes});
  }
  /// Three values along axis 0, by Split and Squeeze (unbind) or by Gather.
  std::array<Name, 3> unbind(const Name& x, bool split) {
    if (!split) return {pick(x, 0, 0), pick(x, 1, 0), pick(x, 2, 0)};
    const Name all = node("Split", {x, integers({1, 1, 1})}, {{"axis", std::int64_t{0}}});
    draft().nodes.back().outputs = {all, all + "b", all + "c"};
    std::array<Name, 3> parts = {all, all + "b", all + "c"};
    for (auto& part : parts) part = node("Squeeze", {part, integers({0})});
    return parts;
  }
};

}  // namespace limn::testing
