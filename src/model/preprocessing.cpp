// Presets of the common training recipes.
#include <map>

#include "limn/error.h"
#include "limn/model.h"

namespace limn {
namespace {

std::map<std::string, Preprocessing> make_presets() {
  Preprocessing imagenet{.size = {224, 224},
                         .resize = "short-side",
                         .short_side = 256,
                         .mean = {0.485, 0.456, 0.406},
                         .std = {0.229, 0.224, 0.225}};
  // Simonyan and Zisserman's VGG as converted from Caffe: BGR, 0..255, mean subtracted.
  Preprocessing caffe{.size = {224, 224},
                      .resize = "short-side",
                      .short_side = 256,
                      .mean = {103.939, 116.779, 123.68},
                      .std = {1, 1, 1},
                      .channel_order = "bgr",
                      .scale = 255};
  Preprocessing cifar10{.size = {32, 32},
                        .resize = "direct",
                        .short_side = 0,
                        .mean = {0.4914, 0.4822, 0.4465},
                        .std = {0.2023, 0.1994, 0.2010}};
  // As YOLOX's own exports, whose files fix the size: letterbox at the upper left, BGR, 0..255.
  Preprocessing yolox{.size = {},
                      .resize = "letterbox",
                      .mean = {0, 0, 0},
                      .std = {1, 1, 1},
                      .channel_order = "bgr",
                      .scale = 255};
  Preprocessing none;
  std::map<std::string, Preprocessing> presets{{"imagenet", imagenet},
                                               {"caffe", caffe},
                                               {"cifar10", cifar10},
                                               {"yolox", yolox},
                                               {"none", none}};
  for (auto& [name, preset] : presets) {
    preset.known = true;
    preset.source = "preset " + name;
  }
  return presets;
}

const std::map<std::string, Preprocessing>& presets() {
  static const std::map<std::string, Preprocessing> all = make_presets();
  return all;
}

std::vector<double> normalized(const Preprocessing& p, double pixel) {
  std::vector<double> out;
  for (std::size_t c = 0; c < p.mean.size(); ++c) {
    out.push_back((pixel * p.scale - p.mean[c]) / p.std[c]);
  }
  return out;
}

}  // namespace

std::vector<double> Preprocessing::low() const { return normalized(*this, 0); }
std::vector<double> Preprocessing::high() const { return normalized(*this, 1); }

std::vector<std::string> Preprocessing::preset_names() {
  std::vector<std::string> names;
  for (const auto& [name, preset] : presets()) names.push_back(name);
  return names;
}

Preprocessing Preprocessing::preset(const std::string& name) {
  const auto found = presets().find(name);
  if (found == presets().end()) {
    fail(ErrorCode::NotFound, "no preprocessing preset \"", name, "\"; there are ",
         nearest_names(name, preset_names(), presets().size()));
  }
  return found->second;
}

}  // namespace limn
