// What metrics that change the picture share: checks, the order of pixels, and the model's answers
// to many pictures in few passes.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "limn/metric.h"

namespace limn {

/// Throws unless x is [1, C, H, W] and map a finite [H, W].
void check_picture_and_map(const std::string& who, const Tensor& x, const Tensor& map);
/// Throws InvalidArgument unless batch is at least 1.
void check_batch(const std::string& who, std::int64_t batch);

/// int64 [H, W], on the map's device: 0 for the most relevant pixel, of equal ones the first.
Tensor pixel_ranks(const Tensor& map);

/// What the model says of a class in many pictures.
struct PictureScores {
  std::vector<double> probability;
  /// 1 where every other class is less likely (of a model's only class: where it is likelier than
  /// not), else 0.
  std::vector<double> likeliest;
};
/// `make(first, count)` gives pictures [count, C, H, W]; it is called in order. A model of fixed
/// batch size gets that many, the last picture repeated. Throws NotFound for an unknown class.
PictureScores score_pictures(const Model& model, std::int64_t pictures, std::int64_t target,
                             std::int64_t batch,
                             const std::function<Tensor(std::int64_t, std::int64_t)>& make);

/// The call's own batch where it gives one.
inline std::int64_t batch_of(const MetricCase& one, std::int64_t otherwise) {
  return one.options.batch > 0 ? one.options.batch : otherwise;
}

/// Area under a curve by trapezoids a step wide.
double trapezoids(const std::vector<double>& curve);

}  // namespace limn
