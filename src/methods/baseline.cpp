// See baseline.h.
#include "methods/baseline.h"

#include <charconv>
#include <cmath>

namespace limn {
namespace {

constexpr double kBlurShare = 0.1;

Tensor given(const Tensor& baseline, const Tensor& x) {
  std::vector<std::int64_t> one = x.sizes().vec();
  one[0] = 1;
  if (baseline.sizes() != x.sizes() && baseline.sizes() != at::IntArrayRef(one)) {
    fail(ErrorCode::InvalidArgument, "the given baseline has shape ", baseline.sizes(),
         ", the input ", x.sizes(), "; give one of that shape, or one sample for all");
  }
  return baseline.to(x.options()).expand_as(x);
}

/// p * high + (1 - p) * low of the preprocessing, channel by channel.
Tensor color(const std::string& name, double p, const Preprocessing& prepared, const Tensor& x) {
  if (!prepared.known) {
    fail(ErrorCode::InvalidArgument, "baseline=", name,
         " needs to know how pictures become inputs; give --preset, or --mean and --std, or take "
         "baseline=zero, mean or blur");
  }
  std::vector<double> values = prepared.low();
  const std::vector<double> high = prepared.high();
  for (std::size_t c = 0; c < values.size(); ++c) values[c] = p * high[c] + (1 - p) * values[c];
  if (x.dim() != 4 || x.size(1) != static_cast<std::int64_t>(values.size())) {
    fail(ErrorCode::InvalidArgument, "baseline=", name, " has ", values.size(),
         " channels, the input has shape ", x.sizes(), "; take baseline=zero");
  }
  return at::tensor(values, at::kDouble).to(x.options()).reshape({1, -1, 1, 1}).expand_as(x);
}

void need_picture(const std::string& name, const Tensor& x) {
  if (x.dim() == 4) return;
  fail(ErrorCode::InvalidArgument, "baseline=", name, " needs an input [N, C, H, W], not ",
       x.sizes(), "; take baseline=zero");
}

}  // namespace

Field baseline_field(std::string& value) {
  return text_field("baseline", value,
                    "zero|black|gray|white|mean|blur, or a number in the model's input space");
}

Tensor baseline_of(const std::string& name, const Call& call, const Tensor& x) {
  if (call.options.baseline.defined()) return given(call.options.baseline, x);
  const std::string word = canonical_name(name);
  if (word == "zero") return at::zeros_like(x);
  if (word == "black") return color(word, 0, call.model.preprocessing(), x);
  if (word == "gray" || word == "grey") return color(word, 0.5, call.model.preprocessing(), x);
  if (word == "white") return color(word, 1, call.model.preprocessing(), x);
  if (word == "mean") {
    need_picture(word, x);
    return x.mean({2, 3}, true).expand_as(x);
  }
  if (word == "blur") {
    need_picture(word, x);
    return smooth_gaussian(x, kBlurShare * static_cast<double>(std::max(x.size(2), x.size(3))));
  }
  double number = 0;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), number);
  if (read.ec != std::errc() || read.ptr != name.data() + name.size() || !std::isfinite(number)) {
    fail(
        ErrorCode::InvalidArgument, "baseline is \"", name,
        "\"; legal: zero, black, gray, white, mean, blur, a number in the model's input space, and "
        "for lime and kernel-shap segment-mean");
  }
  return at::full_like(x, number);
}

}  // namespace limn
