// Pictures of shapes as batches, and how well a net ranks them.
#pragma once
#include <torch/types.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "limn/shapes.h"
#include "net.h"

namespace limn::train_demo {

constexpr double kMean = 0.5, kStd = 0.25;  ///< of every channel, for pixels in 0 .. 1

struct Batch {
  torch::Tensor pictures;  ///< uint8 [N, 3, H, W]
  torch::Tensor labels;    ///< float [N, classes]
};

/// Pictures first .. first + count - 1.
inline Batch draw_batch(const ShapesOptions& options, std::int64_t first, std::int64_t count) {
  Batch batch{torch::empty({count, 3, options.height, options.width}, torch::kByte),
              torch::empty({count, static_cast<std::int64_t>(shape_labels().size())})};
  for (std::int64_t i = 0; i < count; ++i) {
    const ShapesPicture picture = shapes_picture(options, first + i);
    batch.pictures[i].copy_(picture.picture);
    batch.labels[i].copy_(picture.labels());
  }
  return batch;
}

inline torch::Tensor normalize(const torch::Tensor& pictures) {
  return pictures.to(torch::kFloat)
      .div_(255)
      .sub_(kMean)
      .div_(kStd)
      .contiguous(at::MemoryFormat::ChannelsLast);
}

inline torch::Tensor predict(Net& net, const torch::Tensor& pictures) {
  const torch::NoGradGuard no_grad;
  net.eval();
  std::vector<torch::Tensor> logits;
  for (const auto& part : pictures.split(128)) logits.push_back(net.forward(normalize(part)));
  return torch::cat(logits);
}

/// Mean over the positives of the precision at their rank; 0 where there are none.
inline double average_precision(const torch::Tensor& scores, const torch::Tensor& labels) {
  const auto order = scores.argsort(0, true);
  const auto hits = labels.index_select(0, order).to(torch::kDouble);
  const double positives = hits.sum().item<double>();
  if (positives == 0) return 0;
  const auto ranks = torch::arange(1, hits.size(0) + 1, torch::kDouble);
  return ((hits.cumsum(0) / ranks) * hits).sum().item<double>() / positives;
}

inline std::vector<double> average_precisions(const torch::Tensor& logits,
                                              const torch::Tensor& labels) {
  std::vector<double> result;
  for (std::int64_t c = 0; c < labels.size(1); ++c) {
    result.push_back(average_precision(logits.select(1, c), labels.select(1, c)));
  }
  return result;
}

inline double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace limn::train_demo
