// The data set `csv`, and the reader of tables under it.
#include "data/csv_table.h"
#include "support/dataset_folder.h"

namespace limn {
namespace {

using testing::problems_of;
using testing::write_file_text;
using testing::write_picture;

using Cells = std::vector<std::vector<std::string>>;

Cells cells(const std::string& text) {
  Cells out;
  for (const CsvRow& row : parse_csv(text)) out.push_back(row.cells);
  return out;
}

TEST(CsvTable, FollowsRfc4180) {
  EXPECT_EQ(cells("a,b\r\nc,\r\n"), (Cells{{"a", "b"}, {"c", ""}}));
  EXPECT_EQ(cells("\xef\xbb\xbf\"a,\"\"b\"\"\",\"two\nlines\"\n\n,x"),
            (Cells{{"a,\"b\"", "two\nlines"}, {"", "x"}}));
  EXPECT_EQ(cells(""), Cells{});
  EXPECT_EQ(parse_csv("a\n\n\"b\nc\"\nd")[2].line, 5U);
  LIMN_EXPECT_ERROR("line 2: a quote is never closed", parse_csv("a\n\"b\nc"));
  LIMN_EXPECT_ERROR("line 1: expected", parse_csv("\"a\"b,c"));
}

class CsvDataset : public ::testing::Test {
 protected:
  CsvDataset() {
    write_picture(folder_ / "one.jpg", 6, 8);
    write_picture(folder_ / "more/two.png", 6, 8);
    mask_.slice(0, 2, 4).slice(1, 3, 7).fill_(255);
    write_text(folder_ / "mask.png", encode_png(mask_));
  }
  static void write_text(const std::string& path, const std::string& text) {
    testing::write_text(path, text);
  }
  std::unique_ptr<Dataset> open(const std::string& table, const std::string& more = "") {
    write_text(folder_ / "table.csv", table);
    return make_dataset("csv(\"" + (folder_ / "table.csv") + "\"" + more + ")");
  }
  testing::TemporaryFolder folder_;
  Tensor mask_ = at::zeros({6, 8, 3}, at::kByte);
};

TEST_F(CsvDataset, RowsAreObjects) {
  const auto data = open(
      "file,label,left,top,right,bottom,mask\n"
      "one.jpg,dog,1,2,5,6,\n"
      "more/two.png,cat,,,,,\n"
      "one.jpg,cat,0,0,8,6,mask.png\n");
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(data->labels(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(problems_of(*data), "");
  const DatasetItem item = data->read(0);
  EXPECT_EQ(item.id, "one.jpg");
  EXPECT_EQ(item.labels, (std::vector<int>{0, 1}));
  ASSERT_EQ(item.objects.size(), 2U);
  EXPECT_EQ(item.objects[0].box, (PixelBox{1, 2, 5, 6}));
  EXPECT_TRUE(item.truth(0).pixels.equal(mask_.select(2, 0) != 0));
  EXPECT_FALSE(item.truth(1).pixels.defined());
  EXPECT_EQ(item.truth(1).mask().sum().item<std::int64_t>(), 16);
  EXPECT_EQ(data->labels_of(1), std::vector<int>{0});
  EXPECT_FALSE(data->read(1).truth(0).mask().defined());
}

TEST_F(CsvDataset, TwoColumnsAreEnoughAndALabelFileGivesTheOrder) {
  write_file_text(folder_ / "labels.txt", "dog\ncat\n");
  const std::string option = ", labels=\"" + (folder_ / "labels.txt") + "\"";
  const auto data = open("Label,File\nCat,one.jpg\n", option);
  EXPECT_EQ(data->read(0).labels, std::vector<int>{1});
  const auto bad = open("label,file\ncow,one.jpg\ndog,more/two.png\n", option);
  EXPECT_NE(problems_of(*bad).find("line 2: unknown class \"cow\""), std::string::npos);
  EXPECT_EQ(bad->read(1).labels, std::vector<int>{0});
}

TEST_F(CsvDataset, WhatIsWrongIsNamedWithItsLine) {
  LIMN_EXPECT_ERROR("the column \"x\" is not known", open("file,label,x\n"
                                                          "one.jpg,dog,1\n"));
  LIMN_EXPECT_ERROR("needs the columns file and label", open("file,mask\none.jpg,mask.png\n"));
  LIMN_EXPECT_ERROR("only some of left", open("file,label,left\none.jpg,dog,1\n"));
  LIMN_EXPECT_ERROR("no rows", open("file,label\n"));
  const std::string header = "file,label,left,top,right,bottom,mask\n";
  LIMN_EXPECT_ERROR("a quote is never closed", open(header + "\"one.jpg,dog,,,,,\n"));
  LIMN_EXPECT_ERROR("leads out of", open(header + "../one.jpg,dog,,,,,\n")->read(0));
  LIMN_EXPECT_ERROR("leads out of", open(header + "one.jpg,dog,,,,,/etc/m.png\n")->read(0));
  LIMN_EXPECT_ERROR("give the table", make_dataset("csv"));

  write_text(folder_ / "small.png", encode_png(mask_.slice(0, 0, 5).contiguous()));
  const auto data = open(header +
                         "one.jpg,dog,-2,2,5,6,\n"
                         "more/two.png,dog,,,,,small.png\n"
                         "three.png,dog,,,,,\n");
  const auto problems = data->check();
  ASSERT_EQ(problems.size(), 3U) << problems_of(*data);
  EXPECT_TRUE(problems[0].readable);
  EXPECT_EQ(data->read(0).objects[0].box, (PixelBox{0, 2, 5, 6}));
  EXPECT_NE(problems[1].what.find("line 3: mask"), std::string::npos) << problems[1].what;
  EXPECT_NE(problems[1].what.find("is 8 x 5 pixels, the picture 8 x 6"), std::string::npos);
  EXPECT_EQ(problems[2].code, ErrorCode::NotFound);
}

/// As a broken annotation in COCO's file does: the other pictures are read.
TEST_F(CsvDataset, ABadRowSpoilsItsPictureAlone) {
  const std::string header = "file,label,left,top,right,bottom,mask\n";
  for (const auto& [row, words] :
       {std::pair{"one.jpg,dog,1,2,,6,", "line 2: \"\" is no number"},
        {"one.jpg,dog,nan,2,3,6,", "line 2: \"nan\" is no number"},
        {"one.jpg,dog,5,2,3,6,", "line 2: the box ends before it begins"},
        {"one.jpg,,5,2,3,6,", "line 2: the label is empty"},
        {",dog,,,,,", "line 2: the file is empty"},
        {"one.jpg", "line 2: 1 cells; the header has 7"}}) {
    const auto data = open(header + row + "\nmore/two.png,cat,,,,,\n");
    ASSERT_EQ(data->size(), 2) << row;
    EXPECT_EQ(data->labels(), std::vector<std::string>{"cat"}) << row;
    const auto problems = data->check();
    ASSERT_EQ(problems.size(), 1U) << row;
    EXPECT_EQ(problems[0].id, data->id(0));
    EXPECT_NE(problems[0].what.find(words), std::string::npos) << problems[0].what;
    LIMN_EXPECT_ERROR(words, data->read(0));
    LIMN_EXPECT_ERROR(words, data->labels_of(0));
    EXPECT_EQ(data->read(1).labels, std::vector<int>{0});
  }
}

}  // namespace
}  // namespace limn
