// Runs methods over inputs and targets; `explain`, `compare` and `demo` differ only in what they do
// with the outcomes.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/choices.h"
#include "cli/inputs.h"
#include "limn/method.h"
#include "limn/report.h"

namespace limn::cli {

/// What comes with every map of this method: keys of Explanation::inner, in the order saved.
std::vector<std::string> extras_of(const Method& method);

/// One map.
struct Outcome {
  ResultRecord record;
  std::size_t input = 0, method = 0, target = 0;
  Tensor map;       ///< [h, w] at its own size
  Tensor original;  ///< [H, W] in the picture's geometry
  /// By key: maps [H, W] or [K, H, W] in the picture's geometry, arrays as they are.
  std::map<std::string, Tensor> extras;
  Tensor picture;              ///< uint8 [H, W, 3]
  std::vector<BoxMark> marks;  ///< of detections, the explained one strong

  /// The picture with its marks.
  Tensor marked() const { return marks.empty() ? picture : draw_boxes(picture, marks); }
};

/// Calls `sink` with every map, input by input; a progress line counts maps. Inputs of one shape
/// share passes where `settings.batch` allows it. False where an interrupt ended it early and
/// `settings.keep_partial` keeps what is done.
bool explain_all(const LoadedModel& loaded, const std::vector<Input>& inputs,
                 const std::vector<MethodChoice>& methods, const std::vector<TargetChoice>& targets,
                 const ExplainSettings& settings, const std::function<void(Outcome&&)>& sink);

}  // namespace limn::cli
