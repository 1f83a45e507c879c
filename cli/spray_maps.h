// The maps of a spectral analysis: a folder of .npy files, or what a method makes of pictures.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/explaining.h"
#include "limn/spray.h"

namespace limn::cli {

/// One map, kept small: thousands stay in memory at once.
struct SprayMap {
  std::string name;
  Tensor row;                        ///< of spray_features
  Tensor small;                      ///< [h, w], at most kThumbnail a side
  Input input;                       ///< the picture; its path is empty where nothing is known
  std::optional<Geometry> geometry;  ///< of `small`; absent where it lies over the whole picture
};
constexpr std::int64_t kThumbnail = 64;

/// The maps of one class.
struct SprayClass {
  std::string name;
  std::vector<SprayMap> maps;
};

/// What had to be left out, and why.
struct LeftOut {
  std::string name, why;
};

struct SprayInput {
  std::vector<SprayClass> classes;
  std::vector<LeftOut> left_out;
};

struct SprayChoice {
  SprayOptions options;
  bool any_size = false;   ///< maps may differ in size
  bool skip_bad = false;   ///< constant and unreadable maps are left out instead of refused
  bool predicted = false;  ///< only pictures in which the model sees the class
};

/// Every .npy file of a folder: [h, w], [n, h, w] or [n, C, h, w]. Where `limn explain` left its
/// manifest.json there, the maps it names by class and method. Throws NotFound, BadInput.
SprayInput read_spray_maps(const std::string& folder, const SprayChoice& choice);
/// The maps of pictures, by the class explained. Throws as explain_all; NotFound where none is
/// left.
SprayInput make_spray_maps(const LoadedModel& loaded, const std::vector<Input>& inputs,
                           const ExplainSettings& settings, const SprayChoice& choice);

}  // namespace limn::cli
