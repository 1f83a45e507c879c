// Rule books, rules files, facts about graphs, and what the walk does with them.
#include "limn/error.h"
#include "limn/method.h"
#include "rules/composites.h"
#include "rules/elementwise.h"
#include "rules/facts.h"
#include "rules/walk.h"
#include "support/random_graph.h"
#include "support/support.h"

namespace limn {
namespace {

DraftNode node(const std::string& op, const std::string& output, std::vector<std::string> inputs,
               Attributes attributes = {}) {
  return {.name = output,
          .op = op,
          .domain = "",
          .opset = 13,
          .attributes = std::move(attributes),
          .inputs = std::move(inputs),
          .outputs = {output}};
}

/// Two convolutions with a squeeze-and-excitation gate between them, then pooled.
Draft gated() {
  Draft draft;
  draft.opset = 13;
  draft.inputs.emplace_back().name = "input";
  draft.outputs.emplace_back().name = "logits";
  at::manual_seed(2);
  const auto weight = [&](const std::string& name, std::vector<std::int64_t> shape) {
    draft.constants[name] = at::randn(shape, at::kDouble);
    return name;
  };
  draft.constants["scale"] = at::full({1, 3, 1, 1}, 2.0, at::kDouble);
  draft.nodes = {node("Mul", "scaled", {"input", "scale"}),
                 node("Conv", "a", {"scaled", weight("w0", {4, 3, 1, 1})}),
                 node("Relu", "a_relu", {"a"}),
                 node("GlobalAveragePool", "squeeze", {"a_relu"}),
                 node("Conv", "excite", {"squeeze", weight("w1", {4, 4, 1, 1})}),
                 node("Sigmoid", "gate", {"excite"}),
                 node("Mul", "gated", {"a_relu", "gate"}),
                 node("Conv", "b", {"gated", weight("w2", {5, 4, 1, 1})}),
                 node("GlobalAveragePool", "pooled", {"b"}),
                 node("Flatten", "logits", {"pooled"})};
  return draft;
}

NodeId node_id(const Graph& graph, const std::string& name) {
  return graph.value(graph.at(name)).producer;
}

TEST(Facts, KnowSignsGatesAndEnds) {
  const Graph graph{gated()};
  const Facts facts(graph, graph.at("logits"));
  EXPECT_EQ(facts.kind(node_id(graph, "scaled")), OpKind::Linear);
  EXPECT_EQ(facts.kind(node_id(graph, "gated")), OpKind::Bilinear);
  EXPECT_TRUE(facts.gate(graph.at("gate")));
  EXPECT_FALSE(facts.gate(graph.at("a_relu")));
  EXPECT_TRUE(facts.nonnegative(graph.at("a_relu")));
  EXPECT_TRUE(facts.nonnegative(graph.at("squeeze")));
  EXPECT_TRUE(facts.nonnegative(graph.at("gated")));
  EXPECT_FALSE(facts.nonnegative(graph.at("b")));
  // The first layer is reached through a constant factor, the second only through the first.
  EXPECT_TRUE(facts.first_linear(node_id(graph, "a")));
  EXPECT_FALSE(facts.first_linear(node_id(graph, "b")));
  EXPECT_TRUE(facts.last_linear(node_id(graph, "b")));
  EXPECT_FALSE(facts.last_linear(node_id(graph, "a")));
}

TEST(RuleBook, TheMostSpecificWins) {
  const Graph graph{gated()};
  const Facts facts(graph, graph.at("logits"));
  RuleBook book = composite("epsilon-plus-flat", {});
  const auto rule_of = [&](const char* name) {
    return book.find(graph, facts, node_id(graph, name))->name;
  };
  EXPECT_EQ(rule_of("a"), "flat");
  EXPECT_EQ(rule_of("b"), "z+");
  EXPECT_EQ(rule_of("scaled"), "pass");
  EXPECT_EQ(rule_of("pooled"), "norm");
  add_rules(book, "# comment\nlast w^2\n\nb* gamma gamma=0.5  # more\nop:Relu gradient\n",
            "test.rules", {});
  EXPECT_EQ(rule_of("b"), "gamma(0.5)");
  EXPECT_EQ(rule_of("a_relu"), "gradient");
  EXPECT_TRUE(glob_match("layer?.*.conv*", "layer1.0.conv2"));
  EXPECT_FALSE(glob_match("layer?.*", "layer10"));
}

TEST(RuleBook, BadRulesFilesSayTheLine) {
  RuleBook book;
  for (const char* text : {"first", "first nosuch", "conv gamma gamma=x", "conv gamma gama=1",
                           "op:Nope epsilon", "all alpha-beta alpha=2 beta=2", "first zB low=1"}) {
    try {
      add_rules(book, std::string("\n") + text, "my.rules", {});
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("my.rules:2"), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(composite("epsilon-pluss", {}), Error);
}

TEST(Walk, AGateReceivesNothingOrHalf) {
  const Model model = Model(Graph(gated())).to(at::kDouble);
  const Tensor x = at::rand({2, 3, 4, 5}, at::kDouble);
  ExplainOptions options;
  options.record = {"gate", "gated", "a_relu"};
  const auto none =
      make_method("lrp(composite=epsilon)")->explain(model, x, Target::top1(), options);
  EXPECT_EQ(none.inner.at("gate").abs().max().item<double>(), 0);
  EXPECT_TRUE(at::equal(none.inner.at("gated"), none.inner.at("a_relu")));
  const auto half =
      make_method("lrp(composite=epsilon, gate=half)")->explain(model, x, Target::top1(), options);
  EXPECT_GT(half.inner.at("gate").abs().max().item<double>(), 0);
  // Without bias epsilon conserves: half goes one way, half the other, all reaches the input.
  EXPECT_LT(half.gap.max().item<double>(), 1e-3);
  EXPECT_LT(none.gap.max().item<double>(), 1e-3);
}

TEST(Walk, TracesEveryNode) {
  const Model model = Model(Graph(gated())).to(at::kDouble);
  ExplainOptions options;
  options.trace = true;
  const auto result =
      make_method("lrp(composite=epsilon)")
          ->explain(model, at::rand({1, 3, 4, 5}, at::kDouble), Target::top1(), options);
  ASSERT_GE(result.trace.size(), 6u);
  EXPECT_EQ(result.trace.front().node, "logits");
  EXPECT_NEAR(result.trace.front().in, result.score.item<double>(), 1e-9);
  EXPECT_EQ(result.trace.back().node, "scaled");
}

TEST(Walk, NamesANodeWithoutRuleAndFallsBackOnlyWhenTold) {
  const Model model = Model(Graph(gated())).to(at::kDouble);
  const Tape tape = model.run(at::rand({1, 3, 4, 5}, at::kDouble));
  const ValueId logits = model.logits(), input = model.input();
  RuleBook book;
  book.kind(OpKind::Route, composite("epsilon", {})
                               .find(model.graph(), Facts(model.graph(), logits),
                                     node_id(model.graph(), "logits"))[0]);
  WalkRequest request{.seeds = {{logits, at::ones({1, 1, 5}, at::kDouble)}},
                      .at = {input},
                      .fallback_gradient = false,
                      .trace = false};
  try {
    walk(model, tape, book, request);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unsupported);
    EXPECT_NE(std::string(error.what()).find("\"pooled\""), std::string::npos) << error.what();
  }
  request.fallback_gradient = true;
  const WalkResult result = walk(model, tape, book, request);
  EXPECT_GT(result.fallbacks.size(), 4u);
  request.seeds[0].second = at::ones({1, 5}, at::kDouble);
  EXPECT_THROW(walk(model, tape, book, request), Error);
  request.seeds[0].second = at::full({1, 1, 5}, NAN, at::kDouble);
  EXPECT_THROW(walk(model, tape, book, request), Error);
}

TEST(Walk, ANormThatReducesSharesItsRelevance) {
  Draft draft;
  draft.opset = 13;
  draft.inputs.emplace_back().name = "input";
  draft.outputs.emplace_back().name = "logits";
  Attributes axes;
  axes.set("axes", std::vector<std::int64_t>{2, 3});
  axes.set("keepdims", std::int64_t{0});
  draft.nodes = {node("ReduceL2", "logits", {"input"}, axes)};
  const Model model = Model(Graph(draft)).to(at::kDouble);
  const Tensor x = at::randn({2, 3, 4, 5}, at::kDouble);
  const auto map =
      make_method("lrp(composite=epsilon, stabilizer=0)")->explain(model, x, Target::of_class(1));
  // d|x|/dx = x/|x|, so place j gets x_j^2 / |x|: by hand.
  const Tensor channel = x.select(1, 1);
  const Tensor norm = channel.square().sum({1, 2}, true).sqrt();
  EXPECT_LT(testing::relative_error(map.relevance.select(1, 1), channel.square() / norm), 1e-12);
  EXPECT_LT(map.gap.max().item<double>(), 1e-12);
}

/// The loops equal the plain expressions, whatever the layout.
TEST(Elementwise, LoopsEqualExpressions) {
  at::manual_seed(3);
  for (bool channels_last : {false, true}) {
    Tensor z = at::randn({2, 3, 5, 7}, at::kDouble);
    z[0][0][0][0] = 0;
    z[0][1][2][3] = -0.0;
    if (channels_last) z = z.contiguous(at::MemoryFormat::ChannelsLast);
    for (const Tensor& r :
         {at::stack({at::randn_like(z), at::randn_like(z)}),
          at::randn({2, 2, 3, 5, 7}, at::kDouble), at::randn_like(z).unsqueeze(0)}) {
      const double e = 0.01;
      const auto moved = [e](const Tensor& t) {
        return t + e * (2 * (t >= 0).to(at::kDouble) - 1);
      };
      EXPECT_LT(testing::relative_error(divide_stabilized(r, z, e), r / moved(z)), 1e-15);
      EXPECT_LT(testing::relative_error(divide_stabilized(r, z, e, -3), -3 * r / moved(z)), 1e-15);
      const Tensor other = at::randn_like(z);
      const auto both = gamma_quotients(r, z, other, 0.5, e);
      EXPECT_LT(testing::relative_error(both.above, r / moved(other) * (z > 0)), 1e-15);
      EXPECT_LT(testing::relative_error(both.below, r / moved(2.5 * z - other) * (z < 0)), 1e-14);
      const Tensor below = gamma_quotients(r * (z >= 0), z, other, 0.5, e).below;
      EXPECT_TRUE(!below.defined() || below.eq(0).all().item<bool>());
    }
  }
}

TEST(GradCam, DefaultLayerIsTheLastBlocksOutput) {
  const Model model{Graph(gated())};
  const auto map = make_method("grad-cam")->explain(model, at::rand({1, 3, 4, 5}));
  EXPECT_EQ(map.layer, "b");
  EXPECT_EQ(map.relevance.sizes(), (std::vector<std::int64_t>{1, 1, 4, 5}));
  EXPECT_THROW(make_method("grad-cam(layer=nosuch)")->explain(model, at::rand({1, 3, 4, 5})),
               Error);
  EXPECT_THROW(make_method("grad-cam(layer=logits)")->explain(model, at::rand({1, 3, 4, 5})),
               Error);
  // Several layers are pytorch-grad-cam's.
  EXPECT_THROW(make_method("grad-cam(layer=[a,b])")->explain(model, at::rand({1, 3, 4, 5})), Error);
}

TEST(Methods, BadOptionsAreErrors) {
  for (const char* spec :
       {"nosuch", "lrp(composite=nope)", "lrp(epsilon=-1)", "lrp(7, 8)", "gradient(smooth=2)",
        "grad-cam(relu=perhaps)", "[lrp]", "lrp(lrp)", "lrp(flavor=wjnam, alpha=0.5)"}) {
    EXPECT_THROW(make_method(spec), Error) << spec;
  }
  EXPECT_EQ(make_method("gradcam")->info().name, "grad-cam");
  EXPECT_EQ(make_method("Guided_Backprop")->info().name, "guided-backprop");
  EXPECT_EQ(make_method("lrp(epsilon-plus)")->spec(),
            make_method("lrp(composite=epsilon_plus)")->spec());
  const Model model{Graph(gated())};
  EXPECT_THROW(
      make_method("lrp(composite=epsilon-gamma-box)")->explain(model, at::rand({1, 3, 4, 5})),
      Error);
  EXPECT_THROW(make_method("lrp(rules=/nonexistent)")->explain(model, at::rand({1, 3, 4, 5})),
               Error);
}

}  // namespace
}  // namespace limn
