// BatchNormalization against the formula, one number at a time.
#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;

TEST(BatchNormalization, EqualsTheFormulaAndItsViewTheJacobian) {
  at::manual_seed(1);
  for (const int opset : {7, 9, 14, 15}) {
    for (const Sizes& sizes :
         {Sizes{2, 3}, Sizes{2, 3, 4}, Sizes{1, 3, 2, 4}, Sizes{2, 3, 2, 2, 2}}) {
      Attributes attributes;
      attributes.set("epsilon", 0.01);
      const Graph graph = one_node("BatchNormalization", opset, attributes, 5);
      const Node& node = graph.nodes()[0];
      const Tensors in{random_tensor(sizes), random_tensor({3}), random_tensor({3}),
                       random_tensor({3}), random_tensor({3}).square()};
      const Box x(in[0]), scale(in[1]), shift(in[2]), mean(in[3]), variance(in[4]), want(sizes);
      for_each_index(sizes, [&](const Sizes& at) {
        const Sizes c{at[1]};
        want.at(at) =
            (x.at(at) - mean.at(c)) / std::sqrt(variance.at(c) + 0.01) * scale.at(c) + shift.at(c);
      });
      EXPECT_LT(relative_error(node.spec->forward(node, in)[0], want.tensor()), kExact);
      expect_view(node, in, 0);
      expect_vjp(node, in, {1, 1, 1, 0, 0});
    }
  }
}

TEST(BatchNormalization, RefusesTraining) {
  Attributes training;
  training.set("training_mode", std::int64_t{1});
  EXPECT_THROW(one_node("BatchNormalization", 14, training, 5), Error);
  EXPECT_THROW(one_node("BatchNormalization", 9, {}, 5, 5), Error);
  Attributes spatial;
  spatial.set("spatial", std::int64_t{0});
  EXPECT_THROW(one_node("BatchNormalization", 7, spatial, 5), Error);
}

}  // namespace
}  // namespace limn::testing
