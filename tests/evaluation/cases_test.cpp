// Which classes of a picture are explained, and which metrics count them.
#include "evaluation/cases.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "limn/error.h"
#include "support/process.h"
#include "support/small_model.h"

namespace limn {
namespace {

/// Five classes; of the ten kinds of shapes the first four are known under these names.
Model model_of(OutputKind kind) {
  return Model(Graph(testing::small_model()))
      .with_labels({"circle", "square", "round square", "triangle", "star"})
      .with_output(kind);
}

DatasetItem item_of(std::vector<int> labels) {
  DatasetItem item;
  item.labels = std::move(labels);
  return item;
}

std::vector<BenchCase> cases_of(OutputKind kind, const std::vector<int>& labels,
                                const std::vector<double>& probabilities,
                                std::vector<int> label_of = {0, 1, 1, 2, 3}) {
  const auto data = make_dataset("shapes(n=1)");
  return choose_cases(model_of(kind), *data, label_of, item_of(labels),
                      at::tensor(probabilities, at::kDouble));
}

std::vector<std::int64_t> targets(const std::vector<BenchCase>& cases, ClassRule rule) {
  std::vector<std::int64_t> out;
  for (const auto& one : cases) {
    if (counts(one, rule)) out.push_back(one.target);
  }
  return out;
}

using Targets = std::vector<std::int64_t>;

TEST(Cases, OneOfManyIsTheLikeliest) {
  const auto cases = cases_of(OutputKind::SingleLabel, {0, 2, 7}, {.1, .2, .1, .5, .1});
  EXPECT_EQ(targets(cases, ClassRule::Labelled), (Targets{0, 3})) << "7 means no class";
  EXPECT_EQ(targets(cases, ClassRule::Predicted), (Targets{3}));
  EXPECT_EQ(targets(cases, ClassRule::Likeliest), (Targets{3}));
  EXPECT_EQ(cases[0].label_name, "circle");
}

TEST(Cases, OfClassesWithOneLabelTheLikeliestIsExplained) {
  EXPECT_EQ(
      targets(cases_of(OutputKind::SingleLabel, {1}, {.6, .1, .2, 0, 0}), ClassRule::Labelled),
      (Targets{2}));
  EXPECT_EQ(
      targets(cases_of(OutputKind::SingleLabel, {1}, {.6, .2, .1, 0, 0}), ClassRule::Labelled),
      (Targets{1}));
}

TEST(Cases, TheLikeliestNeedNotBeThere) {
  const auto cases = cases_of(OutputKind::SingleLabel, {0}, {.1, .1, .1, .1, .6});
  ASSERT_EQ(cases.size(), 2U);
  EXPECT_EQ(cases[1].target, 4);
  EXPECT_EQ(cases[1].label, 3) << "the data set has that class, in other pictures";
  EXPECT_FALSE(cases[1].labelled);
  EXPECT_TRUE(targets(cases, ClassRule::Predicted).empty()) << "P counts what is there";
  const auto unknown =
      cases_of(OutputKind::SingleLabel, {0}, {.1, .1, .1, .1, .6}, {0, -1, -1, -1, -1});
  EXPECT_EQ(unknown[1].label, -1);
  EXPECT_EQ(unknown[1].label_name, "star") << "the model's name for it";
}

TEST(Cases, SeveralMayBePredicted) {
  const auto some = cases_of(OutputKind::MultiLabel, {0, 1, 2}, {.5, .49, .1, .9, .6});
  EXPECT_EQ(targets(some, ClassRule::Labelled), (Targets{0, 1, 3}));
  EXPECT_EQ(targets(some, ClassRule::Predicted), (Targets{0, 3})) << "from .5 up";
  const auto none = cases_of(OutputKind::MultiLabel, {0, 1}, {.2, .3, .1, .1, .1});
  EXPECT_EQ(targets(none, ClassRule::Predicted), (Targets{1})) << "where none is, the likeliest";
}

TEST(Cases, WrongNumbersOfClassesAreRefused) {
  EXPECT_THROW(cases_of(OutputKind::MultiLabel, {0}, {.1, .2}), Error);
}

TEST(Cases, ClassesAreLinkedByNameOrByFile) {
  const auto data = make_dataset("shapes(n=1)");
  const Model model = model_of(OutputKind::SingleLabel);
  EXPECT_EQ(link_classes(model, *data, "", true), (std::vector<int>{0, 1, -1, 2, 3}));
  const testing::TemporaryFolder folder;
  testing::write_text(folder / "map.json", R"({"0": "heart", "round square": "square"})");
  EXPECT_EQ(link_classes(model, *data, folder / "map.json", true),
            (std::vector<int>{7, -1, 1, -1, -1}));
  const Model strange = model.with_labels({"a", "b", "c", "d", "e"});
  EXPECT_THROW(link_classes(strange, *data, "", true), Error);
  EXPECT_TRUE(link_classes(strange, *data, "", false).empty());
  EXPECT_THROW(link_classes(strange, *data, folder / "nothing.json", false), Error);
}

}  // namespace
}  // namespace limn
