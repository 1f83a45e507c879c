// Shared by the test programs: data folders and comparisons.
#pragma once
#include <string>

#include "limn/graph.h"
#include "limn/tensor.h"

namespace limn::testing {

/// A file below tests/data, models/ or ../shared.
std::string test_data(const std::string& name);
std::string demo_model(const std::string& name);
/// "" where ../shared does not have it; tests then skip with a reason.
std::string shared(const std::string& name);

/// A new empty folder for this test; the caller removes it.
std::string temporary_folder(const std::string& name);

/// max |a - b| / max(|b|, tiny); infinity where shapes differ or a value is not finite.
double relative_error(const Tensor& a, const Tensor& b);

/// One-node draft: inputs `in0`, `in1`, ...; outputs `out0`, ...
Draft single_node(const std::string& op, int opset, Attributes attributes, std::size_t inputs,
                  std::size_t outputs = 1);

}  // namespace limn::testing

/// Skips with a reason where a file of ../shared is missing.
#define LIMN_REQUIRE_SHARED(name)                                          \
  if (limn::testing::shared(name).empty()) {                               \
    GTEST_SKIP() << "needs ../shared/" << (name) << ", which is not here"; \
  }
