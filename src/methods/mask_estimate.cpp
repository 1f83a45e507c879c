// See mask_estimate.h.
#include "methods/mask_estimate.h"

#include <cmath>

#include "base/correlation.h"
#include "methods/sampling.h"

namespace limn {
namespace {

/// Masks that the regression makes again at once.
constexpr std::int64_t kAgain = 256;

/// A unit is a mask, or an antithetic pair: level s (the mean score), slope f (half the pair's
/// difference, or the score) and b = M - p of its first mask. A unit's f M is p s + f b.
struct Units {
  Tensor level, slope;  ///< [T, u]
  Tensor b;             ///< [u, H * W]
};

/// Each unit's b.
Tensor departures(const MaskSampling& o, const Tensor& masks) {
  const Tensor of_units = o.antithetic ? masks.slice(0, 0, c10::nullopt, 2) : masks;
  return of_units.flatten(1) - o.p;
}

Units units_of(const MaskSampling& o, const Tensor& scores, const Tensor& masks) {
  const Tensor b = departures(o, masks);
  if (!o.antithetic) return {scores, scores, b};
  const Tensor even = scores.slice(1, 0, c10::nullopt, 2);
  const Tensor odd = scores.slice(1, 1, c10::nullopt, 2);
  return {(even + odd) / 2, (even - odd) / 2, b};
}

void accumulate(Tensor& sum, const Tensor& more) {
  if (sum.defined()) {
    sum += more;
  } else {
    sum = more.clone();
  }
}

/// The standard error of a mean over n units from their mean square.
Tensor error_of(const Tensor& mean_square, const Tensor& mean, double n) {
  return ((mean_square - mean.square()).clamp_min(0) / std::max(n - 1, 1.0)).sqrt();
}

/// Running sums over units, in float64; index h is the half a unit belongs to.
class Sums {
 public:
  Sums(const MaskSampling& o) : o_(o) {}

  void add(const Units& units, std::int64_t first) {
    const std::int64_t targets = units.slope.size(0), count = units.slope.size(1);
    const Tensor odd = ((at::arange(first, first + count, at::kLong) % 2) == 1)
                           .to(units.slope.options())
                           .unsqueeze(0);
    const Tensor even = 1 - odd, &f = units.slope;
    const Tensor rows = at::cat({f * even, f * odd, even, odd, f * units.level, units.level});
    const Tensor squares = at::cat({f * f, f, at::ones_like(even)});
    const Tensor sums = at::mm(rows, units.b).to(at::kDouble);
    const Tensor square_sums = at::mm(squares, units.b.square()).to(at::kDouble);
    const auto part = [](const Tensor& t, std::int64_t from, std::int64_t rows_of) {
      return t.narrow(0, from, rows_of);
    };
    const Tensor wide = f.to(at::kDouble), level = units.level.to(at::kDouble);
    for (std::int64_t h = 0; h < 2; ++h) {
      const Tensor half = (h == 0 ? even : odd).to(at::kDouble);
      Half& of = halves_[static_cast<std::size_t>(h)];
      of.n += half.sum().item<double>();
      accumulate(of.f, (wide * half).sum(1, true));
      accumulate(of.level, (level * half).sum(1, true));
      accumulate(of.fb, part(sums, h * targets, targets));
      accumulate(of.b, part(sums, 2 * targets + h, 1));
    }
    accumulate(level_squares_, level.square().sum(1, true));
    accumulate(level_fb_, part(sums, 2 * targets + 2, targets));
    accumulate(level_b_, part(sums, 3 * targets + 2, targets));
    accumulate(ffbb_, part(square_sums, 0, targets));
    accumulate(fbb_, part(square_sums, targets, targets));
    accumulate(bb_, part(square_sums, 2 * targets, 1));
  }

  double n() const { return halves_[0].n + halves_[1].n; }
  /// [T, 1]: the mean score.
  Tensor level() const { return (halves_[0].level + halves_[1].level) / n(); }
  /// [T, H * W] of E[f M].
  Tensor mean() const { return o_.p * level() + (is_centered() ? covariance() : fb() / n()); }
  /// Of mean(): each unit adds p s + (f - c) b.
  Tensor standard_error() const {
    const Tensor c = is_centered() ? center(f(), n()) : at::zeros_like(f());
    const Tensor squares = o_.p * o_.p * level_squares_ + 2 * o_.p * (level_fb_ - c * level_b_) +
                           ffbb_ - 2 * c * fbb_ + c.square() * bb_;
    return error_of(squares / n(), mean(), n());
  }
  /// The lowest of all targets; NaN with fewer than 2 units in a half.
  double agreement() const {
    if (halves_[1].n < 2) return NAN;
    double lowest = 1;
    for (std::int64_t t = 0; t < halves_[0].f.size(0); ++t) {
      const auto map = [&](const Half& of) {
        const Tensor c = is_centered() ? center(of.f, of.n) : at::zeros_like(of.f);
        return (of.fb - c * of.b)[t];
      };
      const double r = rank_correlation(map(halves_[0]), map(halves_[1]));
      lowest = std::min(lowest, r > 0 ? 2 * r / (1 + r) : r);
    }
    return lowest;
  }
  /// [T, 1]: what is taken off the slopes; pairs have none.
  Tensor center() const { return center(f(), n()); }

 private:
  struct Half {
    double n = 0;
    Tensor f, level, fb, b;
  };
  bool is_centered() const { return o_.estimator != "original"; }
  Tensor f() const { return halves_[0].f + halves_[1].f; }
  Tensor fb() const { return halves_[0].fb + halves_[1].fb; }
  Tensor center(const Tensor& f, double n) const {
    return o_.antithetic ? at::zeros_like(f) : f / n;
  }
  Tensor covariance() const {
    const double degrees = o_.antithetic ? n() : std::max(n() - 1, 1.0);
    return (fb() - center(f(), n()) * (halves_[0].b + halves_[1].b)) / degrees;
  }

  const MaskSampling& o_;
  std::array<Half, 2> halves_;
  Tensor level_squares_, level_fb_, level_b_, ffbb_, fbb_, bb_;
};

/// Ridge regression of y [n, T] on features [n, K] from their products; the strength with the
/// lowest generalized cross validation, one for each target. Returns [K, T].
Tensor ridge(const Tensor& gram, const Tensor& products, const Tensor& y_squares, double n) {
  const auto [values, vectors] = at::linalg_eigh(gram);
  const Tensor d = values.clamp_min(0).unsqueeze(1), z = at::mm(vectors.t(), products);
  Tensor best, best_error;
  for (int step = -36; step <= 8; ++step) {
    const double strength = d.max().item<double>() * std::pow(10, step / 4.0);
    const Tensor shrunk = z / (d + strength);
    const Tensor rest = y_squares - 2 * (shrunk * z).sum(0) + (shrunk.square() * d).sum(0);
    const double free = n - (d / (d + strength)).sum().item<double>();
    if (free <= 1) continue;
    const Tensor error = rest.clamp_min(0) / (free * free);
    if (!best.defined()) {
      best = shrunk;
      best_error = error;
      continue;
    }
    const Tensor better = error < best_error;
    best = at::where(better.unsqueeze(0), shrunk, best);
    best_error = at::where(better, error, best_error);
  }
  return at::mm(vectors, best);
}

class Run {
 public:
  Run(const MaskSampling& o, const std::string& growth, std::int64_t height, std::int64_t width,
      const at::TensorOptions& like, std::int64_t batch, const ExplainOptions& options,
      const std::function<Tensor(const Tensor&)>& scores)
      : o_(o),
        masks_({growth, cells_of(o), o.p, o.antithetic, options.seed}, height, width),
        given_(options.masks),
        like_(like),
        height_(height),
        width_(width),
        batch_(o.antithetic ? std::max<std::int64_t>(2, batch / 2 * 2) : batch),
        options_(options),
        scores_(scores),
        sums_(o) {
    check();
  }

  MaskEstimate result() {
    MaskEstimate out;
    const std::int64_t total = given_.defined() ? given_.size(0) : o_.n;
    BatchesEnd end;
    end.stopped = [&](std::int64_t used) {
      if (!options_.stop || !options_.stop()) return false;
      if (used <= batch_) {
        fail(ErrorCode::InvalidArgument, "the time was over within the first batch of ", batch_,
             " masks, which shows nothing; give a longer --budget");
      }
      out.stopped = true;
      return true;
    };
    if (o_.until > 0) end.enough = [&] { return sums_.agreement() >= o_.until; };
    out.used = in_batches_until(total, batch_, options_, end,
                                [&](std::int64_t first, std::int64_t count) { add(first, count); });
    out.agreement = sums_.agreement();
    const bool fits = o_.estimator == "regression" && sums_.n() >= 8;
    const auto [map, error] =
        fits ? regression(out.used) : std::pair{sums_.mean(), sums_.standard_error()};
    const auto shaped = [&](const Tensor& t) {
      return (t / o_.p).view({t.size(0), height_, width_}).to(like_.dtype().toScalarType());
    };
    out.map = shaped(map);
    out.standard_error = shaped(error);
    return out;
  }

 private:
  static std::array<std::int64_t, 2> cells_of(const MaskSampling& o) {
    for (const double side : o.cells) {
      if (o.cells.size() > 2 || side < 1 || side > 4096 || side != std::floor(side)) {
        fail(ErrorCode::InvalidArgument, "cells takes [down,across] or one number, whole and at ",
             "least 1, as cells=7");
      }
    }
    if (o.cells.empty()) fail(ErrorCode::InvalidArgument, "cells is empty; give cells=7");
    return {static_cast<std::int64_t>(o.cells.front()), static_cast<std::int64_t>(o.cells.back())};
  }

  void check() const {
    if (!(o_.p > 0 && o_.p < 1)) {
      fail(ErrorCode::InvalidArgument, "p is ", o_.p,
           ", the share of cells that stay visible; give a number between 0 and 1, as p=0.5");
    }
    if (o_.antithetic && (o_.p != 0.5 || o_.n % 2 != 0 || given_.defined())) {
      fail(ErrorCode::InvalidArgument,
           "antithetic pairs hide in one mask what the other shows: they need p=0.5, an even n and "
           "no given masks");
    }
    if (!given_.defined()) return;
    if (given_.dim() != 3 || given_.size(0) < 1 || given_.size(1) != height_ ||
        given_.size(2) != width_) {
      fail(ErrorCode::InvalidArgument, "the given masks have shape ", given_.sizes(),
           "; give [masks, ", height_, ", ", width_, "]");
    }
    if (o_.estimator == "regression") {
      fail(ErrorCode::InvalidArgument,
           "estimator=regression knows the covariance of its own masks alone; with given masks "
           "take estimator=centered");
    }
  }

  Tensor masks(std::int64_t first, std::int64_t count) const {
    if (given_.defined()) return given_.narrow(0, first, count).to(like_);
    return masks_.make(first, count, like_);
  }
  std::int64_t unit(std::int64_t mask) const { return o_.antithetic ? mask / 2 : mask; }

  void add(std::int64_t first, std::int64_t count) {
    const Tensor some = masks(first, count);
    const Units units = units_of(o_, scores_(some), some);
    sums_.add(units, unit(first));
    if (o_.estimator != "regression") return;
    slopes_.push_back(units.slope);
    levels_.push_back(units.level);
  }

  /// Calls `use(features [u, K], slopes less their mean [T, u], levels [T, u], b [u, H * W])` for
  /// all units again.
  template <typename Use>
  void again(std::int64_t used, const Use& use) const {
    const Tensor slopes = at::cat(slopes_, 1).to(at::kDouble) - sums_.center();
    const Tensor levels = at::cat(levels_, 1).to(at::kDouble);
    for (std::int64_t first = 0; first < used; first += kAgain) {
      const std::int64_t count = std::min(kAgain, used - first);
      const Tensor b = departures(o_, masks(first, count));
      const Tensor features =
          at::adaptive_avg_pool2d(b.view({b.size(0), 1, height_, width_}), {fields(0), fields(1)});
      const auto own = [&](const Tensor& t) { return t.narrow(1, unit(first), b.size(0)); };
      use(features.flatten(1).to(at::kDouble), own(slopes), own(levels), b);
    }
  }
  std::int64_t fields(int axis) const {
    const auto cells = cells_of(o_)[static_cast<std::size_t>(axis)];
    return std::min(2 * cells, axis == 0 ? height_ : width_);
  }

  /// E[f M] and its error.
  std::pair<Tensor, Tensor> regression(std::int64_t used) const {
    Tensor gram, products, squares, mean;
    again(used, [&](const Tensor& features, const Tensor& slopes, const Tensor&, const Tensor&) {
      accumulate(gram, at::mm(features.t(), features));
      accumulate(products, at::mm(features.t(), slopes.t()));
      accumulate(squares, slopes.square().sum(1));
      accumulate(mean, features.sum(0, true) / sums_.n());
    });
    // Slopes of single masks are less their mean, so features must be, too.
    if (o_.antithetic) mean.zero_();
    gram -= sums_.n() * at::mm(mean.t(), mean);
    const Tensor weights = ridge(gram, products, squares, sums_.n());
    // What the fit does not explain, r, takes the slopes' place, and the scores' where units are
    // single masks: the fit's own mean is zero.
    Tensor rb, level_rb, rrbb, level, level_squares;
    again(used,
          [&](const Tensor& features, const Tensor& slopes, const Tensor& levels, const Tensor& b) {
            const Tensor rest = slopes - at::mm(features - mean, weights).t();
            const Tensor s = o_.antithetic ? levels : levels - at::mm(features, weights).t();
            accumulate(rb, at::mm(rest.to(like_), b).to(at::kDouble));
            accumulate(level_rb, at::mm((s * rest).to(like_), b).to(at::kDouble));
            accumulate(rrbb, at::mm(rest.square().to(like_), b.square()).to(at::kDouble));
            accumulate(level, s.sum(1, true));
            accumulate(level_squares, s.square().sum(1, true));
          });
    const double n = sums_.n(), p = o_.p;
    const Tensor rest = (p * level + rb) / n;
    const Tensor error = error_of((p * p * level_squares + 2 * p * level_rb + rrbb) / n, rest, n);
    const auto pooled = [&](int axis) {
      const Tensor k = masks_.covariance(axis).to(like_.device());
      return at::adaptive_avg_pool2d(k.unsqueeze(0), {fields(axis), k.size(1)})[0];
    };
    const Tensor by_field = weights.t().reshape({-1, fields(0), fields(1)});
    const Tensor fitted = at::matmul(at::matmul(pooled(0).t(), by_field), pooled(1));
    return {rest + p * (1 - p) * fitted.flatten(1), error};
  }

  const MaskSampling& o_;
  RandomMasks masks_;
  Tensor given_;
  at::TensorOptions like_;
  std::int64_t height_, width_, batch_;
  const ExplainOptions& options_;
  const std::function<Tensor(const Tensor&)>& scores_;
  Sums sums_;
  Tensors slopes_, levels_;  ///< [T, u] of each batch, for the regression
};

}  // namespace

Fields mask_fields(MaskSampling& o) {
  return {
      integer_field("n", o.n, 1, 100'000'000, "masks; with until or a budget, at most")
          .also({"max", "num-masks", "n-masks"}),
      reals_field("cells", o.cells, "[down,across] or one number: the grid that masks grow from")
          .also({"s", "num-cells", "mask-res"}),
      real_field("p", o.p, 0, 1, "share of cells that stay visible, between 0 and 1").also({"p1"}),
      choice_field("estimator", o.estimator, {"original", "centered", "regression"},
                   "mean(f M), the covariance of f and M, or that with a fit's share exact"),
      bool_field("antithetic", o.antithetic, "masks in pairs: one hides what the other shows"),
      real_field("until", o.until, 0, 1,
                 "stop once the estimated correlation with a map of as many new masks passes this; "
                 "0: never, alone: 0.9")};
}

MethodEntry with_bare_until(MethodEntry entry) {
  entry.make = [make = std::move(entry.make)](const Spec& spec) {
    Spec full = spec;
    for (auto& argument : full.arguments) {
      const Spec& value = argument.value.front();
      if (argument.key.empty() && value.is_word() && canonical_name(value.name) == "until") {
        argument = {"until", {Spec::parse("0.9")}};
      }
    }
    return make(full);
  };
  return entry;
}

void put_estimates(Explanation& explanation, const std::vector<MaskEstimate>& estimates,
                   const MaskSampling& o, std::size_t row, double scale) {
  Tensors maps, errors;
  const MaskEstimate* least = &estimates.front();
  for (const auto& one : estimates) {
    maps.push_back(one.map.narrow(0, static_cast<std::int64_t>(row), 1) * scale);
    errors.push_back(one.standard_error.narrow(0, static_cast<std::int64_t>(row), 1) * scale);
    if (!(one.agreement >= least->agreement)) least = &one;
  }
  explanation.relevance = at::stack(maps);
  explanation.inner["standard-error"] = at::stack(errors);
  explanation.partial = least->stopped;
  auto& notes = explanation.notes;
  if (least->stopped) {
    notes.push_back(concat("stopped after ", least->used, " masks, before the ", o.n, " asked"));
  }
  if (std::isnan(least->agreement)) {
    notes.push_back(concat(least->used, " masks are too few to say how far the map is noise"));
    return;
  }
  const double rounded = std::round(least->agreement * 1000) / 1000;
  notes.push_back(concat(least->used,
                         " masks; estimated rank correlation with a map of as many new masks ",
                         rounded, rounded < 0.5 ? ": mostly noise, raise n" : ""));
}

MaskEstimate estimate_with_masks(const MaskSampling& o, const std::string& growth,
                                 std::int64_t height, std::int64_t width,
                                 const at::TensorOptions& like, std::int64_t batch,
                                 const ExplainOptions& options,
                                 const std::function<Tensor(const Tensor&)>& scores) {
  return Run(o, growth, height, width, like, batch, options, scores).result();
}

}  // namespace limn
