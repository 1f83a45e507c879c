// Dissection on a model whose units are the picture's colors, so that it is known where they fire.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <functional>

#include "limn/concepts.h"
#include "limn/error.h"
#include "limn/shapes.h"
#include "support/refusal.h"
#include "support/small_model.h"

namespace limn {
namespace {

constexpr std::int64_t kSide = 8, kPictures = 7;

/// Relu ("units"), global average, Flatten ("logits"): unit u is channel u.
Model color_model() {
  Draft draft;
  draft.opset = 13;
  const auto node = [&](const std::string& op, const std::string& from, const std::string& to) {
    draft.nodes.push_back({.name = op,
                           .op = op,
                           .domain = "",
                           .opset = 13,
                           .attributes = {},
                           .inputs = {from},
                           .outputs = {to}});
  };
  node("Relu", "input", "units");
  node("GlobalAveragePool", "units", "mean");
  node("Flatten", "mean", "logits");
  draft.inputs = {{.name = "input",
                   .dtype = at::kFloat,
                   .shape = {-1, 3, kSide, kSide},
                   .dim_names = {"N", "", "", ""},
                   .has_shape = true}};
  draft.outputs = {{.name = "logits",
                    .dtype = at::kFloat,
                    .shape = {-1, 3},
                    .dim_names = {"N", ""},
                    .has_shape = true}};
  return Model(Graph(draft));
}

class Pictures final : public ConceptSource {
 public:
  Spec spec() const override { return Spec::parse("pictures"); }
  const std::vector<ConceptLabel>& concepts() const override { return labels; }
  std::int64_t size() const override { return static_cast<std::int64_t>(pictures.size()); }
  ConceptPicture read(std::int64_t index) const override {
    return pictures.at(static_cast<std::size_t>(index));
  }
  std::vector<ConceptLabel> labels = {{"first", "half"}, {"second", "half"}, {"absent", "half"}};
  std::vector<ConceptPicture> pictures;
};

/// Red is where "first" is, green where it is and "second" is not; nothing is blue.
Pictures colored() {
  at::manual_seed(1);
  Pictures out;
  for (std::int64_t n = 0; n < kPictures; ++n) {
    const Tensor a = at::rand({kSide, kSide}) < 0.3, b = at::rand({kSide, kSide}) < 0.4;
    const Tensor green = a.logical_and(b.logical_not());
    const Tensor blue = at::zeros_like(a);
    // The redder, the later: examples come in this order.
    const Tensor red = a.to(at::kByte) * (200 + n);
    out.pictures.push_back({concat("p", n),
                            at::stack({red, green.to(at::kByte) * 255, blue.to(at::kByte)}, 2),
                            {{0, a}, {1, b}}});
  }
  return out;
}

DissectionOptions options() {
  DissectionOptions out;
  out.layer = "units";
  out.quantile = 0.45;
  out.examples = 3;
  return out;
}

TEST(Dissections, UnitsThatAreConceptsAreFound) {
  const Dissection found = dissect(color_model(), colored(), options());
  EXPECT_EQ(found.concept_names(), (std::vector<std::string>{"first", "second"}))
      << "what never occurs is no concept";
  ASSERT_EQ(found.units.size(), 3u);
  EXPECT_EQ(finding(found, found.units[0]), "first");
  EXPECT_EQ(found.units[0].found.iou, 1);
  EXPECT_EQ(found.units[0].examples, (std::vector<std::int64_t>{6, 5, 4}));
  EXPECT_EQ(finding(found, found.units[1]), "(first AND (NOT second))");
  EXPECT_EQ(found.units[1].found.iou, 1);
  EXPECT_EQ(found.layer_units, 3);
  EXPECT_EQ(found.mask_height, kSide);
}

TEST(Dissections, AUnitThatNeverFiresIsSaidToBeSo) {
  const Dissection found = dissect(color_model(), colored(), options());
  const UnitDissection& blue = found.units[2];
  EXPECT_EQ(finding(found, blue), "never fires");
  EXPECT_TRUE(blue.pixels.empty());
  EXPECT_TRUE(blue.examples.empty());
  EXPECT_EQ(blue.found.iou, 0);
  EXPECT_EQ(strongest_first(found).back(), 2u);
}

TEST(Dissections, BatchThreadsAndMemoryMakeNoDifference) {
  const Dissection one = dissect(color_model(), colored(), options());
  const int threads = at::get_num_threads();
  for (const std::int64_t batch : {1, 3, 100}) {
    for (const std::int64_t kept : {std::int64_t{0}, std::int64_t{1} << 20}) {
      DissectionOptions how = options();
      how.batch = batch;
      how.kept_bytes = kept;
      at::set_num_threads(batch == 3 ? 2 : 1);
      const Dissection other = dissect(color_model(), colored(), how);
      EXPECT_EQ(other.concept_pixels, one.concept_pixels);
      for (std::size_t u = 0; u < one.units.size(); ++u) {
        EXPECT_EQ(other.units[u].pixels, one.units[u].pixels);
        EXPECT_EQ(other.units[u].threshold, one.units[u].threshold);
        EXPECT_EQ(other.units[u].examples, one.units[u].examples);
        EXPECT_EQ(other.units[u].found.formula, one.units[u].found.formula);
      }
    }
  }
  at::set_num_threads(threads);
}

TEST(Dissections, UnitsAndPicturesCanBeChosen) {
  DissectionOptions how = options();
  how.units = {1, 0, 1};
  how.limit = 2;
  const Dissection found = dissect(color_model(), colored(), how);
  ASSERT_EQ(found.units.size(), 2u);
  EXPECT_EQ(found.units[1].unit, 1);
  EXPECT_EQ(finding(found, found.units[1]), "(first AND (NOT second))");
  EXPECT_EQ(found.pictures, 2);
}

TEST(Dissections, AModelOfAFixedBatchGivesTheSame) {
  Draft draft = color_model().graph().draft();
  draft.inputs[0].shape[0] = 4;
  const Model four{Graph(draft)};
  ASSERT_EQ(four.fixed_batch(), 4);
  const Dissection one = dissect(color_model(), colored(), options());
  const Dissection other = dissect(four, colored(), options());
  for (std::size_t u = 0; u < one.units.size(); ++u) {
    EXPECT_EQ(other.units[u].pixels, one.units[u].pixels);
  }
}

TEST(Dissections, MasksFollowThePreprocessing) {
  Pictures wide;
  const Tensor left = at::zeros({4, 8}, at::kBool);
  left.slice(1, 0, 4).fill_(true);
  const Tensor whole = at::ones({1, 1}, at::kBool);
  const Tensor pixels = (at::arange(8 * 16 * 3).view({8, 16, 3}) % 251).to(at::kByte);
  wide.pictures = {{"wide", pixels, {{0, left}, {1, whole}}}};
  Preprocessing how;
  how.size = {kSide, kSide};
  how.resize = "short-side";
  const auto counts = [&] {
    const Dissection found = dissect(color_model().with_preprocessing(how), wide, options());
    return std::pair{found.concept_pixels[0].count(), found.concept_pixels[1].count()};
  };
  EXPECT_EQ(counts(), (std::pair<std::int64_t, std::int64_t>{32, 64}))
      << "the middle 8 of 16 columns are seen";
  how.resize = "letterbox";
  EXPECT_EQ(counts(), (std::pair<std::int64_t, std::int64_t>{16, 32}))
      << "the picture fills 4 of 8 rows";
  how.resize = "direct";
  EXPECT_EQ(counts(), (std::pair<std::int64_t, std::int64_t>{32, 64}));
  DissectionOptions coarse = options();
  coarse.mask_side = 4;
  const Dissection found = dissect(color_model(), wide, coarse);
  EXPECT_EQ(found.mask_height, 4);
  EXPECT_EQ(found.concept_pixels[1].count(), 16);
}

TEST(Dissections, WhatCannotBeDoneIsRefused) {
  const Model model = color_model();
  const Pictures good = colored();
  const auto with = [&](const std::function<void(DissectionOptions&)>& change) {
    return [&, change] {
      DissectionOptions how = options();
      change(how);
      dissect(model, good, how);
    };
  };
  testing::expect_refused(with([](auto& o) { o.layer = "logits"; }), ErrorCode::InvalidArgument,
                          "[N, units, h, w]");
  testing::expect_refused(with([](auto& o) { o.layer = "unit"; }), ErrorCode::NotFound, "units");
  testing::expect_refused(with([](auto& o) { o.units = {3}; }), ErrorCode::InvalidArgument,
                          "0 to 2");
  testing::expect_refused(with([](auto& o) { o.quantile = 0.001; }), ErrorCode::InvalidArgument,
                          "more pictures");
  testing::expect_refused(with([](auto& o) { o.quantile = 0; }), ErrorCode::InvalidArgument,
                          "quantile");
  testing::expect_refused(with([](auto& o) { o.search.beam = 0; }), ErrorCode::InvalidArgument,
                          "beam");
  testing::expect_refused([&] { dissect(model, Pictures{}, options()); }, ErrorCode::BadInput,
                          "holds no picture");
  Pictures bare = colored();
  for (auto& picture : bare.pictures) picture.masks.clear();
  testing::expect_refused([&] { dissect(model, bare, options()); }, ErrorCode::BadInput, "masks");
  Pictures odd = colored();
  odd.pictures[3].masks[0].second = at::ones({kSide, kSide});
  testing::expect_refused([&] { dissect(model, odd, options()); }, ErrorCode::BadInput, "p3");
}

TEST(Dissections, PicturesOfDifferentInputSizesAreRefused) {
  Draft draft = testing::small_model();
  draft.inputs[0].shape = {-1, 3, -1, -1};
  draft.inputs[0].dim_names = {"N", "", "H", "W"};
  Pictures mixed = colored();
  mixed.pictures[1].pixels = at::zeros({kSide, kSide + 1, 3}, at::kByte);
  DissectionOptions how = options();
  how.layer = "";
  testing::expect_refused([&] { dissect(Model{Graph(draft)}, mixed, how); }, ErrorCode::BadInput,
                          "--size");
}

TEST(Dissections, TheDefaultLayerIsWhereTheLastBlockEnds) {
  DissectionOptions how = options();
  how.layer = "";
  const auto source = make_concept_source("shapes(n=6, size=24)");
  const Dissection found = dissect(Model{Graph(testing::small_model())}, *source, how);
  EXPECT_EQ(found.layer, "r2");
  EXPECT_EQ(found.units.size(), 6u);
}

TEST(Dissections, PageAndFigureShowEveryUnit) {
  const Dissection found = dissect(color_model(), colored(), options());
  ExamplePictures pictures;
  for (std::int64_t n = 0; n < kPictures; ++n) {
    pictures[n] = {concat("<p", n, ">@ROWS@"), colored().read(n).pixels};
  }
  const std::string page = dissection_page(found, pictures, {{"Model", "a & b"}});
  EXPECT_NE(page.find("(first AND (NOT second))"), std::string::npos);
  EXPECT_NE(page.find("never fires"), std::string::npos);
  EXPECT_NE(page.find("a &amp; b"), std::string::npos);
  EXPECT_EQ(page.find("<p6>"), std::string::npos) << "names are escaped";
  EXPECT_NE(page.find("&lt;p6>@ROWS@"), std::string::npos) << "and put in as they are";
  EXPECT_EQ(page.find("://"), std::string::npos) << "nothing is loaded";
  const Tensor figure = dissection_figure(found, pictures);
  EXPECT_GT(figure.size(0), 3 * 130);
  EXPECT_GT(figure.size(1), 3 * 130);
}

}  // namespace
}  // namespace limn
