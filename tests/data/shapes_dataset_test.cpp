// The data set `shapes`: what it hands out is what the generator drew.
#include <algorithm>

#include "limn/shapes.h"
#include "support/dataset_folder.h"

namespace limn {
namespace {

TEST(ShapesDataset, HandsOutWhatIsDrawn) {
  const auto data = make_dataset("shapes(n=8, seed=5, size=64, min-shapes=2)");
  ASSERT_EQ(data->size(), 8);
  EXPECT_EQ(data->labels(), shape_labels());
  EXPECT_EQ(data->id(3), "shapes-000003");
  EXPECT_TRUE(data->check().empty());
  EXPECT_FALSE(data->class_agnostic());
  for (std::int64_t index = 0; index < data->size(); ++index) {
    const ShapesPicture drawn =
        shapes_picture({.seed = 5, .width = 64, .height = 64, .min_shapes = 2}, index);
    const DatasetItem item = data->read(index);
    EXPECT_EQ(item.id, data->id(index));
    EXPECT_TRUE(item.picture.pixels.permute({2, 0, 1}).equal(drawn.picture));
    EXPECT_EQ(data->labels_of(index), item.labels);
    EXPECT_TRUE(std::is_sorted(item.labels.begin(), item.labels.end()));
    for (int label = 0; label < 10; ++label) {
      const bool held = std::count(item.labels.begin(), item.labels.end(), label) == 1;
      EXPECT_EQ(held, drawn.holds(label));
      const Truth truth = item.truth(label);
      EXPECT_TRUE(truth.pixels.equal(drawn.mask(label)));
      EXPECT_TRUE(truth.mask().equal(truth.pixels)) << "masks come before boxes";
      EXPECT_FALSE(truth.ignored.defined());
      if (!held) continue;
      // Nothing of the class lies outside of its boxes.
      EXPECT_TRUE(truth.pixels.logical_and(truth.boxes.logical_not()).any().item<bool>() == false);
    }
  }
}

TEST(ShapesDataset, ClassesOfFewPixelsDoNotCountAsPresent) {
  const auto all = make_dataset("shapes(n=20, seed=5)");
  const auto large = make_dataset("shapes(n=20, seed=5, min-pixels=500)");
  std::size_t before = 0, after = 0;
  for (std::int64_t index = 0; index < 20; ++index) {
    const DatasetItem item = large->read(index);
    before += all->labels_of(index).size();
    after += item.labels.size();
    for (const int label : item.labels) {
      EXPECT_GE(item.truth(label).pixels.sum().item<std::int64_t>(), 500);
    }
  }
  EXPECT_LT(after, before);
  EXPECT_GT(after, 0U);
}

TEST(ShapesDataset, TheSpecSaysEveryOptionAndOpensTheSame) {
  const auto data = make_dataset("shapes(n=3, tag=always, tag-class=star)");
  const auto again = make_dataset(data->spec().text());
  EXPECT_EQ(again->spec(), data->spec());
  EXPECT_EQ(data->name(), "shapes");
  EXPECT_TRUE(again->read(2).picture.pixels.equal(data->read(2).picture.pixels));
}

TEST(ShapesDataset, WhatCannotBeIsRefused) {
  LIMN_EXPECT_ERROR("above max-shapes=2", make_dataset("shapes(min-shapes=3, max-shapes=2)"));
  LIMN_EXPECT_ERROR("no item 5", make_dataset("shapes(n=5)")->read(5));
  LIMN_EXPECT_ERROR("no item -1", make_dataset("shapes(n=5)")->id(-1));
  LIMN_EXPECT_ERROR("\"hexagon\"", make_dataset("shapes(tag-class=hexagone)"));
  LIMN_EXPECT_ERROR("did you mean", make_dataset("shape"));
  LIMN_EXPECT_ERROR("no option \"count\"", make_dataset("shapes(count=5)"));
}

}  // namespace
}  // namespace limn
