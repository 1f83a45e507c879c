// Result lines: what is written comes back, and a file that a killed run left is read and
// continued.
#include "limn/results.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "evaluation/picture_log.h"
#include "limn/error.h"
#include "support/process.h"

namespace limn {
namespace {

ResultLine line_of(int number) {
  ResultLine line;
  line.model = "vgg";
  line.data = "shapes";
  line.image = "picture \"" + std::to_string(number) + "\" \xc3\xa4\n";
  line.label = number;
  line.label_name = "cat";
  line.target = 281;
  line.predicted = number % 2 == 0;
  line.method = "lrp(composite=flat)";
  line.metric = "deletion(step=3)";
  line.protocol = number % 3 == 0 ? "demo" : "";
  line.measurement.values = {{"area", 1.0 / (number + 3)}, {"hit", 0}};
  line.measurement.curves = {{"probability", {1, 0.1 + number, 1e-300}}};
  line.seconds = 0.25;
  return line;
}

std::vector<ResultLine> lines_of(int count) {
  std::vector<ResultLine> lines;
  for (int i = 0; i < count; ++i) lines.push_back(line_of(i));
  return lines;
}

void expect_equal(const ResultLine& a, const ResultLine& b) {
  EXPECT_EQ(a.key(), b.key());
  EXPECT_EQ(a.label_name, b.label_name);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.predicted, b.predicted);
  EXPECT_EQ(a.protocol, b.protocol);
  EXPECT_EQ(a.measurement.values, b.measurement.values) << "bit for bit";
  EXPECT_EQ(a.measurement.curves, b.measurement.curves);
  EXPECT_EQ(a.measurement.skipped, b.measurement.skipped);
  EXPECT_EQ(a.seconds, b.seconds);
}

TEST(Results, ComeBackBitForBit) {
  for (const auto& line : lines_of(7)) expect_equal(parse_result(result_text(line)), line);
  ResultLine skipped = line_of(1);
  skipped.measurement = {.skipped = "no boxes"};
  expect_equal(parse_result(result_text(skipped)), skipped);
  EXPECT_EQ(result_text(skipped).find('\n'), std::string::npos);
}

TEST(Results, RefuseWhatIsNotFinite) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    ResultLine value = line_of(1), curve = line_of(1);
    value.measurement.values["area"] = bad;
    curve.measurement.curves["probability"][1] = bad;
    for (const auto& line : {value, curve}) {
      try {
        result_text(line);
        FAIL();
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::Numerical);
        EXPECT_NE(std::string(error.what()).find("lrp"), std::string::npos) << error.what();
      }
    }
  }
}

TEST(Results, NamesThatAreNotUtf8AreRefused) {
  ResultLine line = line_of(1);
  line.image = "\xff\xfe.jpg";
  try {
    result_text(line);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::BadInput);
  }
}

TEST(Results, ParseNothingElse) {
  for (const std::string text : {"", "{}", "[]", "nonsense", "{\"model\": 3}", "{\"model\"",
                                 "{\"values\": {\"area\": NaN}}"}) {
    EXPECT_THROW(parse_result(text), Error) << text;
  }
  const std::string good = result_text(line_of(2));
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_THROW(parse_result(good.substr(0, cut)), Error) << cut;
  }
}

/// A run can be killed between any two bytes: whole lines are read, and going on writes the file
/// that an uninterrupted run leaves.
TEST(Results, SurviveBeingCutAtEveryByte) {
  const testing::TemporaryFolder folder;
  const std::string path = folder / "results.jsonl";
  const auto lines = lines_of(5);
  {
    ResultWriter writer(path);
    writer.append({lines[0], lines[1]});
    writer.append({lines[2], lines[3], lines[4]});
  }
  const std::string whole = testing::read_text(path);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    testing::write_text(path, whole.substr(0, cut));
    const auto there = read_results(path);
    const std::string kept = whole.substr(0, cut);
    const auto breaks = static_cast<std::size_t>(std::count(kept.begin(), kept.end(), '\n'));
    ASSERT_EQ(there.size(), breaks) << cut;
    {
      ResultWriter writer(path);
      writer.append({lines.begin() + static_cast<std::ptrdiff_t>(breaks), lines.end()});
    }
    ASSERT_EQ(testing::read_text(path), whole) << cut;
  }
}

TEST(Results, OfEqualKeysTheFirstCounts) {
  const testing::TemporaryFolder folder;
  ResultLine again = line_of(0);
  again.measurement.values["area"] = 9;
  ResultWriter(folder / "r").append({line_of(0), line_of(1), again});
  const auto lines = read_results(folder / "r");
  ASSERT_EQ(lines.size(), 2U);
  expect_equal(lines[0], line_of(0));
}

TEST(Results, BrokenLinesAreNamed) {
  const testing::TemporaryFolder folder;
  testing::write_text(folder / "r", result_text(line_of(0)) + "\n{broken\n");
  try {
    read_results(folder / "r");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::BadInput);
    EXPECT_NE(std::string(error.what()).find("line 2"), std::string::npos) << error.what();
  }
  EXPECT_THROW(read_results(folder / "nothing"), Error);
}

TEST(Results, OneProcessWritesAtATime) {
  const testing::TemporaryFolder folder;
  auto first = std::make_unique<ResultWriter>(folder / "r");
  try {
    ResultWriter second(folder / "r");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Io);
    EXPECT_NE(std::string(error.what()).find("another run"), std::string::npos) << error.what();
  }
  first.reset();
  ResultWriter third(folder / "r");
}

TEST(Results, AFullDiskLeavesWholeLines) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  const testing::TemporaryFolder folder;
  std::filesystem::create_symlink("/dev/full", folder / "r");
  try {
    ResultWriter writer(folder / "r");
    writer.append({line_of(0)});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Io);
  }
}

TEST(PictureLog, TheLastLineOfAPictureCounts) {
  const testing::TemporaryFolder folder;
  PictureLine bad;
  bad.model = "m";
  bad.data = "d";
  bad.image = "1";
  PictureLine good = bad, other = bad;
  bad.problem = "no such file";
  good.seconds = {{"lrp", 0.5}};
  good.cases = 3;
  other.image = "2";
  other.index = 1;
  testing::write_text(folder / "p", picture_text(bad) + "\n" + picture_text(other) + "\n" +
                                        picture_text(good) + "\n" + picture_text(bad));
  const auto lines = read_pictures(folder / "p");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].problem, "");
  EXPECT_EQ(lines[0].cases, 3);
  EXPECT_EQ(lines[0].seconds, good.seconds);
  EXPECT_EQ(lines[1].key(), other.key());
  EXPECT_EQ(lines[1].index, 1);
  EXPECT_TRUE(read_pictures(folder / "nothing").empty());
  EXPECT_THROW(parse_picture("{}"), Error);
}

}  // namespace
}  // namespace limn
