// See picture_scores.h.
#include "metrics/picture_scores.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "limn/error.h"
#include "limn/target.h"

namespace limn {

void check_picture_and_map(const std::string& who, const Tensor& x, const Tensor& map) {
  if (x.dim() != 4 || x.size(0) != 1) {
    fail(ErrorCode::InvalidArgument, who, " takes one picture [1, C, H, W], not ", x.sizes());
  }
  if (map.dim() != 2 || map.size(0) != x.size(2) || map.size(1) != x.size(3)) {
    fail(ErrorCode::InvalidArgument, who, ": the map has shape ", map.sizes(),
         ", the picture needs [", x.size(2), ", ", x.size(3), "]: resize the map first");
  }
  if (!at::isfinite(map).all().item<bool>()) {
    fail(ErrorCode::Numerical, who, ": the map holds NaN or infinity: its pixels have no order");
  }
}

void check_batch(const std::string& who, std::int64_t batch) {
  if (batch < 1) {
    fail(ErrorCode::InvalidArgument, who, ": batch=", batch, "; give a batch of at least 1");
  }
}

Tensor pixel_ranks(const Tensor& map) {
  const Tensor order = std::get<1>(map.flatten().to(at::kDouble).sort(true, 0, true));
  return at::empty_like(order)
      .scatter_(0, order, at::arange(map.numel(), order.options()))
      .view(map.sizes());
}

PictureScores score_pictures(const Model& model, std::int64_t pictures, std::int64_t target,
                             std::int64_t batch,
                             const std::function<Tensor(std::int64_t, std::int64_t)>& make) {
  const Model runner = model.folded();
  const std::int64_t fixed = model.fixed_batch();
  if (fixed > 0) batch = fixed;
  PictureScores scores;
  for (std::int64_t first = 0; first < pictures; first += batch) {
    const std::int64_t count = std::min(batch, pictures - first);
    Tensor some = make(first, count);
    if (count < fixed) {
      some = at::cat({some, some.narrow(0, count - 1, 1).expand({fixed - count, -1, -1, -1})});
    }
    const Tape tape = runner.run(some, std::vector<ValueId>{});
    const Tensor shares = probabilities(runner, tape).narrow(0, 0, count).to(at::kCPU, at::kDouble);
    class_index(runner, std::to_string(target), shares.size(1));
    for (std::int64_t i = 0; i < count; ++i) {
      const auto p = shares[i][target].item<double>();
      if (!std::isfinite(p)) {
        fail(ErrorCode::Numerical, "the model's probability of class ", target,
             " is not a number on a changed picture");
      }
      scores.probability.push_back(p);
      // The class itself is one of those that are as likely as it.
      const auto as_likely = shares[i].ge(p).sum().item<std::int64_t>();
      scores.likeliest.push_back(as_likely == 1 && (shares.size(1) > 1 || p >= 0.5) ? 1 : 0);
    }
  }
  return scores;
}

double trapezoids(const std::vector<double>& curve) {
  double area = 0;
  for (std::size_t i = 1; i < curve.size(); ++i) area += (curve[i - 1] + curve[i]) / 2;
  return area;
}

}  // namespace limn
