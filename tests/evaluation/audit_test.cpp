// The checks of an audit on maps and models whose answers are known, against plain loops.
#include <cmath>
#include <limits>

#include "evaluation/audit_toy.h"
#include "limn/compare_maps.h"
#include "limn/error.h"
#include "support/dataset_folder.h"
#include "support/small_model.h"

namespace limn {
namespace {

using testing::audited;
using testing::blob;
using testing::DraftBuilder;
using testing::expect_finite;
using testing::linear;
using testing::of;
using testing::toy_model;
using testing::toy_picture;

TEST(StrongestSpot, HoldsMostPositiveRelevanceOfAllWindows) {
  at::manual_seed(2);
  const Tensor map = at::randn({17, 23}, at::kDouble);
  const Tensor object = at::rand({17, 23}).gt(0.97);
  const auto spot = strongest_spot(map, object);
  ASSERT_TRUE(spot);
  EXPECT_EQ(spot->height, std::llround(17 * std::sqrt(0.08)));
  EXPECT_EQ(spot->width, std::llround(23 * std::sqrt(0.08)));
  const auto value = [&](std::int64_t y, std::int64_t x) {
    return std::max(0.0, map[y][x].item<double>());
  };
  double total = 0, best = 0;
  std::int64_t top = -1, left = -1;
  for (std::int64_t y = 0; y < 17; ++y) {
    for (std::int64_t x = 0; x < 23; ++x) {
      total += value(y, x);
      if (y + spot->height > 17 || x + spot->width > 23) continue;
      double sum = 0;
      for (std::int64_t v = y; v < y + spot->height; ++v) {
        for (std::int64_t u = x; u < x + spot->width; ++u) sum += value(v, u);
      }
      if (sum > best + 1e-12) std::tie(best, top, left) = std::tuple(sum, y, x);
    }
  }
  EXPECT_EQ(spot->top, top);
  EXPECT_EQ(spot->left, left);
  EXPECT_NEAR(spot->share, best / total, 1e-12);
  EXPECT_NEAR(spot->y, (static_cast<double>(top) + static_cast<double>(spot->height) / 2) / 17,
              1e-12);
  // 3 % of 17 pixels is one pixel around the object.
  double on = 0;
  for (std::int64_t v = top; v < top + spot->height; ++v) {
    for (std::int64_t u = left; u < left + spot->width; ++u) {
      bool near = false;
      for (std::int64_t b = std::max<std::int64_t>(0, v - 1);
           b <= std::min<std::int64_t>(16, v + 1); ++b) {
        for (std::int64_t a = std::max<std::int64_t>(0, u - 1);
             a <= std::min<std::int64_t>(22, u + 1); ++a) {
          near = near || object[b][a].item<bool>();
        }
      }
      on += near ? value(v, u) : 0;
    }
  }
  ASSERT_TRUE(spot->off);
  EXPECT_NEAR(*spot->off, 1 - on / best, 1e-12);
}

TEST(StrongestSpot, HasDefinedEdges) {
  EXPECT_FALSE(strongest_spot(at::zeros({24, 24})));
  EXPECT_FALSE(strongest_spot(-at::ones({24, 24})));
  // Equal everywhere: the first window.
  const auto even = strongest_spot(at::ones({24, 24}));
  ASSERT_TRUE(even);
  EXPECT_EQ(even->top, 0);
  EXPECT_EQ(even->left, 0);
  EXPECT_NEAR(even->share, 49.0 / 576, 1e-12);
  EXPECT_FALSE(even->off) << "nobody knows where the object is";
  EXPECT_FALSE(strongest_spot(at::ones({24, 24}), at::zeros({24, 24}, at::kBool))->off);
  EXPECT_EQ(strongest_spot(at::ones({1, 1}))->share, 1);
  EXPECT_THROW(strongest_spot(at::ones({2, 2, 2})), Error);
  EXPECT_THROW(strongest_spot(at::ones({2, 2}), {}, 0), Error);
}

TEST(Recurrence, FourCornersAreOnePlace) {
  std::vector<AuditSpot> spots;
  const auto add = [&](double x, double y) {
    AuditSpot spot;
    spot.x = x;
    spot.y = y;
    spots.push_back(spot);
  };
  EXPECT_EQ(recurring_place(spots).share, 0);
  add(0.5, 0.5);
  add(0.2, 0.15);
  add(0.8, 0.2);
  add(0.15, 0.85);
  add(0.85, 0.85);
  add(0.3, 0.4);
  const AuditRecurrence place = recurring_place(spots);
  EXPECT_EQ(place.members, (std::vector<std::size_t>{1, 2, 3, 4}));
  EXPECT_DOUBLE_EQ(place.share, 4.0 / 6);
}

TEST(Recurrence, TheSameLookCountsWhereItIsMoved) {
  at::manual_seed(4);
  Tensor patches = at::randn({6, 3, 12, 12}, at::kDouble);
  const Tensor scene = at::randn({3, 16, 16}, at::kDouble);
  patches[1] = scene.narrow(1, 2, 12).narrow(2, 2, 12);
  patches[3] = scene.narrow(1, 4, 12).narrow(2, 1, 12) * 5 + 3;
  patches[4] = -scene.narrow(1, 2, 12).narrow(2, 2, 12);
  patches[5] = at::ones({3, 12, 12}, at::kDouble);
  const AuditRecurrence look = recurring_look(patches);
  EXPECT_EQ(look.members, (std::vector<std::size_t>{1, 3}));
  EXPECT_DOUBLE_EQ(look.share, 2.0 / 6);
  EXPECT_THROW(recurring_look(at::zeros({2, 3, 5, 5})), Error);
}

TEST(CoverWindow, FillsARampAsIfNothingWereMissing) {
  Tensor x = at::empty({1, 2, 20, 30}, at::kDouble);
  x[0][0] = at::arange(30, at::kDouble).expand({20, 30});
  x[0][1] = at::arange(20, at::kDouble).unsqueeze(1).expand({20, 30}) * -3;
  Tensor marked = x.clone();
  marked.narrow(2, 5, 6).narrow(3, 7, 9).fill_(100);
  EXPECT_LT((cover_window(marked, 5, 7, 6, 9) - x).abs().max().item<double>(), 1e-9);
  // In a corner: what surrounds it says.
  Tensor tagged = at::ones({1, 1, 20, 20});
  tagged.narrow(2, 0, 5).narrow(3, 0, 5).fill_(9);
  EXPECT_LT((cover_window(tagged, 0, 0, 5, 5) - 1).abs().max().item<double>(), 1e-6);
}

TEST(Judgments, StandAtTheirBounds) {
  EXPECT_EQ(judge_completeness("a", GapKind::None, {}).answer, AuditAnswer::NotMeasured);
  EXPECT_EQ(judge_completeness("a", GapKind::Score, {}).answer, AuditAnswer::NotMeasured);
  const AuditFinding even = judge_completeness("a", GapKind::Score, {9, 0.01, 0.02, 0.03});
  EXPECT_DOUBLE_EQ(even.numbers.at("median-gap"), 0.025);
  EXPECT_EQ(even.answer, AuditAnswer::Passed);
  EXPECT_EQ(judge_completeness("a", GapKind::Mass, {0, 0.5, 1}).answer, AuditAnswer::Flagged);
  EXPECT_EQ(judge_completeness("a", GapKind::Score, {0.5}, {0.2}).answer, AuditAnswer::Flagged);
  EXPECT_EQ(judge_completeness("a", GapKind::Score, {0.5}, {0.01}).answer, AuditAnswer::Passed);
  EXPECT_EQ(judge_completeness("a", GapKind::Score, {0.6}, {0.01}).answer, AuditAnswer::Unclear);

  EXPECT_EQ(judge_stability("a", {}).answer, AuditAnswer::NotMeasured);
  EXPECT_EQ(judge_stability("a", {{.flip = 1, .shift = kStable}}).answer, AuditAnswer::Passed);
  EXPECT_EQ(judge_stability("a", {{.flip = 0.4, .shift = 1}, {.flip = 0.6, .shift = 1}}).answer,
            AuditAnswer::Unclear);
  EXPECT_EQ(judge_stability("a", {{.flip = 0.1, .shift = 1}}).answer, AuditAnswer::Flagged);
  EXPECT_EQ(judge_score_stability({{.flip_score = 0.4}, {.flip_score = 0.1}}).answer,
            AuditAnswer::Unclear);
  EXPECT_EQ(judge_score_stability({{.shift_score = 0.9}}).answer, AuditAnswer::Flagged);

  SanityResult kept;
  kept.full.spearman = 0.8;
  SanityResult lost;
  lost.full.spearman = 0.1;
  SanityResult constant;
  constant.constant = true;
  EXPECT_EQ(judge_sanity("a", {constant}).answer, AuditAnswer::NotMeasured);
  EXPECT_EQ(judge_sanity("a", {kept, constant}).answer, AuditAnswer::Flagged);
  EXPECT_EQ(judge_sanity("a", {kept, lost}).answer, AuditAnswer::Unclear);
  EXPECT_DOUBLE_EQ(judge_sanity("a", {kept, lost}).numbers.at("spearman"), 0.45);
  EXPECT_EQ(judge_sanity("a", {lost}).answer, AuditAnswer::Passed);
  SanityResult broken;
  broken.full.degenerate = true;
  EXPECT_EQ(judge_sanity("a", {broken}).answer, AuditAnswer::Unclear) << "0 by definition only";
}

TEST(Completeness, TellsWhatBiasesTakeFromWhatIsLost) {
  DraftBuilder b;
  const std::string input = b.input("input", {-1, 1, 4, 4});
  const std::string flat = b.node("Flatten", {input});
  const std::string hidden =
      b.node("Gemm", {flat, b.constant(at::ones({16, 3})), b.constant(at::full({3}, 0.5F))});
  b.output(b.node("Gemm", {b.node("Relu", {hidden}), b.constant(at::ones({3, 2}))}));
  const Model model{Graph(b.draft())};
  Explanation one;
  one.score = at::full({1}, -4.0);
  EXPECT_FALSE(lost_elsewhere(model, one)) << "no trace";
  one.trace = {{"n1", "Gemm", "epsilon", 5, 2},
               {"n2", "Relu", "pass", 3, 3.5},
               {"n3", "Gemm", "epsilon", 4, 3}};
  EXPECT_NEAR(*lost_elsewhere(model, one), (0.5 + 1) / 4, 1e-12);
  one.score = at::zeros({1});
  EXPECT_FALSE(lost_elsewhere(model, one));
}

TEST(Agreement, NamesTheMethodThatStandsApart) {
  at::manual_seed(6);
  const Tensor one = at::rand({9, 9}, at::kDouble), two = at::rand({9, 9}, at::kDouble);
  const AuditMaps first{.method = "first", .maps = {one, two, Tensor()}};
  // The same order of strengths, whatever the sign and scale.
  const AuditMaps second{.method = "second", .maps = {-one * one, two.exp(), one}};
  const AuditMaps third{.method = "third", .maps = {1 - one, Tensor(), one}};
  const AuditFinding found = judge_agreement({first, second, third});
  EXPECT_NEAR(found.numbers.at("first ~ second"), 1, 1e-12);
  EXPECT_NEAR(found.numbers.at("first ~ third"), -1, 1e-12);
  EXPECT_NEAR(found.numbers.at("second ~ third"), 0, 1e-12);
  EXPECT_NEAR(found.numbers.at("third"), -0.5, 1e-12);
  EXPECT_EQ(found.answer, AuditAnswer::Flagged);
  EXPECT_NE(found.words.find("third"), std::string::npos) << found.words;
  EXPECT_EQ(judge_agreement({first, second}).answer, AuditAnswer::Passed);
  EXPECT_EQ(judge_agreement({first}).answer, AuditAnswer::NotMeasured);
  EXPECT_EQ(judge_agreement({}).answer, AuditAnswer::NotMeasured);
}

TEST(Stability, FollowsWhatIsMirroredAndMoved) {
  // Input times gradient of an even weight is the picture itself: it follows exactly.
  const Model even = linear(at::full({2, 576}, 0.01), 0);
  const auto method = make_method("input-x-gradient");
  at::manual_seed(8);
  AuditCase one;
  one.x = at::rand({1, 1, 24, 24});
  one.probability = 1 / (1 + std::exp(-0.01 * one.x.sum().item<double>()));
  const Tensor map = one.x[0][0].to(at::kDouble);
  const AuditStability follows = measure_stability(even, *method, one, map);
  EXPECT_NEAR(follows.flip, 1, 1e-9);
  EXPECT_NEAR(follows.shift, 1, 1e-9);
  EXPECT_NEAR(follows.flip_score, 0, 1e-6);
  // The last column is lost and the first stands there twice.
  const double moved =
      0.01 * (one.x.sum() + map.select(1, 0).sum() - map.select(1, 23).sum()).item<double>();
  EXPECT_NEAR(follows.shift_score, std::abs(1 / (1 + std::exp(-moved)) - one.probability), 1e-6);
  // A map that stays where it is, whatever the picture: the gradient of a falling weight.
  const Tensor falling = at::arange(24, 0, -1).to(at::kFloat).expand({24, 24}).flatten();
  const Model fixed = linear(at::stack({falling, falling}) * 1e-3, 0);
  const AuditStability stays = measure_stability(fixed, *make_method("gradient"), one,
                                                 falling.view({24, 24}).to(at::kDouble));
  EXPECT_NEAR(stays.flip, -1, 1e-9);
}

TEST(Stability, SetsAClassAgainstTheSameOthersAgain) {
  const Model model = Model(Graph(testing::small_model())).to(at::kDouble);
  const auto method = make_method("rsp");
  at::manual_seed(9);
  AuditCase one;
  one.x = at::randn({1, 3, 24, 24}, at::kDouble);
  one.beside = {0, 3};
  const std::vector<Target> targets = {Target::of_class(0), Target::of_class(3)};
  const auto map_of = [&](const Tensor& x) {
    return method->explain(model, x, targets, {})[0].map()[0].to(at::kDouble);
  };
  const Tensor map = map_of(one.x), flipped = map_of(one.x.flip(3)).flip(1);
  EXPECT_NEAR(measure_stability(model, *method, one, map).flip,
              compare_maps(map, flipped).rank_correlation, 1e-4);
  one.beside = {};
  EXPECT_LT(measure_stability(model, *method, one, map).flip,
            compare_maps(map, flipped).rank_correlation - .01);
}

TEST(Audit, SaysWhatItCannotMeasure) {
  // One picture: every check of maps works, the classes have too few.
  const Audit one = audited(toy_model(true), 1, {"input-x-gradient"});
  EXPECT_EQ(of(one, "cheating").front().answer, AuditAnswer::NotMeasured);
  EXPECT_NE(of(one, "cheating").front().words.find("cup (1)"), std::string::npos);
  EXPECT_NE(of(one, "cheating").front().advice.find("12"), std::string::npos);
  EXPECT_EQ(of(one, "agreement").front().answer, AuditAnswer::NotMeasured);
  EXPECT_NE(audit_summary(one).find("was not looked for"), std::string::npos);
  expect_finite(one);
  // Maps that are constant: the gradient of an even weight.
  const Model even = linear(at::ones({2, 576}), 0);
  const Audit constant = audited(even, 14, {"gradient", "input-x-gradient"});
  EXPECT_EQ(constant.maps.front().unusable, 28);
  for (const char* check : {"sanity", "stability", "agreement", "cheating"}) {
    EXPECT_EQ(of(constant, check).front().answer, AuditAnswer::NotMeasured) << check;
  }
  expect_finite(constant);
  audit_page(constant, "", {});
  // A method that cannot explain the model is named; without any other it is an error.
  const Audit other = audited(toy_model(true), 14, {"grad-cam", "input-x-gradient"});
  EXPECT_EQ(other.lead, 1U);
  EXPECT_NE(of(other, "sanity").front().words.find("cannot explain"), std::string::npos);
  EXPECT_EQ(of(other, "cheating").front().answer, AuditAnswer::Flagged);
  EXPECT_THROW(audited(toy_model(true), 3, {"grad-cam"}), Error);
}

TEST(Audit, RefusesWhatItCannotUse) {
  LIMN_EXPECT_ERROR("see any class", audited(linear(at::zeros({2, 576}), -3), 2, {"gradient"}));
  AuditOptions dog;
  dog.only = 1;
  LIMN_EXPECT_ERROR("see class dog", audited(toy_model(true), 3, {"gradient"}, toy_picture, dog));
  LIMN_EXPECT_ERROR("at least one picture", audited(toy_model(true), 0, {"gradient"}));
  LIMN_EXPECT_ERROR("one method", audited(toy_model(true), 2, {}));
  const auto broken = [](std::int64_t i) {
    AuditPicture out = toy_picture(i);
    out.x.fill_(std::numeric_limits<float>::quiet_NaN());
    return out;
  };
  LIMN_EXPECT_ERROR("toy0", audited(toy_model(true), 2, {"gradient"}, broken));
  // Pictures without x are left out and counted.
  const auto some = [](std::int64_t i) { return i % 2 == 0 ? toy_picture(i) : AuditPicture{}; };
  const Audit audit = audited(toy_model(true), 4, {"input-x-gradient"}, some);
  EXPECT_EQ(audit.left_out, 2);
  EXPECT_EQ(audit.cases.size(), 2U);
}

}  // namespace
}  // namespace limn
