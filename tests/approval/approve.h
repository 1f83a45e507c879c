// Compares with a file under tests/approval/approved. With LIMN_APPROVE=1 in the environment the
// approved file is written anew instead; look at it before committing it.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "limn/image.h"
#include "support/process.h"

namespace limn::testing {

inline std::string approved(const std::string& name) {
  return std::string(LIMN_TEST_DATA) + "/../approval/approved/" + name;
}

inline bool approving() { return std::getenv("LIMN_APPROVE") != nullptr; }

inline void approve_text(const std::string& name, const std::string& text) {
  if (approving()) return write_text(approved(name), text);
  EXPECT_EQ(text, read_text(approved(name)))
      << name << " differs; if that is right: LIMN_APPROVE=1, run this test, look, commit";
}

/// Pixels may differ by rounding between versions of OpenCV: 3 of 255.
inline void approve_picture(const std::string& name, const Tensor& pixels) {
  if (approving()) return write_text(approved(name), encode_png(pixels));
  const Tensor expected = read_picture(approved(name)).pixels;
  ASSERT_EQ(expected.sizes(), pixels.sizes()) << name;
  EXPECT_LE((expected.to(at::kInt) - pixels.to(at::kInt)).abs().max().item<int>(), 3)
      << name << " differs; if that is right: LIMN_APPROVE=1, run this test, look, commit";
}

}  // namespace limn::testing
