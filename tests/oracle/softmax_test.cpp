// Softmax, LogSoftmax and Hardmax against plain loops, before and from opset 13.
#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;

/// Rows as ONNX groups them: key(index) names the row of each place.
template <typename Key>
void expect_rows(const char* op, int opset, std::int64_t axis, bool set_axis, const Tensor& x,
                 Key&& key) {
  SCOPED_TRACE(concat(op, " opset ", opset, " axis ", axis));
  Attributes attributes;
  if (set_axis) attributes.set("axis", axis);
  const Graph graph = one_node(op, opset, attributes, 1);
  const Node& node = graph.nodes()[0];
  const Box in(x), want(x.sizes().vec());
  std::map<Sizes, double> sums, best;
  std::map<Sizes, Sizes> winner;
  for_each_index(x.sizes().vec(), [&](const Sizes& at) {
    const Sizes row = key(at);
    sums[row] += std::exp(in.at(at));
    if (!best.contains(row) || in.at(at) > best[row]) {
      best[row] = in.at(at);
      winner[row] = at;
    }
  });
  for_each_index(x.sizes().vec(), [&](const Sizes& at) {
    const double share = std::exp(in.at(at)) / sums[key(at)];
    want.at(at) = std::string(op) == "Softmax"      ? share
                  : std::string(op) == "LogSoftmax" ? std::log(share)
                                                    : winner[key(at)] == at;
  });
  EXPECT_LT(relative_error(node.spec->forward(node, Tensors{x})[0], want.tensor()), kExact);
  if (node.spec->vjp) expect_vjp(node, {x}, {1});
}

TEST(Softmax, RowsFollowTheOpset) {
  at::manual_seed(51);
  const Tensor x = random_tensor({2, 3, 4});
  for (const char* op : {"Softmax", "LogSoftmax", "Hardmax"}) {
    for (const std::int64_t axis : {0, 1, 2, -1, -2}) {
      const auto place = static_cast<std::size_t>(axis < 0 ? axis + 3 : axis);
      expect_rows(op, 11, axis, true, x, [&](const Sizes& at) {
        return Sizes(at.begin(), at.begin() + static_cast<std::ptrdiff_t>(place));
      });
      expect_rows(op, 13, axis, true, x, [&](Sizes at) {
        at.erase(at.begin() + static_cast<std::ptrdiff_t>(place));
        return at;
      });
    }
    expect_rows(op, 11, 1, false, x, [](const Sizes& at) { return Sizes{at[0]}; });
    expect_rows(op, 13, -1, false, x, [](const Sizes& at) { return Sizes{at[0], at[1]}; });
  }
}

}  // namespace
}  // namespace limn::testing
