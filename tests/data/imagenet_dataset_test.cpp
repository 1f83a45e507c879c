// The data set `imagenet`: folders of classes, a flat folder with a list, WordNet ids in names.
#include "support/dataset_folder.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::problems_of;
using testing::write_file_text;
using testing::write_picture;

class ImagenetDataset : public ::testing::Test {
 protected:
  ImagenetDataset() {
    write_file_text(folder_ / "classes.txt",
                    "n01440764 tench, Tinca tinca\nn02123045 tabby, tabby cat\nn02012849 crane\n"
                    "n03126707 crane\n");
  }
  std::unique_ptr<Dataset> open(const std::string& pictures, const std::string& more = "") {
    return make_dataset("imagenet(\"" + (folder_ / pictures) + "\"" + more + ")");
  }
  std::string labels() const { return ", labels=\"" + (folder_ / "classes.txt") + "\""; }
  testing::TemporaryFolder folder_;
};

TEST_F(ImagenetDataset, FoldersAreClasses) {
  for (const char* name : {"dog/b.jpg", "dog/a.png", "cat/1/c.jpg"}) {
    write_picture(folder_ / (std::string("train/") + name), 8, 9);
  }
  write_file_text(folder_ / "train/dog/notes.txt", "not a picture");
  const auto data = open("train");
  ASSERT_EQ(data->size(), 3);
  EXPECT_EQ(data->labels(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(data->id(0), "cat/1/c.jpg");
  EXPECT_EQ(data->read(0).labels, std::vector<int>{0});
  EXPECT_EQ(data->read(1).id, "dog/a.png");
  EXPECT_EQ(data->read(1).labels, std::vector<int>{1});
  EXPECT_EQ(data->read(1).picture.width(), 9);
  EXPECT_FALSE(data->read(1).truth(1).mask().defined()) << "only the class is known";
  EXPECT_EQ(problems_of(*data), "");
  LIMN_EXPECT_ERROR("no item 3", data->read(3));
}

TEST_F(ImagenetDataset, FoldersMayBeNamedByWordNetIdOrName) {
  for (const char* name :
       {"n02123045/a.jpg", "Tench/b.jpg", "n03126707/c.jpg", "crane/d.jpg", "goldfish/e.jpg"}) {
    write_picture(folder_ / (std::string("train/") + name), 8, 9);
  }
  const auto data = open("train", labels());
  EXPECT_EQ(data->labels().at(0), "tench, Tinca tinca");
  EXPECT_EQ(data->id(0), "Tench/b.jpg");
  EXPECT_EQ(data->labels_of(0), std::vector<int>{0});
  LIMN_EXPECT_ERROR("several classes are named \"crane\"", data->labels_of(1));
  LIMN_EXPECT_ERROR("unknown class \"goldfish\"", data->read(2));
  EXPECT_EQ(data->labels_of(3), std::vector<int>{1});
  EXPECT_EQ(data->labels_of(4), std::vector<int>{3});
  EXPECT_EQ(data->check().size(), 2U);
}

TEST_F(ImagenetDataset, AFlatFolderNeedsAList) {
  for (const char* name : {"v1.JPEG", "v2.JPEG", "v3.JPEG"}) {
    write_picture(folder_ / (std::string("val/") + name), 8, 9);
  }
  LIMN_EXPECT_ERROR("no folders of classes", open("val"));
  write_file_text(folder_ / "val.txt", "v2.JPEG 3\nv1.JPEG n02123045\nv3.JPEG tabby cat\n");
  const std::string truth = ", truth=\"" + (folder_ / "val.txt") + "\"";
  LIMN_EXPECT_ERROR("needs labels=FILE", open("val", truth));
  write_file_text(folder_ / "classes.txt", "n01440764 tench\nn02123045 tabby\ntabby cat\n\nfour\n");
  const auto data = open("val", truth + labels());
  ASSERT_EQ(data->size(), 3);
  EXPECT_EQ(data->id(0), "v2.JPEG");
  EXPECT_EQ(data->labels_of(0), std::vector<int>{3});
  EXPECT_EQ(data->labels_of(1), std::vector<int>{1});
  EXPECT_EQ(data->labels_of(2), std::vector<int>{2});
  std::filesystem::remove(folder_ / "val/v1.JPEG");
  EXPECT_NE(problems_of(*data).find("v1.JPEG: cannot open"), std::string::npos);

  write_file_text(folder_ / "val.txt", "490\n361\n");
  LIMN_EXPECT_ERROR("line 1: expected a file and a class", open("val", truth + labels()));
  write_file_text(folder_ / "val.txt", "v1.JPEG 4\n");
  EXPECT_NE(problems_of(*open("val", truth + labels())).find("unknown class \"4\""),
            std::string::npos);
}

TEST_F(ImagenetDataset, WordNetIdsInFileNamesAreClasses) {
  write_picture(folder_ / "flat/n02123045_12.JPEG", 8, 9);
  write_picture(folder_ / "flat/n01440764_tench.JPEG", 8, 9);
  const auto data = open("flat", labels());
  EXPECT_EQ(data->labels_of(0), std::vector<int>{0});
  EXPECT_EQ(data->labels_of(1), std::vector<int>{1});
}

TEST_F(ImagenetDataset, PlainFoldersHavePicturesWithoutClasses) {
  write_picture(folder_ / "any/a.jpg", 8, 9);
  write_picture(folder_ / "any/below/b.jpg", 8, 9);
  LIMN_EXPECT_ERROR("unknown class", open("any")->read(0));
  const auto data = open("any", ", plain=true");
  ASSERT_EQ(data->size(), 2);
  EXPECT_TRUE(data->labels().empty());
  EXPECT_EQ(problems_of(*data), "");
  const DatasetItem item = data->read(1);
  EXPECT_EQ(item.id, "below/b.jpg");
  EXPECT_TRUE(item.labels.empty());
  EXPECT_TRUE(item.objects.empty());
  LIMN_EXPECT_ERROR("pictures without classes", open("any", ", plain=true, labels=x"));
}

TEST_F(ImagenetDataset, BadFilesAreNamed) {
  LIMN_EXPECT_ERROR("give the folder", make_dataset("imagenet"));
  LIMN_EXPECT_ERROR("no folder", open("nowhere"));
  std::filesystem::create_directories(folder_ / "empty");
  LIMN_EXPECT_ERROR("holds no pictures", open("empty"));
  write_picture(folder_ / "train/dog/a.jpg", 8, 9);
  testing::cut_in_half(folder_ / "train/dog/a.jpg");
  EXPECT_NE(problems_of(*open("train")).find("truncated"), std::string::npos);
  LIMN_EXPECT_ERROR("truncated", open("train")->read(0));
  write_file_text(folder_ / "classes.txt", "n01440764 a\nn01440764 b\n");
  LIMN_EXPECT_ERROR("has n01440764 twice", open("train", labels()));
}

TEST_F(ImagenetDataset, AHundredRealPictures) {
  LIMN_REQUIRE_SHARED("data/images/imagenet_100");
  const auto data =
      make_dataset("imagenet(\"" + testing::shared("data/images/imagenet_100") + "\", labels=\"" +
                   testing::shared("data/models/imagenet_wnids.txt") + "\")");
  ASSERT_EQ(data->size(), 100);
  EXPECT_EQ(data->labels().size(), 1000U);
  EXPECT_EQ(problems_of(*data), "");
  for (std::int64_t index = 0; index < 100; ++index) {
    const std::string name = data->id(index).substr(10);
    const std::string& label = data->labels()[static_cast<std::size_t>(data->labels_of(index)[0])];
    EXPECT_EQ(canonical_name(name.substr(0, name.rfind('.'))), canonical_name(label));
  }
}

}  // namespace
}  // namespace limn
