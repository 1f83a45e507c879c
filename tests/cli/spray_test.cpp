// `limn spray` as a process: folders of maps, models with pictures, and what cannot be used.
#include <nlohmann/json.hpp>

#include "cli/fixture.h"

namespace limn::testing {
namespace {

using Json = nlohmann::json;

class SprayCommand : public CommandLine {
 protected:
  std::string maps() const { return folder_ / "maps"; }
  /// Maps with a blob at one of two places: 24 of the first kind, 12 of the second.
  void write_maps() const {
    std::filesystem::create_directory(maps());
    at::manual_seed(3);
    for (int i = 0; i < 36; ++i) {
      Tensor map = at::rand({30, 30}) * 0.05;
      const std::int64_t corner = i % 3 == 0 ? 20 : 2;
      map.narrow(0, corner, 7).narrow(1, corner, 7).add_(1);
      write_npy(maps() + "/map-" + std::to_string(100 + i) + ".npy", map);
    }
  }
  ProcessResult spray(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {"spray", "-o", out(), "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return limn(arguments);
  }
  Json data() const { return Json::parse(read_text(out() + "/spray.json")); }
};

TEST_F(SprayCommand, SplitsAFolderOfMaps) {
  write_maps();
  const auto result = spray({maps()});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(files(), (std::set<std::string>{"spray.html", "spray.json"}));
  EXPECT_NE(result.out.find("several strategies"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("cluster 2"), std::string::npos) << result.out;
  const Json one = data()["classes"].at(0);
  EXPECT_EQ(one["maps"].size(), 36U);
  EXPECT_EQ(one["tsne"].size(), 36U);
  EXPECT_EQ(one["eigengap"]["clusters"], 2);
  ASSERT_EQ(one["clusters"].size(), 2U);
  EXPECT_EQ(one["clusters"][0]["size"], 24);
  // The places of the blobs, in shares of the map.
  EXPECT_NEAR(one["clusters"][0]["center"][0].get<double>(), 5.5 / 30, 0.04);
  EXPECT_NEAR(one["clusters"][1]["center"][1].get<double>(), 23.5 / 30, 0.04);
  for (const auto& name : one["clusters"][1]["members"]) {
    EXPECT_EQ(std::stoi(name.get<std::string>().substr(4)) % 3, 100 % 3) << name;
  }
  const std::string page = read_text(out() + "/spray.html");
  EXPECT_NE(page.find("<!DOCTYPE html>"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos) << "the page loads nothing";
  EXPECT_EQ(page.find("src=\"data"), page.find("src=\""));
  EXPECT_NE(page.find("map-100"), std::string::npos);
  // Once more: nothing is overwritten without --force, and the answer is the same.
  EXPECT_EQ(spray({maps()}).code, 7);
  ASSERT_EQ(spray({maps(), "--force"}).code, 0);
  EXPECT_EQ(data()["classes"].at(0), one);
}

TEST_F(SprayCommand, ReadsWhatExplainWrote) {
  std::vector<std::string> arguments = {"explain", model()};
  for (int i = 0; i < 9; ++i) {
    at::manual_seed(20 + i);
    arguments.push_back(folder_ / ("p" + std::to_string(i) + ".png"));
    write_text(arguments.back(), encode_png((at::rand({30, 40, 3}) * 255).to(at::kByte)));
  }
  for (const char* word : {"-t", "class:dog", "-m", "gradient", "-m", "rise(n=8)", "-o"}) {
    arguments.emplace_back(word);
  }
  arguments.push_back(maps());
  const auto explained = limn(arguments);
  ASSERT_EQ(explained.code, 0) << explained.err;
  const auto result = spray({maps(), "--neighbors", "4"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json classes = data()["classes"];
  // Two methods are two groups; standard errors beside the maps of rise are none.
  ASSERT_EQ(classes.size(), 2U) << result.out;
  for (const auto& one : classes) {
    EXPECT_EQ(one["maps"].size(), 9U);
    EXPECT_NE(one["name"].get<std::string>().find("dog"), std::string::npos);
  }
  const std::string page = read_text(out() + "/spray.html");
  EXPECT_NE(page.find("p8-"), std::string::npos) << "examples by name";
  write_text(maps() + "/manifest.json", "{\"results\": [{}]}");
  const auto broken = spray({maps(), "--force", "--neighbors", "4"});
  EXPECT_EQ(broken.code, 6);
  EXPECT_NE(broken.err.find("manifest.json"), std::string::npos) << broken.err;
}

TEST_F(SprayCommand, ExplainsPicturesByClass) {
  at::manual_seed(5);
  write_npy(folder_ / "x.npy", at::randn({20, 3, 24, 24}));
  const auto result = spray({model(), folder_ / "x.npy", "-m", "gradient", "-t", "class:cat",
                             "--neighbors", "5", "--examples", "2"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json one = data()["classes"].at(0);
  EXPECT_NE(one["name"].get<std::string>().find("cat"), std::string::npos);
  EXPECT_EQ(one["maps"].size(), 20U);
  EXPECT_EQ(one["maps"][3], "x-3");
  // Asked for the class it sees most and for one it never sees.
  const Model small = Model::from_onnx(model());
  const Tensor x = read_npy(folder_ / "x.npy");
  const Tensor seen = small.run(x, Keep::Outputs)[small.logits()].argmax(1).bincount({}, 5);
  const auto most = seen.argmax().item<std::int64_t>(), least = seen.argmin().item<std::int64_t>();
  ASSERT_EQ(seen[least].item<std::int64_t>(), 0);
  const auto predicted = [&](std::int64_t kind) {
    return spray({model(), folder_ / "x.npy", "-m", "gradient", "-t",
                  "class:" + std::to_string(kind), "--predicted", "--force", "--neighbors", "2"});
  };
  ASSERT_EQ(predicted(most).code, 0);
  EXPECT_EQ(data()["classes"].at(0)["maps"].size(),
            static_cast<std::size_t>(seen[most].item<std::int64_t>()));
  const auto none = predicted(least);
  EXPECT_EQ(none.code, 3);
  EXPECT_NE(none.err.find("the class is not predicted"), std::string::npos) << none.err;
}

TEST_F(SprayCommand, RefusesWhatItCannotUse) {
  write_maps();
  expect_refused(spray({folder_ / "nowhere"}), 3, "is not a folder of maps");
  expect_refused(spray({model()}), 2, "a model and pictures");
  expect_refused(spray({maps(), picture()}), 2, "made already");
  expect_refused(spray({maps(), "-m", "lrp"}), 2, "made already");
  expect_refused(spray({maps(), "--neighbors", "35"}), 6, "neighbors need 37");
  expect_refused(spray({model(), picture(), "-t", "top:2"}), 2, "one target");
  expect_refused(spray({model(), picture()}), 6, "no class has enough maps");
  std::filesystem::create_directory(folder_ / "empty");
  expect_refused(spray({folder_ / "empty"}), 3, "holds no map");
  write_npy(maps() + "/z.npy", at::zeros({30, 30}));
  expect_refused(spray({maps()}), 6, "is constant");
  write_text(maps() + "/y.npy", "no array");
  const auto skipped = spray({maps(), "--skip-bad"});
  ASSERT_EQ(skipped.code, 0) << skipped.err;
  EXPECT_NE(skipped.out.find("left out: z.npy (is constant"), std::string::npos) << skipped.out;
  EXPECT_EQ(data()["left_out"].size(), 2U);
  std::filesystem::remove_all(out());
  std::filesystem::remove(maps() + "/y.npy");
  write_npy(maps() + "/z.npy", at::rand({20, 40}));
  expect_refused(spray({maps()}), 6, "--side 20");
  EXPECT_EQ(spray({maps(), "--side", "10"}).code, 0);
}

}  // namespace
}  // namespace limn::testing
