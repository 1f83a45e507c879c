// The check that a call is refused with a code and words.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "limn/error.h"

namespace limn::testing {

/// The code and the words that an error must have.
inline void expect_refused(const std::function<void()>& run, ErrorCode code,
                           const std::string& words) {
  try {
    run();
    ADD_FAILURE() << "nothing was thrown; expected: " << words;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

}  // namespace limn::testing
