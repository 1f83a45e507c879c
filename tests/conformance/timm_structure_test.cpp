// Networks of the structure that timm exports, small and with random weights, as graphs that spell
// out what the exporter spells out: what loads must compute what plain libtorch does, its patterns
// fused, and the gradient and LRP must reach the input.
#include <cmath>
#include <functional>

#include "import/passes.h"
#include "limn/method.h"
#include "limn/model.h"
#include "support/exporter.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::Affine;
using testing::Exporter;
using testing::Integers;
using testing::linear;
using testing::Name;
using testing::norm;
using testing::random;
using Counts = std::map<std::string, int>;

/// Constants of the file are float32: 1e-6 as epsilon differs from 1e-6 by 1e-14.
constexpr double kTolerance = 1e-7;

/// Loads the file, compares operators, output and gradient; LRP must reach the input. Returns its
/// map.
Tensor check(Exporter& build, const Name& output, const Tensor& x, const Counts& expected,
             const std::function<Tensor(const Tensor&)>& reference) {
  build.output(output);
  const std::string bytes = write_onnx_bytes(build.draft());
  const Model model = Model(Graph(import_passes(read_onnx_bytes(bytes)))).to(at::kDouble);
  Counts found;
  for (const auto& node : model.graph().nodes()) {
    ++found[node.op];
    if (node.op == "LayerNormalization") {
      EXPECT_EQ(node.spec->kind, OpKind::Normalise);
    } else if (node.op == "Gelu" || node.op == "SiLU" || node.op == "HardSwish") {
      EXPECT_EQ(node.spec->kind, OpKind::Activation);
    }
  }
  for (const auto& [op, count] : expected) EXPECT_EQ(found[op], count) << op;
  for (const char* op : {"Erf", "Sqrt", "Pow", "Clip", "Identity"}) EXPECT_EQ(found[op], 0) << op;

  const Tensor leaf = x.clone().requires_grad_();
  const Tensor scores = reference(leaf);
  EXPECT_LT(testing::relative_error(model.run(x)[model.logits()], scores), kTolerance);
  scores.select(1, 2).sum().backward();
  const Explanation gradient = make_method("gradient")->explain(model, x, Target::of_class(2));
  EXPECT_LT(testing::relative_error(gradient.relevance, leaf.grad()), kTolerance);
  const Tensor map = make_method("lrp")->explain(model, x, Target::of_class(2)).relevance;
  EXPECT_EQ(map.sizes(), x.sizes());
  EXPECT_TRUE(at::isfinite(map).all().item<bool>());
  EXPECT_GT(map.abs().amax({1, 2, 3}).min().item<double>(), 0);
  return map;
}

struct Attention {
  std::int64_t heads = 2, width = 6;
  Affine qkv = Affine::linear(width, 3 * width), projection = Affine::linear(width, width);
  double scale() const { return 1 / std::sqrt(static_cast<double>(width / heads)); }
};

/// x [B, T, C]; bias [heads, T, T], mask [windows, T, T] or undefined.
Tensor attend(const Tensor& x, const Attention& a, const Tensor& bias = {},
              const Tensor& mask = {}) {
  const std::int64_t batch = x.size(0), tokens = x.size(1);
  const Tensor parts = linear(x, a.qkv)
                           .reshape({batch, tokens, 3, a.heads, a.width / a.heads})
                           .permute({2, 0, 3, 1, 4});
  Tensor scores = at::matmul(parts[0] * a.scale(), parts[1].transpose(-2, -1));
  if (bias.defined()) scores = scores + bias;
  if (mask.defined()) {
    scores = scores.reshape({-1, mask.size(0), a.heads, tokens, tokens}) + mask.unsqueeze(1);
    scores = scores.reshape({batch, a.heads, tokens, tokens});
  }
  const Tensor mixed = at::matmul(at::softmax(scores, -1), parts[2]);
  return linear(mixed.transpose(1, 2).reshape(x.sizes()), a.projection);
}

/// `fused`: what scaled_dot_product_attention exports to, both factors scaled by the root.
Name attend(Exporter& b, const Name& x, std::int64_t tokens, const Attention& a, bool fused,
            const Name& bias = "", const Tensor& mask = {}) {
  const std::int64_t depth = a.width / a.heads;
  const Name five = b.reshape(b.linear(x, a.qkv), x, {tokens, 3, a.heads, depth});
  const auto [q, k, v] = b.unbind(b.transpose(five, {2, 0, 3, 1, 4}), fused);
  const Name turned = b.transpose(k, {0, 1, 3, 2});
  Name scores;
  if (fused) {
    const double root = std::sqrt(a.scale());
    scores = b.node("MatMul", {b.node("Mul", {q, b.weight(at::scalar_tensor(root))}),
                               b.node("Mul", {turned, b.weight(at::scalar_tensor(root))})});
  } else {
    scores = b.node("Mul", {b.node("MatMul", {q, turned}), b.number(a.scale())});
  }
  if (!bias.empty()) scores = b.node("Add", {scores, bias});
  if (mask.defined()) {
    const Name windows =
        b.node("Reshape", {scores, b.integers({-1, mask.size(0), a.heads, tokens, tokens})});
    scores = b.node("Reshape", {b.node("Add", {windows, b.weight(mask.unsqueeze(1).unsqueeze(0))}),
                                b.integers({-1, a.heads, tokens, tokens})});
  }
  const Name shares = b.node("Softmax", {scores}, {{"axis", std::int64_t{-1}}});
  const Name mixed = b.transpose(b.node("MatMul", {shares, v}), {0, 2, 1, 3});
  return b.linear(b.reshape(mixed, x, {tokens, a.width}), a.projection);
}

/// A transformer's second half: norm, two linear layers around Gelu.
struct Mlp {
  Affine scale, up, down;
  explicit Mlp(std::int64_t width)
      : scale(Affine::norm(width)),
        up(Affine::linear(width, 2 * width)),
        down(Affine::linear(2 * width, width)) {}
  Tensor operator()(const Tensor& x) const {
    return linear(at::gelu(linear(norm(x, scale), up)), down);
  }
  Name operator()(Exporter& b, const Name& x) const {
    return b.linear(b.gelu(b.linear(b.norm(x, scale), up)), down);
  }
};

TEST(TimmStructure, VitAndDistilledDeit) {
  for (const bool distilled : {false, true}) {
    SCOPED_TRACE(distilled ? "DeiT" : "ViT");
    at::manual_seed(1);
    const std::int64_t tokens = distilled ? 6 : 5;
    const Affine patch = Affine::convolution(3, 6, 4), first = Affine::norm(6),
                 last = Affine::norm(6), head = Affine::linear(6, 4), other = Affine::linear(6, 4);
    const Attention attention;
    const Mlp mlp(6);
    const Tensor token = random({1, 1, 6}), second = random({1, 1, 6}),
                 position = random({1, tokens, 6});

    Exporter b(8);
    const Name places = b.conv("x", patch, 4);
    // flatten(2): the sizes before axis 2, then -1.
    const Name flat = b.node(
        "Reshape",
        {places, b.concat({b.slice(b.node("Shape", {places}), 0, 2, 0), b.integers({-1})}, 0)});
    std::vector<Name> parts = {b.expand(token, "x")};
    if (distilled) parts.push_back(b.expand(second, "x"));
    parts.push_back(b.transpose(flat, {0, 2, 1}));
    Name x = b.node("Add", {b.concat(parts, 1), b.weight(position)});
    x = b.node("Add", {x, attend(b, b.norm(x, first), tokens, attention, distilled)});
    x = b.norm(b.node("Add", {x, mlp(b, x)}), last);
    const auto classify = [&](std::int64_t at, const Affine& by) {
      return b.node("Gemm", {b.pick(x, at, 1), b.weight(by.w.t()), b.weight(by.b)},
                    {{"transB", std::int64_t{1}}});
    };
    Name scores = classify(0, head);
    if (distilled) {
      scores = b.node("Div", {b.node("Add", {scores, classify(1, other)}), b.number(2)});
    }
    const auto reference = [&](const Tensor& picture) {
      Tensors all = {token.expand({picture.size(0), -1, -1})};
      if (distilled) all.push_back(second.expand({picture.size(0), -1, -1}));
      all.push_back(at::conv2d(picture, patch.w, patch.b, 4).flatten(2).transpose(1, 2));
      Tensor y = at::cat(all, 1) + position;
      y = y + attend(norm(y, first), attention);
      y = norm(y + mlp(y), last);
      const Tensor one = linear(y.select(1, 0), head);
      return distilled ? (one + linear(y.select(1, 1), other)) / 2 : one;
    };
    check(b, scores, random({2, 3, 8, 8}, 1),
          {{"LayerNormalization", 3}, {"Gelu", 1}, {"ReduceMean", 0}, {"Softmax", 1}}, reference);
  }
}

/// Windows of 2 x 2 on 4 x 4 places, rolled by 1: places that were not neighbors do not mix.
Tensor shifted_mask() {
  const Tensor group = at::tensor({0, 0, 1, 2}, at::kLong);
  const Tensor region = (3 * group.unsqueeze(1) + group).view({2, 2, 2, 2}).permute({0, 2, 1, 3});
  const Tensor flat = region.reshape({4, 4});
  return (flat.unsqueeze(1) != flat.unsqueeze(2)).to(at::kDouble) * -100;
}

TEST(TimmStructure, SwinShiftedWindows) {
  at::manual_seed(2);
  Attention attention;
  const std::int64_t width = attention.width;
  const Affine patch = Affine::convolution(3, width, 2), embedded = Affine::norm(width),
               first = Affine::norm(width), merged = Affine::norm(4 * width),
               reduce = Affine::linear(4 * width, width), last = Affine::norm(width),
               head = Affine::linear(width, 4);
  const Mlp mlp(width);
  const Tensor table = random({9, attention.heads}, 1), mask = shifted_mask();
  // Row and column of a place in its window: (offset + 1) of a pair is its row in the table.
  const Tensor row = at::tensor({0, 0, 1, 1}, at::kLong),
               column = at::tensor({0, 1, 0, 1}, at::kLong);
  const Tensor index =
      ((row.unsqueeze(1) - row + 1) * 3 + column.unsqueeze(1) - column + 1).view(-1);

  Exporter b(8);
  const auto roll = [&b](Name x, std::int64_t by) {
    for (const std::int64_t axis : {1, 2}) {
      x = b.concat(
          {b.slice(x, by, std::numeric_limits<std::int64_t>::max(), axis), b.slice(x, 0, by, axis)},
          axis);
    }
    return x;
  };
  Name x = b.norm(b.transpose(b.conv("x", patch, 2), {0, 2, 3, 1}), embedded);
  const Name rolled = roll(b.norm(x, first), 1);
  const Name split =
      b.transpose(b.reshape(rolled, rolled, {2, 2, 2, 2, width}), {0, 1, 3, 2, 4, 5});
  const Name windows = b.node("Reshape", {split, b.integers({-1, 4, width})});
  const Name picked =
      b.node("Gather", {b.weight(table), b.constant(index)}, {{"axis", std::int64_t{0}}});
  const Name bias = b.node(
      "Unsqueeze", {b.transpose(b.node("Reshape", {picked, b.integers({4, 4, -1})}), {2, 0, 1}),
                    b.integers({0})});
  const Name attended = attend(b, windows, 4, attention, false, bias, mask);
  const Name back = b.transpose(b.node("Reshape", {attended, b.integers({-1, 2, 2, 2, 2, width})}),
                                {0, 1, 3, 2, 4, 5});
  x = b.node("Add", {x, roll(b.node("Reshape", {back, b.integers({-1, 4, 4, width})}), -1)});
  x = b.node("Add", {x, mlp(b, x)});
  std::vector<Name> quarters;
  for (const auto& [h, w] : {std::pair{0, 0}, {1, 0}, {0, 1}, {1, 1}}) {
    quarters.push_back(b.slice(b.slice(x, h, 4, 1, 2), w, 4, 2, 2));
  }
  x = b.node("MatMul", {b.norm(b.concat(quarters, -1), merged), b.weight(reduce.w)});
  const Name mean = b.node("ReduceMean", {b.norm(x, last)},
                           {{"axes", Integers{1, 2}}, {"keepdims", std::int64_t{0}}});
  const auto reference = [&](const Tensor& picture) {
    const std::int64_t n = picture.size(0);
    Tensor y = norm(at::conv2d(picture, patch.w, patch.b, 2).permute({0, 2, 3, 1}), embedded);
    const Tensor shifted = at::roll(norm(y, first), {-1, -1}, {1, 2});
    const Tensor all = shifted.reshape({n, 2, 2, 2, 2, width}).permute({0, 1, 3, 2, 4, 5});
    const Tensor offset = table.index_select(0, index).view({4, 4, -1}).permute({2, 0, 1});
    const Tensor out = attend(all.reshape({-1, 4, width}), attention, offset, mask);
    const Tensor whole = out.reshape({n, 2, 2, 2, 2, width}).permute({0, 1, 3, 2, 4, 5});
    y = y + at::roll(whole.reshape({n, 4, 4, width}), {1, 1}, {1, 2});
    y = y + mlp(y);
    const Tensor pairs = y.reshape({n, 2, 2, 2, 2, width}).permute({0, 1, 3, 4, 2, 5});
    y = at::matmul(norm(pairs.reshape({n, 2, 2, 4 * width}), merged), reduce.w);
    return linear(norm(y, last).mean({1, 2}), head);
  };
  check(b, b.linear(mean, head), random({2, 3, 8, 8}, 1),
        {{"LayerNormalization", 5}, {"Gelu", 1}, {"ReduceMean", 1}, {"Softmax", 1}}, reference);
}

struct BatchNorm {
  Tensor scale, shift, mean, variance;
  explicit BatchNorm(std::int64_t size)
      : scale(1 + random({size})),
        shift(random({size})),
        mean(random({size})),
        variance(1 + random({size}).abs()) {}
  Tensor operator()(const Tensor& x) const {
    return at::batch_norm(x, scale, shift, mean, variance, false, 0, 1e-3, false);
  }
  Name operator()(Exporter& b, const Name& x) const {
    return b.node("BatchNormalization",
                  {x, b.weight(scale), b.weight(shift), b.weight(mean), b.weight(variance)},
                  {{"epsilon", 1e-3}});
  }
};

TEST(TimmStructure, EfficientNetSqueezeAndExcite) {
  at::manual_seed(3);
  const Affine stem = Affine::convolution(3, 4, 3), depthwise = Affine::convolution(1, 4, 3),
               squeeze = Affine::convolution(4, 2, 1), excite = Affine::convolution(2, 4, 1),
               project = Affine::convolution(4, 4, 1), head = Affine::linear(4, 4);
  const BatchNorm first(4), second(4), third(4);
  Exporter b(8);
  const auto silu = [&b](const Name& x) { return b.node("Mul", {x, b.node("Sigmoid", {x})}); };
  const Name start = silu(first(b, b.conv("x", stem, 2, 1)));
  const Name deep = silu(second(b, b.conv(start, depthwise, 1, 1, 4)));
  const Name mean = b.node("ReduceMean", {deep}, {{"axes", Integers{2, 3}}});
  const Name gate = b.node("Sigmoid", {b.conv(silu(b.conv(mean, squeeze, 1)), excite, 1)});
  const Name block = third(b, b.conv(b.node("Mul", {deep, gate}), project, 1));
  const Name pooled =
      b.node("Flatten", {b.node("GlobalAveragePool", {b.node("Add", {block, start})})});
  const auto reference = [&](const Tensor& picture) {
    const Tensor y = at::silu(first(at::conv2d(picture, stem.w, stem.b, 2, 1)));
    const Tensor z = at::silu(second(at::conv2d(y, depthwise.w, depthwise.b, 1, 1, 1, 4)));
    const Tensor inner = at::silu(at::conv2d(z.mean({2, 3}, true), squeeze.w, squeeze.b));
    const Tensor gated = z * at::sigmoid(at::conv2d(inner, excite.w, excite.b));
    return linear((third(at::conv2d(gated, project.w, project.b)) + y).mean({2, 3}), head);
  };
  check(b, b.linear(pooled, head), random({2, 3, 8, 8}, 1),
        {{"SiLU", 3}, {"Sigmoid", 1}, {"Mul", 1}, {"BatchNormalization", 3}}, reference);
}

TEST(TimmStructure, ConvNextBlock) {
  at::manual_seed(4);
  const Affine stem = Affine::convolution(3, 6, 4), first = Affine::norm(6),
               depthwise = Affine::convolution(1, 6, 7), last = Affine::norm(6),
               head = Affine::linear(6, 4);
  const Mlp mlp(6);
  const Tensor layer_scale = random({6});
  Exporter b(16);
  const auto norm2d = [&b](const Name& x, const Affine& a) {
    return b.transpose(b.norm(b.transpose(x, {0, 2, 3, 1}), a), {0, 3, 1, 2});
  };
  const Name start = norm2d(b.conv("x", stem, 4), first);
  const Name deep = b.transpose(b.conv(start, depthwise, 1, 3, 6), {0, 2, 3, 1});
  const Name out = b.transpose(mlp(b, deep), {0, 3, 1, 2});
  const Name scaled = b.node("Mul", {out, b.weight(layer_scale.view({1, 6, 1, 1}))});
  const Name pooled = b.node("GlobalAveragePool", {b.node("Add", {scaled, start})});
  const Name flat = b.node("Flatten", {norm2d(pooled, last)});
  const auto reference = [&](const Tensor& picture) {
    const auto over_channels = [](const Tensor& y, const Affine& a) {
      return norm(y.permute({0, 2, 3, 1}), a).permute({0, 3, 1, 2});
    };
    const Tensor y = over_channels(at::conv2d(picture, stem.w, stem.b, 4), first);
    const Tensor z = at::conv2d(y, depthwise.w, depthwise.b, 1, 3, 1, 6).permute({0, 2, 3, 1});
    const Tensor block = (mlp(z) * layer_scale).permute({0, 3, 1, 2}) + y;
    return linear(over_channels(block.mean({2, 3}, true), last).flatten(1), head);
  };
  check(b, b.linear(flat, head), random({2, 3, 16, 16}, 1),
        {{"LayerNormalization", 3}, {"Gelu", 1}, {"ReduceMean", 0}}, reference);
}

/// Hard-swish and the gate's hard-sigmoid as HardSigmoid or as Clip; both are one network, so both
/// give one map.
TEST(TimmStructure, MobileNetV3InBothSpellings) {
  Tensors maps;
  for (const bool clips : {false, true}) {
    SCOPED_TRACE(clips ? "Clip" : "HardSigmoid");
    at::manual_seed(5);
    const Affine stem = Affine::convolution(3, 4, 3), depthwise = Affine::convolution(1, 4, 3),
                 squeeze = Affine::convolution(4, 2, 1), excite = Affine::convolution(2, 4, 1),
                 project = Affine::convolution(4, 4, 1), head = Affine::linear(4, 4);
    Exporter b(8);
    const auto hard_sigmoid = [&b, clips](const Name& x) {
      if (!clips) return b.node("HardSigmoid", {x}, {{"alpha", 1.0 / 6}, {"beta", 0.5}});
      const Name shifted = b.node("Add", {x, b.number(3)});
      return b.node("Div", {b.node("Clip", {shifted, b.number(0), b.number(6)}), b.number(6)});
    };
    const auto hard_swish = [&](const Name& x) { return b.node("Mul", {x, hard_sigmoid(x)}); };
    const Name start = hard_swish(b.conv("x", stem, 2, 1));
    const Name deep = hard_swish(b.conv(start, depthwise, 1, 1, 4));
    const Name mean = b.node("GlobalAveragePool", {deep});
    const Name inner = b.node("Relu", {b.conv(mean, squeeze, 1)});
    const Name gated = b.node("Mul", {deep, hard_sigmoid(b.conv(inner, excite, 1))});
    const Name block = b.node("Add", {b.conv(gated, project, 1), start});
    const Name pooled = b.node("Flatten", {b.node("GlobalAveragePool", {hard_swish(block)})});
    const auto reference = [&](const Tensor& picture) {
      const Tensor y = at::hardswish(at::conv2d(picture, stem.w, stem.b, 2, 1));
      const Tensor z = at::hardswish(at::conv2d(y, depthwise.w, depthwise.b, 1, 1, 1, 4));
      const Tensor narrow = at::relu(at::conv2d(z.mean({2, 3}, true), squeeze.w, squeeze.b));
      const Tensor gate = at::hardsigmoid(at::conv2d(narrow, excite.w, excite.b));
      const Tensor sum = at::conv2d(z * gate, project.w, project.b) + y;
      return linear(at::hardswish(sum).mean({2, 3}), head);
    };
    maps.push_back(check(b, b.linear(pooled, head), random({2, 3, 8, 8}, 1),
                         {{"HardSwish", 3}, {"HardSigmoid", 1}, {"Mul", 1}}, reference));
  }
  EXPECT_LT(testing::relative_error(maps[1], maps[0]), kTolerance);
}

}  // namespace
}  // namespace limn
