// Class maps: by name, from JSON and from tables.
#include "limn/class_map.h"

#include "support/dataset_folder.h"
#include "support/support.h"

namespace limn {
namespace {

using Names = std::vector<std::string>;
using Classes = std::vector<std::int64_t>;

const Names kModel = {"tench, Tinca tinca", "tabby", "tiger cat", "sports_car", ""};
const Names kData = {"cat", "Sports Car", "tench"};

class ClassMapFile : public ::testing::Test {
 protected:
  ClassMap read(const std::string& text) {
    testing::write_text(folder_ / "map", text);
    return ClassMap::read(folder_ / "map", kModel, kData);
  }
  testing::TemporaryFolder folder_;
};

TEST(ClassMap, SameNamesAreLinked) {
  const ClassMap map = ClassMap::by_name(kModel, kData);
  EXPECT_EQ(map.size(), 2);
  EXPECT_EQ(map.label(3), 1) << "case, _ and space make no difference";
  EXPECT_EQ(map.label(0), 2) << "the first of several names will do";
  EXPECT_EQ(map.label(1), -1);
  EXPECT_EQ(map.classes(1), Classes{3});
  EXPECT_EQ(map.classes(0), Classes{});
  EXPECT_EQ(ClassMap::by_name({"tench"}, {"tench, Tinca tinca", "x"}).label(0), 0);
  EXPECT_EQ(map.label(-1), -1);
  EXPECT_EQ(map.label(99), -1);
  EXPECT_EQ(map.classes(99), Classes{});
  EXPECT_EQ(map.classes(-1), Classes{});
  LIMN_EXPECT_ERROR("give a class map", ClassMap::by_name({"a", ""}, {"b", ""}));
}

TEST(ClassMap, EqualListsAreTheIdentityEvenWithTwins) {
  const ClassMap map = ClassMap::by_name({"crane", "Crane", "ox"}, {"crane", "crane", "ox"});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(map.label(i), i);
  const ClassMap other = ClassMap::by_name({"crane", "ox"}, {"crane", "crane", "ox"});
  EXPECT_EQ(other.label(0), -1) << "which of the two?";
  EXPECT_EQ(other.label(1), 2);
}

TEST_F(ClassMapFile, JsonAndTablesLinkNumbersAndNames) {
  for (const char* text :
       {R"({"2": "cat", "tabby": "cat", "tench": "tench"})",
        "model class,data class\n2,cat\ntabby,cat\n\"tench, Tinca tinca\",Tench\n",
        "2,cat\ntabby,cat\n0,tench\n1,cat\n"}) {
    const ClassMap map = read(text);
    EXPECT_EQ(map.size(), 3) << text;
    EXPECT_EQ(map.label(0), 2);
    EXPECT_EQ(map.label(3), -1);
    EXPECT_EQ(map.classes(0), (Classes{1, 2}));
  }
}

TEST_F(ClassMapFile, UnknownClassesAreNamedAndCounted) {
  LIMN_EXPECT_ERROR("1 unknown class of the model: \"5\"", read("5,cat\n"));
  LIMN_EXPECT_ERROR(
      "2 unknown classes of the model: \"tabbi\", \"-1\"; it has 5, the nearest to "
      "\"tabbi\": \"tabby\"",
      read("tabbi,cat\n-1,cat\n1,cat\n"));
  LIMN_EXPECT_ERROR("1 unknown class of the data set: \"cats\"", read("{\"1\": \"cats\"}"));
  LIMN_EXPECT_ERROR("is linked twice", read("1,cat\ntabby,tench\n"));
  LIMN_EXPECT_ERROR("line 2: 1 columns", read("1,cat\n2\n"));
  LIMN_EXPECT_ERROR("not JSON", read("{\"1\": "));
  LIMN_EXPECT_ERROR("expected the name of a class", read("{\"1\": 5}"));
  LIMN_EXPECT_ERROR("links nothing", read(""));
  LIMN_EXPECT_ERROR("cannot open", ClassMap::read(folder_ / "none", kModel, kData));
}

TEST(ClassMap, ImageNetToCoco) {
  LIMN_REQUIRE_SHARED("data/models/imagenet_to_coco.json");
  LIMN_REQUIRE_SHARED("data/coco100/instances.json");
  const Names coco =
      make_dataset("coco(\"" + testing::shared("data/coco100/instances.json") + "\")")->labels();
  const ClassMap map =
      ClassMap::read(testing::shared("data/models/imagenet_to_coco.json"), Names(1000), coco);
  EXPECT_EQ(map.size(), 294);
  const auto named = [&](std::int64_t at) { return coco[static_cast<std::size_t>(map.label(at))]; };
  EXPECT_EQ(named(7), "bird");
  EXPECT_EQ(named(151), "dog");
  EXPECT_EQ(map.label(0), -1);
}

TEST(ClassMap, NamesMayHaveTheirWordNetIdInFront) {
  const std::vector<std::string> model = {"n01440764 tench, Tinca tinca", "n01443537 goldfish",
                                          "n02012849 crane", "n03126707 crane", "hen"};
  const auto labels = [](const ClassMap& map) {
    std::vector<int> out;
    for (int i = 0; i < 5; ++i) out.push_back(map.label(i));
    return out;
  };
  const std::vector<std::string> folders = {"n01443537", "n01440764", "n03126707"};
  EXPECT_EQ(labels(ClassMap::by_name(model, folders)), (std::vector<int>{1, 0, -1, 2, -1}));
  // Names of the same list, read with the ids taken off: one by one, the two cranes too.
  const std::vector<std::string> names = {"tench, Tinca tinca", "goldfish", "crane", "crane",
                                          "hen"};
  EXPECT_EQ(labels(ClassMap::by_name(model, names)), (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(labels(ClassMap::by_name(model, {"goldfish", "tench"})),
            (std::vector<int>{1, 0, -1, -1, -1}));
  try {
    ClassMap::by_name({"tench", "goldfish"}, folders);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("labels=FILE"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace limn
