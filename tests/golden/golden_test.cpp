// The authors' own results: the small set shipped with the source, and the whole shared folder.
#include <filesystem>

#include "golden/golden_runner.h"
#include "limn/npy.h"
#include "support/support.h"

namespace limn::golden {
namespace {

void expect_all_pass(const std::string& folder, int at_least) {
  const Summary summary = run_folder(folder, [](const CaseResult& result) {
    EXPECT_NE(result.outcome, Outcome::Fail) << line(result);
  });
  EXPECT_GE(summary.passed, at_least) << summary.text();
}

TEST(Golden, ShippedCasesPass) { expect_all_pass(testing::test_data("golden"), 12); }

TEST(Golden, SharedCasesPass) {
  LIMN_REQUIRE_SHARED("golden");
  expect_all_pass(testing::shared("golden"), 394);
}

TEST(Golden, AWrongResultFails) {
  namespace fs = std::filesystem;
  const auto cases = find_cases(testing::test_data("golden"));
  ASSERT_FALSE(cases.empty());
  const fs::path root = fs::path(testing::temporary_folder("golden"));
  fs::copy(testing::test_data("golden"), root, fs::copy_options::recursive);
  for (const auto& file : find_cases(root.string())) {
    ASSERT_EQ(run_case(file).outcome, Outcome::Pass) << file;
    const std::string expected = (fs::path(file).parent_path() / "expected.npy").string();
    Tensor values = read_npy(expected).clone();
    values.view({-1})[0] += values.abs().max() * 0.01;
    write_npy(expected, values);
    EXPECT_EQ(run_case(file).outcome, Outcome::Fail) << file;
  }
  fs::remove_all(root);
}

}  // namespace
}  // namespace limn::golden
