// The dual of a network, what a class is contrasted with, and inputs and models that leave nothing
// to contrast.
#include "methods/contrast.h"

#include "limn/error.h"
#include "limn/method.h"
#include "support/draft_builder.h"
#include "support/random_graph.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::DraftBuilder;
using testing::relative_error;

Model double_model(const Draft& draft) { return Model(Graph(draft)).to(at::kDouble); }

Tensor random(std::vector<std::int64_t> shape) { return at::randn(shape, at::kDouble); }

bool has_note(const Explanation& one, const std::string& words) {
  for (const auto& note : one.notes) {
    if (note.find(words) != std::string::npos) return true;
  }
  return false;
}

std::string message_of(const std::string& spec, const Model& model, const Tensor& x,
                       const Target& target = {}) {
  try {
    make_method(spec)->explain(model, x, target);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Dual, NegatesTheLastLinearLayerAndItsValuesAlone) {
  const Model model = double_model(testing::random_graph(5));
  const Tape tape = model.run(random({2, 3, 12, 14}));
  const LastLayer last = last_layer(model);
  ASSERT_EQ(last.nodes.size(), 1u);
  EXPECT_EQ(model.graph().node(last.nodes[0]).op, "Gemm");
  const Dual dual = dual_of(model, tape, last);
  EXPECT_TRUE(at::equal(dual.tape[dual.model.logits()], -tape[model.logits()]));
  for (const auto& value : model.graph().values()) {
    const ValueId mine = model.graph().at(value.name), its = dual.model.graph().find(value.name);
    // The weights that were replaced are no longer there.
    if (mine == model.logits() || !its) continue;
    EXPECT_TRUE(at::equal(dual.tape[its], tape[mine])) << value.name;
  }
  // The dual is a network like any other: running it gives its tape.
  const Tape run = dual.model.run(tape[model.input()]);
  for (const auto& value : dual.model.graph().values()) {
    const ValueId id = dual.model.graph().at(value.name);
    EXPECT_TRUE(at::equal(run[id], dual.tape[id])) << value.name;
  }
  EXPECT_EQ(dual.model.dtype(), at::kDouble);
}

/// conv -> ReLU -> mean -> Flatten as SqueezeNet ends, or without the ReLU.
Draft ends_in_convolution(bool relu) {
  DraftBuilder b;
  at::manual_seed(8);
  std::string x = b.input("input", {-1, 3, 6, 6});
  x = b.node("Relu", {b.node("Conv", {x, b.constant(random({4, 3, 3, 3}))})});
  x = b.node("Conv", {x, b.constant(random({5, 4, 1, 1})), b.constant(random({5}))});
  if (relu) x = b.node("Relu", {x});
  b.output(b.node("Flatten", {b.node("GlobalAveragePool", {x})}));
  return b.draft();
}

TEST(Dual, IsFoundBehindActivationsAndPools) {
  for (const bool relu : {false, true}) {
    const Model model = double_model(ends_in_convolution(relu));
    const Tape tape = model.run(random({1, 3, 6, 6}));
    const LastLayer last = last_layer(model);
    ASSERT_EQ(last.nodes.size(), 1u);
    const Node& found = model.graph().node(last.nodes[0]);
    EXPECT_EQ(found.op, "Conv");
    EXPECT_EQ(tape[found.inputs[1]].sizes(), (std::vector<std::int64_t>{5, 4, 1, 1}));
    EXPECT_TRUE(last.input == found.inputs[0]);
    const Dual dual = dual_of(model, tape, last);
    const Tape run = dual.model.run(tape[model.input()]);
    EXPECT_LT(relative_error(dual.tape[dual.model.logits()], run[dual.model.logits()]), 1e-12);
    const auto one =
        make_method("contrastive-excitation-backprop")->explain(model, tape[model.input()]);
    EXPECT_GE(one.relevance.min().item<double>(), 0);
  }
}

/// Softmax behind the logits, an embedding and no linear layer, a sum of two layers that read
/// apart.
TEST(Dual, SaysWhyAModelHasNone) {
  DraftBuilder pool;
  std::string x = pool.input("input", {-1, 3, 4, 4});
  pool.output(pool.node("Flatten", {pool.node("GlobalAveragePool", {x})}));
  const Tensor image = random({1, 3, 4, 4});
  const Model plain = double_model(pool.draft());
  for (const char* spec :
       {"cmwp", "clrp(type=type2)", "lrp(composite=epsilon-plus, contrast=dual)"}) {
    const std::string message = message_of(spec, plain, image);
    EXPECT_NE(message.find("without a linear layer"), std::string::npos) << spec << message;
    EXPECT_NE(message.find("contrast=others"), std::string::npos) << message;
  }
  // Without a linear layer the other contrasts still work.
  EXPECT_EQ(message_of("clrp(type=type1)", plain, image), "");
  EXPECT_EQ(message_of("mwp", plain, image), "");

  DraftBuilder two;
  x = two.node("Flatten", {two.input("input", {-1, 3, 4, 4})});
  const std::string left = two.node("MatMul", {x, two.constant(random({48, 5}))});
  const std::string hidden =
      two.node("Relu", {two.node("MatMul", {x, two.constant(random({48, 6}))})});
  two.output(two.node("Add", {left, two.node("MatMul", {hidden, two.constant(random({6, 5}))})}));
  EXPECT_NE(message_of("cmwp", double_model(two.draft()), image).find("different values"),
            std::string::npos);
}

TEST(Contrast, AMarginHasNoDual) {
  const Model model = double_model(testing::small_model());
  const Tensor x = random({1, 3, 24, 24});
  const Target margin = Target::parse("margin:1-2").front();
  for (const char* spec : {"clrp(type=type2)", "lrp(composite=epsilon-plus, contrast=dual)"}) {
    EXPECT_NE(message_of(spec, model, x, margin).find("no dual"), std::string::npos) << spec;
  }
  // Against "the others" a margin is its two classes.
  const auto one = make_method("clrp(clamp=false)")->explain(model, x, margin);
  const auto swapped =
      make_method("clrp(clamp=false)")->explain(model, x, Target::parse("margin:2-1").front());
  EXPECT_LT(relative_error(one.relevance / one.relevance.abs().max(),
                           -swapped.relevance / swapped.relevance.abs().max()),
            1e-9);
}

TEST(Contrast, AZeroInputIsAZeroMapThatSaysSo) {
  DraftBuilder b;
  at::manual_seed(3);
  std::string x = b.input("input", {-1, 3, 6, 6});
  x = b.node("Relu",
             {b.node("Conv", {x, b.constant(random({4, 3, 3, 3})), b.constant(random({4}))})});
  x = b.node("Flatten", {b.node("GlobalAveragePool", {x})});
  b.output(b.node("MatMul", {x, b.constant(random({4, 5}))}));
  const Model model = double_model(b.draft());
  const Tensor zero = at::zeros({2, 3, 6, 6}, at::kDouble);
  for (const char* spec : {"mwp", "cmwp", "clrp", "clrp(type=type2)", "clrp(flavor=gu)", "sglrp",
                           "lrp(composite=epsilon-plus, contrast=others)",
                           "lrp(composite=epsilon-plus, contrast=dual)"}) {
    const auto one = make_method(spec)->explain(model, zero, Target::of_class(1));
    EXPECT_TRUE(at::isfinite(one.relevance).all().item<bool>()) << spec;
    // The bounds of flavor gu are fixed, so that a zero pixel is not "nothing" to zB.
    if (std::string(spec) == "clrp(flavor=gu)") continue;
    EXPECT_EQ(one.relevance.abs().max().item<double>(), 0) << spec;
    EXPECT_TRUE(has_note(one, "shows nothing")) << spec;
  }
  EXPECT_TRUE(has_note(make_method("mwp")->explain(model, zero, Target::of_class(1)), "100 %"));
}

TEST(Contrast, OneClassAloneHasNoOthers) {
  DraftBuilder b;
  at::manual_seed(4);
  std::string x = b.input("input", {-1, 3, 6, 6});
  x = b.node("Relu", {b.node("Conv", {x, b.constant(random({4, 3, 3, 3}))})});
  x = b.node("Flatten", {b.node("GlobalAveragePool", {x})});
  b.output(b.node("MatMul", {x, b.constant(random({4, 1}))}));
  const Model model = double_model(b.draft());
  const Tensor image = random({2, 3, 6, 6});
  const auto plain = make_method("lrp(composite=epsilon-plus)")->explain(model, image);
  const auto contrast =
      make_method("lrp(composite=epsilon-plus, contrast=others)")->explain(model, image);
  EXPECT_TRUE(at::equal(plain.relevance, contrast.relevance));
  for (const char* spec : {"clrp", "clrp(flavor=wjnam)", "clrp(flavor=gu)", "sglrp",
                           "lrp(composite=epsilon-plus, contrast=others)"}) {
    const auto one = make_method(spec)->explain(model, image);
    EXPECT_TRUE(at::isfinite(one.relevance).all().item<bool>()) << spec;
    EXPECT_TRUE(has_note(one, "nothing to contrast with")) << spec;
  }
}

TEST(Contrast, ASoftmaxBehindTheLogitsChangesNothing) {
  Draft draft = testing::small_model();
  const Model bare = double_model(draft);
  draft.nodes.push_back({.name = "softmax",
                         .op = "Softmax",
                         .domain = "",
                         .opset = 13,
                         .attributes = {},
                         .inputs = {"logits"},
                         .outputs = {"probabilities"}});
  draft.outputs.front().name = "probabilities";
  const Model ending = double_model(draft);
  const Tensor x = random({2, 3, 24, 24});
  for (const char* spec : {"mwp", "cmwp", "clrp", "clrp(type=type2)", "sglrp",
                           "lrp(composite=epsilon-plus, contrast=dual)"}) {
    const Target target = Target::of_class(3);
    EXPECT_TRUE(at::equal(make_method(spec)->explain(bare, x, target).relevance,
                          make_method(spec)->explain(ending, x, target).relevance))
        << spec;
  }
}

TEST(Contrast, ASoftmaxOfSigmoidLogitsIsSaid) {
  const Model model = double_model(testing::small_model());
  const Tensor x = random({1, 3, 24, 24});
  const auto single = make_method("sglrp")->explain(model, x);
  const auto multi = make_method("sglrp")->explain(model.with_output(OutputKind::MultiLabel), x);
  EXPECT_FALSE(has_note(single, "multi-label"));
  EXPECT_TRUE(has_note(multi, "multi-label"));
  EXPECT_TRUE(at::equal(single.relevance, multi.relevance));
}

/// Even where the softmax is 1 in float the map stays: its seeds are not the gradient itself.
TEST(Contrast, SoftmaxGradientsOfASurePredictionDoNotFade) {
  Draft draft = testing::small_model();
  draft.constants["b3"] = draft.constants["b3"].clone();
  draft.constants["b3"][2] = 500;
  const Model model{Graph(draft)};
  const auto one = make_method("sglrp")->explain(model, at::randn({1, 3, 24, 24}), {});
  EXPECT_EQ(one.classes.front(), 2);
  EXPECT_GT(one.relevance.abs().max().item<double>(), 1e-6);
}

/// Epsilon divides by z: the dual of the class would be the class.
TEST(Contrast, ADualThroughARuleWithoutSignsIsRefused) {
  const Model model = double_model(testing::small_model());
  const Tensor x = random({1, 3, 24, 24});
  EXPECT_NE(message_of("lrp(flavor=toolbox, contrast=dual)", model, x).find("last z+"),
            std::string::npos);
  const auto one = make_method("lrp(composite=epsilon-plus, contrast=dual)")->explain(model, x);
  EXPECT_GT(one.relevance.abs().max().item<double>(), 0);
  EXPECT_TRUE(one.is_signed);
  EXPECT_FALSE(one.gap.defined());
}

TEST(Contrast, ReferenceIsTheAuthorsCode) {
  const Model model = double_model(testing::small_model());
  const Tensor x = random({1, 3, 24, 24});
  const auto map = [&](const char* spec) {
    return make_method(spec)->explain(model, x, Target::of_class(2)).relevance;
  };
  EXPECT_TRUE(at::equal(map("clrp(reference=true)"), map("clrp(flavor=gu)")));
  EXPECT_TRUE(at::equal(map("sglrp(reference=true)"), map("sglrp(flavor=wjnam)")));
  EXPECT_FALSE(at::equal(map("clrp(reference=true)"), map("clrp")));
}

TEST(ExcitationBackprop, ReadsTheMessageAtALayerAndSaysWhatGoesAround) {
  DraftBuilder b;
  at::manual_seed(6);
  std::string x = b.input("input", {-1, 3, 6, 6});
  const std::string stem = b.node("Relu", {b.node("Conv", {x, b.constant(random({4, 3, 1, 1}))})});
  const std::string branch =
      b.node("Relu", {b.node("Conv", {stem, b.constant(random({4, 4, 1, 1}))})});
  x = b.node("Flatten", {b.node("GlobalAveragePool", {b.node("Add", {branch, stem})})});
  b.output(b.node("MatMul", {x, b.constant(random({4, 5}))}));
  const Model model = double_model(b.draft());
  const Tensor image = random({1, 3, 6, 6});
  const auto at_layer = [&](const std::string& layer) {
    return make_method("mwp(layer=" + layer + ")")->explain(model, image);
  };
  const auto whole = at_layer(stem), part = at_layer(branch);
  EXPECT_EQ(whole.at, stem);
  EXPECT_NEAR(whole.relevance.sum().item<double>(), 1, 1e-9);
  EXPECT_LT(whole.gap.max().item<double>(), 1e-9);
  EXPECT_LT(part.relevance.sum().item<double>(), 1);
  EXPECT_FALSE(part.gap.defined());
  EXPECT_TRUE(has_note(part, "go around"));
  EXPECT_THROW(at_layer("nosuch"), Error);
  // The contrast may be subtracted anywhere on the only way down: all rules are linear in P.
  const auto late = make_method("cmwp")->explain(model, image);
  const auto early = make_method("cmwp(contrast-layer=" + stem + ")")->explain(model, image);
  EXPECT_LT(relative_error(early.relevance, late.relevance), 1e-9);
  // Read where it is subtracted, it is max(0, P+ - P-).
  const auto here =
      make_method("cmwp(layer=" + stem + ", contrast-layer=" + stem + ")")->explain(model, image);
  EXPECT_EQ(here.at, stem);
  EXPECT_GE(here.relevance.min().item<double>(), 0);
  EXPECT_GT(here.relevance.max().item<double>(), 0);
  EXPECT_NE(message_of("cmwp(contrast-layer=input, layer=" + stem + ")", model, image)
                .find("must lie between"),
            std::string::npos);
}

}  // namespace
}  // namespace limn
