// See spray_collector.h.
#include "cli/spray_collector.h"

#include <algorithm>

#include "limn/error.h"

namespace limn::cli {
namespace {

Tensor thumbnail(const Tensor& map) {
  const std::int64_t height = std::min(map.size(0), kThumbnail);
  const std::int64_t width = std::min(map.size(1), kThumbnail);
  return at::adaptive_avg_pool2d(map.to(at::kFloat).unsqueeze(0), {height, width})[0];
}

}  // namespace

void SprayCollector::add(const std::string& name, const Tensor& map, SprayMap about) {
  if (!map.isfinite().all().item<bool>()) return refuse(about.name, "holds NaN or infinity");
  if (map.min().equal(map.max())) return refuse(about.name, "is constant: it shows no place");
  const auto size = map.sizes().vec();
  if (size_.empty()) size_ = size;
  if (size != size_ && !choice_.any_size) {
    fail(ErrorCode::BadInput, "map \"", about.name, "\" is ", size[0], " x ", size[1],
         ", the one before ", size_[0], " x ", size_[1],
         "; give --side 20 to bring all to 20 x 20 cells");
  }
  about.row = in_context([&] { return "map \"" + about.name + "\""; },
                         [&] { return spray_features(map.unsqueeze(0), choice_.options)[0]; });
  about.small = thumbnail(map);
  class_of(name).maps.push_back(std::move(about));
}

void SprayCollector::refuse(const std::string& name, const std::string& why) {
  if (!choice_.skip_bad) {
    fail(ErrorCode::BadInput, "map \"", name, "\" ", why,
         "; give --skip-bad to leave such maps out");
  }
  out_.left_out.push_back({name, why});
}

void SprayCollector::leave_out(const std::string& name, const std::string& why) {
  out_.left_out.push_back({name, why});
}

SprayClass& SprayCollector::class_of(const std::string& name) {
  for (auto& one : out_.classes) {
    if (one.name == name) return one;
  }
  out_.classes.push_back({name, {}});
  return out_.classes.back();
}

}  // namespace limn::cli
