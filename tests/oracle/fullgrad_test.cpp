// FullGrad against its terms made by autograd, resized and summed in plain loops; completeness on
// the demo models.
#include "oracle/small_model_by_hand.h"
#include "support/draft_builder.h"

namespace limn {
namespace {

using namespace testing::gradients;
using testing::DraftBuilder;
using testing::random_tensor;
using testing::relative_error;
using testing::small_model;

/// psi of the formula, resized with aligned corners in plain loops.
Tensor picture_of(const Tensor& term, std::int64_t side) {
  Tensor psi = term.abs();
  psi = psi - psi.min();
  psi = (psi / (psi.max() + 1e-6)).sum(1)[0].contiguous();
  const auto size = psi.size(0);
  const auto* from = psi.data_ptr<double>();
  Tensor out = at::empty({side, side}, at::kDouble);
  for (std::int64_t i = 0; i < side; ++i) {
    for (std::int64_t j = 0; j < side; ++j) {
      const double step = static_cast<double>(size - 1) / static_cast<double>(side - 1);
      const double v = static_cast<double>(i) * step, u = static_cast<double>(j) * step;
      const auto top = std::min<std::int64_t>(static_cast<std::int64_t>(v), size - 1);
      const auto left = std::min<std::int64_t>(static_cast<std::int64_t>(u), size - 1);
      const auto low = std::min(top + 1, size - 1), right = std::min(left + 1, size - 1);
      const double a = v - static_cast<double>(top), b = u - static_cast<double>(left);
      out[i][j] = (1 - a) * ((1 - b) * from[top * size + left] + b * from[top * size + right]) +
                  a * ((1 - b) * from[low * size + left] + b * from[low * size + right]);
    }
  }
  return out;
}

TEST(FullGrad, AddsTheTermsAsPicturesAndTheySumToTheScore) {
  at::manual_seed(7);
  const Tensor x = pictures();
  ByHand net(x, 2);
  const Tensor b1 = net.weights["b1"].reshape({1, -1, 1, 1});
  const Tensor b2 = net.weights["b2"].reshape({1, -1, 1, 1});
  const Tensor input = picture_of(x * net.gradients[0], 24);
  const Tensor full =
      input + picture_of(b1 * net.gradients[1], 24) + picture_of(b2 * net.gradients[3], 24);
  const Explanation one = explain("fullgrad", small(), x);
  EXPECT_LT(relative_error(one.relevance[0][0], full), kRounding);
  EXPECT_LT(one.gap.item<double>(), 1e-9);
  const Tensor simple = input + picture_of(net.gradients[1], 24) + picture_of(net.gradients[3], 24);
  EXPECT_LT(relative_error(explain("simple-fullgrad", small(), x).relevance[0][0], simple),
            kRounding);
}

TEST(FullGrad, CountsWhateverAddsAConstant) {
  at::manual_seed(8);
  // Batch norm, an added constant, pooling, MatMul and Add; the map is half as large inside.
  DraftBuilder b;
  b.input("input", {-1, 3, 8, 8});
  std::string x = b.node("Sub", {b.constant(random_tensor({3, 1, 1})), "input"});
  x = b.node("Conv", {x, b.constant(random_tensor({4, 3, 1, 1}))},
             {{"strides", std::vector<std::int64_t>{2, 2}}});
  x = b.node("BatchNormalization",
             {x, b.constant(random_tensor({4})), b.constant(random_tensor({4})),
              b.constant(random_tensor({4})), b.constant(random_tensor({4}).abs() + 0.5)});
  x = b.node("Relu", {b.node("Add", {x, b.constant(random_tensor({1, 4, 1, 1}))})});
  x = b.node("Flatten", {b.node("GlobalAveragePool", {x})});
  x = b.node("Add", {b.node("MatMul", {x, b.constant(random_tensor({4, 5}))}),
                     b.constant(random_tensor({5}))});
  b.output(x);
  const Model model = double_model(b.draft());
  const Tensor input = random_tensor({3, 3, 8, 8});
  for (const char* spec : {"fullgrad", "fullgrad(flavor=pytorch-grad-cam)"}) {
    const Explanation one = explain(spec, model, input);
    EXPECT_LT(one.gap.max().item<double>(), 1e-9) << spec;
    EXPECT_TRUE(one.notes.empty()) << one.notes.front();
    EXPECT_EQ(one.relevance.sizes(), at::IntArrayRef({3, 1, 8, 8}));
  }
}

TEST(FullGrad, SaysWhatItsTermsMiss) {
  at::manual_seed(9);
  Draft draft = small_model();
  draft.nodes[1].op = "Sigmoid";
  const Explanation one = explain("fullgrad", double_model(draft), pictures());
  EXPECT_GT(one.gap.item<double>(), 1e-3);
  ASSERT_FALSE(one.notes.empty());
  EXPECT_NE(one.notes.front().find("not piecewise linear are Sigmoid"), std::string::npos)
      << one.notes.front();
}

/// Completeness on the models that limn ships, as far as float32 and the quadrature go.
TEST(Completeness, HoldsForEveryDemoModel) {
  at::manual_seed(10);
  for (const char* name : {"vgg", "resnet", "densenet", "cheat"}) {
    const Model model = Model::from_onnx(testing::demo_model(concat("shapes_", name, ".onnx")));
    const Tensor x = at::randn({1, 3, 96, 96});
    EXPECT_LT(make_method("fullgrad")->explain(model, x).gap.item<double>(), 1e-3) << name;
    const Explanation ig = make_method("ig(n=100)")->explain(model, x);
    EXPECT_LT(ig.gap.item<double>(), 0.02) << name;
  }
}

}  // namespace
}  // namespace limn
