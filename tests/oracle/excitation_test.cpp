// Excitation backprop against its matrix form in plain loops, float64: P_j = sum_k max(x_j M_kj, 0)
// P_k / sum_i max(x_i M_ki, 0), with M the operator's Jacobian; joins and products by hand.
#include "limn/error.h"
#include "limn/method.h"
#include "oracle/linear_oracle.h"
#include "rules/basic_rules.h"
#include "rules/elementwise.h"
#include "rules/excitation_book.h"
#include "rules/lrp_rules.h"
#include "rules/walk.h"
#include "support/draft_builder.h"

namespace limn {
namespace {

using testing::DraftBuilder;
using testing::random_tensor;
using testing::relative_error;
using Row = std::vector<double>;

Row row_of(const Tensor& t) {
  const Tensor flat = t.to(at::kDouble).contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

/// The share that input j has in output k, before it is divided by their sum over j.
using Share = std::function<double(double x, double w)>;

/// m[j][k] as `jacobian` gives it.
Row spread(const Tensor& jacobian, const Row& x, const Row& p, const Share& share,
           double epsilon = 0) {
  const testing::Box m(jacobian);
  Row out(x.size(), 0);
  for (std::size_t k = 0; k < p.size(); ++k) {
    const auto weight = [&](std::size_t j) {
      const double w = m.at({static_cast<std::int64_t>(j), static_cast<std::int64_t>(k)});
      return std::abs(w) < 1e-12 ? 0 : w;
    };
    double z = epsilon;
    for (std::size_t j = 0; j < x.size(); ++j) z += share(x[j], weight(j));
    if (z == 0) continue;
    for (std::size_t j = 0; j < x.size(); ++j) out[j] += share(x[j], weight(j)) * p[k] / z;
  }
  return out;
}

double positive_product(double x, double w) { return std::max(x * w, 0.0); }
double positive_weight(double x, double w) { return x * std::max(w, 0.0); }

struct Layer {
  std::string op;
  std::vector<std::int64_t> x;
  Tensors constants;
  std::vector<std::pair<std::string, Attribute>> attributes;
};

std::vector<Layer> layers() {
  using List = std::vector<std::int64_t>;
  return {
      {"Conv",
       {2, 3, 5, 6},
       {random_tensor({4, 3, 3, 2}), random_tensor({4})},
       {{"strides", List{2, 1}}, {"pads", List{1, 0, 2, 1}}, {"dilations", List{1, 2}}}},
      {"Conv",
       {2, 4, 4, 5},
       {random_tensor({4, 2, 3, 3})},
       {{"group", std::int64_t{2}}, {"pads", List{1, 1, 1, 1}}}},
      {"Gemm", {3, 7}, {random_tensor({5, 7}), random_tensor({5})}, {{"transB", std::int64_t{1}}}},
      {"MatMul", {3, 7}, {random_tensor({7, 4})}, {}},
      {"AveragePool", {2, 2, 4, 4}, {}, {{"kernel_shape", List{2, 2}}, {"strides", List{2, 2}}}}};
}

void check(const Rule& rule, const Share& share, bool negative_inputs, double epsilon = 0) {
  for (const auto& layer : layers()) {
    SCOPED_TRACE(rule.name + " on " + layer.op);
    DraftBuilder b;
    std::vector<std::string> inputs = {b.input("x")};
    for (const auto& constant : layer.constants) inputs.push_back(b.constant(constant));
    const std::string z_name = b.node(layer.op, inputs, layer.attributes);
    b.output(z_name);
    const Model model = Model(Graph(b.draft())).to(at::kDouble);
    Tensor x = random_tensor(layer.x);
    if (!negative_inputs) x = x.clamp_min(0);
    // Inputs of one sample are all zero: nothing may come of it but zeros.
    x[0].zero_();
    const Tape tape = model.run(x);
    const ValueId in = model.input(), out = model.graph().at(z_name);
    std::vector<std::int64_t> shape = tape[out].sizes().vec();
    shape.insert(shape.begin(), 2);
    const Tensor seeds = at::randn(shape, x.options()) * (at::rand(shape, x.options()) > 0.3);
    RuleBook book;
    book.kind(OpKind::Linear, rule);
    const auto result =
        walk(model, tape, book,
             {.seeds = {{out, seeds}}, .at = {in}, .fallback_gradient = false, .trace = false});
    const Node& node = model.graph().nodes().back();
    for (std::int64_t n = 0; n < x.size(0); ++n) {
      Tensors one = {tape[in].slice(0, n, n + 1)};
      for (std::size_t i = 1; i < node.inputs.size(); ++i) one.push_back(tape[node.inputs[i]]);
      const Tensor jacobian = testing::jacobian(node, one, 0);
      for (std::int64_t s = 0; s < 2; ++s) {
        const Row want = spread(jacobian, row_of(one[0]), row_of(seeds[s][n]), share, epsilon);
        const Tensor expected = at::tensor(want, at::kDouble).reshape(one[0].sizes());
        const Tensor got = result.relevance.at(in)[s][n].unsqueeze(0);
        if (n == 0) {
          EXPECT_EQ(got.abs().max().item<double>(), 0);
        } else {
          EXPECT_LT(relative_error(got, expected), 1e-10);
        }
      }
    }
  }
}

TEST(ExcitationRule, IsItsMatrixFormForInputsOfBothSigns) {
  at::manual_seed(11);
  check(excitation_rule(), positive_product, true);
  check(excitation_rule(), positive_product, false);
}

TEST(ExcitationRule, PositiveWeightsAreItsMatrixFormForPositiveInputs) {
  at::manual_seed(12);
  check(positive_weights_rule(1e-9), positive_weight, false, 1e-9);
  check(positive_weights_rule(1e-20), positive_weight, false, 1e-20);
}

/// Relevance at the two inputs of a node with two activations, from seeds at its output.
std::pair<Tensor, Tensor> two_inputs(const std::string& op, const Tensor& a, const Tensor& b,
                                     const Tensor& p) {
  DraftBuilder draft;
  const std::string x = draft.input("x");
  // Both depend on the input, and either may have any sign.
  const std::string left = draft.node("Mul", {x, draft.constant(a)});
  const std::string right = draft.node("Mul", {x, draft.constant(b)});
  const std::string z = draft.node(op, {left, right});
  draft.output(z);
  const Model model = Model(Graph(draft.draft())).to(at::kDouble);
  const Tape tape = model.run(at::ones({1}, at::kDouble));
  const Graph& graph = model.graph();
  const auto result = walk(model, tape, excitation_book(),
                           {.seeds = {{graph.at(z), p.unsqueeze(0)}},
                            .at = {graph.at(left), graph.at(right)},
                            .fallback_gradient = false,
                            .trace = false});
  return {result.relevance.at(graph.at(left))[0], result.relevance.at(graph.at(right))[0]};
}

TEST(ExcitationBook, ASumSharesByPositivePartsAndEquallyWhereThereAreNone) {
  const Tensor a = at::tensor({1.0, -1.0, -2.0, 3.0}, at::kDouble).reshape({1, 4});
  const Tensor b = at::tensor({3.0, 2.0, -1.0, -3.0}, at::kDouble).reshape({1, 4});
  const Tensor p = at::tensor({4.0, 5.0, 6.0, 7.0}, at::kDouble).reshape({1, 4});
  const auto [left, right] = two_inputs("Add", a, b, p);
  EXPECT_LT(relative_error(left, at::tensor({1.0, 0.0, 3.0, 7.0}, at::kDouble).reshape({1, 4})),
            1e-12);
  EXPECT_LT(relative_error(right, at::tensor({3.0, 5.0, 3.0, 0.0}, at::kDouble).reshape({1, 4})),
            1e-12);
  // In a difference the second summand counts with the other sign.
  const auto [first, second] = two_inputs("Sub", a, b, p);
  EXPECT_LT(relative_error(first, at::tensor({4.0, 2.5, 0.0, 3.5}, at::kDouble).reshape({1, 4})),
            1e-12);
  EXPECT_LT(relative_error(second, at::tensor({0.0, 2.5, 6.0, 3.5}, at::kDouble).reshape({1, 4})),
            1e-12);
}

TEST(ExcitationBook, AProductSharesByPositiveProducts) {
  at::manual_seed(13);
  // Constants pass through float.
  const auto rounded = [](const Tensor& t) { return t.to(at::kFloat).to(at::kDouble); };
  const Tensor a = rounded(random_tensor({3, 4})), b = rounded(random_tensor({4, 2}));
  const Tensor p = at::rand({3, 2}, at::kDouble);
  const auto [left, right] = two_inputs("MatMul", a, b, p);
  const testing::Box m(a), n(b), message(p);
  testing::Box want_left(std::vector<std::int64_t>{3, 4});
  testing::Box want_right(std::vector<std::int64_t>{4, 2});
  for (std::int64_t i = 0; i < 3; ++i) {
    for (std::int64_t j = 0; j < 2; ++j) {
      double z = 0;
      for (std::int64_t k = 0; k < 4; ++k) z += std::max(m.at({i, k}) * n.at({k, j}), 0.0);
      for (std::int64_t k = 0; k < 4 && z > 0; ++k) {
        const double share =
            std::max(m.at({i, k}) * n.at({k, j}), 0.0) / z * message.at({i, j}) / 2;
        want_left.at({i, k}) += share;
        want_right.at({k, j}) += share;
      }
    }
  }
  EXPECT_LT(relative_error(left, want_left.tensor()), 1e-12);
  EXPECT_LT(relative_error(right, want_right.tensor()), 1e-12);
}

TEST(SharesByPositiveParts, AreTheExpressionInAnyLayout) {
  at::manual_seed(15);
  const Tensor r = random_tensor({2, 2, 3, 4, 5});
  const Tensor a = random_tensor({2, 3, 4, 5}), b = random_tensor({2, 3, 4, 5});
  const Tensor none = (a <= 0).logical_and(b <= 0);
  const Tensor z = (a.clamp_min(0) + b.clamp_min(0)).masked_fill(none, 1);
  const Tensor want = at::where(none, r / 2, r * a.clamp_min(0) / z);
  for (const bool last : {false, true}) {
    // Either both in the layout of r (one loop) or one in another (the expression).
    const Tensor second = last ? b.contiguous(at::MemoryFormat::ChannelsLast) : b;
    const Tensors shares = share_by_positive_parts(r, {a, second});
    EXPECT_LT(relative_error(shares[0], want), 1e-12);
    EXPECT_LT(relative_error(shares[0] + shares[1], r), 1e-12);
  }
  const Tensors three = share_by_positive_parts(r, {a, b, at::zeros_like(a)});
  EXPECT_LT(relative_error(three[0] + three[1] + three[2], r), 1e-12);
}

TEST(DividePositive, IsTheExpressionInAnyLayout) {
  at::manual_seed(14);
  const Tensor r = random_tensor({2, 2, 3, 4, 5});
  const Tensor z = random_tensor({2, 3, 4, 5}).clamp_min(0);
  const Tensor want = at::where(z > 0, r / z, at::zeros({}, at::kDouble)).nan_to_num(0);
  EXPECT_LT(relative_error(divide_positive(r, z), want), 1e-12);
  const Tensor last = z.contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_LT(relative_error(divide_positive(r, last), want), 1e-12);
  EXPECT_TRUE(at::isfinite(divide_positive(r.to(at::kFloat), (z * 1e-36).to(at::kFloat)))
                  .all()
                  .item<bool>());
}

}  // namespace
}  // namespace limn
