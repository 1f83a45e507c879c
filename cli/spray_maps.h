// The maps of a spectral analysis: a folder of .npy files, or what a method makes of pictures or of
// a data set.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/explaining.h"
#include "limn/dataset.h"
#include "limn/spray.h"

namespace limn::cli {

/// One map, kept small: thousands stay in memory at once.
struct SprayMap {
  std::string name;
  Tensor row;                        ///< of spray_features
  Tensor small;                      ///< [h, w], at most kThumbnail a side
  Input input;                       ///< the picture; its path is empty where nothing is known
  std::int64_t item = -1;            ///< of the data set, where there is one
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
  bool target_given = false;
  // Of data sets:
  std::string classes;     ///< a class map; empty: classes are linked by name
  std::int64_t limit = 0;  ///< the first pictures; 0: all
};

/// Every .npy file of a folder: [h, w], [n, h, w] or [n, C, h, w]. Where `limn explain` left its
/// manifest.json there, the maps it names by class and method. Throws NotFound, BadInput.
SprayInput read_spray_maps(const std::string& folder, const SprayChoice& choice);
/// The maps of pictures, by the class explained. Throws as explain_all; NotFound where none is
/// left.
SprayInput make_spray_maps(const LoadedModel& loaded, const std::vector<Input>& inputs,
                           const ExplainSettings& settings, const SprayChoice& choice);
/// The maps of a data set: without -t of each class that a picture holds and the model knows, named
/// as the data set names it; where none of its classes is the model's, and with -t top1, of the
/// likeliest class; with -t class:X of that one, in pictures that hold it. Throws as
/// Dataset::read, Method::explain and link_classes do; NotFound where no map is left.
SprayInput make_spray_maps(const LoadedModel& loaded, const Dataset& data,
                           const ExplainSettings& settings, const SprayChoice& choice);

}  // namespace limn::cli
