// One map and what is known about its picture: all that metrics of localization look at.
#pragma once
#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "limn/metric.h"
#include "support/small_model.h"

namespace limn::testing {

struct MapCase {
  Tensor map;  ///< [h, w]
  Truth truth;
  Tensor picture = {};  ///< uint8 [h, w, 3]; gray where it is left out

  Measurement measure(const std::string& spec) const;
};

/// All cases in one call.
inline std::vector<Measurement> measure_all(const std::vector<MapCase>& cases,
                                            const std::string& spec) {
  static const Model model{Graph(small_model())};
  const Tensor x = at::zeros({1, 3, 24, 24});
  const Explanation explanation;
  const ExplainOptions options;
  Tensors maps, pictures;
  for (const auto& one : cases) {
    maps.push_back(one.map.to(at::kFloat));
    pictures.push_back(one.picture.defined()
                           ? one.picture
                           : at::full({one.map.size(0), one.map.size(1), 3}, 128, at::kByte));
  }
  std::vector<MetricCase> given;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    given.push_back({.model = model,
                     .x = x,
                     .explanation = explanation,
                     .map = maps[i],
                     .original = maps[i],
                     .picture = pictures[i],
                     .truth = &cases[i].truth,
                     .options = options});
  }
  return make_metric(spec)->measure_all(given);
}

inline Measurement MapCase::measure(const std::string& spec) const {
  return measure_all({*this}, spec).front();
}

/// bool [height, width]: true in rows top .. bottom - 1 and columns left .. right - 1.
inline Tensor box_mask(std::int64_t height, std::int64_t width, PixelBox box) {
  const Tensor mask = at::zeros({height, width}, at::kBool);
  mask.slice(0, box.top, box.bottom).slice(1, box.left, box.right).fill_(true);
  return mask;
}

/// Truth with a mask of objects.
inline Truth pixels(const Tensor& mask) {
  Truth truth;
  truth.pixels = mask;
  truth.object_masks = true;
  return truth;
}

/// Rows of one class each, as read back from a run.
inline MetricRow row(int label, Measurement measurement) {
  return {.image = "p", .label = label, .measurement = std::move(measurement)};
}

}  // namespace limn::testing
