// Ten thousand damaged models: whatever the bytes, only limn::Error comes out, and soon. Files that
// once broke the reader are kept in fuzz/corpus and read again here.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "import/passes.h"
#include "limn/error.h"
#include "limn/graph.h"
#include "support/draft_builder.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::DraftBuilder;
using Integers = std::vector<std::int64_t>;

std::vector<std::string> seeds() {
  std::vector<std::string> models;
  DraftBuilder net;
  auto x = net.input("x", {-1, 3, 8, 8});
  x = net.node("Conv", {x, net.constant(at::randn({4, 3, 3, 3})), net.constant(at::randn({4}))},
               {{"pads", Integers{1, 1, 1, 1}}, {"kernel_shape", Integers{3, 3}}});
  x = net.node("BatchNormalization",
               {x, net.constant(at::ones({4})), net.constant(at::ones({4})),
                net.constant(at::ones({4})), net.constant(at::ones({4}))},
               {{"epsilon", 1e-3}});
  x = net.node("Relu", {x});
  const auto shape = net.node("Shape", {x});
  const auto rows = net.node("Gather", {shape, net.integers({0})});
  const auto sizes = net.node("Concat", {rows, net.integers({-1})}, {{"axis", std::int64_t{0}}});
  x = net.node("Reshape", {x, sizes});
  x = net.node("Identity", {x});
  x = net.node("Gemm", {x, net.constant(at::randn({5, 256}))}, {{"transB", std::int64_t{1}}});
  net.shape_of(x, {-1, 5});
  net.output(x);
  models.push_back(write_onnx_bytes(net.draft()));

  DraftBuilder fused;
  auto y = fused.input("x", {2, 4, 6});
  y = fused.node("SiLU", {fused.node("HardSwish", {y})});
  y = fused.node("LayerNormalization",
                 {y, fused.constant(at::ones({6})), fused.constant(at::ones({6}))});
  y = fused.node("Gelu", {y}, {{"approximate", std::string("tanh")}});
  y = fused.node("Pad", {y, fused.integers({0, 0, 1, 0, 0, 1}), fused.number(0)});
  y = fused.node("AveragePool", {y}, {{"kernel_shape", Integers{2}}});
  fused.output(y);
  models.push_back(write_onnx_bytes(fused.draft()));

  DraftBuilder fill;
  const auto filled = fill.node("ConstantOfShape", {fill.integers({4, 4})},
                                {{"value", at::full({1}, 0.5, at::kFloat)}});
  const auto tiled = fill.node("Tile", {filled, fill.integers({1, 2})});
  const auto range = fill.node("Range", {fill.number(0), fill.number(4), fill.number(1)});
  const auto wide = fill.node("Expand", {range, fill.integers({8, 4})});
  const auto weight = fill.node("MatMul", {tiled, wide});
  fill.output(fill.node("MatMul", {fill.input("x", {-1, 4}), weight}));
  models.push_back(write_onnx_bytes(fill.draft()));
  return models;
}

/// Byte flips, changed lengths, removed, doubled and exchanged pieces, cut ends.
std::string mutate(std::string bytes, const std::vector<std::string>& others,
                   std::mt19937& random) {
  const auto below = [&](std::size_t most) {
    return most == 0 ? 0 : std::uniform_int_distribution<std::size_t>(0, most - 1)(random);
  };
  const std::size_t edits = 1 + below(4);
  for (std::size_t i = 0; i < edits && !bytes.empty(); ++i) {
    const std::size_t at = below(bytes.size());
    const std::size_t length = std::min(bytes.size() - at, 1 + below(24));
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 2:  // a length or number that is suddenly huge
        bytes.replace(at, 1, std::string("\xff\xff\xff\xff\x7f", 1 + below(5)));
        break;
      case 3:
        bytes.erase(at, length);
        break;
      case 4:
        bytes.insert(at, bytes.substr(at, length));
        break;
      case 5: {
        const std::string& other = others[below(others.size())];
        bytes.insert(at, other.substr(below(other.size()), 1 + below(200)));
        break;
      }
      default:
        bytes.resize(at);
    }
  }
  return bytes;
}

/// Whether the model still loads; anything but an Error is a failure.
bool survives(const std::string& bytes) {
  try {
    const Draft draft = import_passes(read_onnx_bytes(bytes));
    const Graph graph(fold_batch_norm(draft));
    EXPECT_FALSE(graph.text().empty());
    write_onnx_bytes(graph.draft());
    return true;
  } catch (const Error& error) {
    EXPECT_FALSE(std::string(error.what()).empty());
    return false;
  }
}

TEST(OnnxMutation, TenThousandDamagedModelsGiveErrorsOnly) {
  at::manual_seed(1);
  const auto models = seeds();
  std::mt19937 random(20240501);
  int loaded = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::string& model = models[static_cast<std::size_t>(i) % models.size()];
    loaded += survives(mutate(model, models, random));
  }
  // Not every edit breaks a model, and far from all leave it whole.
  EXPECT_LT(loaded, 9000);
}

TEST(OnnxMutation, KeptFilesGiveErrorsOnly) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::test_data("")).parent_path().parent_path().parent_path() /
      "fuzz" / "corpus" / "onnx";
  ASSERT_TRUE(std::filesystem::exists(folder)) << folder;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().string());
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    survives(bytes.str());
    ++count;
  }
  EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace limn
