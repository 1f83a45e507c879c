// Pixel sets, quantiles, unit masks and the formula search against plain implementations on bool
// tensors in float64; dissection on models whose units are known.
#include "limn/concepts.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "limn/error.h"

namespace limn {
namespace {

constexpr std::int64_t kPictures = 5, kPixels = 70;  // the last word of a picture is ragged

/// bool [kPictures, kPixels]; picture 2 is empty.
Tensor random_masks(double share) {
  Tensor masks = at::rand({kPictures, kPixels}) < share;
  masks[2].fill_(false);
  return masks;
}

PixelSet set_of(const Tensor& masks) {
  PixelSet out(masks.size(1));
  for (std::int64_t n = 0; n < masks.size(0); ++n) out.add(n, masks[n]);
  return out;
}

Tensor masks_of(const PixelSet& set) {
  Tensor out = at::empty({kPictures, set.pixels()}, at::kBool);
  for (std::int64_t n = 0; n < kPictures; ++n) out[n].copy_(set.mask(n));
  return out;
}

std::int64_t pixels_in(const Tensor& masks) { return masks.sum().item<std::int64_t>(); }

ErrorCode code_of(const std::function<void()>& body, const std::string& words) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::Io;
}

TEST(PixelSets, OperationsEqualThoseOfBoolTensors) {
  at::manual_seed(1);
  for (const std::int64_t pixels : {1, 63, 64, 65, 128, 200}) {
    Tensor a = at::rand({kPictures, pixels}) < 0.4, b = at::rand({kPictures, pixels}) < 0.3;
    a[1].fill_(false);
    b[3].fill_(false);
    a[4].fill_(false);
    b[4].fill_(false);
    const PixelSet x = set_of(a), y = set_of(b);
    EXPECT_TRUE(at::equal(masks_of(x), a));
    EXPECT_TRUE(at::equal(masks_of(x & y), a.logical_and(b)));
    EXPECT_TRUE(at::equal(masks_of(x | y), a.logical_or(b)));
    EXPECT_TRUE(at::equal(masks_of(x - y), a.logical_and(b.logical_not())));
    EXPECT_TRUE(at::equal(masks_of(x.complement(kPictures)), a.logical_not()));
    EXPECT_EQ(x.complement(kPictures).count(), kPictures * pixels - pixels_in(a))
        << "no bit behind the last pixel counts";
    EXPECT_EQ(x.complement(kPictures).complement(kPictures), x);
    EXPECT_EQ(x - y, x & y.complement(kPictures));
    EXPECT_EQ(count_common(x, y), pixels_in(a.logical_and(b)));
    EXPECT_EQ((x | y).count(), pixels_in(a.logical_or(b)));
    EXPECT_EQ(x.pictures().size(), static_cast<std::size_t>(pixels_in(a.any(1))));
  }
}

TEST(PixelSets, WrongMasksAreRefused) {
  PixelSet set(10);
  set.add(3, at::ones({10}, at::kBool));
  EXPECT_EQ(code_of([&] { set.add(3, at::ones({10}, at::kBool)); }, "out of order"),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of([&] { set.add(4, at::ones({11}, at::kBool)); }, "11 values"),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of([&] { count_common(set, PixelSet(11)); }, "10 and 11"),
            ErrorCode::InvalidArgument);
}

TEST(TopShares, TheThresholdIsTheExactQuantile) {
  at::manual_seed(2);
  const Tensor values = at::randn({1000});
  const Tensor falling = std::get<0>(values.sort(0, true));
  for (const double share : {0.001, 0.013, 0.2, 0.5}) {
    TopShare top(share, 1000);
    for (std::int64_t at = 0; at < 1000; at += 125) top.add(values.data_ptr<float>() + at, 125);
    const auto above = static_cast<std::int64_t>(share * 1000 + 0.5);
    EXPECT_EQ(top.threshold(), falling[above].item<float>()) << share;
    EXPECT_EQ(pixels_in(values > top.threshold()), above);
  }
  const Tensor counted = at::arange(49000, at::kFloat);
  TopShare exact(0.005, 49000);
  exact.add(counted.data_ptr<float>(), 49000);
  EXPECT_EQ(exact.threshold(), 49000 - 246) << "245 values lie above";
  EXPECT_EQ(code_of([] { TopShare(0.005, 199); }, "less than one"), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of([] { TopShare(0.6, 199); }, "0.5"), ErrorCode::InvalidArgument);
}

/// One axis at place i of `out`: triangle as wide as a place of the smaller grid, half-pixel.
double plain_resize(const Tensor& line, std::int64_t out, std::int64_t i) {
  const std::int64_t in = line.size(0);
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double reach = std::max(1.0, scale), center = (static_cast<double>(i) + 0.5) * scale;
  double total = 0, weights = 0;
  for (std::int64_t k = 0; k < in; ++k) {
    const double weight =
        std::max(0.0, 1 - std::abs(static_cast<double>(k) + 0.5 - center) / reach);
    total += weight * line[k].item<double>();
    weights += weight;
  }
  return total / weights;
}

TEST(UnitMasks, AreTheResizedActivationsAboveTheThreshold) {
  at::manual_seed(3);
  const Tensor activations = at::randn({3, 5, 4});
  const Tensor thresholds = at::tensor({0.3, 0.9, 100.0}, at::kFloat);
  for (const auto& [height, width] : {std::pair{9, 13}, {5, 4}, {3, 2}, {10, 2}}) {
    const Tensor masks = unit_masks(activations, thresholds, height, width);
    ASSERT_EQ(masks.sizes(), (std::vector<std::int64_t>{3, height, width}));
    for (std::int64_t u = 0; u < 2; ++u) {
      Tensor rows = at::empty({5, width}, at::kDouble);
      for (std::int64_t y = 0; y < 5; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
          rows[y][x] = plain_resize(activations[u][y].to(at::kDouble), width, x);
        }
      }
      for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
          const double value = plain_resize(rows.select(1, x), height, y);
          const double least = thresholds[u].item<double>();
          if (std::abs(value - least) < 1e-5) continue;
          EXPECT_EQ(masks[u][y][x].item<bool>(), value > least) << u << " " << y << " " << x;
        }
      }
    }
    EXPECT_FALSE(masks[2].any().item<bool>());
  }
}

const std::vector<std::string> kNames = {"a", "b", "c", "d", "e", "f"};

struct PlainFormula {
  std::string text;
  Tensor mask;
  int length = 1;
  double score = 0;
};

double plain_iou(const Tensor& a, const Tensor& b) {
  const auto either = static_cast<double>(pixels_in(a.logical_or(b)));
  return either > 0 ? static_cast<double>(pixels_in(a.logical_and(b))) / either : 0;
}

/// The search as it is described, on whole masks.
std::vector<PlainFormula> plain_search(const Tensor& unit, const Tensors& concepts,
                                       const FormulaSearchOptions& options) {
  const auto keep_best = [&](std::vector<PlainFormula>& all) {
    std::stable_sort(all.begin(), all.end(), [](const PlainFormula& a, const PlainFormula& b) {
      return a.score > b.score;
    });
    if (all.size() > static_cast<std::size_t>(options.beam)) {
      all.resize(static_cast<std::size_t>(options.beam));
    }
  };
  std::vector<PlainFormula> beam;
  for (std::size_t c = 0; c < concepts.size(); ++c) {
    const double iou = plain_iou(unit, concepts[c]);
    if (iou > 0) beam.push_back({kNames[c], concepts[c], 1, iou});
  }
  keep_best(beam);
  for (std::int64_t round = 1; round < options.length; ++round) {
    std::vector<PlainFormula> all = beam;
    for (const auto& from : beam) {
      for (std::size_t c = 0; c < concepts.size(); ++c) {
        for (const auto join : options.operators) {
          PlainFormula one = from;
          const bool denied = join == FormulaOperator::AndNot;
          const std::string name = denied ? "(NOT " + kNames[c] + ")" : kNames[c];
          const Tensor other = denied ? concepts[c].logical_not() : concepts[c];
          const bool widens = join == FormulaOperator::Or;
          one.text = "(" + from.text + (widens ? " OR " : " AND ") + name + ")";
          one.mask = widens ? from.mask.logical_or(other) : from.mask.logical_and(other);
          one.length += denied ? 2 : 1;
          one.score = plain_iou(unit, one.mask) * std::pow(options.penalty, one.length - 1);
          const bool known = std::any_of(all.begin(), all.end(), [&](const PlainFormula& old) {
            return old.text == one.text;
          });
          if (!known) all.push_back(one);
        }
      }
    }
    keep_best(all);
    beam = all;
  }
  return beam;
}

TEST(FormulaSearches, FindWhatThePlainSearchFinds) {
  at::manual_seed(4);
  using Operators = std::vector<FormulaOperator>;
  const std::vector<FormulaSearchOptions> all = {
      {},
      {.length = 1},
      {.length = 2, .beam = 3, .penalty = 0.9},
      {.length = 4, .beam = 2, .penalty = 0.97},
      {.length = 3, .beam = 200},
      {.length = 3, .beam = 1},
      {.operators = Operators{FormulaOperator::And, FormulaOperator::Or}},
      {.operators = Operators{FormulaOperator::AndNot}}};
  for (int round = 0; round < 6; ++round) {
    Tensors masks;
    std::vector<PixelSet> concepts;
    for (std::size_t c = 0; c < kNames.size(); ++c) {
      masks.push_back(random_masks(0.08 + 0.06 * static_cast<double>(c)));
      concepts.push_back(set_of(masks.back()));
    }
    // Units that overlap several concepts, so that longer formulas pay.
    Tensor unit = masks[1].logical_or(masks[3]).logical_and(masks[4].logical_not());
    unit = unit.logical_xor(random_masks(0.1));
    for (const auto& options : all) {
      const UnitFormula found = FormulaSearch(concepts, options).find(set_of(unit));
      const PlainFormula expected = plain_search(unit, masks, options).front();
      EXPECT_EQ(found.formula.text(kNames), expected.text);
      EXPECT_EQ(found.formula.length(), expected.length);
      EXPECT_NEAR(found.score, expected.score, 1e-14);
      EXPECT_NEAR(found.iou, plain_iou(unit, expected.mask), 1e-14);
      EXPECT_EQ(found.pixels, pixels_in(expected.mask));
      EXPECT_TRUE(at::equal(masks_of(formula_pixels(found.formula, concepts)), expected.mask));
      EXPECT_EQ(found.single_iou, plain_search(unit, masks, {.length = 1}).front().score);
      for (std::size_t c = 0; c < kNames.size(); ++c) {
        EXPECT_NEAR(found.single_ious[c], plain_iou(unit, masks[c]), 1e-14);
      }
    }
  }
}

TEST(FormulaSearches, AUnitThatEqualsAConceptHasIouOneAndThatFormula) {
  at::manual_seed(5);
  // The larger comes first in the beam, so that (a OR b) is found before (b OR a).
  const Tensor a = random_masks(0.4), b = random_masks(0.2), c = random_masks(0.2);
  const std::vector<PixelSet> concepts = {set_of(a), set_of(b), set_of(c)};
  const FormulaSearch search(concepts, {});
  const auto text = [&](const Tensor& unit) {
    const UnitFormula found = search.find(set_of(unit));
    EXPECT_EQ(found.iou, 1);
    EXPECT_EQ(found.pixels, pixels_in(unit));
    return found.formula.text(kNames);
  };
  EXPECT_EQ(text(b), "b");
  EXPECT_EQ(text(a.logical_or(b)), "(a OR b)");
  EXPECT_EQ(text(a.logical_and(c.logical_not())), "(a AND (NOT c))");
  EXPECT_EQ(text(a.logical_or(b).logical_and(c.logical_not())), "((a OR b) AND (NOT c))");
}

TEST(FormulaSearches, NothingInCommonGivesNoFormula) {
  at::manual_seed(6);
  const Tensor a = random_masks(0.3);
  const std::vector<PixelSet> concepts = {set_of(a), PixelSet(kPixels)};
  const FormulaSearch search(concepts, {});
  for (const PixelSet& unit : {PixelSet(kPixels), set_of(a.logical_not())}) {
    const UnitFormula found = search.find(unit);
    EXPECT_TRUE(found.formula.empty());
    EXPECT_EQ(found.formula.text(kNames), "");
    EXPECT_EQ(found.single, -1);
    EXPECT_EQ(found.iou, 0);
    EXPECT_EQ(found.score, 0);
    EXPECT_EQ(found.single_ious, (std::vector<double>{0, 0}));
    EXPECT_TRUE(formula_pixels(found.formula, concepts).empty());
  }
}

TEST(FormulaSearches, OptionsOutOfRangeAreRefused) {
  const std::vector<PixelSet> concepts = {PixelSet(4)};
  const auto make = [&](FormulaSearchOptions options) {
    return [&concepts, options] { FormulaSearch(concepts, options); };
  };
  EXPECT_EQ(code_of(make({.length = 0}), "length=0"), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(make({.beam = 0}), "beam=0"), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(make({.penalty = std::nan("")}), "penalty"), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of([] { FormulaSearch({}, {}); }, "no concepts"), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of([] { formula_operator("xor"); }, "and-not"), ErrorCode::NotFound);
  const std::vector<PixelSet> mixed = {PixelSet(4), PixelSet(5)};
  EXPECT_EQ(code_of([&] { FormulaSearch(mixed, {}); }, "4 and 5"), ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace limn
