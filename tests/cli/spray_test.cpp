// `limn spray` as a process: folders of maps, models with pictures, and what cannot be used.
#include <nlohmann/json.hpp>

#include "cli/fixture.h"
#include "limn/sidecar.h"

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

TEST_F(SprayCommand, TakesADataSetByItsLabels) {
  const auto write = [&](const std::string& kind, int count) {
    std::filesystem::create_directories(folder_ / ("photos/" + kind));
    for (int i = 0; i < count; ++i) {
      write_text(folder_ / ("photos/" + kind + "/" + kind + std::to_string(i) + ".png"),
                 encode_png((at::rand({24, 24, 3}) * 255).to(at::kByte)));
    }
  };
  at::manual_seed(11);
  write("cat", 7);
  write("dog", 9);
  write("stranger", 3);  // the model does not know it
  const std::string photos = "imagenet(" + (folder_ / "photos") + ")";
  const auto sizes = [&] {
    std::map<std::string, std::size_t> out;
    const Json found = data();
    for (const auto& one : found["classes"]) out[one["name"]] = one["maps"].size();
    return out;
  };
  const auto result = spray({model(), photos, "-m", "gradient", "--neighbors", "3"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(sizes(), (std::map<std::string, std::size_t>{{"cat", 7}, {"dog", 9}}));
  EXPECT_NE(result.out.find("and 2 more (holds no class that the model knows)"), std::string::npos)
      << result.out;
  EXPECT_EQ(data()["data"].get<std::string>().rfind("imagenet(", 0), 0U);
  EXPECT_EQ(data()["model"]["sha256"], file_sha256(model()));
  EXPECT_NE(read_text(out() + "/spray.html").find("<img"), std::string::npos);
  // The maps are those of the pictures themselves, explained for their label.
  const auto again = spray({model(), folder_ / "photos/dog", "-m", "gradient", "-t", "class:dog",
                            "--neighbors", "3", "--force"});
  ASSERT_EQ(again.code, 0) << again.err;
  const Json plain = data()["classes"].at(0);
  ASSERT_EQ(
      spray({model(), photos, "-m", "gradient", "-t", "class:dog", "--neighbors", "3", "--force"})
          .code,
      0);
  EXPECT_EQ(sizes(), (std::map<std::string, std::size_t>{{"dog", 9}}));
  EXPECT_EQ(data()["classes"].at(0)["eigenvalues"], plain["eigenvalues"]);
  EXPECT_EQ(data()["classes"].at(0)["cluster"], plain["cluster"]);
  // Without labels that the model knows: what it sees in each picture.
  ASSERT_EQ(
      spray({model(), "shapes(n=20, seed=3)", "-m", "gradient", "--neighbors", "2", "--force"})
          .code,
      0);
  std::size_t maps = 0;
  const Json seen = data();
  for (const auto& one : seen["classes"]) {
    EXPECT_EQ(one["name"].get<std::string>().rfind("class:", 0), 0U) << one["name"];
    maps += one["maps"].size();
  }
  // Classes with too few maps say how many they have.
  for (const auto& one : seen["left_out"]) maps += std::stoul(one["why"].get<std::string>());
  EXPECT_EQ(maps, 20U);
  // A class map, and the first pictures alone.
  write_text(folder_ / "map.json", R"({"dog": "circle", "cat": "circle"})");
  const auto mapped =
      spray({model(), "shapes(n=60, seed=3, max-shapes=6)", "-m", "gradient", "--classes",
             folder_ / "map.json", "--neighbors", "2", "--limit", "30", "--force"});
  ASSERT_EQ(mapped.code, 0) << mapped.err;
  EXPECT_EQ(sizes().size(), 1U);
  EXPECT_LE(sizes().at("circle"), 30U);
}

TEST_F(SprayCommand, RefusesDataSetsItCannotUse) {
  expect_refused(spray({model(), "shape(n=20)"}), 3, "did you mean");
  expect_refused(spray({model(), "shapes(n=none)"}), 2, "none");
  expect_refused(spray({model(), "shapes(n=20)", picture()}), 2, "stands alone");
  expect_refused(spray({model(), picture(), "--limit", "3"}), 2, "belong to a data set");
  expect_refused(spray({model(), "shapes(n=20)", "-t", "margin:cat-dog"}), 2, "with a data set");
  expect_refused(spray({model(), "shapes(n=20)", "-t", "top:2"}), 2, "one target");
  expect_refused(spray({model(), "shapes(n=20)", "-t", "class:frog"}), 3, "frog");
  expect_refused(spray({model(), "shapes(n=2)"}), 6, "no class has enough maps: the largest");
}

TEST_F(SprayCommand, RefusesWhatItCannotUse) {
  write_maps();
  expect_refused(spray({folder_ / "nowhere"}), 3, "is not a folder of maps");
  expect_refused(spray({model()}), 2, "a model and pictures");
  expect_refused(spray({maps(), picture()}), 2, "made already");
  expect_refused(spray({maps(), "-m", "lrp"}), 2, "made already");
  expect_refused(spray({maps(), "--neighbors", "35"}), 6, "neighbors need 37");
  expect_refused(spray({maps(), "--clusters", "100"}), 2, "give at most 36 clusters");
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
