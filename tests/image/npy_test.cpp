// .npy files: round trips, foreign byte orders and widths, and damaged headers.
#include "limn/npy.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "limn/error.h"

namespace limn {
namespace {

std::string npy(const std::string& header, const std::string& data, char major = 1) {
  std::string out = "\x93NUMPY";
  out += major;
  out += '\0';
  out += static_cast<char>(header.size() & 255);
  out += static_cast<char>(header.size() >> 8);
  if (major > 1) out += std::string(2, '\0');
  return out + header + data;
}

TEST(Npy, ReadsWhatItWrites) {
  for (const auto type : {at::kFloat, at::kDouble, at::kLong, at::kInt, at::kByte, at::kHalf}) {
    for (const auto& shape :
         std::vector<std::vector<std::int64_t>>{{}, {3}, {2, 0}, {2, 3, 4, 5}}) {
      const Tensor tensor = (at::rand(shape) * 100).to(type);
      const std::string bytes = encode_npy(tensor);
      const Tensor back = decode_npy(bytes);
      EXPECT_EQ(back.scalar_type(), type);
      EXPECT_TRUE(at::equal(back, tensor)) << bytes.substr(10, 60);
      EXPECT_EQ((bytes.size() - tensor.nbytes()) % 64, 0u) << "elements start at a multiple of 64";
    }
  }
  // A view that does not lie in C order is written as if it did.
  const Tensor turned = at::arange(6, at::kFloat).view({2, 3}).t();
  EXPECT_TRUE(at::equal(decode_npy(encode_npy(turned)), turned));
}

TEST(Npy, TheShapeAloneIsReadWithTheSameChecks) {
  const std::string path =
      (std::filesystem::temp_directory_path() / concat("limn-shape-", ::getpid(), ".npy")).string();
  const auto shape_of = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    return read_npy_shape(path);
  };
  const std::string bytes = encode_npy(at::zeros({2, 3, 200, 200}));
  EXPECT_EQ(shape_of(bytes), (std::vector<std::int64_t>{2, 3, 200, 200}));
  EXPECT_EQ(shape_of(encode_npy(at::zeros({}))), std::vector<std::int64_t>());
  EXPECT_THROW(shape_of(bytes.substr(0, bytes.size() - 1)), Error);
  EXPECT_THROW(shape_of(bytes.substr(0, 40)), Error);
  EXPECT_THROW(shape_of("no tensor"), Error);
  std::filesystem::remove(path);
}

TEST(Npy, WritesNumpysOwnHeader) {
  const std::string bytes = encode_npy(at::zeros({2, 3}, at::kFloat));
  EXPECT_EQ(bytes.substr(10, 59), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  EXPECT_NE(encode_npy(at::zeros({5}, at::kFloat)).find("(5,)"), std::string::npos);
  EXPECT_NE(encode_npy(at::zeros({}, at::kFloat)).find("()"), std::string::npos);
}

TEST(Npy, ReadsOtherByteOrdersAndUnsignedNumbers) {
  const auto header = [](const std::string& type, const std::string& shape) {
    return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
  };
  const Tensor big = decode_npy(npy(header(">f4", "(1,)"), std::string("\x3f\xc0\0\0", 4)));
  EXPECT_EQ(big.item<float>(), 1.5f);
  const Tensor wide = decode_npy(npy(header("<u2", "(2,)"), std::string("\xff\xff\x01\x00", 4), 2));
  EXPECT_EQ(wide.scalar_type(), at::kInt);
  EXPECT_EQ(wide[0].item<int>(), 65535);
  EXPECT_EQ(wide[1].item<int>(), 1);
}

TEST(Npy, RefusesDamagedFiles) {
  const std::string good = encode_npy(at::rand({4, 4}));
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"", "not a .npy file"},
      {"hello world, hello", "not a .npy file"},
      {good.substr(0, good.size() - 1), "truncated"},
      {good + "x", "truncated or damaged"},
      {good.substr(0, 40), "truncated in its header"},
      {npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", "abcd"), "Fortran order"},
      {npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "abcdefgh"), "<c8"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }", "abcd"),
       "promises"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999, 99999, 99999), }", "abcd"),
       "promises"},
      {npy("{'descr': '<f4', 'fortran_order': False}", "abcd"), "shape"},
      {npy("{'descr': <f4", ""), "header"},
      {npy("{", ""), "header"},
      {npy(std::string(300, '('), ""), "header"}};
  for (const auto& [bytes, words] : bad) {
    try {
      decode_npy(bytes, "x.npy");
      FAIL() << words;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::BadInput);
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  }
  try {
    read_npy("/nowhere/x.npy");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::NotFound);
  }
}

}  // namespace
}  // namespace limn
