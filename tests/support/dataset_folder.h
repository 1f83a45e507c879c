// Small files for tests of data sets, and what their errors say.
#pragma once
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "limn/dataset.h"
#include "limn/image.h"
#include "support/process.h"

namespace limn::testing {

/// The words of the Error that `run` ends in, or "no error".
template <typename Run>
std::string error_of(Run run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

#define LIMN_EXPECT_ERROR(words, statement)                                 \
  {                                                                         \
    const std::string text = ::limn::testing::error_of([&] { statement; }); \
    EXPECT_NE(text.find(words), std::string::npos) << "found: " << text;    \
  }

/// A PNG or JPEG of noise, by the ending of its name; folders on the way are made.
inline void write_picture(const std::string& path, std::int64_t height, std::int64_t width) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  const Tensor pixels = (at::rand({height, width, 3}) * 255).to(at::kByte);
  write_text(path, path.ends_with(".png") ? encode_png(pixels) : encode_jpeg(pixels));
}

/// Text, with the folders on the way.
inline void write_file_text(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_text(path, text);
}

/// The first half of a file.
inline void cut_in_half(const std::string& path) {
  const std::string bytes = read_text(path);
  write_text(path, bytes.substr(0, bytes.size() / 2));
}

/// "ID: WHAT" of every problem, one a line.
inline std::string problems_of(const Dataset& dataset) {
  std::string all;
  for (const auto& problem : dataset.check()) all += problem.id + ": " + problem.what + "\n";
  return all;
}

}  // namespace limn::testing
