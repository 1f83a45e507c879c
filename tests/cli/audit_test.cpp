// `limn audit` as a process: the demo model that cheats, those that do not, and bad input.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/fixture.h"
#include "support/support.h"

namespace limn::testing {
namespace {

using Json = nlohmann::json;

class AuditCommand : public CommandLine {
 protected:
  ProcessResult audit(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {"audit", "-o", out(), "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return limn(arguments);
  }
  /// Hexagons with the tag, few maps a check.
  ProcessResult hexagons(const std::string& name) const {
    return audit({demo_model(name + ".onnx"), "shapes(n=110, tag=on-class)", "--limit", "110",
                  "--class", "hexagon", "-m", "lrp", "-m", "gradient", "--few", "3",
                  "--sanity-maps", "2", "--sanity-stages", "2", "--force"});
  }
  Json data() const { return Json::parse(read_text(out() + "/audit.json")); }
  /// The words without their lines.
  static std::string unwrapped(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  }
  static Json finding(const Json& data, const std::string& check) {
    for (const auto& one : data["findings"]) {
      if (one["check"] == check) return one;
    }
    return {};
  }
};

TEST_F(AuditCommand, CatchesTheDemoModelThatCheats) {
  const auto result = hexagons("shapes_cheat");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(files(), (std::set<std::string>{"audit.html", "audit.json"}));
  const Json found = finding(data(), "cheating");
  EXPECT_EQ(found["of"], "hexagon");
  EXPECT_EQ(found["answer"], "flagged") << found.dump(1);
  EXPECT_GT(found["numbers"]["off-object"].get<double>(), 0.9);
  EXPECT_GT(found["numbers"]["place"].get<double>(), 0.9);
  EXPECT_LT(found["numbers"]["covered"].get<double>(), 0.2);
  EXPECT_GT(found["numbers"]["control"].get<double>(), 0.9);
  for (const char* words : {"in a corner", "The model may use it instead of the object"}) {
    EXPECT_NE(unwrapped(result.out).find(words), std::string::npos) << result.out;
  }
  const std::string page = read_text(out() + "/audit.html");
  EXPECT_EQ(page.find("http://"), std::string::npos) << "the page loads nothing";
  EXPECT_EQ(page.find("src=\"data"), page.find("src=\""));
  EXPECT_NE(page.find("in a corner"), std::string::npos);
}

TEST_F(AuditCommand, FlagsNoneOfTheHonestDemoModels) {
  for (const char* name : {"shapes_vgg", "shapes_resnet", "shapes_densenet"}) {
    const auto result = hexagons(name);
    ASSERT_EQ(result.code, 0) << result.err;
    const Json found = finding(data(), "cheating");
    EXPECT_EQ(found["answer"], "passed") << name << found.dump(1);
    EXPECT_NE(unwrapped(result.out).find("Nothing speaks for cheating in 1 class"),
              std::string::npos)
        << result.out;
  }
}

TEST_F(AuditCommand, TakesPicturesAndSaysWhatIsMissing) {
  const auto result = audit({model(), picture(), "-m", "gradient"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json cheating = finding(data(), "cheating");
  EXPECT_EQ(cheating["answer"], "not measured");
  EXPECT_NE(cheating["advice"].get<std::string>().find("at least 12 pictures"), std::string::npos);
  EXPECT_NE(unwrapped(result.out).find("cheating was not looked for"), std::string::npos)
      << result.out;
  EXPECT_EQ(finding(data(), "agreement")["answer"], "not measured");
  const Json written = data();
  for (const auto& one : written["findings"]) {
    for (const auto& [name, value] : one["numbers"].items()) {
      EXPECT_TRUE(value.is_number()) << "NaN is null: " << name;
    }
  }
  // Nothing is overwritten without --force; the answer is the same.
  EXPECT_EQ(audit({model(), picture(), "-m", "gradient"}).code, 7);
  const Json before = data()["findings"];
  ASSERT_EQ(audit({model(), picture(), "-m", "gradient", "--force"}).code, 0);
  EXPECT_EQ(data()["findings"], before);
}

TEST_F(AuditCommand, RefusesWhatItCannotUse) {
  expect_refused(audit({model(), folder_ / "nowhere"}), 3, "there is no file");
  expect_refused(audit({model(), "coco(nowhere.json)"}), 3, "nowhere.json");
  expect_refused(audit({model(), "nothing(n=3)"}), 3, "nothing");
  expect_refused(audit({model(), "shapes(n=3)", picture()}), 2, "one data set alone");
  expect_refused(audit({model(), picture(), "--class", "unicorn"}), 3, "unicorn");
  expect_refused(audit({model(), picture(), "--class-map", "x"}), 2, "data set");
  expect_refused(audit({model(), picture(), "-m", "lrpp"}), 3, "lrp");
  std::filesystem::create_directory(folder_ / "mixed");
  write_text(folder_ / "mixed/a.png", "no picture");
  std::filesystem::copy_file(picture(), folder_ / "mixed/b.png");
  expect_refused(audit({model(), folder_ / "mixed", "-m", "gradient"}), 6, "a.png");
  const auto skipped = audit({model(), folder_ / "mixed", "-m", "gradient", "--skip-bad"});
  ASSERT_EQ(skipped.code, 0) << skipped.err;
  EXPECT_NE(skipped.err.find("left out"), std::string::npos) << skipped.err;
  EXPECT_EQ(data()["pictures"]["left_out"], 1);
  ASSERT_EQ(data()["left_out"].size(), 1U);
  EXPECT_NE(data()["left_out"][0]["name"].get<std::string>().find("a.png"), std::string::npos);
  EXPECT_NE(data()["left_out"][0]["why"].get<std::string>().find("not a picture"),
            std::string::npos);
  EXPECT_NE(read_text(out() + "/audit.html").find("Left out: "), std::string::npos);
}

}  // namespace
}  // namespace limn::testing
