// The same maps on CUDA as on the CPU. Skipped where this libtorch sees no GPU.
#include "limn/error.h"
#include "limn/method.h"
#include "ops/op.h"
#include "support/random_graph.h"
#include "support/support.h"

namespace limn {
namespace {

/// Largest error of a map on the GPU relative to the CPU's maximum.
double difference(const char* spec, std::uint64_t seed, at::ScalarType dtype) {
  const Model cpu = Model(Graph(testing::random_graph(seed))).to(dtype);
  const Model gpu = cpu.to(c10::Device("cuda:0"));
  at::manual_seed(seed);
  const Tensor x = at::randn({3, 3, 12, 14}, at::TensorOptions(dtype));
  const auto method = make_method(spec);
  const auto targets = Target::parse("top:2");
  const auto on_cpu = method->explain(cpu, x, targets, {});
  const auto on_gpu = method->explain(gpu, x, targets, {});
  double worst = 0;
  for (std::size_t t = 0; t < targets.size(); ++t) {
    EXPECT_TRUE(on_gpu[t].relevance.is_cuda());
    worst = std::max(worst, testing::relative_error(on_gpu[t].relevance, on_cpu[t].relevance));
  }
  return worst;
}

TEST(Gpu, MapsEqualTheCpus) {
  if (!at::hasCUDA()) GTEST_SKIP() << "this libtorch sees no CUDA device";
  for (const char* spec :
       {"gradient", "input-x-gradient", "guided-backprop", "deconvnet", "grad-cam",
        "lrp(epsilon-plus)", "lrp(epsilon-alpha2-beta1)", "lrp(epsilon-gamma-box, low=-3, high=3)",
        "lrp(flavor=wjnam, alpha=2)"}) {
    for (std::uint64_t seed : {1, 2, 3}) {
      EXPECT_LT(difference(spec, seed, at::kDouble), 1e-9) << spec;
      EXPECT_LT(difference(spec, seed, at::kFloat), 1e-2) << spec;
    }
  }
}

TEST(Gpu, OneHotAndEyeLikeStayOnTheDeviceOfTheirInputs) {
  if (!at::hasCUDA()) GTEST_SKIP() << "this libtorch sees no CUDA device";
  const c10::Device device("cuda:0");
  const Graph one_hot(testing::single_node("OneHot", 11, {}, 3));
  const Tensor index = at::tensor(std::vector<std::int64_t>{2, 0}, at::kLong);
  const Tensor depth = at::tensor(std::vector<std::int64_t>{3}, at::kLong);
  const Tensor values = at::tensor({0.0f, 1.0f});
  const Node& node = one_hot.nodes()[0];
  const Tensor want = node.spec->forward(node, Tensors{index, depth, values})[0];
  for (const bool index_there : {false, true}) {
    const Tensors in{index_there ? index.to(device) : index, depth,
                     index_there ? values : values.to(device)};
    const Tensor got = node.spec->forward(node, in)[0];
    EXPECT_TRUE(got.is_cuda());
    EXPECT_TRUE(at::equal(got.cpu(), want));
  }
  const Graph eye(testing::single_node("EyeLike", 11, {}, 1));
  const Tensor there = at::zeros({3, 4}).to(device);
  EXPECT_TRUE(eye.nodes()[0].spec->forward(eye.nodes()[0], Tensors{there})[0].is_cuda());
}

TEST(Gpu, AMissingDeviceIsAnError) {
  const Model model{Graph(testing::random_graph(1))};
  if (!at::hasCUDA()) {
    EXPECT_THROW(model.to(c10::Device("cuda:0")), Error);
  } else {
    EXPECT_THROW(model.to(c10::Device("cuda:99")), Error);
  }
}

}  // namespace
}  // namespace limn
