// `limn bench curves`: both ways are timed and agree.
#include <nlohmann/json.hpp>

#include "cli/fixture.h"

namespace limn::testing {
namespace {

using BenchCurves = CommandLine;

TEST_F(BenchCurves, TimesBothWaysAndFindsThemEqual) {
  const auto result =
      limn({"bench", "curves", model(), "--steps", "5", "--runs", "1", "--threads", "1", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto line = nlohmann::json::parse(result.out);
  EXPECT_EQ(line["steps"], 5);
  EXPECT_EQ(line["threads"], 1);
  EXPECT_GT(line["loop_seconds"], 0);
  EXPECT_NEAR(line["ratio"].get<double>(),
              line["loop_seconds"].get<double>() / line["limn_seconds"].get<double>(), 1e-9);
  EXPECT_LT(line["largest_difference"], 1e-5);
  const auto text = limn({"bench", "curves", model(), "--runs", "1", "--threads", "1"});
  EXPECT_NE(text.out.find("28 steps of 3x24x24"), std::string::npos) << text.out << text.err;
}

TEST_F(BenchCurves, RefusesWhatItCannotTime) {
  expect_refused(limn({"bench", "curves", model(), "--steps", "0"}), 2, "--steps");
  expect_refused(limn({"bench", "curves", model() + "x"}), 3, "small.onnxx");
}

}  // namespace
}  // namespace limn::testing
