// The CAM family, CAMERAS and UCAG against their formulas in plain loops, float64, with gradients
// from autograd.
#include <torch/torch.h>

#include "limn/error.h"
#include "limn/method.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::relative_error;

/// small_model by hand: two convolutions with ReLU, mean, linear layer.
struct ByHand {
  std::map<std::string, Tensor> c;
  ByHand() {
    for (const auto& [name, value] : testing::small_model().constants)
      c[name] = value.to(at::kDouble);
  }
  Tensor first(const Tensor& x) const {
    return at::relu(at::conv2d(x, c.at("w1"), c.at("b1"), 1, 1));
  }
  Tensor second(const Tensor& r1) const {
    return at::relu(at::conv2d(r1, c.at("w2"), c.at("b2"), 1, 1));
  }
  Tensor head(const Tensor& r2) const {
    return at::matmul(r2.mean({2, 3}), c.at("w3").t()) + c.at("b3");
  }
  Tensor logits(const Tensor& x) const { return head(second(first(x))); }
};

/// Activations and gradients of `r1` (where gradients differ from place to place), one picture.
struct Layer {
  Tensor a, g;
  double score = 0;
};

Layer layer_of(const ByHand& net, const Tensor& x, std::int64_t target) {
  at::AutoGradMode with_grad(true);
  Tensor r1 = net.first(x).detach().requires_grad_();
  const Tensor score = net.head(net.second(r1))[0][target];
  const Tensor g = torch::autograd::grad({score}, {r1})[0];
  return {r1.detach()[0], g[0], score.item<double>()};
}

/// sum_k f(k, i, j) over a layer, cut off at zero.
template <typename F>
Tensor plain_map(const Layer& at, const F& f) {
  Tensor map = at::zeros({at.a.size(1), at.a.size(2)}, at::kDouble);
  for (std::int64_t i = 0; i < map.size(0); ++i) {
    for (std::int64_t j = 0; j < map.size(1); ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < at.a.size(0); ++k) sum += f(k, i, j);
      map[i][j] = std::max(0.0, sum);
    }
  }
  return map;
}

class Cams : public ::testing::Test {
 protected:
  Cams() {
    at::manual_seed(11);
    x_ = at::randn({1, 3, 24, 24}, at::kDouble);
    at_ = layer_of(net_, x_, kTarget);
  }
  Tensor limn(const std::string& spec, const Tensor& x) const {
    const Model model = Model(Graph(testing::small_model())).to(at::kDouble);
    return make_method(spec)->explain(model, x, Target::of_class(kTarget)).relevance[0][0];
  }
  Tensor limn(const std::string& spec) const { return limn(spec, x_); }
  double a(std::int64_t k, std::int64_t i, std::int64_t j) const {
    return at_.a.accessor<double, 3>()[k][i][j];
  }
  double g(std::int64_t k, std::int64_t i, std::int64_t j) const {
    return at_.g.accessor<double, 3>()[k][i][j];
  }
  /// sum over places of f for each channel.
  template <typename F>
  std::vector<double> per_channel(const F& f) const {
    std::vector<double> w;
    for (std::int64_t k = 0; k < at_.a.size(0); ++k) {
      double sum = 0;
      for (std::int64_t i = 0; i < at_.a.size(1); ++i) {
        for (std::int64_t j = 0; j < at_.a.size(2); ++j) sum += f(k, i, j);
      }
      w.push_back(sum);
    }
    return w;
  }
  Tensor weighted(const std::vector<double>& w) const {
    return plain_map(
        at_, [&](auto k, auto i, auto j) { return w[static_cast<std::size_t>(k)] * a(k, i, j); });
  }

  static constexpr std::int64_t kTarget = 3;
  ByHand net_;
  Tensor x_;
  Layer at_;
};

TEST_F(Cams, GradientWeightings) {
  const double places = 24 * 24;
  const auto mean_g = per_channel([&](auto k, auto i, auto j) { return g(k, i, j) / places; });
  EXPECT_LT(relative_error(limn("grad-cam(layer=r1)"), weighted(mean_g)), 1e-10);

  const auto sum_a = per_channel([&](auto k, auto i, auto j) { return a(k, i, j); });
  const auto plus = per_channel([&](auto k, auto i, auto j) {
    const double d = g(k, i, j);
    if (d == 0) return 0.0;
    const double below = 2 * d * d + sum_a[static_cast<std::size_t>(k)] * d * d * d;
    return d * d / below * std::max(d, 0.0);
  });
  EXPECT_LT(relative_error(limn("grad-cam++(layer=r1)"), weighted(plus)), 1e-9);

  auto x_weights = per_channel([&](auto k, auto i, auto j) { return g(k, i, j) * a(k, i, j); });
  for (std::size_t k = 0; k < x_weights.size(); ++k) x_weights[k] /= sum_a[k];
  EXPECT_LT(relative_error(limn("xgrad-cam(layer=r1)"), weighted(x_weights)), 1e-10);

  const Tensor hires =
      plain_map(at_, [&](auto k, auto i, auto j) { return g(k, i, j) * a(k, i, j); });
  EXPECT_LT(relative_error(limn("hires-cam(layer=r1)"), hires), 1e-10);

  const Tensor layer = plain_map(
      at_, [&](auto k, auto i, auto j) { return std::max(g(k, i, j), 0.0) * a(k, i, j); });
  EXPECT_LT(relative_error(limn("layer-cam(layer=r1)"), layer), 1e-10);
}

TEST_F(Cams, CamIsTheClassWeightsOnTheLastLayer) {
  const Tensor r2 = net_.second(net_.first(x_))[0];
  Tensor map = at::zeros({24, 24}, at::kDouble);
  for (std::int64_t k = 0; k < 6; ++k) map += net_.c.at("w3")[kTarget][k] * r2[k];
  EXPECT_LT(relative_error(limn("cam"), map.clamp_min(0)), 1e-10);
}

/// The first component by power iteration on places x channels, centered.
TEST_F(Cams, EigenCamIsTheFirstComponent) {
  for (const bool with_gradient : {false, true}) {
    const Tensor t = (with_gradient ? at_.a * at_.g : at_.a).flatten(1).t();
    const Tensor centered = t - t.mean(0, true);
    Tensor v = at::ones({centered.size(1)}, at::kDouble);
    for (int i = 0; i < 3000; ++i) {
      v = at::matmul(centered.t(), at::matmul(centered, v));
      v = v / v.norm();
    }
    Tensor map = at::matmul(centered, v).view({24, 24});
    if ((map.flatten() * centered.sum(1)).sum().item<double>() < 0) map = -map;
    const std::string spec = with_gradient ? "eigen-grad-cam(layer=r1)" : "eigen-cam(layer=r1)";
    EXPECT_LT(relative_error(limn(spec), map.clamp_min(0)), 1e-6) << spec;
  }
}

TEST_F(Cams, ScoreCamWeighsByMaskedScores) {
  const Tensor r2 = net_.second(net_.first(x_))[0];
  std::vector<double> scores;
  for (std::int64_t k = 0; k < r2.size(0); ++k) {
    const Tensor lifted = r2[k] - r2[k].min();
    const double highest = lifted.max().item<double>();
    const Tensor mask = highest > 0 ? lifted / highest : lifted;
    scores.push_back(net_.logits(x_ * mask)[0][kTarget].item<double>());
  }
  const Tensor w = at::softmax(at::tensor(scores, at::kDouble), 0);
  EXPECT_LT(relative_error(limn("score-cam"), (w.view({-1, 1, 1}) * r2).sum(0).clamp_min(0)), 1e-9);
}

TEST_F(Cams, AblationCamWeighsByLostScore) {
  for (const std::string layer : {"r1", "r2"}) {
    const Tensor a = layer == "r1" ? net_.first(x_) : net_.second(net_.first(x_));
    Tensor map = at::zeros({24, 24}, at::kDouble);
    const double y = net_.logits(x_)[0][kTarget].item<double>();
    for (std::int64_t k = 0; k < a.size(1); ++k) {
      Tensor without = a.clone();
      without[0][k].zero_();
      const Tensor logits = net_.head(layer == "r1" ? net_.second(without) : without);
      map += (y - logits[0][kTarget].item<double>()) / std::abs(y) * a[0][k];
    }
    EXPECT_LT(relative_error(limn("ablation-cam(layer=" + layer + ")"), map.clamp_min(0)), 1e-9);
  }
}

/// small_model that takes pictures of any size.
Model any_size() {
  Draft draft = testing::small_model();
  draft.inputs[0].shape = {-1, 3, -1, -1};
  return Model(Graph(draft)).to(at::kDouble);
}

TEST_F(Cams, CamerasAveragesSizesBeforeItMultiplies) {
  Tensor a = at::zeros({1, 4, 24, 24}, at::kDouble), g = a.clone();
  for (const std::int64_t side : {24, 30, 41}) {
    const Tensor x = side == 24 ? x_ : at::upsample_bicubic2d(x_, {side, side}, false);
    const Layer here = layer_of(net_, x, kTarget);
    a += at::upsample_bilinear2d(here.a.unsqueeze(0), {24, 24}, false) / 3;
    g += at::upsample_bilinear2d(here.g.unsqueeze(0), {24, 24}, false) / 3;
  }
  const auto one = make_method("cameras(scales=[24,30,41], layer=r1, skip=no)")
                       ->explain(any_size(), x_, Target::of_class(kTarget));
  EXPECT_LT(relative_error(one.relevance[0][0], (a * g).sum(1).clamp_min(0)[0]), 1e-9);
}

TEST_F(Cams, UcagAveragesWeightedPatches) {
  // crop 112 of 224 is half of each side: patches of 12 pixels at 0, 6 and 12, enlarged to 18.
  Tensor sum = at::zeros({24, 24}, at::kDouble), count = sum.clone();
  std::vector<Tensor> maps;
  std::vector<double> weights;
  for (const std::int64_t top : {0, 6, 12}) {
    for (const std::int64_t left : {0, 6, 12}) {
      const Tensor cut = x_.slice(2, top, top + 12).slice(3, left, left + 12);
      const Tensor patch = at::upsample_bicubic2d(cut, {18, 18}, false);
      const Layer here = layer_of(net_, patch, kTarget);
      const Tensor raw = (here.g.mean({1, 2}, true) * here.a).sum(0);
      maps.push_back(at::upsample_bilinear2d(raw.view({1, 1, 18, 18}), {12, 12}, false)[0][0]);
      weights.push_back(std::exp(at::softmax(net_.logits(patch), 1)[0][kTarget].item<double>()));
    }
  }
  const double largest = *std::max_element(weights.begin(), weights.end());
  for (std::int64_t i = 0; i < 9; ++i) {
    const auto place = [&](const Tensor& t) {
      return t.slice(0, i / 3 * 6, i / 3 * 6 + 12).slice(1, i % 3 * 6, i % 3 * 6 + 12);
    };
    place(sum).add_(maps[static_cast<std::size_t>(i)] * weights[static_cast<std::size_t>(i)] /
                    largest);
    place(count).add_(1);
  }
  const auto one = make_method("ucag(grad-cam(layer=r1), patches=3, crop=112, scale=1.5)")
                       ->explain(any_size(), x_, Target::of_class(kTarget));
  EXPECT_LT(relative_error(one.inner.at("raw_aggregate")[0][0], sum / count), 1e-9);
  EXPECT_EQ(one.relevance.sizes(), (at::IntArrayRef{1, 1, 24, 24}));
  EXPECT_GE(one.relevance.min().item<double>(), 0);
  EXPECT_LE(one.relevance.max().item<double>(), 1);
}

/// Of r1, whose gradients differ, and of the last layer: stretched at the picture's size.
TEST_F(Cams, WgcamCombinesStretchedLayers) {
  const auto stretched = [](const Tensor& raw) {
    const Tensor map = raw.clamp_min(0) - raw.clamp_min(0).min();
    return map / map.max();
  };
  const Tensor r2 = net_.second(net_.first(x_))[0];
  const Tensor one = stretched((at_.g.mean({1, 2}, true) * at_.a).sum(0));
  const Tensor two = stretched((net_.c.at("w3")[kTarget].view({-1, 1, 1}) * r2).sum(0));
  EXPECT_LT(relative_error(limn("wgcam(layer=[r1,r2])"), (one + two) / 2), 1e-9);
  EXPECT_LT(relative_error(limn("wgcam(layer=[r1,r2], weights=linear)"), (one + 2 * two) / 3),
            1e-9);
  EXPECT_LT(relative_error(limn("wgcam(layer=[r1,r2], combine=product)"), (one * two).sqrt()),
            1e-9);
  // Both layers have one size: the default is the block's end alone.
  EXPECT_LT(relative_error(limn("wgcam"), two), 1e-9);
}

/// With the noise given: gradients in each power averaged over the copies by hand.
TEST_F(Cams, SmoothGradCamPlusPlusAveragesPowers) {
  ExplainOptions options;
  options.noise = 0.4 * at::randn({3, 3, 24, 24}, at::kDouble);
  std::vector<Tensor> d;
  for (int power = 0; power < 3; ++power) d.push_back(at::zeros_like(at_.g));
  for (std::int64_t i = 0; i < 3; ++i) {
    const Tensor g = layer_of(net_, x_ + options.noise[i], kTarget).g;
    for (int power = 0; power < 3; ++power)
      d[static_cast<std::size_t>(power)] += g.pow(power + 1) / 3;
  }
  std::vector<double> w;
  for (std::int64_t k = 0; k < at_.a.size(0); ++k) {
    const double all = at_.a[k].sum().item<double>();
    double sum = 0;
    for (std::int64_t u = 0; u < 24 * 24; ++u) {
      const auto value = [&](std::size_t power) { return d[power][k].flatten()[u].item<double>(); };
      const double below = 2 * value(1) + all * value(2);
      if (below != 0) sum += value(1) / below * std::max(value(0), 0.0);
    }
    w.push_back(sum);
  }
  const Model model = Model(Graph(testing::small_model())).to(at::kDouble);
  const auto map = make_method("smooth-grad-cam++(layer=r1, n=3)")
                       ->explain(model, x_, Target::of_class(kTarget), options);
  EXPECT_LT(relative_error(map.relevance[0][0], weighted(w)), 1e-9);
}

/// Score-CAM in bfloat16 keeps its map; methods that need differences of scores stay exact.
TEST_F(Cams, BFloat16IsForScoresAlone) {
  const Model model{Graph(testing::small_model())};
  const auto target = Target::of_class(kTarget);
  ExplainOptions fast;
  fast.bfloat16 = true;
  const Tensor x = x_.to(at::kFloat);
  const auto difference = [&](const char* spec) {
    const auto method = make_method(spec);
    const Tensor quick = method->explain(model, x, target, fast).relevance;
    EXPECT_EQ(quick.scalar_type(), at::kFloat);
    return relative_error(quick, method->explain(model, x, target).relevance);
  };
  EXPECT_LT(difference("score-cam"), 0.02);
  EXPECT_GT(difference("score-cam"), 0);
  EXPECT_EQ(difference("ablation-cam"), 0);
  EXPECT_EQ(difference("occlusion(4)"), 0);
  EXPECT_THROW(make_method("score-cam")->explain(model.to(at::kDouble), x, target, fast), Error);
}

std::string message_of(const std::string& spec, const Model& model, const Tensor& x) {
  try {
    make_method(spec)->explain(model, x);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_F(Cams, BadInputIsSaidInWords) {
  const Model model = Model(Graph(testing::small_model())).to(at::kDouble);
  const auto says = [&](const std::string& spec, const std::string& words) {
    const std::string message = message_of(spec, model, x_);
    EXPECT_NE(message.find(words), std::string::npos) << spec << ": " << message;
  };
  says("layer-cam(layer=logits)", "a CAM needs places");
  says("wgcam(layer=logits)", "a CAM needs places");
  says("wgcam(weights=best)", "legal: uniform|linear");
  says("smooth-grad-cam++(n=0)", "legal: a whole number from 1");
  says("smooth-grad-cam++(sigma=-1)", "legal: a number from 0");
  says("cam(layer=r1)", "use grad-cam");
  says("cameras(scales=[24,48])", "the model refuses a picture of 48 x 48");
  says("cameras(scales=[0])", "whole numbers of pixels");
  says("cameras(layer=logits, scales=[24])", "CAMERAS needs places");
  says("ucag(grad-cam, patches=1)", "patches");
  says("ucag(grad-cam, crop=300)", "crop");
  says("ucag(grad-camp)", "did you mean");
  says("ucag(grad-cam, scale=-1)", "scale");
  says("smoothgrad(gradient, sigma=-1)", "legal: a number from 0");
  says("integrated-gradients(n=0)", "legal: a whole number from 1");
  // A fixed input size: patches get that size, and it says so.
  const auto one = make_method("ucag(grad-cam, patches=2)")->explain(model, x_);
  ASSERT_FALSE(one.notes.empty());
  EXPECT_NE(one.notes.back().find("fixed"), std::string::npos);
}

/// Heads that are no linear layer on an average: each is told what to type instead.
TEST_F(Cams, CamRefusesOtherHeads) {
  const auto says = [&](Draft draft, const std::string& words) {
    const std::string message = message_of("cam", Model(Graph(draft)).to(at::kDouble), x_);
    EXPECT_NE(message.find(words), std::string::npos) << message;
    EXPECT_NE(message.find("use grad-cam"), std::string::npos) << message;
    EXPECT_EQ(message.find("contrast"), std::string::npos) << message;
  };
  Draft squared = testing::small_model();
  squared.nodes.back() = {.name = "square",
                          .op = "Mul",
                          .domain = "",
                          .opset = 13,
                          .attributes = {},
                          .inputs = {"f", "f"},
                          .outputs = {"logits"}};
  squared.outputs[0].shape = {-1, 6};
  says(squared, "do not come from one such layer");

  Draft convolutional = testing::small_model();
  convolutional.nodes.pop_back();
  convolutional.nodes.back().outputs = {"logits"};
  convolutional.outputs[0].shape = {-1, 6};
  says(convolutional, "last linear layer reads \"r1\", whose places nobody has averaged");

  Draft flat = testing::small_model();
  flat.nodes.erase(flat.nodes.begin() + 4);
  flat.nodes[4].inputs = {"r2"};
  flat.constants["w3"] = at::rand({5, 6 * 24 * 24});
  says(flat, "no such pool");
}

}  // namespace
}  // namespace limn
