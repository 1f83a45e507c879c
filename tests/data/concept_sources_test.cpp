// Sources of concepts: masks of shapes against the data set's own, and a small folder in Broden's
// layout.
#include "data/concept_sources.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "limn/error.h"
#include "limn/image.h"
#include "support/process.h"

namespace limn {
namespace {

using Masks = std::map<std::string, Tensor>;

Masks joined(const ConceptSource& source, const ConceptPicture& picture) {
  Masks out;
  for (const auto& [index, mask] : picture.masks) {
    Tensor& whole = out[source.concepts().at(static_cast<std::size_t>(index)).name];
    whole = whole.defined() ? whole.logical_or(mask) : mask;
  }
  return out;
}

std::string error_of(const std::function<void()>& body, ErrorCode code) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(ShapesConcepts, AreThoseOfTheDataSet) {
  const std::string spec = "shapes(n=12, seed=5, tag=always, min-shapes=2)";
  const auto source = make_concept_source(spec);
  const auto dataset = make_dataset(spec);
  ASSERT_EQ(source->size(), 12);
  std::set<std::string> names;
  for (const auto& one : source->concepts()) names.insert(one.name);
  EXPECT_EQ(names.size(), source->concepts().size()) << "names are unique";
  for (std::int64_t i = 0; i < source->size(); ++i) {
    const ConceptPicture picture = source->read(i);
    const DatasetItem item = dataset->read(i);
    EXPECT_TRUE(at::equal(picture.pixels, item.picture.pixels));
    EXPECT_EQ(picture.id, item.id);
    const Masks masks = joined(*source, picture);
    EXPECT_TRUE(masks.at("tag").any().item<bool>());
    std::map<std::string, Tensor> times;
    for (const auto& one : source->concepts()) {
      if (!masks.contains(one.name)) continue;
      Tensor& count = times[one.category];
      if (!count.defined()) count = at::zeros({96, 96}, at::kLong);
      count += masks.at(one.name);
    }
    const Tensor shapes = (item.segmentation >= 0).to(at::kLong);
    for (const char* category : {"class", "color", "texture", "size"}) {
      EXPECT_TRUE(at::equal(times.at(category), shapes))
          << category << ": a pixel of a shape has exactly one";
    }
    for (const int label : item.labels) {
      EXPECT_TRUE(at::equal(masks.at(dataset->labels()[static_cast<std::size_t>(label)]),
                            item.segmentation == label));
    }
  }
}

TEST(DatasetConcepts, AreTheClassesWithMasks) {
  const auto source = dataset_concepts(make_dataset("shapes(n=4)"));
  const auto dataset = make_dataset("shapes(n=4)");
  EXPECT_EQ(source->concepts().size(), dataset->labels().size());
  const DatasetItem item = dataset->read(1);
  const Masks masks = joined(*source, source->read(1));
  EXPECT_EQ(masks.size(), item.labels.size());
  for (const auto& [name, mask] : masks) {
    EXPECT_TRUE(at::equal(mask, item.segmentation == shape_label(name)));
  }
}

/// Two pictures: p.png has an object 300 above an object 2, part 2 and the scene 7; q.png color 2.
class Broden : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "images/masks");
    write("images/p.png", at::full({6, 4, 3}, 90, at::kByte));
    write("images/q.png", at::full({6, 4, 3}, 10, at::kByte));
    write("images/masks/p_object.png", mask(300, 0));
    write("images/masks/p_object2.png", mask(0, 2));
    write("images/masks/p_part.png", mask(2, 0));
    write("images/masks/q_color.png", mask(0, 2));
    testing::write_text(folder_ / "label.csv",
                        "number,name,category,frequency,coverage,syns\n"
                        "2,wheel,object(2);part(1),3,1,\n"
                        "300,\"big, red car\",object(1),1,1,\n"
                        "7,street-s,scene(1),1,1,\n"
                        "2,black-c,color(1),1,1,\n");
    write_index(
        "p.png,train,6,4,6,4,,masks/p_object.png;masks/p_object2.png,masks/p_part.png,7\n"
        "q.png,val,6,4,6,4,masks/q_color.png,,,\n");
  }
  void write_index(const std::string& rows) const {
    testing::write_text(folder_ / "index.csv",
                        "image,split,ih,iw,sh,sw,color,object,part,scene\n" + rows);
  }
  void write(const std::string& name, const Tensor& pixels) const {
    testing::write_text(folder_ / name, encode_png(pixels));
  }
  /// Label `above` in the upper half, `below` in the lower.
  static Tensor mask(int above, int below) {
    Tensor out = at::zeros({6, 4, 3}, at::kByte);
    const auto fill = [&](std::int64_t first, std::int64_t last, int label) {
      out.slice(0, first, last).select(2, 0).fill_(label % 256);
      out.slice(0, first, last).select(2, 1).fill_(label / 256);
    };
    fill(0, 3, above);
    fill(3, 6, below);
    return out;
  }
  std::string spec(const std::string& more = "") const {
    Spec path;
    path.name = folder_.path();
    return "broden(" + path.text() + more + ")";
  }
  testing::TemporaryFolder folder_;
};

TEST_F(Broden, MasksAndWholePicturesAreRead) {
  const auto source = make_concept_source(spec());
  ASSERT_EQ(source->size(), 2);
  const ConceptPicture first = source->read(0);
  EXPECT_EQ(first.id, "p.png");
  const Masks masks = joined(*source, first);
  std::set<std::string> names;
  for (const auto& [name, mask] : masks) names.insert(name);
  EXPECT_EQ(names,
            (std::set<std::string>{"big, red car", "wheel:object", "wheel:part", "street-s"}));
  EXPECT_TRUE(masks.at("big, red car").slice(0, 0, 3).all().item<bool>());
  EXPECT_FALSE(masks.at("big, red car").slice(0, 3, 6).any().item<bool>());
  EXPECT_EQ(masks.at("wheel:object").sum().item<std::int64_t>(), 12);
  EXPECT_TRUE(masks.at("wheel:part").slice(0, 0, 3).all().item<bool>());
  EXPECT_EQ(masks.at("street-s").sizes(), (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(joined(*source, source->read(1)).begin()->first, "black-c");
}

TEST_F(Broden, SplitsAndCategoriesAreChosen) {
  const auto val = make_concept_source(spec(", split=val"));
  ASSERT_EQ(val->size(), 1);
  EXPECT_EQ(val->read(0).id, "q.png");
  const auto scenes = make_concept_source(spec(", categories=[scene]"));
  EXPECT_EQ(scenes->concepts().size(), 1u);
  EXPECT_EQ(scenes->read(0).masks.size(), 1u);
  EXPECT_EQ(scenes->read(1).masks.size(), 0u);
  const std::string known =
      error_of([&] { make_concept_source(spec(", categories=[scenes]")); }, ErrorCode::NotFound);
  EXPECT_NE(known.find("scene"), std::string::npos) << known;
}

TEST_F(Broden, WhatIsWrongIsNamed) {
  EXPECT_NE(error_of([&] { make_concept_source(spec(", split=test")); }, ErrorCode::BadInput)
                .find("test"),
            std::string::npos);
  write_index(
      "p.png,train,6,4,6,4,,,,8\nq.png,val,6,4,6,4,../../q.png,,,\nx.png,val,1,1,1,1,,,,\n");
  const auto source = make_concept_source(spec());
  EXPECT_NE(error_of([&] { source->read(0); }, ErrorCode::BadInput).find("label 8"),
            std::string::npos);
  EXPECT_NE(error_of([&] { source->read(1); }, ErrorCode::BadInput).find("out of the folder"),
            std::string::npos);
  EXPECT_NE(error_of([&] { source->read(2); }, ErrorCode::NotFound).find("x.png"),
            std::string::npos);
  write_index("p.png,train\n");
  EXPECT_NE(error_of([&] { make_concept_source(spec()); }, ErrorCode::BadInput).find("line 2"),
            std::string::npos);
  error_of([&] { make_concept_source("broden(/no/such/folder)"); }, ErrorCode::NotFound);
  error_of([&] { make_concept_source("broden"); }, ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace limn
