// UCAG, unfold and conquer: the picture is cut into overlapping patches, each is enlarged and
// explained by itself with any method, weighted by how sure the model is of the class there,
// v = exp(p) / max exp(p), and put back; where patches overlap their maps are averaged. Maps of the
// CAM family are aggregated as they are (no ReLU, no normalization) and finished afterwards: ReLU,
// 0 to 1, Gaussian of 5 x 5 pixels; maps of other methods keep their sign and size. reference=true
// (KU-HJH/UCAG@4d12475, unfold_and_conquer.py): patches at whole steps, which may pass the border,
// and a count of patches that starts at one. Source: Hong, Nam, Choi, Lee, "Unfold and Conquer
// Attribution Guidance", 2023.
#include <cmath>

#include "methods/sampling.h"

namespace limn {
namespace {

struct UcagOptions {
  InnerMethod inner{"grad-cam", nullptr};
  std::int64_t patches = 6;
  double crop = 124, scale = 2.6;
  bool score = true, reference = false;
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "ucag",
      .title = "Unfold and conquer attribution guidance",
      .family = "wrapper",
      .summary =
          "Explains enlarged patches one by one with any method and puts them together: details "
          "that one look at the whole picture misses.",
      .formula = "S(u) = mean over patches that cover u of v_ij M_ij(u), v = exp(p) / max exp(p)",
      .paper = "Hong, Nam, Choi, Lee: Unfold and Conquer Attribution Guidance, 2023",
      .aliases = {"unfold-and-conquer"},
      .signed_map = true};
  return value;
}

Fields fields(UcagOptions& o) {
  return {method_field("method", o.inner, "what explains each patch"),
          integer_field("patches", o.patches, 2, 64, "patches along each side")
              .also({"num-units", "n"}),
          real_field("crop", o.crop, 8, 224, "a patch's side, for a picture of 224")
              .also({"crop-size"}),
          real_field("scale", o.scale, 0.25, 16, "how much patches are enlarged").also({"alpha"}),
          bool_field("score", o.score, "weight patches by the class's probability in them"),
          bool_field("reference", o.reference, "the authors' code with its quirks")};
}

/// Where patches of one side lie: `size` long, from each of `starts`, on a canvas of `canvas`.
struct Cuts {
  std::int64_t size = 0, canvas = 0;
  std::vector<std::int64_t> starts;
};

Cuts cuts_of(const UcagOptions& o, std::int64_t length) {
  Cuts cuts;
  cuts.size = static_cast<std::int64_t>(o.crop * static_cast<double>(length) / 224);
  if (cuts.size < 1) {
    fail(ErrorCode::InvalidArgument, "patches of crop=", o.crop, " on ", length,
         " pixels would be empty: give a larger crop (224 is the whole picture)");
  }
  const std::int64_t step = (length - cuts.size + 2) / (o.patches - 1);
  for (std::int64_t i = 0; i < o.patches; ++i) {
    const double even =
        static_cast<double>(i * (length - cuts.size)) / static_cast<double>(o.patches - 1);
    cuts.starts.push_back(o.reference ? i * step : std::llround(even));
  }
  cuts.canvas = o.reference ? cuts.starts.back() + cuts.size : length;
  return cuts;
}

/// The size at which patches are explained: enlarged, or what the model is fixed to.
std::pair<std::int64_t, std::int64_t> patch_size(const UcagOptions& o, const Model& model,
                                                 const Cuts& rows, const Cuts& columns) {
  const auto shape = model.input_shape();
  const auto side = [&](std::int64_t cut, std::size_t axis) {
    if (shape.size() == 3 && shape[axis] > 0) return shape[axis];
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(cut) * o.scale));
  };
  return {side(rows.size, 1), side(columns.size, 2)};
}

/// What a patch's explanation shows, [M, h, w] and signed: raw maps where the CAM family has them.
Tensor map_of(const Explanation& one) {
  const auto raw = one.inner.find("raw_0");
  return raw != one.inner.end() ? raw->second : one.map();
}

class Unfolding {
 public:
  Unfolding(const UcagOptions& options, const Call& call, const Pass& pass)
      : o_(options),
        call_(call),
        pass_(pass),
        rows_(cuts_of(options, call.x.size(2))),
        columns_(cuts_of(options, call.x.size(3))),
        size_(patch_size(options, call.model, rows_, columns_)) {}

  /// The aggregate [S, canvas] of sample n.
  Tensor sample(std::int64_t n) {
    const std::vector<Target> targets = fixed_targets(pass_.objectives, n);
    const std::int64_t count = o_.patches * o_.patches;
    Tensors maps, weights;
    in_batches(count, batch(), call_.options, [&](std::int64_t first, std::int64_t some) {
      Tensors patches;
      for (std::int64_t i = first; i < first + some; ++i) patches.push_back(patch(n, i));
      const auto all = explained(n, at::cat(patches), targets);
      Tensors here, sure;
      for (const auto& one : all) {
        is_cam_ = is_cam_ || one.inner.contains("raw_0");
        is_signed_ = one.is_signed;
        layer_ = one.layer;
        bfloat16_ = one.bfloat16;
        here.push_back(resize_bilinear(map_of(one).unsqueeze(1), rows_.size, columns_.size));
        sure.push_back(one.probability);
      }
      maps.push_back(at::stack(here));
      weights.push_back(at::stack(sure));
    });
    return aggregated(at::cat(maps, 1), at::cat(weights, 1));
  }

  bool is_cam() const { return is_cam_; }
  bool is_signed() const { return is_signed_; }
  const std::string& layer() const { return layer_; }
  bool bfloat16() const { return bfloat16_; }
  /// Whether the model's fixed input decides the patches' size.
  bool fixed() const {
    const auto shape = call_.model.input_shape();
    return shape.size() == 3 && (shape[1] > 0 || shape[2] > 0);
  }
  const std::pair<std::int64_t, std::int64_t>& size() const { return size_; }

 private:
  std::int64_t batch() const {
    const double times = static_cast<double>(size_.first * size_.second) /
                         static_cast<double>(call_.x.size(2) * call_.x.size(3));
    const std::int64_t whole = inner_batch(pass_.model, pass_.tape, call_.options);
    if (call_.options.batch > 0 || pass_.model.fixed_batch() > 0) return whole;
    return std::max<std::int64_t>(
        1, static_cast<std::int64_t>(static_cast<double>(whole) / std::max(times, 1.0)));
  }

  /// The inner method's maps of patches of sample n, one per target.
  std::vector<Explanation> explained(std::int64_t n, const Tensor& patches,
                                     const std::vector<Target>& targets) const {
    ExplainOptions options;
    options.score = call_.options.score;
    options.seed = call_.options.seed;
    options.batch = call_.options.batch;
    options.fallback_gradient = call_.options.fallback_gradient;
    options.bfloat16 = call_.options.bfloat16;
    options.beside = call_.options.beside;
    const Method& inner = o_.inner.get();
    if (!inner.info().conserves || pass_.tape[pass_.model.logits()].dim() != 2) {
      return inner.explain(call_.model, patches, targets, options);
    }
    // Methods that hand down the score would turn their sign in patches whose score is below zero.
    Tensors starts;
    for (const auto& objective : pass_.objectives) {
      starts.push_back(objective.one_hot.narrow(0, n, 1).repeat({patches.size(0), 1}));
    }
    options.start = at::stack(starts);
    return inner.explain(call_.model, patches, targets, options);
  }

  /// Patch i of sample n, enlarged; cut off at the border.
  Tensor patch(std::int64_t n, std::int64_t i) const {
    const std::int64_t top = rows_.starts[static_cast<std::size_t>(i / o_.patches)];
    const std::int64_t left = columns_.starts[static_cast<std::size_t>(i % o_.patches)];
    const Tensor cut = call_.x.narrow(0, n, 1)
                           .slice(2, top, top + rows_.size)
                           .slice(3, left, left + columns_.size);
    return at::upsample_bicubic2d(cut, {size_.first, size_.second}, false);
  }

  /// maps [S, patches, 1, h, w] and probabilities [S, patches] to [S, canvas].
  Tensor aggregated(const Tensor& maps, const Tensor& probability) const {
    const Tensor grown = probability.exp();
    const Tensor weights = o_.score ? grown / grown.amax(1, true) : at::ones_like(grown);
    const Tensor sum = at::zeros({maps.size(0), rows_.canvas, columns_.canvas}, maps.options());
    const Tensor covered =
        at::full({rows_.canvas, columns_.canvas}, o_.reference ? 1 : 0, maps.options());
    for (std::int64_t i = 0; i < maps.size(1); ++i) {
      const std::int64_t top = rows_.starts[static_cast<std::size_t>(i / o_.patches)];
      const std::int64_t left = columns_.starts[static_cast<std::size_t>(i % o_.patches)];
      const auto place = [&](const Tensor& t) {
        return t.narrow(-2, top, rows_.size).narrow(-1, left, columns_.size);
      };
      place(sum).add_(maps.select(1, i).select(1, 0) *
                      weights.select(1, i).to(maps.scalar_type()).view({-1, 1, 1}));
      place(covered).add_(1);
    }
    return sum / covered.clamp_min(1);
  }

  const UcagOptions& o_;
  const Call& call_;
  const Pass& pass_;
  Cuts rows_, columns_;
  std::pair<std::int64_t, std::int64_t> size_;
  bool is_cam_ = false, is_signed_ = false, bfloat16_ = false;
  std::string layer_;
};

/// 5 x 5, sigma 3, mirrored borders.
Tensor blurred(const Tensor& maps) {
  const Tensor places = at::arange(-2, 3, maps.options());
  Tensor taps = (-(places * places) / 18).exp();
  taps = taps / taps.sum();
  const Tensor padded = at::reflection_pad2d(maps, {2, 2, 2, 2});
  return at::conv2d(at::conv2d(padded, taps.view({1, 1, 5, 1})), taps.view({1, 1, 1, 5}));
}

/// ReLU, the picture's size, 0 to 1, a blur.
Tensor finished(const Tensor& maps, std::int64_t height, std::int64_t width) {
  const Tensor map = resize_bilinear(maps.clamp_min(0), height, width);
  const Tensor lifted = map - map.amin({2, 3}, true);
  const Tensor highest = lifted.amax({2, 3}, true);
  return blurred(lifted / highest.masked_fill(highest == 0, 1));
}

std::vector<Explanation> explain(const UcagOptions& o, const Call& call) {
  if (call.options.start.defined()) {
    fail(ErrorCode::InvalidArgument, "ucag explains patches and takes no start at the logits");
  }
  refuse_detector(call.model);
  const Pass pass(call, BatchNorm::Free);
  Unfolding unfolding(o, call, pass);
  Tensors samples;
  for (std::int64_t n = 0; n < call.x.size(0); ++n) samples.push_back(unfolding.sample(n));
  const Tensor all = at::stack(samples, 1).unsqueeze(2);
  std::vector<Explanation> result;
  for (std::size_t s = 0; s < pass.objectives.size(); ++s) {
    const Tensor map = all[static_cast<std::int64_t>(s)];
    const bool is_cam = unfolding.is_cam();
    Explanation one =
        around(pass, s, is_cam ? finished(map, call.x.size(2), call.x.size(3)) : map.contiguous(),
               !is_cam && unfolding.is_signed());
    one.layer = unfolding.layer();
    one.bfloat16 = unfolding.bfloat16();
    one.inner["raw_aggregate"] = map;
    if (unfolding.fixed()) {
      one.notes.push_back(concat("the model's input size is fixed: patches were resized to ",
                                 unfolding.size().first, " x ", unfolding.size().second,
                                 ", whatever scale says"));
    }
    result.push_back(std::move(one));
  }
  return result;
}

}  // namespace

MethodEntry method_ucag() { return define_method<UcagOptions>(info(), fields, explain, "method"); }

}  // namespace limn
