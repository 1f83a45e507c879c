// The check that fusing changes a draft's operators and not its numbers.
#pragma once
#include <gtest/gtest.h>

#include "import/passes.h"
#include "support/draft_builder.h"
#include "support/draft_compare.h"
#include "support/support.h"

namespace limn::testing {

/// Fuses, checks the operators and the numbers.
inline void expect_fused(DraftBuilder& build, const Tensor& x, const std::string& expected,
                         double tolerance = 1e-6) {
  const Draft fused = fuse(build.draft());
  EXPECT_EQ(ops_of(fused), expected);
  ASSERT_EQ(fused.outputs.at(0).name, build.draft().outputs.at(0).name);
  EXPECT_LT(relative_error(run_draft(fused, x), run_draft(build.draft(), x)), tolerance);
}

}  // namespace limn::testing
