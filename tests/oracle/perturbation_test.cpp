// Whole runs of methods that optimize a mask, against a second implementation in float64: autograd
// of a network and of the sums written out by hand; and what they say to bad input.
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/counter_random.h"
#include "limn/error.h"
#include "limn/method.h"
#include "methods/mask_generator.h"
#include "oracle/linear_oracle.h"
#include "oracle/slow_masks.h"
#include "support/small_model.h"

namespace limn {
namespace {

using testing::random_tensor;
using testing::relative_error;
using testing::slow_blur;
using testing::SlowGenerator;

constexpr std::int64_t kSide = 24;

/// The small model's logits [M, 5]; autograd follows.
Tensor by_hand(const Tensor& x) {
  std::map<std::string, Tensor> weights;
  for (const auto& [name, tensor] : testing::small_model().constants) {
    weights[name] = tensor.to(at::kDouble);
  }
  const Tensor r1 = at::relu(at::conv2d(x, weights["w1"], weights["b1"], 1, 1));
  const Tensor r2 = at::relu(at::conv2d(r1, weights["w2"], weights["b2"], 1, 1));
  return at::linear(r2.mean({2, 3}), weights["w3"], weights["b3"]);
}

Model small() { return Model(Graph(testing::small_model())).to(at::kDouble); }
Tensor pictures(std::int64_t count = 1) { return random_tensor({count, 3, kSide, kSide}); }

/// Extremal perturbation as its energy says, its slopes by autograd.
struct SlowAscent {
  Tensor masks, history;

  SlowAscent(const Tensor& x, const std::vector<double>& areas, const std::string& variant,
             bool contrastive, std::int64_t kind, int iterations) {
    at::AutoGradMode enable(true);
    const SlowGenerator generator(kSide, kSide, 4, 8);
    const MaskGenerator ranked(kSide, kSide, 4, 8, at::TensorOptions(at::kDouble));
    const auto count = static_cast<std::int64_t>(areas.size());
    Tensors levels;
    for (int l = 0; l < 8; ++l) levels.push_back(slow_blur(x, (1 - l / 7.0) * 5));
    Tensor parameters = at::ones({count, 6, 6}, at::kDouble), buffer;
    double lambda = 300;
    Tensors rows;
    for (int t = 0; t < iterations; ++t) {
      const Tensor leaf = parameters.detach().clone().requires_grad_(true);
      Tensors of_areas, energies, row;
      for (std::int64_t a = 0; a < count; ++a) {
        const Tensor full = generator.full(leaf[a]), m = generator.crop(full);
        const auto reward_of = [&](const Tensor& visible) {
          Tensor seen = at::zeros_like(x);
          for (int l = 0; l < 8; ++l) {  // a hat function around each level
            seen = seen + levels[std::size_t(l)] * (1 - (7 * visible - l).abs()).clamp_min(0);
          }
          const Tensor y = by_hand((t % 2 == 0 ? seen.flip({2}) : seen).unsqueeze(0))[0];
          if (!contrastive) return y[kind];
          Tensor others = y.clone();
          others = others - 1e9 * (at::arange(5) == kind).to(at::kDouble);
          return y[kind] - others.max();
        };
        const Tensor reward = variant == "preserve" ? reward_of(m)
                              : variant == "delete" ? -reward_of(1 - m)
                                                    : reward_of(m) - reward_of(1 - m);
        // Masks begin with many equal values: their order is the sort's choice, not the formula's.
        const Tensor order = std::get<1>(ranked.full(leaf.detach())[a].flatten().sort(0, false));
        const Tensor sorted = full.flatten().index_select(0, order);
        const Tensor sharp = at::ones_like(sorted).detach();
        sharp.narrow(0, 0, std::int64_t(double(sorted.numel()) * (1 - areas[std::size_t(a)])))
            .zero_();
        const Tensor area = -lambda * (sorted - sharp).square().mean();
        energies.push_back(reward + area);
        row.push_back(at::stack({reward, area}).detach());
        of_areas.push_back(m.detach());
      }
      masks = at::stack(of_areas);
      rows.push_back(at::stack(row));
      const Tensor g = -torch::autograd::grad({at::stack(energies).sum()}, {leaf})[0];
      buffer = t == 0 ? g : 0.9 * buffer + 0.1 * g;
      parameters = (parameters - 0.01 * buffer).clamp(0, 1);
      lambda *= 1.0035;
    }
    history = at::stack(rows, 2);
  }
};

TEST(ExtremalPerturbation, IsTheAscentOfItsEnergy) {
  at::manual_seed(5);
  const Tensor x = pictures();
  for (const std::string variant : {"preserve", "delete", "dual"}) {
    for (const bool contrastive : {false, true}) {
      const SlowAscent slow(x[0], {0.1, 0.4}, variant, contrastive, 2, 6);
      const auto method = make_method(
          "extremal-perturbation(areas=[0.1,0.4], step=4, sigma=8, max-blur=5, max-iter=6, "
          "variant=" +
          variant + (contrastive ? ", reward=contrastive)" : ")"));
      const Explanation one = method->explain(small(), x, Target::of_class(2));
      EXPECT_LT(relative_error(one.inner.at("masks")[0], slow.masks), 1e-9) << variant;
      EXPECT_LT(relative_error(one.inner.at("history")[0], slow.history), 1e-9) << variant;
      EXPECT_LT(relative_error(one.relevance[0][0], slow.masks.sum(0)), 1e-9) << variant;
      EXPECT_LT((slow.masks[1] - slow.masks[1].mean()).abs().max().item<double>(), 1);
    }
  }
}

TEST(ExtremalPerturbation, SmoothingSeesZerosBeyondTheBorder) {
  at::manual_seed(6);
  const Tensor x = pictures();
  const auto map = [&](const std::string& more) {
    return make_method("extremal-perturbation(max-iter=3" + more + ")")
        ->explain(small(), x, Target::of_class(1))
        .relevance[0];
  };
  EXPECT_LT(relative_error(map(", smooth=0.09"), slow_blur(map(""), 0.09 * kSide)), 1e-12);
}

/// Meaningful perturbation as its sum says, its slopes by autograd.
struct SlowDescent {
  Tensor map, history;

  SlowDescent(const Tensor& x, bool removes, std::int64_t shift, std::int64_t kind,
              int iterations) {
    at::AutoGradMode enable(true);
    constexpr double kCell = 6;
    Tensor cells = at::ones({4, 4}, at::kDouble);
    Tensor mean = at::zeros_like(cells), square = at::zeros_like(cells);
    Tensors rows;
    const auto enlarged = [&](const Tensor& m) {
      Tensor shares = at::empty({kSide, 4}, at::kDouble);
      for (std::int64_t u = 0; u < kSide; ++u) {
        for (std::int64_t i = 0; i < 4; ++i) {
          const double apart = double(u) - ((double(i) + 0.5) * kCell - 0.5);
          shares[u][i] = std::exp(-apart * apart / (2 * 0.625 * 0.625 * kCell * kCell));
        }
      }
      shares = shares / shares.sum(1, true);
      return shares.mm(m).mm(shares.t());
    };
    // Constant pictures: 0.25 stands for the baseline.
    const Tensor nothing = at::full_like(x, 0.25);
    for (int t = 0; t < iterations; ++t) {
      const Tensor leaf = cells.detach().clone().requires_grad_(true);
      const Tensor m = enlarged(leaf);
      const Tensor seen = m * x + (1 - m) * nothing;
      const auto by = [&](std::uint64_t which) {
        const double u = unit(draw(9, 3 * std::uint64_t(t) + which));
        return std::int64_t(u * double(2 * shift + 1)) - shift;
      };
      Tensor shifted = at::zeros_like(x);
      for (std::int64_t y = 0; y < kSide; ++y) {
        for (std::int64_t u = 0; u < kSide; ++u) {
          const std::int64_t from_y = y - by(1), from_x = u - by(2);
          if (from_y < 0 || from_y >= kSide || from_x < 0 || from_x >= kSide) continue;
          const Tensor one = at::zeros({kSide, kSide}, at::kDouble);
          one[y][u] = 1;
          shifted = shifted + one * seen.select(1, from_y).select(1, from_x).view({3, 1, 1});
        }
      }
      const Tensor p = by_hand(shifted.unsqueeze(0)).softmax(1)[0][kind];
      const Tensor price = 0.01 * (removes ? 1 - leaf : leaf).sum();
      const Tensor rough = 0.02 * ((leaf.slice(0, 1) - leaf.slice(0, 0, 3)).abs().pow(3).sum() +
                                   (leaf.slice(1, 1) - leaf.slice(1, 0, 3)).abs().pow(3).sum());
      const Tensor g = torch::autograd::grad({price + rough + (removes ? p : -p)}, {leaf})[0];
      rows.push_back(at::stack({p, price, rough}).detach());
      map = (removes ? 1 - m : m).detach();
      mean = 0.9 * mean + 0.1 * g;
      square = 0.999 * square + 0.001 * g * g;
      cells = (cells - 0.1 * (mean / (1 - std::pow(0.9, t + 1))) /
                           ((square / (1 - std::pow(0.999, t + 1))).sqrt() + 1e-8))
                  .clamp(0, 1);
    }
    history = at::stack(rows, 1);
  }
};

TEST(MeaningfulPerturbation, IsTheDescentOfItsSum) {
  at::manual_seed(7);
  const Tensor x = pictures();
  ExplainOptions options;
  options.seed = 9;
  for (const bool removes : {true, false}) {
    for (const std::int64_t shift : {0, 2}) {
      const SlowDescent slow(x[0], removes, shift, 3, 5);
      const auto method = make_method(
          concat("meaningful-perturbation(max-iter=5, cell=6, l1=0.01, tv=0.02, baseline=0.25, "
                 "jitter=",
                 shift, ", variant=", removes ? "delete)" : "preserve)"));
      const Explanation one = method->explain(small(), x, Target::of_class(3), options);
      EXPECT_LT(relative_error(one.relevance[0][0] + 1, slow.map + 1), 1e-9) << shift;
      EXPECT_LT(relative_error(one.inner.at("history")[0], slow.history), 1e-9) << shift;
    }
  }
}

std::string message(const std::string& spec, const ExplainOptions& options = {}) {
  try {
    make_method(spec)->explain(small(), pictures(), Target::of_class(1), options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ExtremalPerturbation, SaysWhatToType) {
  const std::string name = "extremal-perturbation";
  for (const auto& [given, said] : std::map<std::string, std::string>{
           {"areas=[0.1,1]", "write areas=[0.05,0.1]"},
           {"areas=0", "between 0 and 1"},
           {"areas=[]", "areas is empty"},
           {"max-iter=0", "max-iter"},
           {"step=0", "as step=1"},
           {"step=1.5", "one whole number of pixels"},
           {"sigma=-3", "as sigma=3"},
           {"step=4, sigma=6", "take a multiple of the step, as sigma=4"},
           {"max-blur=0", "max-blur=20"},
           {"smooth=-1", "smooth"}}) {
    const std::string text = message(name + "(" + given + ")");
    EXPECT_NE(text.find(said), std::string::npos) << given << ": " << text;
  }
  EXPECT_NE(message("meaningful-perturbation(cell=0)").find("as cell=1"), std::string::npos);
  EXPECT_NE(message("meaningful-perturbation(blur=0)").find("as blur=10"), std::string::npos);
  EXPECT_NE(message("meaningful-perturbation(max-iter=0)").find("max-iter"), std::string::npos);
  try {
    make_method(name + "(reward=contrastive)")
        ->explain(small(), pictures(), Target::parse("margin:1-2"), {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("take reward=simple"), std::string::npos);
  }
}

TEST(OptimizedMasks, AreKeptWhenAskedToStop) {
  for (const std::string name : {"extremal-perturbation", "meaningful-perturbation"}) {
    ExplainOptions options;
    int asked = 0;
    double share = 0;
    options.stop = [&] { return ++asked > 4; };
    options.progress = [&](double now) { share = now; };
    const auto all = make_method(name + "(max-iter=50)")
                         ->explain(small(), pictures(2), Target::parse("top:2"), options);
    EXPECT_NEAR(share, 4 / 50.0, 1e-12);
    for (const auto& one : all) {
      EXPECT_TRUE(one.partial);
      EXPECT_EQ(one.inner.at("history").size(-1), 4);
      EXPECT_EQ(one.notes.front(), "stopped after 4 iterations, before the 50 asked");
    }
    const Explanation four =
        make_method(name + "(max-iter=4)")->explain(small(), pictures(), Target::of_class(1));
    EXPECT_FALSE(four.partial);
    options.stop = [] { return true; };
    EXPECT_NE(message(name, options).find("longer --budget"), std::string::npos);
  }
}

}  // namespace
}  // namespace limn
