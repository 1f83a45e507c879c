// Every encoding of every element type decodes to the same numbers; lies about sizes are found
// before anything is allocated; external data stay inside the model's folder.
#include "import/onnx_tensor.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "import/onnx_reader.h"
#include "import/wire.h"
#include "support/draft_compare.h"
#include "support/onnx_builder.h"
#include "support/support.h"

namespace limn {
namespace {

namespace fs = std::filesystem;
using testing::bytes_of;
using testing::external_tensor;
using testing::pbf_writer;
using testing::raw_tensor;
using testing::tensor_proto;

Tensor decode(const std::string& bytes) {
  const NamedTensor tensor = in_wire([&] { return decode_tensor(bytes, {}); });
  EXPECT_EQ(tensor.unreadable, "");
  return tensor.value;
}

template <typename Body>
void expect_error(ErrorCode code, const std::string& part, Body body) {
  try {
    body();
    ADD_FAILURE() << "no error, expected: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

void expect_bad(const std::string& part, const std::string& bytes) {
  expect_error(ErrorCode::BadModel, part, [&] { decode(bytes); });
}

TEST(OnnxTensor, RawDataOfEveryType) {
  const auto check = [](int type, const std::string& raw, const Tensor& expected) {
    EXPECT_TRUE(testing::same(decode(raw_tensor("t", {2}, type, raw)), expected)) << type;
  };
  check(1, bytes_of<float>({1.5f, -2}), at::tensor({1.5, -2.0}, at::kFloat));
  check(2, bytes_of<std::uint8_t>({1, 255}), at::tensor({1, 255}, at::kByte));
  check(3, bytes_of<std::int8_t>({1, -128}), at::tensor({1, -128}, at::kChar));
  check(4, bytes_of<std::uint16_t>({1, 65535}), at::tensor({1, 65535}, at::kLong));
  check(5, bytes_of<std::int16_t>({1, -300}), at::tensor({1, -300}, at::kShort));
  check(6, bytes_of<std::int32_t>({1, -70000}), at::tensor({1, -70000}, at::kInt));
  check(7, bytes_of<std::int64_t>({1, -5}), at::tensor({1, -5}, at::kLong));
  check(9, bytes_of<std::uint8_t>({0, 7}), at::tensor({0, 1}, at::kLong).to(at::kBool));
  check(10, bytes_of<std::uint16_t>({0x3e00, 0xc000}), at::tensor({1.5, -2.0}, at::kFloat));
  check(11, bytes_of<double>({1.5, -2}), at::tensor({1.5, -2.0}, at::kDouble));
  check(12, bytes_of<std::uint32_t>({1, 4000000000u}),
        at::tensor({std::int64_t{1}, std::int64_t{4000000000}}, at::kLong));
  check(13, bytes_of<std::uint64_t>({1, 5}), at::tensor({1, 5}, at::kLong));
  check(16, bytes_of<std::uint16_t>({0x3fc0, 0xc000}), at::tensor({1.5, -2.0}, at::kFloat));
}

TEST(OnnxTensor, TypedFieldsOfEveryTypePackedAndNot) {
  const auto check = [](int type, std::uint32_t field, std::vector<std::int64_t> values,
                        const Tensor& expected) {
    const auto packed = tensor_proto("t", {2}, type, [&](pbf_writer& t) {
      t.add_packed_int64(field, values.begin(), values.end());
    });
    const auto single = tensor_proto("t", {2}, type, [&](pbf_writer& t) {
      for (const auto value : values) t.add_int64(field, value);
    });
    EXPECT_TRUE(testing::same(decode(packed), expected)) << type;
    EXPECT_TRUE(testing::same(decode(single), expected)) << type;
  };
  check(2, 5, {1, 255}, at::tensor({1, 255}, at::kByte));
  check(3, 5, {1, -128}, at::tensor({1, -128}, at::kChar));
  check(4, 5, {1, 65535}, at::tensor({1, 65535}, at::kLong));
  check(5, 5, {1, -300}, at::tensor({1, -300}, at::kShort));
  check(6, 5, {1, -70000}, at::tensor({1, -70000}, at::kInt));
  check(7, 7, {1, -5}, at::tensor({1, -5}, at::kLong));
  check(9, 5, {0, 1}, at::tensor({0, 1}, at::kLong).to(at::kBool));
  check(10, 5, {0x3e00, 0xc000}, at::tensor({1.5, -2.0}, at::kFloat));
  check(12, 11, {1, 4000000000},
        at::tensor({std::int64_t{1}, std::int64_t{4000000000}}, at::kLong));
  check(13, 11, {1, 5}, at::tensor({1, 5}, at::kLong));
  check(16, 5, {0x3fc0, 0xc000}, at::tensor({1.5, -2.0}, at::kFloat));

  const std::vector<float> floats = {1.5f, -2};
  const std::vector<double> doubles = {1.5, -2};
  const Tensor expected = at::tensor({1.5, -2.0}, at::kFloat);
  EXPECT_TRUE(testing::same(decode(tensor_proto("t", {2}, 1,
                                                [&](pbf_writer& t) {
                                                  t.add_packed_float(4, floats.begin(),
                                                                     floats.end());
                                                })),
                            expected));
  EXPECT_TRUE(testing::same(decode(tensor_proto("t", {2}, 1,
                                                [&](pbf_writer& t) {
                                                  for (const float value : floats)
                                                    t.add_float(4, value);
                                                })),
                            expected));
  EXPECT_TRUE(testing::same(decode(tensor_proto("t", {2}, 11,
                                                [&](pbf_writer& t) {
                                                  t.add_packed_double(10, doubles.begin(),
                                                                      doubles.end());
                                                })),
                            expected.to(at::kDouble)));
  EXPECT_TRUE(testing::same(decode(tensor_proto("t", {2}, 11,
                                                [&](pbf_writer& t) {
                                                  for (const double value : doubles)
                                                    t.add_double(10, value);
                                                })),
                            expected.to(at::kDouble)));
}

TEST(OnnxTensor, ScalarsAndEmptyTensors) {
  EXPECT_TRUE(testing::same(decode(raw_tensor("t", {}, 1, bytes_of<float>({2}))),
                            at::scalar_tensor(2, at::kFloat)));
  EXPECT_EQ(decode(raw_tensor("t", {0, 3}, 1, "")).sizes(), (at::IntArrayRef{0, 3}));
  EXPECT_EQ(decode(tensor_proto("t", {0}, 7, [](pbf_writer&) {})).numel(), 0);
}

TEST(OnnxTensor, StringsAreNamedNotRead) {
  const auto bytes = tensor_proto("t", {1}, 8, [](pbf_writer& t) { t.add_string(6, "text"); });
  EXPECT_EQ(decode_tensor(bytes, {}).unreadable, "string tensor");
  EXPECT_EQ(decode_tensor(tensor_proto("t", {1}, 14, [](pbf_writer&) {}), {}).unreadable,
            "complex64 tensor");
  EXPECT_EQ(decode_tensor(tensor_proto("t", {1}, 17, [](pbf_writer&) {}), {}).unreadable,
            "type 17 tensor");
}

TEST(OnnxTensor, LiesAboutSizesAreFound) {
  const std::string two = bytes_of<float>({1, 2});
  expect_bad("tensor \"t\": declares 3 elements of float32 (12 bytes) but holds 8 bytes",
             raw_tensor("t", {3}, 1, two));
  expect_bad("declares 1 elements", raw_tensor("t", {}, 1, two));
  expect_bad("negative dimension (-1)", raw_tensor("t", {-1}, 1, two));
  expect_bad("more than 2^40 elements", raw_tensor("t", {1 << 20, 1 << 20, 2}, 1, two));
  expect_bad("more than 2^40", raw_tensor("t", {0, std::int64_t{1} << 62, 8}, 1, ""));
  expect_bad("holds 8 bytes", raw_tensor("t", {1 << 20, 1 << 20}, 1, two));
  expect_bad("holds fewer", tensor_proto("t", {1 << 20, 1 << 20}, 1, [](pbf_writer&) {}));
  expect_bad("more than 32 dimensions", raw_tensor("t", std::vector<std::int64_t>(33, 1), 1, two));
  const std::vector<float> values = {1, 2};
  const auto floats = [&](std::int64_t count) {
    return tensor_proto("t", {count}, 1, [&](pbf_writer& t) {
      t.add_packed_float(4, values.begin(), values.end());
    });
  };
  expect_bad("declares 3 elements but holds 2", floats(3));
  expect_bad("holds more than its 1 elements", floats(1));
}

TEST(OnnxTensor, ValuesThatDoNotFitAreRefused) {
  const auto typed = [](int type, std::uint32_t field, std::int64_t value) {
    return tensor_proto("t", {1}, type, [&](pbf_writer& t) { t.add_int64(field, value); });
  };
  expect_bad("holds 300", typed(3, 5, 300));
  expect_bad("not a 16-bit float", typed(10, 5, 70000));
  expect_bad("over 2^63 - 1", typed(13, 11, -1));
  expect_bad("over 2^63 - 1", raw_tensor("t", {1}, 13, bytes_of<std::uint64_t>({~0ull})));
}

TEST(OnnxTensor, WrongWireTypesAreRefused) {
  expect_bad("is not an integer",
             tensor_proto("t", {1}, 1, [](pbf_writer& t) { t.add_string(2, "float"); }));
  expect_bad("is not a string",
             tensor_proto("t", {1}, 1, [](pbf_writer& t) { t.add_int64(9, 5); }));
  expect_bad("is not a list of floats",
             tensor_proto("t", {1}, 1, [](pbf_writer& t) { t.add_int64(4, 5); }));
  expect_bad("truncated", tensor_proto("t", {1}, 1, [](pbf_writer& t) { t.add_bytes(4, "abc"); }));
}

// Files.

class OnnxFiles : public ::testing::Test {
 protected:
  OnnxFiles() : folder_(fs::temp_directory_path() / concat("limn-tensor-test-", ::getpid())) {
    fs::create_directories(folder_ / "model");
  }
  ~OnnxFiles() override { fs::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& bytes) const {
    const fs::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }
  Tensor external(const std::vector<std::pair<std::string, std::string>>& entries) const {
    ExternalData data((folder_ / "model").string());
    return decode_tensor(external_tensor("t", {2}, 1, entries),
                         {.file = nullptr, .external = &data})
        .value;
  }
  fs::path folder_;
};

TEST_F(OnnxFiles, ExternalDataWithOffsetAndLength) {
  write("model/weights.bin", bytes_of<float>({9, 1, 2, 9}));
  const Tensor expected = at::tensor({1.0, 2.0}, at::kFloat);
  EXPECT_TRUE(testing::same(
      external({{"location", "weights.bin"}, {"offset", "4"}, {"length", "8"}}), expected));
  EXPECT_TRUE(testing::same(external({{"location", "weights.bin"}, {"offset", "4"}}), expected));
  write("model/odd.bin", std::string("x").append(bytes_of<float>({1, 2})));
  EXPECT_TRUE(testing::same(external({{"location", "odd.bin"}, {"offset", "1"}}), expected));
}

TEST_F(OnnxFiles, ExternalDataThatIsNotThereOrElsewhere) {
  write("model/weights.bin", bytes_of<float>({1, 2}));
  write("secret.bin", bytes_of<float>({1, 2}));
  fs::create_symlink(folder_ / "secret.bin", folder_ / "model/link.bin");
  fs::create_symlink(folder_, folder_ / "model/up");
  fs::create_directories(folder_ / "model/inner");
  ::mkfifo((folder_ / "model/pipe").c_str(), 0600);
  const auto bad = [&](const std::string& part, const std::string& location,
                       const std::string& offset = "0", const std::string& length = "8") {
    expect_error(ErrorCode::BadModel, part, [&] {
      external({{"location", location}, {"offset", offset}, {"length", length}});
    });
  };
  expect_error(ErrorCode::NotFound, "external data \"none.bin\" is missing", [&] {
    external({{"location", "none.bin"}});
  });
  bad("absolute path", (folder_ / "secret.bin").string());
  bad("leaves the model's folder", "../secret.bin");
  bad("leaves the model's folder", "inner/../weights.bin");
  bad("leads out of the model's folder", "link.bin");
  bad("leads out of the model's folder", "up/secret.bin");
  bad("is a folder", "inner");
  bad("not a plain file", "pipe");
  bad("is not a file name", "");
  bad("has 8 bytes, but the tensor takes 8 from byte 4 on", "weights.bin", "4");
  bad("takes 8 from byte 18446744073709551615 on", "weights.bin", "18446744073709551615");
  bad("is not a byte count", "weights.bin", "-1");
  bad("holds 4 bytes", "weights.bin", "0", "4");
  ExternalData forbidden("");
  expect_error(ErrorCode::BadModel, "read from memory without a folder", [&] {
    decode_tensor(external_tensor("t", {2}, 1, {{"location", "weights.bin"}}),
                  {.file = nullptr, .external = &forbidden});
  });
}

TEST_F(OnnxFiles, TensorFiles) {
  const auto path = write("t.pb", raw_tensor("t", {2, 0}, 9, ""));
  EXPECT_EQ(read_tensor_file(path).sizes(), (at::IntArrayRef{2, 0}));
  const auto text =
      write("s.pb", tensor_proto("s", {1}, 8, [](pbf_writer& t) { t.add_string(6, "a"); }));
  expect_error(ErrorCode::Unsupported, "string tensor", [&] { read_tensor_file(text); });
  expect_error(ErrorCode::NotFound, "there is no file", [&] { read_tensor_file("/none.pb"); });
}

}  // namespace
}  // namespace limn
