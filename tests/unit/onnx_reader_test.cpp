// Reads what real exporters write and refuses everything broken, saying what and where.
#include "import/onnx_reader.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "limn/error.h"
#include "support/draft_compare.h"
#include "support/onnx_builder.h"
#include "support/support.h"

namespace limn {
namespace {

namespace fs = std::filesystem;
using testing::attribute_proto;
using testing::bytes_of;
using testing::node_proto;
using testing::OnnxBuilder;
using testing::pbf_writer;
using testing::raw_tensor;
using testing::value_proto;

Draft read(const OnnxBuilder& build) { return read_onnx_bytes(build.bytes()); }

template <typename Body>
void expect_error(ErrorCode code, const std::string& part, Body body) {
  try {
    body();
    ADD_FAILURE() << "no error, expected: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    EXPECT_EQ(std::string(error.what()).rfind("import", 0), 0u) << error.what();
  }
}

TEST(OnnxReader, ReadsEverySharedModel) {
  int count = 0;
  for (const char* folder : {"golden/nets", "data/models", "data/models/onnx_light"}) {
    LIMN_REQUIRE_SHARED(folder);
    for (const auto& entry : fs::directory_iterator(testing::shared(folder))) {
      if (entry.path().extension() != ".onnx") continue;
      SCOPED_TRACE(entry.path().string());
      const Draft draft = read_onnx(entry.path().string());
      EXPECT_FALSE(draft.nodes.empty());
      // Those of onnx_light list their initializers among the inputs.
      EXPECT_EQ(draft.inputs.size(), 1u);
      EXPECT_FALSE(draft.outputs.empty());
      ++count;
    }
  }
  EXPECT_GT(count, 20);
}

TEST(OnnxReader, AlignedRawWeightsShareThePagesOfTheFile) {
  const fs::path path = fs::temp_directory_path() / concat("limn-map-", ::getpid(), ".onnx");
  // Padding by the tensor's name moves the data to every alignment.
  int shared = 0;
  for (const std::string name : {"w", "ww", "www", "wwww"}) {
    OnnxBuilder build;
    build.nodes = {node_proto("Relu", {"x"}, {"y"})};
    build.initializers = {raw_tensor(name, {1024}, 1, std::string(4096, '\x11'))};
    std::ofstream(path, std::ios::binary) << build.bytes();
    const Draft draft = read_onnx(path.string());
    const Tensor& weight = draft.constants.at(name);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(weight.data_ptr()) % 4, 0u);
    EXPECT_EQ(std::memcmp(weight.data_ptr(), std::string(4096, '\x11').data(), 4096), 0);
    std::ifstream maps("/proc/self/maps");
    const auto address = reinterpret_cast<std::uintptr_t>(weight.data_ptr());
    for (std::string line; std::getline(maps, line);) {
      std::uintptr_t first = 0, last = 0;
      if (std::sscanf(line.c_str(), "%lx-%lx", &first, &last) == 2 && first <= address &&
          address < last) {
        shared += line.find(path.string()) != std::string::npos;
      }
    }
  }
  EXPECT_EQ(shared, 1);
  fs::remove(path);
}

TEST(OnnxReader, ConstantNodesBecomeConstants) {
  OnnxBuilder build;
  const auto add = [&](const std::string& output, const std::string& attribute) {
    build.nodes.push_back(node_proto("Constant", {}, {output}, {attribute}));
  };
  add("tensor", attribute_proto("value", 4, [](pbf_writer& a) {
        a.add_message(5, raw_tensor("", {1}, 1, bytes_of<float>({2})));
      }));
  add("real", attribute_proto("value_float", 1, [](pbf_writer& a) { a.add_float(2, 0.5f); }));
  add("integer", attribute_proto("value_int", 2, [](pbf_writer& a) { a.add_int64(3, -3); }));
  add("reals", attribute_proto("value_floats", 6, [](pbf_writer& a) { a.add_float(7, 0.5f); }));
  add("integers", attribute_proto("value_ints", 7, [](pbf_writer& a) { a.add_int64(8, 4); }));
  add("text", attribute_proto("value_string", 3, [](pbf_writer& a) { a.add_bytes(4, "no"); }));
  build.nodes.push_back(node_proto("Relu", {"x"}, {"y"}));
  const Draft draft = read(build);
  EXPECT_EQ(draft.nodes.size(), 1u);
  EXPECT_EQ(draft.constants.size(), 5u);  // the string is not used
  EXPECT_TRUE(testing::same(draft.constants.at("tensor"), at::full({1}, 2, at::kFloat)));
  EXPECT_TRUE(testing::same(draft.constants.at("real"), at::scalar_tensor(0.5, at::kFloat)));
  EXPECT_TRUE(testing::same(draft.constants.at("integer"), at::scalar_tensor(-3, at::kLong)));
  EXPECT_TRUE(testing::same(draft.constants.at("reals"), at::full({1}, 0.5, at::kFloat)));
  EXPECT_TRUE(testing::same(draft.constants.at("integers"), at::full({1}, 4, at::kLong)));
  build.nodes.back() = node_proto("Relu", {"text"}, {"y"});
  expect_error(ErrorCode::Unsupported, "uses \"text\"", [&] { read(build); });
}

TEST(OnnxReader, AttributesOfEveryKindAlsoWithoutTheirType) {
  for (const bool typed : {true, false}) {
    const auto kind = [&](int type) { return typed ? type : 0; };
    OnnxBuilder build;
    build.nodes = {node_proto(
        "Relu", {"x"}, {"y"},
        {attribute_proto("f", kind(1), [](pbf_writer& a) { a.add_float(2, 0.5f); }),
         attribute_proto("i", kind(2), [](pbf_writer& a) { a.add_int64(3, -7); }),
         attribute_proto("s", kind(3), [](pbf_writer& a) { a.add_bytes(4, "text"); }),
         attribute_proto("t", kind(4),
                         [](pbf_writer& a) {
                           a.add_message(5, raw_tensor("", {1}, 7, bytes_of<std::int64_t>({3})));
                         }),
         attribute_proto("g", kind(5),
                         [](pbf_writer& a) { a.add_message(6, std::string("\xff\xff")); }),
         attribute_proto("fs", kind(6),
                         [](pbf_writer& a) {
                           const std::vector<float> values = {1, 2};
                           a.add_packed_float(7, values.begin(), values.end());
                         }),
         attribute_proto("is", kind(7),
                         [](pbf_writer& a) {
                           a.add_int64(8, 1);
                           a.add_int64(8, 2);
                         }),
         attribute_proto("ss", kind(8), [](pbf_writer& a) { a.add_bytes(9, "p"); })})};
    const Draft draft = read(build);
    const Attributes& given = draft.nodes.at(0).attributes;
    EXPECT_EQ(given.real("f", 0), 0.5);
    EXPECT_EQ(given.integer("i", 0), -7);
    EXPECT_EQ(given.text("s", ""), "text");
    EXPECT_EQ(given.tensor("t").item<std::int64_t>(), 3);
    EXPECT_FALSE(given.has("g"));  // subgraphs are read past
    EXPECT_EQ(given.reals("fs"), (std::vector<double>{1, 2}));
    EXPECT_EQ(given.integers("is"), (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(std::get<std::vector<std::string>>(given.items().back().second),
              (std::vector<std::string>{"p"}));
  }
}

TEST(OnnxReader, OperatorsWithSubgraphsAreListedWithTheOthersThatAreMissing) {
  OnnxBuilder build;
  const auto branch =
      attribute_proto("then_branch", 5, [](pbf_writer& a) { a.add_message(6, std::string()); });
  build.nodes = {node_proto("If", {"x"}, {"a"}, {branch}),
                 node_proto("Strange", {"a"}, {"b"}, {}, "my.domain"),
                 node_proto("If", {"b"}, {"y"}, {branch})};
  const Draft draft = read(build);
  EXPECT_EQ(draft.nodes.size(), 3u);
  try {
    Graph graph(draft);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unsupported);
    const std::string text = error.what();
    EXPECT_NE(text.find("If, opset 13: 2 nodes: \"If_0\", \"If_2\""), std::string::npos) << text;
    EXPECT_NE(text.find("my.domain.Strange"), std::string::npos) << text;
  }
}

TEST(OnnxReader, NodesWithoutANameGetOneThatIsFree) {
  OnnxBuilder build;
  std::string named = node_proto("Relu", {"a"}, {"y"});
  pbf_writer(named).add_string(3, "Relu_0");
  build.nodes = {node_proto("Relu", {"x"}, {"a"}), named};
  const Draft draft = read(build);
  EXPECT_EQ(draft.nodes.at(0).name, "Relu_0_");
  EXPECT_EQ(draft.nodes.at(1).name, "Relu_0");
}

TEST(OnnxReader, InitializersAmongTheInputsAreNoInputs) {
  OnnxBuilder build;
  build.nodes = {node_proto("MatMul", {"x", "w"}, {"y"})};
  build.inputs.push_back(value_proto("w"));
  build.initializers = {raw_tensor("w", {1, 1}, 1, bytes_of<float>({2}))};
  const Draft draft = read(build);
  ASSERT_EQ(draft.inputs.size(), 1u);
  EXPECT_EQ(draft.inputs.at(0).name, "x");
}

TEST(OnnxReader, OpsetsOutside7To21AreRefused) {
  for (const int opset : {-1, 0, 6, 22, 1000}) {
    OnnxBuilder build;
    build.opset = opset;
    expect_error(ErrorCode::Unsupported, "limn reads opset 7 to 21", [&] { read(build); });
  }
  for (const int opset : {7, 21}) {
    OnnxBuilder build;
    build.opset = opset;
    EXPECT_EQ(read(build).opset, opset);
  }
}

TEST(OnnxReader, WhatIsNotOnnxIsRefused) {
  const auto bad = [](const std::string& part, const std::string& bytes) {
    expect_error(ErrorCode::BadModel, part, [&] { read_onnx_bytes(bytes); });
  };
  bad("is empty", "");
  bad("not an ONNX file", "This is a text about models.\n");
  bad("not an ONNX file", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
  bad("not an ONNX file", std::string(1000, '\0'));
  bad("not an ONNX file", std::string("\x08\x08", 2));  // an IR version and nothing else
  OnnxBuilder build;
  build.nodes = {node_proto("Relu", {"x"}, {"y"})};
  const std::string whole = build.bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(read_onnx_bytes(whole.substr(0, size)), Error) << size;
  }
  EXPECT_NO_THROW(read_onnx_bytes(whole));
}

TEST(OnnxReader, PathsThatCannotBeRead) {
  expect_error(ErrorCode::NotFound,
               "import \"/no/model.onnx\": there is no file \"/no/model.onnx\", nor its folder",
               [] { read_onnx("/no/model.onnx"); });
  expect_error(ErrorCode::BadModel, "is a folder",
               [] { read_onnx(fs::temp_directory_path().string()); });
  expect_error(ErrorCode::BadModel, "not a plain file", [] { read_onnx("/dev/null"); });
}

TEST(OnnxReader, BrokenGraphsAreRefused) {
  const auto relu = node_proto("Relu", {"x"}, {"y"});
  const auto one = raw_tensor("w", {1}, 1, bytes_of<float>({1}));
  const auto bad = [](ErrorCode code, const std::string& part, const OnnxBuilder& build) {
    expect_error(code, part, [&] { read(build); });
  };
  bad(ErrorCode::BadModel, "\"w\" is produced more than once",
      {.nodes = {relu}, .initializers = {one, one}});
  bad(ErrorCode::BadModel, "an initializer has no name",
      {.nodes = {relu}, .initializers = {raw_tensor("", {1}, 1, bytes_of<float>({1}))}});
  bad(ErrorCode::BadModel, "node 0 names no operator", {.nodes = {node_proto("", {"x"}, {"y"})}});
  bad(ErrorCode::Unsupported, "sparse",
      {.nodes = {relu}, .more_graph_fields = {{15, std::string()}}});
  bad(ErrorCode::Unsupported, "input of string",
      {.nodes = {relu}, .inputs = {value_proto("x", 8)}});
  const auto twice = attribute_proto("a", 2, [](pbf_writer& a) { a.add_int64(3, 1); });
  bad(ErrorCode::BadModel, "node \"\" (Relu, opset 13): attribute \"a\" comes twice",
      {.nodes = {node_proto("Relu", {"x"}, {"y"}, {twice, twice})}});
  bad(ErrorCode::BadModel, "more than 256 attributes",
      {.nodes = {node_proto("Relu", {"x"}, {"y"}, std::vector<std::string>(257, twice))}});
  bad(ErrorCode::BadModel, "initializer: tensor \"w\": claims more than 2^40 elements",
      {.nodes = {relu}, .initializers = {raw_tensor("w", {1 << 30, 1 << 30}, 1, "")}});
  bad(ErrorCode::BadModel, "without a folder",
      {.nodes = {relu},
       .initializers = {testing::external_tensor("w", {1}, 1, {{"location", "w.bin"}})}});
}

TEST(OnnxReader, StringTensorsAreAnErrorOnlyWhereUsed) {
  const auto text = testing::tensor_proto("s", {1}, 8, [](pbf_writer& t) { t.add_string(6, "a"); });
  OnnxBuilder build;
  build.initializers = {text};
  build.nodes = {node_proto("Relu", {"x"}, {"y"})};
  EXPECT_NO_THROW(read(build));
  build.nodes = {node_proto("Relu", {"s"}, {"y"})};
  expect_error(ErrorCode::Unsupported, "uses \"s\", a string tensor", [&] { read(build); });
  // An operator that limn lacks is reported by Graph, with all others.
  build.nodes = {node_proto("StringNormalizer", {"s"}, {"y"})};
  EXPECT_THROW(Graph(read(build)), Error);
}

TEST(OnnxReader, NanAndInfinityInWeightsAreNamed) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const auto build = [](float value, const std::string& op) {
    OnnxBuilder result;
    result.nodes = {node_proto(op, {"x", "w"}, {"y"})};
    result.initializers = {raw_tensor("w", {1, 3}, 1, bytes_of<float>({1, value, 2}))};
    return result;
  };
  expect_error(ErrorCode::Numerical, "initializer \"w\" holds NaN",
               [&] { read(build(nan, "MatMul")); });
  expect_error(ErrorCode::Numerical, "initializer \"w\" holds NaN",
               [&] { read(build(-nan, "Add")); });
  expect_error(ErrorCode::Numerical, "initializer \"w\", the weights of node",
               [&] { read(build(-infinity, "MatMul")); });
  // A mask of attention.
  EXPECT_NO_THROW(read(build(-infinity, "Add")));
  EXPECT_NO_THROW(read(build(3.4e38f, "MatMul")));
}

TEST(OnnxReader, IntegersAreNoWeights) {
  const auto build = [](const std::string& op, const std::string& data) {
    OnnxBuilder result;
    result.nodes = {node_proto(op, {data, "w"}, {"y"})};
    result.initializers = {raw_tensor("w", {2, 2}, 7, bytes_of<std::int64_t>({1, 2, 3, 4}))};
    return result;
  };
  for (const char* op : {"Conv", "Gemm", "MatMul"}) {
    expect_error(ErrorCode::BadModel, "is int64", [&] { read(build(op, "x")); });
  }
  EXPECT_NO_THROW(read(build("MatMul", "w"))) << "arithmetic on sizes";
  EXPECT_NO_THROW(read(build("Add", "x")));
}

}  // namespace
}  // namespace limn
