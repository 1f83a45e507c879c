// CAMERAS: Grad-CAM without its coarseness. The picture goes through the model at growing sizes;
// activations and gradients of a layer are enlarged to the picture and averaged over the sizes, and
// only then multiplied, S = max(0, sum_k mean_r A_k^r * mean_r g_k^r), place by place. Sizes at
// which the prediction changes are left out. reference=true (VisMIL/CAMERAS@8ef2d13, CAMERAS.py):
// the map is square, of the first size, and stretched to 0..1. Source: Jalwana, Akhtar, Bennamoun,
// Mian, "CAMERAS: Enhanced Resolution And Sanity preserving Class Activation Mapping", 2021.
#include <cmath>

#include "methods/cam_base.h"
#include "methods/sampling.h"
#include "rules/composites.h"

namespace limn {
namespace {

/// The authors' sizes for pictures of 224: 224, 324, ..., 924.
constexpr int kSizes = 8;
constexpr double kStep = 100.0 / 224;

struct CamerasOptions {
  std::vector<double> scales;
  std::string layer, skip = "auto";
  bool reference = false;
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "cameras",
      .title = "CAMERAS",
      .family = "cam",
      .summary =
          "Activations and gradients accumulated over growing picture sizes: a class activation "
          "map at the picture's own resolution.",
      .formula = "S = max(0, sum_k mean_r A_k^r * mean_r g_k^r)",
      .paper = "Jalwana, Akhtar, Bennamoun, Mian: CAMERAS, 2021",
      .aliases = {},
      .needs_layer = true};
  return value;
}

Fields fields(CamerasOptions& o) {
  return {
      reals_field("scales", o.scales,
                  "lengths of the picture's shorter side in pixels; empty: eight, from its own "
                  "to 4.125 times that")
          .also({"resolutions"}),
      text_field("layer", o.layer, "the layer read; empty: the last convolution block's output"),
      choice_field("skip", o.skip, {"auto", "yes", "no"},
                   "leave out sizes at which another class is predicted; auto: where the "
                   "target is the predicted class"),
      bool_field("reference", o.reference, "the authors' square, stretched map")};
}

using Size = std::pair<std::int64_t, std::int64_t>;

std::vector<Size> sizes_of(const CamerasOptions& o, const Tensor& x) {
  const std::int64_t height = x.size(2), width = x.size(3), shorter = std::min(height, width);
  std::vector<double> sides = o.scales;
  for (int i = 0; sides.size() < kSizes && o.scales.empty(); ++i) {
    sides.push_back(std::round(static_cast<double>(shorter) * (1 + i * kStep)));
  }
  std::vector<Size> sizes;
  for (const double side : sides) {
    if (side < 1 || side > 8192 || side != std::floor(side)) {
      fail(ErrorCode::InvalidArgument,
           "scales are whole numbers of pixels from 1 to 8192, as in "
           "scales=[224,324,424]; found ",
           side);
    }
    const double times = side / static_cast<double>(shorter);
    sizes.emplace_back(std::llround(static_cast<double>(height) * times),
                       std::llround(static_cast<double>(width) * times));
  }
  return sizes;
}

Tensor resized(const Tensor& x, const Size& size) {
  if (x.size(2) == size.first && x.size(3) == size.second) return x;
  return at::upsample_bicubic2d(x, {size.first, size.second}, false);
}

/// A pass at another size; what the model refuses is said with the size.
Pass pass_at(const Call& call, const Size& size, const std::vector<std::string>& layer) {
  try {
    return Pass(call, BatchNorm::Free, layer);
  } catch (const Error& error) {
    fail(error.code(), "the model refuses a picture of ", size.first, " x ", size.second, ": ",
         error.message(),
         "; give scales=[...] that it takes, or use grad-cam, or ucag, which "
         "keeps a fixed input size");
  }
}

/// Sums over all sizes of one sample.
class Accumulation {
 public:
  Accumulation(const CamerasOptions& options, const Call& call, const Pass& first)
      : options_(options), call_(call), first_(first), sizes_(sizes_of(options, call.x)) {
    const Tensor& x = call.x;
    to_ = options.reference ? Size(sizes_[0].first, sizes_[0].first) : Size(x.size(2), x.size(3));
  }

  /// The map [S, H, W] of sample n, and how many sizes each objective used.
  std::pair<Tensor, std::vector<std::int64_t>> sample(std::int64_t n) const {
    const std::vector<Target> targets = fixed_targets(first_.objectives, n);
    const auto objectives = static_cast<std::int64_t>(targets.size());
    std::vector<std::int64_t> used(targets.size(), 0);
    Tensors activations(targets.size()), gradients(targets.size());
    std::int64_t predicted = -1;
    for (std::size_t r = 0; r < sizes_.size(); ++r) {
      const Tensor x = resized(call_.x.narrow(0, n, 1), sizes_[r]);
      const Call scaled{call_.model, x, targets, call_.options};
      const Pass pass = pass_at(scaled, sizes_[r], needed());
      const auto now = probabilities(pass.model, pass.tape).argmax(1).item<std::int64_t>();
      if (r == 0) predicted = now;
      const ValueId layer = options_.layer.empty() ? default_cam_layer(pass.model, pass.tape)
                                                   : pass.model.graph().at(options_.layer);
      const Tensor a = enlarged(pass.tape[layer]);
      const WalkResult walked =
          pass.walk_from(scaled, gradient_book(), pass.gradients(scaled), {layer});
      for (std::int64_t s = 0; s < objectives; ++s) {
        const auto i = static_cast<std::size_t>(s);
        const bool follows = pass.objectives[i].classes.front() == predicted;
        const bool skips = options_.skip == "yes" || (options_.skip == "auto" && follows);
        if (skips && now != predicted) continue;
        const Tensor g = enlarged(walked.relevance.at(layer)[s]);
        activations[i] = used[i] == 0 ? a.clone() : activations[i].add_(a);
        gradients[i] = used[i] == 0 ? g : gradients[i].add_(g);
        ++used[i];
      }
      if (call_.options.progress) {
        const auto done = static_cast<double>(n) * static_cast<double>(sizes_.size()) +
                          static_cast<double>(r + 1);
        call_.options.progress(
            done / static_cast<double>(call_.x.size(0) * static_cast<std::int64_t>(sizes_.size())));
      }
    }
    Tensors maps;
    for (std::size_t i = 0; i < targets.size(); ++i) {
      const auto count = static_cast<double>(used[i]);
      maps.push_back(((activations[i] / count) * (gradients[i] / count)).sum(1).clamp_min(0)[0]);
    }
    return {at::stack(maps), used};
  }

  std::size_t sizes() const { return sizes_.size(); }
  std::vector<std::string> needed() const {
    return options_.layer.empty() ? std::vector<std::string>{}
                                  : std::vector<std::string>{options_.layer};
  }

 private:
  Tensor enlarged(const Tensor& t) const {
    if (t.dim() != 4) {
      fail(ErrorCode::InvalidArgument, "layer \"", options_.layer, "\" has shape ", t.sizes(),
           "; CAMERAS needs places, [N, C, h, w]: give layer= a convolution's output");
    }
    return resize_bilinear(t, to_.first, to_.second);
  }

  const CamerasOptions& options_;
  const Call& call_;
  const Pass& first_;
  std::vector<Size> sizes_;
  Size to_;
};

/// Each map from 0 to 1; a flat one stays zero.
Tensor spread(const Tensor& maps) {
  const Tensor lifted = maps - maps.amin({2, 3}, true);
  const Tensor highest = lifted.amax({2, 3}, true);
  return lifted / highest.masked_fill(highest == 0, 1);
}

std::vector<Explanation> explain(const CamerasOptions& o, const Call& call) {
  refuse_detector(call.model);
  const Pass first(call, BatchNorm::Free);
  const Accumulation sizes(o, call, first);
  Tensors samples;
  std::vector<std::vector<std::int64_t>> used;
  for (std::int64_t n = 0; n < call.x.size(0); ++n) {
    auto [maps, counts] = sizes.sample(n);
    samples.push_back(maps);
    used.push_back(std::move(counts));
  }
  const Tensor all = at::stack(samples, 1).unsqueeze(2);
  std::vector<Explanation> result;
  for (std::size_t s = 0; s < first.objectives.size(); ++s) {
    const Tensor map = all[static_cast<std::int64_t>(s)];
    Explanation one = around(first, s, o.reference ? spread(map) : map, false);
    one.layer = o.layer.empty()
                    ? first.model.graph().value(default_cam_layer(first.model, first.tape)).name
                    : o.layer;
    for (std::size_t n = 0; n < used.size(); ++n) {
      const auto count = static_cast<std::size_t>(used[n][s]);
      if (count == sizes.sizes()) continue;
      one.notes.push_back(concat("another class is predicted at ", sizes.sizes() - count, " of ",
                                 sizes.sizes(), " sizes, which are left out",
                                 used.size() > 1 ? concat(" (sample ", n, ")") : ""));
    }
    result.push_back(std::move(one));
  }
  return result;
}

}  // namespace

MethodEntry method_cameras() {
  return define_method<CamerasOptions>(info(), fields, explain, "layer");
}

}  // namespace limn
