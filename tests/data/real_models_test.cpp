// Real trained models on real pictures (skipped where ../shared is missing): what they classify and
// detect is right.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "limn/image.h"
#include "limn/method.h"
#include "limn/model.h"
#include "support/support.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && is_picture_name(entry.path().string()))
      all.push_back(entry.path());
  }
  std::sort(all.begin(), all.end());
  return all;
}

/// Share of pictures whose likeliest class is the expected one.
double accuracy(const Model& model, const Preprocessing& preprocessing,
                const std::vector<fs::path>& pictures,
                const std::function<std::int64_t(const fs::path&)>& expected) {
  const ValueId output = model.graph().outputs().front();
  int right = 0;
  for (const auto& path : pictures) {
    const auto input = preprocess(read_picture(path.string()), preprocessing, model.input_shape());
    const Tensor scores = model.run(input.x, Keep::Outputs)[output].reshape({-1});
    right += scores.argmax().item<std::int64_t>() == expected(path);
  }
  return static_cast<double>(right) / static_cast<double>(pictures.size());
}

/// `n01440764_tench.JPEG` -> the line of imagenet_wnids.txt that begins with its number.
std::function<std::int64_t(const fs::path&)> imagenet_class() {
  std::map<std::string, std::int64_t> index;
  std::ifstream lines(testing::shared("data/models/imagenet_wnids.txt"));
  std::string line;
  while (std::getline(lines, line)) {
    index.emplace(line.substr(0, line.find(' ')), static_cast<std::int64_t>(index.size()));
  }
  return [index](const fs::path& path) {
    const std::string name = path.filename().string();
    return index.at(name.substr(0, name.find('_')));
  };
}

TEST(RealModels, ImageNetClassifiersAreRight) {
  LIMN_REQUIRE_SHARED("data/models/squeezenet1_1.onnx");
  LIMN_REQUIRE_SHARED("data/images/imagenet_100");
  Preprocessing preprocessing = Preprocessing::preset("imagenet");
  preprocessing.size = {224, 224};
  preprocessing.resize = "short-side";
  preprocessing.short_side = 256;
  const auto pictures = files_below(testing::shared("data/images/imagenet_100"));
  ASSERT_EQ(pictures.size(), 100u);
  // 61 % and 89 % on a thousand pictures of which these are a part: within three standard errors.
  for (const auto& [name, expected] : {std::pair{"squeezenet1_1", 0.61}, {"mobilenet_v2", 0.89}}) {
    const Model model =
        Model::from_onnx(testing::shared(std::string("data/models/") + name + ".onnx"));
    const double share = accuracy(model, preprocessing, pictures, imagenet_class());
    EXPECT_GT(share, expected - 3 * std::sqrt(expected * (1 - expected) / 100)) << name;
    RecordProperty(name, std::to_string(share));
  }
}

TEST(RealModels, CifarClassifiersAreRight) {
  LIMN_REQUIRE_SHARED("data/models/resnet20_cifar10.onnx");
  LIMN_REQUIRE_SHARED("data/images/cifar10_200");
  const auto pictures = files_below(testing::shared("data/images/cifar10_200"));
  ASSERT_EQ(pictures.size(), 200u);
  const std::vector<std::string> classes = {"airplane", "automobile", "bird",  "cat",  "deer",
                                            "dog",      "frog",       "horse", "ship", "truck"};
  const auto expected = [&](const fs::path& path) {
    const std::string name = path.parent_path().filename().string();
    return std::find(classes.begin(), classes.end(), name) - classes.begin();
  };
  Preprocessing imagenet = Preprocessing::preset("imagenet");
  imagenet.size = {32, 32};
  imagenet.resize = "direct";
  Preprocessing cifar = imagenet;
  cifar.mean = {.4914, .4822, .4465};
  cifar.std = {.2023, .1994, .2010};
  const Model resnet = Model::from_onnx(testing::shared("data/models/resnet20_cifar10.onnx"));
  const Model dense = Model::from_onnx(testing::shared("data/models/densenet_bc_cifar10.onnx"));
  // 81 % and 79 % on these pictures.
  EXPECT_NEAR(accuracy(resnet, imagenet, pictures, expected), 0.81, 0.02);
  EXPECT_NEAR(accuracy(dense, cifar, pictures, expected), 0.79, 0.02);
}

struct Box {
  double x0, y0, x1, y1, score;
  std::int64_t category;
};

double iou(const Box& a, const Box& b) {
  const double w = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  const double h = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (w <= 0 || h <= 0) return 0;
  const auto area = [](const Box& c) { return (c.x1 - c.x0) * (c.y1 - c.y0); };
  return w * h / (area(a) + area(b) - w * h);
}

/// Raw output [3549, 85] in plain loops: center (xy + grid) stride, size exp(wh) stride, score
/// objectness x class; then the best of each class that overlaps no better one by .45.
std::vector<Box> detections(const Tensor& raw, double threshold) {
  std::vector<Box> all, kept;
  const Tensor values = raw.contiguous();
  const float* row = values.data_ptr<float>();
  for (const int stride : {8, 16, 32}) {
    for (int y = 0; y < 416 / stride; ++y) {
      for (int x = 0; x < 416 / stride; ++x, row += 85) {
        const float* best = std::max_element(row + 5, row + 85);
        const double score = static_cast<double>(row[4]) * static_cast<double>(*best);
        if (score < threshold) continue;
        const double cx = (row[0] + x) * stride, cy = (row[1] + y) * stride;
        const double w = std::exp(row[2]) * stride, h = std::exp(row[3]) * stride;
        all.push_back({cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, score, best - row - 5});
      }
    }
  }
  std::sort(all.begin(), all.end(), [](const Box& a, const Box& b) { return a.score > b.score; });
  for (const Box& box : all) {
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](const Box& other) {
      return other.category == box.category && iou(other, box) > 0.45;
    });
    if (!covered) kept.push_back(box);
  }
  return kept;
}

/// Its first convolution stands behind slices that make twelve channels of three.
TEST(RealModels, RelevanceOfADetectionLiesInItsBox) {
  LIMN_REQUIRE_SHARED("data/models/yolox_nano_416.onnx");
  LIMN_REQUIRE_SHARED("data/coco100/instances.json");
  const Model model = Model::from_onnx(testing::shared("data/models/yolox_nano_416.onnx"))
                          .with_preprocessing(Preprocessing::preset("yolox"))
                          .with_detector({.layout = "yolox"});
  const auto input =
      preprocess(read_picture(testing::shared("data/coco100/images/000000000025.jpg")),
                 model.preprocessing(), model.input_shape());
  for (const char* spec : {"lrp", "rap", "hires-cam"}) {
    const Explanation one = make_method(spec)->explain(model, input.x);
    const Tensor map = one.map()[0];
    const std::int64_t peak = map.argmax().item<std::int64_t>();
    const auto x = static_cast<double>(peak % map.size(1)) * 416 / map.size(1);
    const auto y = static_cast<double>(peak / map.size(1)) * 416 / map.size(0);
    const auto& box = one.detected.at(0).box;
    EXPECT_TRUE(box[0] <= x && x <= box[2] && box[1] <= y && y <= box[3])
        << spec << ": " << x << ", " << y << " beside " << one.target;
  }
}

TEST(RealModels, YoloxFindsWhatIsThere) {
  LIMN_REQUIRE_SHARED("data/models/yolox_nano_416.onnx");
  LIMN_REQUIRE_SHARED("data/coco100/instances.json");
  const Model model = Model::from_onnx(testing::shared("data/models/yolox_nano_416.onnx"));
  std::ifstream file(testing::shared("data/coco100/instances.json"));
  const auto truth = nlohmann::json::parse(file);
  std::vector<std::int64_t> categories;  // COCO's numbers in the order of the eighty classes
  for (const auto& category : truth["categories"]) categories.push_back(category["id"]);
  ASSERT_EQ(categories.size(), 80u);
  Preprocessing preprocessing = Preprocessing::preset("none");
  preprocessing.size = {416, 416};
  preprocessing.resize = "letterbox";
  preprocessing.channel_order = "bgr";
  preprocessing.scale = 255;
  int found = 0, detected = 0, right = 0, objects = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    const auto& image = truth["images"][i];
    const std::string name = image["file_name"];
    const auto input = preprocess(read_picture(testing::shared("data/coco100/images/" + name)),
                                  preprocessing, model.input_shape());
    const Tensor raw = model.run(input.x, Keep::Outputs)[model.graph().outputs().front()];
    ASSERT_EQ(raw.sizes(), (std::vector<std::int64_t>{1, 3549, 85}));
    const auto boxes = detections(raw[0], 0.3);
    const double width = image["width"], height = image["height"];
    const double ratio = std::min(416 / width, 416 / height);
    std::vector<Box> real;
    for (const auto& one : truth["annotations"]) {
      if (one["image_id"] != image["id"] || one.value("iscrowd", 0) != 0) continue;
      const double x = one["bbox"][0], y = one["bbox"][1], w = one["bbox"][2], h = one["bbox"][3];
      const auto category = std::find(categories.begin(), categories.end(), one["category_id"]);
      real.push_back({x * ratio, y * ratio, (x + w) * ratio, (y + h) * ratio, 1,
                      category - categories.begin()});
    }
    const auto matches = [](const Box& a, const Box& b) {
      return a.category == b.category && iou(a, b) > 0.5;
    };
    objects += static_cast<int>(real.size());
    detected += static_cast<int>(boxes.size());
    for (const Box& box : real) {
      found += std::any_of(boxes.begin(), boxes.end(), [&](auto& b) { return matches(box, b); });
    }
    for (const Box& box : boxes) {
      right += std::any_of(real.begin(), real.end(), [&](auto& b) { return matches(box, b); });
    }
  }
  // .68 and .43 on 128 pictures of this data set.
  EXPECT_GT(static_cast<double>(right) / detected, 0.6);
  EXPECT_GT(static_cast<double>(found) / objects, 0.3);
  std::printf("precision %.2f, recall %.2f of %d objects\n", static_cast<double>(right) / detected,
              static_cast<double>(found) / objects, objects);
}

}  // namespace
}  // namespace limn
