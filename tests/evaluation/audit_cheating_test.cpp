// The hunt for cheating on pictures and models whose answers are known.
#include <cmath>

#include "evaluation/audit_toy.h"

namespace limn {
namespace {

using testing::audited;
using testing::blob;
using testing::expect_finite;
using testing::linear;
using testing::of;
using testing::toy_model;
using testing::toy_picture;

TEST(Cheating, ATagIsFoundAndTheScoreFalls) {
  const Audit audit = audited(toy_model(true), 25, {"input-x-gradient"});
  ASSERT_EQ(audit.classes.size(), 1U);
  const AuditClass& found = audit.classes.front();
  EXPECT_EQ(found.name, "cup");
  EXPECT_EQ(found.spots.size(), 25U);
  EXPECT_EQ(found.labelled, 25);
  EXPECT_DOUBLE_EQ(found.off_share, 1);
  EXPECT_DOUBLE_EQ(found.place.share, 1);
  EXPECT_DOUBLE_EQ(found.look.share, 1);
  // 16 pixels of mean brightness 2 and weight 1/2; without them the bias alone is left. Objects
  // touch the window of pictures in which they stand near the corner: none does.
  EXPECT_NEAR(found.before, 1 / (1 + std::exp(-10.0)), 1e-5);
  EXPECT_NEAR(found.covered, 1 / (1 + std::exp(6.0)), 1e-3);
  EXPECT_NEAR(found.control, found.before, 1e-5);
  const AuditFinding finding = of(audit, "cheating").front();
  EXPECT_EQ(finding.answer, AuditAnswer::Flagged);
  for (const char* words : {"\"cup\"", "upper left corner", "100 % of 25", "off the object",
                            "1.00 to 0.00", "instead of the object"}) {
    EXPECT_NE(finding.words.find(words), std::string::npos) << finding.words;
  }
  EXPECT_NE(finding.advice.find("Look at the pictures"), std::string::npos);
  EXPECT_NE(audit_summary(audit).find("upper left corner"), std::string::npos);
  expect_finite(audit);
  const std::string page = audit_page(audit, "toy & co", {"a < b"});
  EXPECT_NE(page.find("toy &amp; co"), std::string::npos);
  EXPECT_NE(page.find("upper left corner"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos) << "the page loads nothing";
}

TEST(Cheating, WithoutMasksThePlaceAtTheEdgeTells) {
  const auto read = [](std::int64_t i) {
    AuditPicture out = toy_picture(i);
    out.object = nullptr;
    return out;
  };
  const Audit cheats = audited(toy_model(true), 25, {"input-x-gradient"}, read);
  EXPECT_EQ(of(cheats, "cheating").front().answer, AuditAnswer::Flagged);
  EXPECT_EQ(of(cheats, "cheating").front().numbers.count("off-object"), 0U);
  // The class is known to be nowhere: said so, and the place tells all the same.
  const auto absent = [](std::int64_t i) {
    AuditPicture out = toy_picture(i);
    out.object = [](std::int64_t) { return at::zeros({24, 24}, at::kBool); };
    return out;
  };
  const Audit wrong = audited(toy_model(true), 25, {"input-x-gradient"}, absent);
  EXPECT_EQ(of(wrong, "cheating").front().answer, AuditAnswer::Flagged);
  EXPECT_NE(of(wrong, "cheating").front().words.find("not even there"), std::string::npos);
}

TEST(Cheating, AnObjectAtAnyPlacePasses) {
  const Audit audit = audited(toy_model(false), 25, {"input-x-gradient"});
  ASSERT_EQ(audit.classes.size(), 1U);
  const AuditClass& found = audit.classes.front();
  EXPECT_DOUBLE_EQ(found.off_share, 0);
  EXPECT_LT(found.covered, 0.05) << "the object is covered, and that is no sign of cheating";
  EXPECT_EQ(of(audit, "cheating").front().answer, AuditAnswer::Passed);
  EXPECT_NE(audit_summary(audit).find("Nothing speaks for cheating"), std::string::npos);
}

TEST(Cheating, ASpotThatTheScoreDoesNotHangOnIsUnclear) {
  Tensor weight = at::zeros({2, 576});
  weight[0] = blob(0, 0, 6).flatten().to(at::kFloat) * 0.5;
  const Audit audit = audited(linear(weight, 3), 25, {"input-x-gradient"});
  EXPECT_EQ(of(audit, "cheating").front().answer, AuditAnswer::Unclear);
}

TEST(Cheating, SpotsOffTheObjectMustRecur) {
  AuditClass found;
  found.name = "cup";
  found.spots.resize(20);
  for (auto& spot : found.spots) spot.x = spot.y = 0.14;
  found.labelled = 20;
  found.off_share = 0.6;
  found.control = 0.9;
  found.covered = 0.3;
  EXPECT_EQ(judge_cheating(found).answer, AuditAnswer::Unclear);
  found.place.share = 0.5;
  EXPECT_EQ(judge_cheating(found).answer, AuditAnswer::Flagged);
  found.place.share = 0;
  found.look.share = 0.8;
  EXPECT_EQ(judge_cheating(found).answer, AuditAnswer::Flagged);
  found.covered = 0.8;
  EXPECT_EQ(judge_cheating(found).answer, AuditAnswer::Unclear) << "the score does not fall";
  found.off_share = 0.4;
  EXPECT_EQ(judge_cheating(found).answer, AuditAnswer::Passed);
  found.spots.resize(kLeastMaps - 1);
  EXPECT_EQ(judge_cheating(found).answer, AuditAnswer::NotMeasured);
}

TEST(Cheating, ClassesAreNamedAndPooledByTheirMaps) {
  // Eight pictures each of two names for one class of the model: neither has enough.
  const auto read = [](std::int64_t i) {
    AuditPicture out = toy_picture(i);
    out.class_name = [i](std::int64_t) { return std::string(i % 2 == 0 ? "mug" : "bowl"); };
    return out;
  };
  const Audit pooled = audited(toy_model(true), 16, {"input-x-gradient"}, read);
  ASSERT_EQ(pooled.classes.size(), 1U);
  EXPECT_TRUE(pooled.classes.front().pooled);
  const auto findings = of(pooled, "cheating");
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].answer, AuditAnswer::Flagged);
  EXPECT_NE(findings[0].words.find("all classes together"), std::string::npos);
  EXPECT_EQ(findings[1].answer, AuditAnswer::NotMeasured);
  EXPECT_NE(findings[1].words.find("mug (8), bowl (8)"), std::string::npos) << findings[1].words;
  const Audit apart = audited(toy_model(true), 24, {"input-x-gradient"}, read);
  ASSERT_EQ(apart.classes.size(), 2U);
  EXPECT_EQ(apart.classes[0].name, "mug");
  EXPECT_EQ(apart.classes[1].spots.size(), 12U);
}

}  // namespace
}  // namespace limn
