// What exporters spell out becomes one node; what looks alike but differs stays.
#include <gtest/gtest.h>

#include "graph/spell_out.h"
#include "import/passes.h"
#include "support/fused.h"

namespace limn {
namespace {

using testing::DraftBuilder;
using testing::expect_fused;
using testing::ops_of;
using testing::run_draft;
using Integers = std::vector<std::int64_t>;

// Layer normalization.

struct LayerNormForm {
  bool square_by_mul = false, by_reciprocal = false, one_over = false, casts = false;
  bool bias = true, constants_first = false, two_subs = false;
  Integers axes = {-1};
  Integers scale_shape = {6};
};

void build_layer_norm(DraftBuilder& build, const LayerNormForm& form) {
  const auto x = build.input("x", {-1, 5, 6});
  const auto cast = [&](const std::string& value) {
    return form.casts ? build.node("Cast", {value}, {{"to", std::int64_t{1}}}) : value;
  };
  const auto either = [&](const std::string& op, const std::string& a, const std::string& b) {
    return form.constants_first ? build.node(op, {b, a}) : build.node(op, {a, b});
  };
  const auto mean = build.node("ReduceMean", {x}, {{"axes", form.axes}});
  const auto centered = build.node("Sub", {x, mean});
  const auto other = form.two_subs ? build.node("Sub", {x, mean}) : centered;
  const auto wide = cast(other);
  const auto square = form.square_by_mul ? build.node("Mul", {wide, wide})
                                         : build.node("Pow", {wide, build.number(2)});
  const auto variance = build.node("ReduceMean", {square}, {{"axes", form.axes}});
  const auto root = build.node("Sqrt", {either("Add", variance, build.number(1e-6))});
  std::string normal;
  if (form.one_over) {
    normal = build.node("Mul", {centered, build.node("Div", {build.number(1), cast(root)})});
  } else if (form.by_reciprocal) {
    normal = either("Mul", centered, build.node("Reciprocal", {root}));
  } else {
    normal = build.node("Div", {centered, cast(root)});
  }
  const auto scale = build.constant(at::rand(form.scale_shape) + 0.5);
  auto last = either("Mul", cast(normal), scale);
  if (form.bias) last = either("Add", last, build.constant(at::randn(form.scale_shape)));
  build.output(last);
}

TEST(FuseLayerNorm, EverySpelling) {
  const LayerNormForm forms[] = {
      {},
      {.square_by_mul = true},
      {.by_reciprocal = true},
      {.one_over = true},
      {.casts = true},
      {.one_over = true, .casts = true},
      {.bias = false},
      {.by_reciprocal = true, .constants_first = true},
      {.two_subs = true},
      {.axes = {2}},  // the rank is declared
      {.axes = {-2, -1}, .scale_shape = {5, 6}},
      {.axes = {1, 2}, .scale_shape = {5, 6}},
      {.scale_shape = {1, 1, 6}},
  };
  for (const auto& form : forms) {
    DraftBuilder build;
    build_layer_norm(build, form);
    SCOPED_TRACE(ops_of(build.draft()));
    expect_fused(build, at::randn({2, 5, 6}), "LayerNormalization");
    const Draft fused = fuse(build.draft());
    const DraftNode& node = fused.nodes.at(0);
    EXPECT_EQ(node.attributes.integer("axis", 0), -static_cast<std::int64_t>(form.axes.size()));
    EXPECT_NEAR(node.attributes.real("epsilon", 0), 1e-6, 1e-12);
    EXPECT_EQ(node.inputs.size(), form.bias ? 3u : 2u);
    EXPECT_EQ(node.name, build.draft().nodes.back().name);
    EXPECT_GE(node.opset, 17);
    EXPECT_EQ(fused.constants.size(), form.bias ? 2u : 1u);
  }
}

TEST(FuseLayerNorm, WhatLooksAlikeStays) {
  const LayerNormForm forms[] = {
      {.axes = {1}, .scale_shape = {5, 1}},   // over channels
      {.axes = {-2}, .scale_shape = {6}},     // not the last axis
      {.axes = {-1}, .scale_shape = {5, 6}},  // a scale for each position
      {.axes = {-2, -1}, .scale_shape = {6}},
  };
  for (const auto& form : forms) {
    DraftBuilder build;
    build_layer_norm(build, form);
    EXPECT_EQ(ops_of(fuse(build.draft())), ops_of(build.draft()));
  }
  DraftBuilder build;
  build_layer_norm(build, {});
  build.draft().nodes.at(3).attributes.set("axes", Integers{-2});  // the variance's mean
  EXPECT_EQ(ops_of(fuse(build.draft())), ops_of(build.draft()));
}

TEST(FuseLayerNorm, AxesAsInputFromOpset18) {
  DraftBuilder build(18);
  build_layer_norm(build, {});
  const auto axes = build.integers({-1});
  for (auto& node : build.draft().nodes) {
    if (node.op != "ReduceMean") continue;
    node.attributes.erase("axes");
    node.inputs.push_back(axes);
  }
  expect_fused(build, at::randn({2, 5, 6}), "LayerNormalization");
}

// Gelu.

TEST(FuseGelu, ErfInEveryAssociation) {
  for (int form = 0; form < 6; ++form) {
    SCOPED_TRACE(form);
    DraftBuilder build;
    const auto x = build.node("Relu", {build.input("x")});
    const auto inner = form == 1 ? build.node("Mul", {build.number(0.70710678), x})
                                 : build.node("Div", {x, build.number(1.41421356)});
    const auto erf = build.node("Erf", {inner});
    const auto sum = form == 2 ? build.node("Add", {build.number(1), erf})
                               : build.node("Add", {erf, build.number(1)});
    const auto half = build.number(0.5);
    std::string last;
    if (form == 3) {
      last = build.node("Mul", {build.node("Mul", {x, half}), sum});
    } else if (form == 4) {
      last = build.node("Mul", {x, build.node("Mul", {sum, half})});
    } else if (form == 5) {
      last = build.node("Div", {build.node("Mul", {x, sum}), build.number(2)});
    } else {
      last = build.node("Mul", {build.node("Mul", {x, sum}), half});
    }
    build.output(last);
    expect_fused(build, at::randn({3, 4}), "Relu Gelu");
    const Draft fused = fuse(build.draft());
    EXPECT_EQ(fused.nodes.at(1).attributes.text("approximate", ""), "none");
    EXPECT_EQ(fused.nodes.at(1).inputs, (std::vector<std::string>{x}));
    EXPECT_EQ(fused.nodes.at(1).name, build.draft().nodes.back().name);
  }
}

TEST(FuseGelu, XMayItselfBeAProduct) {
  DraftBuilder build;
  const auto x = build.node("Mul", {build.input("x"), build.number(0.3)});
  const auto erf = build.node("Erf", {build.node("Div", {x, build.number(1.41421356)})});
  const auto product = build.node("Mul", {x, build.node("Add", {erf, build.number(1)})});
  build.output(build.node("Mul", {product, build.number(0.5)}));
  expect_fused(build, at::randn({3, 4}), "Mul Gelu");
}

TEST(FuseGelu, TanhForms) {
  for (int form = 0; form < 3; ++form) {
    SCOPED_TRACE(form);
    DraftBuilder build;
    const auto x = build.input("x");
    const auto root = build.number(0.79788456);
    const auto cubic = build.number(0.044715);
    std::string inner;
    if (form == 0) {
      const auto cube = build.node("Pow", {x, build.number(3)});
      inner = build.node("Mul", {root, build.node("Add", {x, build.node("Mul", {cubic, cube})})});
    } else if (form == 1) {
      const auto cube = build.node("Mul", {build.node("Mul", {x, x}), x});
      inner = build.node("Mul", {build.node("Add", {x, build.node("Mul", {cube, cubic})}), root});
    } else {
      const auto square = build.node("Mul", {build.node("Mul", {cubic, x}), x});
      const auto sum = build.node("Add", {build.number(1), square});
      inner = build.node("Mul", {build.node("Mul", {x, root}), sum});
    }
    const auto sum = build.node("Add", {build.number(1), build.node("Tanh", {inner})});
    build.output(build.node("Mul", {build.node("Mul", {build.number(0.5), x}), sum}));
    expect_fused(build, at::randn({3, 4}), "Gelu");
    EXPECT_EQ(fuse(build.draft()).nodes.at(0).attributes.text("approximate", ""), "tanh");
  }
}

TEST(FuseGelu, OtherConstantsStay) {
  for (const auto& [root, one, half] :
       {std::tuple{1.3, 1.0, 0.5}, {1.41421356, 1.1, 0.5}, {1.41421356, 1.0, 0.6}}) {
    DraftBuilder build;
    const auto x = build.input("x");
    const auto erf = build.node("Erf", {build.node("Div", {x, build.number(root)})});
    const auto sum = build.node("Add", {erf, build.number(one)});
    build.output(build.node("Mul", {build.node("Mul", {x, sum}), build.number(half)}));
    EXPECT_EQ(ops_of(fuse(build.draft())), "Div Erf Add Mul Mul");
  }
}

// SiLU and hard-swish.

TEST(FuseSilu, XTimesItsOwnSigmoid) {
  for (const bool gate_first : {false, true}) {
    DraftBuilder build;
    const auto x = build.input("x");
    const auto gate = build.node("Sigmoid", {x});
    build.output(gate_first ? build.node("Mul", {gate, x}) : build.node("Mul", {x, gate}));
    expect_fused(build, at::randn({3, 4}), "SiLU");
  }
}

TEST(FuseSilu, AnotherValuesGateStays) {
  DraftBuilder build;
  const auto x = build.input("x");
  const auto y = build.node("Relu", {x});
  build.output(build.node("Mul", {x, build.node("Sigmoid", {y})}));
  EXPECT_EQ(ops_of(fuse(build.draft())), "Relu Sigmoid Mul");
}

TEST(FuseSilu, AGateThatIsAnOutputTooKeepsItsNode) {
  DraftBuilder build;
  const auto x = build.input("x");
  const auto gate = build.node("Sigmoid", {x});
  build.output(build.node("Mul", {x, gate}));
  build.output(gate);
  EXPECT_EQ(ops_of(fuse(build.draft())), "Sigmoid SiLU");
}

TEST(FuseHardSwish, EverySpelling) {
  for (int form = 0; form < 5; ++form) {
    SCOPED_TRACE(form);
    DraftBuilder build(form == 4 ? 9 : 13);
    const auto x = build.input("x");
    if (form == 0) {
      const auto gate = build.node("HardSigmoid", {x}, {{"alpha", 1.0 / 6}, {"beta", 0.5}});
      build.output(build.node("Mul", {x, gate}));
    } else {
      const auto shifted = build.node("Add", {x, build.number(3)});
      const auto clip = form == 4 ? build.node("Clip", {shifted}, {{"min", 0.0}, {"max", 6.0}})
                                  : build.node("Clip", {shifted, build.number(0), build.number(6)});
      if (form == 1) {
        build.output(build.node("Mul", {x, build.node("Div", {clip, build.number(6)})}));
      } else if (form == 2) {
        build.output(build.node("Mul", {build.node("Mul", {clip, x}), build.number(1.0 / 6)}));
      } else {
        build.output(build.node("Div", {build.node("Mul", {x, clip}), build.number(6)}));
      }
    }
    expect_fused(build, 4 * at::randn({3, 4}), "HardSwish");
    EXPECT_EQ(fuse(build.draft()).nodes.at(0).opset, 14);
  }
}

TEST(FuseHardSigmoid, ShiftedClipOverSix) {
  for (const bool divides : {false, true}) {
    DraftBuilder build;
    const auto x = build.node("Relu", {build.input("x")});
    const auto shifted = build.node("Add", {build.number(3), x});
    const auto clip = build.node("Clip", {shifted, build.number(0), build.number(6)});
    build.output(divides ? build.node("Div", {clip, build.number(6)})
                         : build.node("Mul", {build.number(1.0 / 6), clip}));
    expect_fused(build, 4 * at::randn({3, 4}), "Relu HardSigmoid");
  }
}

TEST(FuseHardSigmoid, OtherBoundsStay) {
  for (const auto& [shift, high, divisor] :
       {std::tuple{2.5, 6.0, 6.0}, {3.0, 5.0, 6.0}, {3.0, 6.0, 5.0}}) {
    DraftBuilder build;
    const auto shifted = build.node("Add", {build.input("x"), build.number(shift)});
    const auto clip = build.node("Clip", {shifted, build.number(0), build.number(high)});
    build.output(build.node("Div", {clip, build.number(divisor)}));
    EXPECT_EQ(ops_of(fuse(build.draft())), "Add Clip Div");
  }
}

TEST(FuseHardSwish, TheDefaultHardSigmoidStays) {
  DraftBuilder build;
  const auto x = build.input("x");
  build.output(build.node("Mul", {x, build.node("HardSigmoid", {x})}));
  EXPECT_EQ(ops_of(fuse(build.draft())), "HardSigmoid Mul");
}

TEST(Fuse, UndoesWhatTheWriterSpellsOut) {
  for (const char* op : {"SiLU", "HardSwish", "Gelu", "LayerNormalization"}) {
    for (const char* approximate : {"none", "tanh"}) {
      DraftBuilder build;
      std::vector<std::string> inputs = {build.input("x")};
      std::vector<std::pair<std::string, Attribute>> attributes;
      if (op == std::string("Gelu")) attributes = {{"approximate", std::string(approximate)}};
      if (op == std::string("LayerNormalization")) {
        inputs.push_back(build.constant(at::rand({6})));
        inputs.push_back(build.constant(at::rand({6})));
      }
      build.output(build.node(op, inputs, attributes));
      const Draft fused = fuse(read_onnx_bytes(write_onnx_bytes(build.draft())));
      EXPECT_EQ(ops_of(fused), op);
      if (op == std::string("Gelu")) {
        EXPECT_EQ(fused.nodes.at(0).attributes.text("approximate", ""), approximate);
      }
    }
  }
}

// Pad and pool.

DraftBuilder pad_pool(Integers pads, std::vector<std::pair<std::string, Attribute>> pool,
                      double value = 0) {
  DraftBuilder build;
  const auto pad =
      build.node("Pad", {build.input("x"), build.integers(std::move(pads)), build.number(value)});
  pool.emplace_back("kernel_shape", Integers{3, 3});
  build.output(build.node("AveragePool", {pad}, std::move(pool)));
  return build;
}

TEST(FusePadPool, BecomesPadsThatCount) {
  DraftBuilder build = pad_pool({0, 0, 1, 2, 0, 0, 2, 0}, {{"strides", Integers{2, 1}}});
  expect_fused(build, at::randn({2, 3, 7, 8}), "AveragePool");
  const Draft fused = fuse(build.draft());
  EXPECT_EQ(fused.nodes.at(0).attributes.integers("pads"), (Integers{1, 2, 2, 0}));
  EXPECT_EQ(fused.nodes.at(0).attributes.integer("count_include_pad", 0), 1);
  build = pad_pool({0, 0, 1, 1, 0, 0, 1, 1},
                   {{"pads", Integers{1, 0, 0, 1}}, {"count_include_pad", std::int64_t{1}}});
  EXPECT_EQ(fuse(build.draft()).nodes.at(0).attributes.integers("pads"), (Integers{2, 1, 1, 2}));
}

TEST(FusePadPool, StaysWhereItWouldNotBeExact) {
  const auto stays = [](DraftBuilder build) {
    EXPECT_EQ(ops_of(fuse(build.draft())), "Pad AveragePool");
  };
  const Integers one = {0, 0, 1, 1, 0, 0, 1, 1};
  stays(pad_pool(one, {}, 1.0));
  stays(pad_pool(one, {{"pads", Integers{1, 1, 1, 1}}}));
  stays(pad_pool(one, {{"ceil_mode", std::int64_t{1}}}));
  stays(pad_pool(one, {{"auto_pad", std::string("SAME_UPPER")}}));
  stays(pad_pool({0, 1, 1, 1, 0, 0, 1, 1}, {}));
  stays(pad_pool({0, 0, 3, 1, 0, 0, 1, 1}, {}));
  stays(pad_pool({0, 0, -1, 1, 0, 0, 1, 1}, {}));
  DraftBuilder reflect = pad_pool(one, {});
  reflect.draft().nodes.at(0).attributes.set("mode", std::string("reflect"));
  stays(reflect);
}

}  // namespace
}  // namespace limn
