// What is written reads back the same; a failed write leaves nothing.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "limn/error.h"
#include "support/draft_compare.h"
#include "support/support.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

fs::path temporary_folder() {
  const fs::path path = fs::temp_directory_path() / concat("limn-writer-test-", ::getpid());
  fs::create_directories(path);
  return path;
}

DraftNode node_of(std::string op, std::vector<std::string> inputs, std::string output,
                  Attributes attributes = {}) {
  return {.name = output + "_node",
          .op = std::move(op),
          .domain = "",
          .opset = 13,
          .attributes = std::move(attributes),
          .inputs = std::move(inputs),
          .outputs = {output}};
}

Draft hand_made() {
  Draft draft;
  draft.name = "hand made";
  draft.opset = 13;
  draft.metadata = {{"author", "nobody"}, {"empty", ""}};
  for (const auto type : {at::kFloat, at::kDouble, at::kByte, at::kChar, at::kShort, at::kInt,
                          at::kLong, at::kBool}) {
    draft.constants[concat("c_", c10::toString(type))] =
        at::arange(6, at::kLong).reshape({2, 3}).to(type);
  }
  draft.constants["scalar"] = at::scalar_tensor(2.5, at::kFloat);
  draft.constants["none"] = at::empty({0, 4}, at::kFloat);
  draft.constants["strided"] = at::arange(6, at::kFloat).reshape({2, 3}).t();
  Attributes attributes;
  attributes.set("integer", std::int64_t{-7});
  attributes.set("real", 0.25);
  attributes.set("text", std::string("same\0upper", 10));
  attributes.set("integers", std::vector<std::int64_t>{1, -2, std::int64_t{1} << 40});
  attributes.set("reals", std::vector<double>{0.5, -1.5});
  attributes.set("texts", std::vector<std::string>{"a", "", "b"});
  attributes.set("tensor", at::arange(3, at::kFloat));
  attributes.set("no_integers", std::vector<std::int64_t>{});
  draft.nodes.push_back(node_of("Odd", {"x", "", "strided"}, "y", attributes));
  draft.nodes.back().domain = "my.domain";
  draft.nodes.back().opset = 3;
  draft.nodes.push_back(node_of("Relu", {"y"}, "z"));
  ValueInfo x;
  x.name = "x";
  x.has_shape = true;
  x.shape = {-1, 3, -1, 4};
  x.dim_names = {"N", "", "", ""};
  draft.inputs.push_back(x);
  ValueInfo z;
  z.name = "z";
  z.dtype = at::kDouble;
  draft.outputs.push_back(z);
  x.name = "y";
  x.dtype = at::kLong;
  x.shape.clear();
  x.dim_names.clear();
  draft.values.push_back(x);
  return draft;
}

TEST(OnnxWriter, HandMadeDraftReadsBackTheSame) {
  const Draft draft = hand_made();
  EXPECT_EQ("", testing::difference(read_onnx_bytes(write_onnx_bytes(draft)), draft));
}

TEST(OnnxWriter, DifferenceIsSeen) {
  Draft changed = hand_made();
  changed.constants["scalar"] = at::scalar_tensor(2.25, at::kFloat);
  EXPECT_NE("", testing::difference(changed, hand_made()));
}

TEST(OnnxWriter, SharedModelsReadBackTheSame) {
  int count = 0;
  for (const char* folder : {"golden/nets", "data/models"}) {
    LIMN_REQUIRE_SHARED(folder);
    for (const auto& entry : fs::directory_iterator(testing::shared(folder))) {
      if (entry.path().extension() != ".onnx") continue;
      SCOPED_TRACE(entry.path().string());
      const Draft draft = read_onnx(entry.path().string());
      EXPECT_EQ("", testing::difference(read_onnx_bytes(write_onnx_bytes(draft)), draft));
      ++count;
    }
  }
  EXPECT_GT(count, 10);
}

TEST(OnnxWriter, HalfPrecisionWeightsAreWrittenAsTheyAre) {
  Draft draft = hand_made();
  draft.constants["half"] = at::tensor({0.5, -2.0}).to(at::kHalf);
  draft.constants["brain"] = at::tensor({0.5, -2.0}).to(at::kBFloat16);
  const Draft back = read_onnx_bytes(write_onnx_bytes(draft));
  for (const char* name : {"half", "brain"}) {
    EXPECT_EQ(back.constants.at(name).scalar_type(), at::kFloat);
    EXPECT_TRUE(at::equal(back.constants.at(name), at::tensor({0.5f, -2.0f}, at::kFloat)));
  }
}

std::vector<std::string> ops_of(const Draft& draft) {
  std::vector<std::string> ops;
  for (const auto& node : draft.nodes) ops.push_back(node.op);
  return ops;
}

Draft one_node(const std::string& op, int opset, Attributes attributes, std::size_t inputs = 1) {
  Draft draft = testing::single_node(op, opset, std::move(attributes), inputs);
  for (std::size_t i = 1; i < inputs; ++i) {
    draft.constants[draft.inputs[i].name] = at::ones({4}, at::kFloat);
  }
  draft.inputs.resize(1);
  return draft;
}

TEST(OnnxWriter, OperatorsThatTheOpsetLacksAreSpelledOut) {
  const auto ops = [](const std::string& op, int opset, Attributes attributes = {},
                      std::size_t inputs = 1) {
    const Draft back =
        read_onnx_bytes(write_onnx_bytes(one_node(op, opset, std::move(attributes), inputs)));
    EXPECT_EQ(back.nodes.back().outputs.at(0), "out0");
    EXPECT_EQ(back.nodes.back().name, op);
    return ops_of(back);
  };
  using Ops = std::vector<std::string>;
  EXPECT_EQ(ops("SiLU", 17), (Ops{"Sigmoid", "Mul"}));
  EXPECT_EQ(ops("HardSwish", 13), (Ops{"HardSigmoid", "Mul"}));
  EXPECT_EQ(ops("HardSwish", 14), (Ops{"HardSwish"}));
  EXPECT_EQ(ops("Gelu", 17), (Ops{"Div", "Erf", "Add", "Mul", "Mul"}));
  EXPECT_EQ(ops("Gelu", 20), (Ops{"Gelu"}));
  Attributes tanh;
  tanh.set("approximate", std::string("tanh"));
  EXPECT_EQ(ops("Gelu", 17, tanh),
            (Ops{"Mul", "Mul", "Mul", "Add", "Mul", "Tanh", "Add", "Mul", "Mul"}));
  EXPECT_EQ(ops("LayerNormalization", 17, {}, 3), (Ops{"LayerNormalization"}));
  EXPECT_EQ(ops("LayerNormalization", 13, {}, 3),
            (Ops{"ReduceMean", "Sub", "Pow", "ReduceMean", "Add", "Sqrt", "Div", "Mul", "Add"}));
  Attributes front;
  front.set("axis", std::int64_t{1});
  EXPECT_THROW(write_onnx_bytes(one_node("LayerNormalization", 13, front, 3)), Error);
}

TEST(OnnxWriter, FailedWriteLeavesNoFile) {
  const fs::path folder = temporary_folder();
  const fs::path taken = folder / "taken";
  fs::create_directories(taken / "full");
  try {
    write_onnx(hand_made(), taken.string());
    FAIL() << "a folder was overwritten";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Io);
    EXPECT_NE(std::string(error.what()).find(taken.string()), std::string::npos);
  }
  EXPECT_THROW(write_onnx(hand_made(), (folder / "missing" / "model.onnx").string()), Error);
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder)) files += entry.is_regular_file();
  EXPECT_EQ(files, 0);
  fs::remove_all(folder);
}

TEST(OnnxWriter, OverwritesAFileThatIsStillMapped) {
  const fs::path folder = temporary_folder();
  const std::string path = (folder / "model.onnx").string();
  write_onnx(hand_made(), path);
  Draft first = read_onnx(path);
  write_onnx(one_node("Relu", 13, {}), path);
  EXPECT_EQ("", testing::difference(first, hand_made()));
  EXPECT_EQ(read_onnx(path).nodes.size(), 1u);
  fs::remove_all(folder);
}

TEST(OnnxWriter, RefusesAnUndefinedConstant) {
  Draft draft = hand_made();
  draft.constants["hole"] = Tensor();
  EXPECT_THROW(write_onnx_bytes(draft), Error);
}

TEST(GraphText, NamesEveryNodeOnceWithItsKind) {
  const Graph graph(read_onnx_bytes(write_onnx_bytes(one_node("Relu", 13, {}))));
  EXPECT_EQ(graph.text(),
            "graph graph, opset 13, 1 nodes\n"
            "input in0[?]\n"
            "Relu: Relu (opset 13, Activation): in0 -> out0\n"
            "output out0[?]\n");
  const std::string dot = graph.dot();
  EXPECT_EQ(dot.rfind("digraph \"graph\" {", 0), 0u);
  EXPECT_NE(dot.find("v0 -> n0 [label=\"in0\"]"), std::string::npos);
  EXPECT_NE(dot.find("n0 -> o0"), std::string::npos);
}

}  // namespace
}  // namespace limn
