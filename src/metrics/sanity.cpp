// See limn/sanity.h. Maps are compared as Quantus compares them
// (understandable-machine-intelligence-lab/Quantus@85bc29d, mprt.py: Spearman of |map|), and by
// SSIM as Adebayo et al. do beside it.
#include "limn/sanity.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/correlation.h"
#include "base/counter_random.h"
#include "limn/compare_maps.h"
#include "limn/heatmap.h"
#include "metrics/metric_base.h"
#include "metrics/randomizer.h"
#include "metrics/region.h"

namespace limn {
namespace {

constexpr double kFlagged = 0.5, kPassed = 0.3;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// bool [N]: maps [N, h, w] that are constant or not finite.
Tensor say_nothing(const Tensor& maps) {
  return are_constant(maps).logical_or(maps.flatten(1).isfinite().all(1).logical_not());
}

/// Explains each picture for its class, at one size; undefined where that map is not finite.
class Explainer {
 public:
  Explainer(const Method& method, const Tensor& x, const ExplainOptions& options,
            const Tensor& maps)
      : method_(method), x_(x), options_(options), height_(maps.size(1)), width_(maps.size(2)) {
    // What belongs to the map under test alone.
    options_.progress = nullptr;
    options_.stop = nullptr;
    options_.trace = false;
    options_.record.clear();
  }

  Tensors maps(const Model& model, const std::vector<std::int64_t>& classes) const {
    std::map<std::int64_t, std::vector<std::int64_t>> rows;
    for (std::size_t i = 0; i < classes.size(); ++i) {
      rows[classes[i]].push_back(static_cast<std::int64_t>(i));
    }
    Tensors out(classes.size());
    for (const auto& [kind, own] : rows) explain(model, kind, own, out);
    return out;
  }

 private:
  void explain(const Model& model, std::int64_t kind, const std::vector<std::int64_t>& rows,
               Tensors& out) const {
    try {
      const Tensor x = x_.index_select(0, at::tensor(rows, at::kLong).to(x_.device()));
      const Explanation result = method_.explain(model, x, Target::of_class(kind), options_);
      const Tensor maps = resize_maps(result.map().to(at::kFloat), height_, width_).to(at::kDouble);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        out[static_cast<std::size_t>(rows[i])] = maps[static_cast<std::int64_t>(i)];
      }
    } catch (const Error& error) {
      if (error.code() != ErrorCode::Numerical) throw;
      // One picture that overflows must not take the others with it.
      if (rows.size() == 1) return;
      for (const std::int64_t row : rows) explain(model, kind, {row}, out);
    }
  }

  const Method& method_;
  Tensor x_;
  ExplainOptions options_;
  std::int64_t height_, width_;
};

/// The last layer of each of `wanted` stages, evenly spaced, the very last included.
std::vector<std::int64_t> chosen_stages(std::int64_t layers, std::int64_t wanted) {
  const std::int64_t count = wanted <= 0 ? layers : std::min(wanted, layers);
  std::vector<std::int64_t> out;
  for (std::int64_t i = 1; i <= count; ++i) {
    out.push_back(std::llround(static_cast<double>(i * layers) / static_cast<double>(count)) - 1);
  }
  return out;
}

/// Any class but `kind`, by the seed.
std::int64_t other_than(std::int64_t kind, std::int64_t classes, std::uint64_t seed) {
  const double u = unit(draw(mix(seed), static_cast<std::uint64_t>(kind)));
  return (kind + 1 + static_cast<std::int64_t>(u * static_cast<double>(classes - 1))) % classes;
}

void check(const Model& model, const Tensor& x, const std::vector<std::int64_t>& classes,
           const Tensor& maps) {
  if (model.is_detector()) {
    fail(ErrorCode::Unsupported,
         "sanity checks ask for a class of the whole picture; a detector has none");
  }
  const auto count = static_cast<std::int64_t>(classes.size());
  if (x.dim() != 4 || maps.dim() != 3 || x.size(0) != count || maps.size(0) != count) {
    fail(ErrorCode::InvalidArgument, "pictures [N, C, H, W], maps [N, h, w] and N classes belong ",
         "together, not ", x.sizes(), ", ", maps.sizes(), " and ", count);
  }
}

}  // namespace

std::vector<MapSimilarity> batched::map_similarity(const Tensor& originals, const Tensor& others) {
  const Tensor a = originals.to(at::kDouble), given = others.to(a.options());
  if (a.dim() != 3 || a.sizes() != given.sizes()) {
    fail(ErrorCode::BadInput, "maps are [N, h, w] and of one shape, not ", a.sizes(), " and ",
         given.sizes());
  }
  const Tensor degenerate = say_nothing(given);
  const Tensor b = given.masked_fill(degenerate.view({-1, 1, 1}), 0);
  const auto strength = [](const Tensor& maps) {
    const Tensor size = maps.abs();
    return size / size.amax({1, 2}, true).clamp_min(1e-300);
  };
  const auto compared = batched::compare_maps(strength(a), strength(b));
  // A map of one strength in two signs has no order of strengths, one that is degenerate none.
  const Tensor orderless = are_constant(b.abs());
  const auto known = [](const Tensor& values, const Tensor& unless) {
    return values.masked_fill(unless, 0).cpu();
  };
  const Tensor spearman = known(compared.rank_correlation, orderless);
  const Tensor signed_spearman = known(rank_correlations(a.flatten(1), b.flatten(1)), degenerate);
  const Tensor ssim = known(compared.ssim, orderless), nothing = degenerate.cpu();
  std::vector<MapSimilarity> out;
  for (std::int64_t i = 0; i < a.size(0); ++i) {
    out.push_back({.spearman = spearman[i].item<double>(),
                   .signed_spearman = signed_spearman[i].item<double>(),
                   .ssim = ssim[i].item<double>(),
                   .degenerate = nothing[i].item<bool>()});
  }
  return out;
}

MapSimilarity map_similarity(const Tensor& original, const Tensor& other) {
  if (!other.defined()) return {.degenerate = true};
  return batched::map_similarity(one_map(original), other.unsqueeze(0)).front();
}

std::vector<SanityResult> sanity_check(const Model& model, const Method& method, const Tensor& x,
                                       const std::vector<std::int64_t>& classes, const Tensor& maps,
                                       const ExplainOptions& explaining,
                                       const SanityOptions& options) {
  check(model, x, classes, maps);
  std::vector<SanityResult> results(classes.size());
  const Explainer explainer(method, x, explaining, maps);
  const Tensor constant = say_nothing(maps).cpu();
  std::vector<std::int64_t> judged;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    results[i].constant = constant[row].item<bool>();
    if (!results[i].constant) judged.push_back(row);
  }
  const Tensor originals = maps.index_select(0, at::tensor(judged, at::kLong).to(maps.device()));
  const auto compare = [&](const Model& changed, const std::vector<std::int64_t>& asked,
                           auto&& keep) {
    const Tensors all = explainer.maps(changed, asked);
    if (judged.empty()) return;
    Tensors others;
    for (const std::int64_t row : judged) {
      const Tensor& other = all[static_cast<std::size_t>(row)];
      others.push_back((other.defined() ? other : at::full(maps.sizes().slice(1), kNaN))
                           .to(maps.device(), at::kDouble));
    }
    const auto similar = batched::map_similarity(originals, at::stack(others));
    for (std::size_t i = 0; i < judged.size(); ++i) {
      SanityResult& result = results[static_cast<std::size_t>(judged[i])];
      result.degenerate += similar[i].degenerate ? 1 : 0;
      keep(result, similar[i]);
    }
  };
  Randomizer randomizer(model, options.randomize);
  const bool cascading = options.randomize.mode == "cascading";
  std::int64_t next = 0;
  for (const std::int64_t stage : chosen_stages(randomizer.count(), options.stages)) {
    if (!cascading) {
      randomizer.restore();
      next = stage;
    }
    for (; next <= stage; ++next) randomizer.randomize(next);
    compare(randomizer.model(), classes, [&](SanityResult& one, const MapSimilarity& similarity) {
      one.layers.push_back(randomizer.layers()[static_cast<std::size_t>(stage)].name);
      one.stages.push_back(similarity);
      one.full = similarity;
    });
  }
  if (!cascading && randomizer.count() > 1) {
    for (std::int64_t i = 0; i < randomizer.count(); ++i) randomizer.randomize(i);
    compare(randomizer.model(), classes,
            [](SanityResult& one, const MapSimilarity& similarity) { one.full = similarity; });
  }
  const std::int64_t kinds = model.run(x, std::vector<ValueId>{})[model.logits()].size(1);
  if (options.random_logit && kinds > 1) {
    std::vector<std::int64_t> others;
    for (const std::int64_t kind : classes) {
      others.push_back(other_than(kind, kinds, options.randomize.seed));
    }
    compare(model, others, [](SanityResult& one, const MapSimilarity& similarity) {
      one.other_class = similarity;
    });
  }
  return results;
}

std::string_view sanity_verdict(double spearman) {
  if (spearman > kFlagged) return "flagged";
  return spearman < kPassed ? "passed" : "unclear";
}

namespace {

struct MetricOptions {
  SanityOptions check = {};
  bool abs = true;
};

Fields fields(MetricOptions& o) {
  RandomizeOptions& how = o.check.randomize;
  return {
      choice_field("mode", how.mode, {"cascading", "independent"},
                   "fresh weights from the output down to a layer, or in that layer alone"),
      integer_field("stages", o.check.stages, 0, 100'000,
                    "so many layers, evenly chosen, the first one included; 0: all"),
      choice_field("init", how.init, {"torch", "xavier"}, "how weights are drawn"),
      bool_field("abs", o.abs, "the rank correlation of |map|; false: with signs"),
      bool_field("random-logit", o.check.random_logit, "compare with another class's map, too")};
}

Measurement measure(const MetricOptions& o, const MetricCase& one) {
  if (!one.method) {
    fail(ErrorCode::InvalidArgument,
         "needs the method that made the map, to explain the randomized model with it");
  }
  SanityOptions options = o.check;
  options.randomize.seed = one.options.seed;
  const SanityResult result = sanity_check(one.model, *one.method, one.x, {one.target},
                                           one.map.unsqueeze(0), one.options, options)
                                  .front();
  if (result.constant) return {.skipped = "the map is constant: it has nothing to lose"};
  const auto main = [&](const MapSimilarity& similarity) {
    return o.abs ? similarity.spearman : similarity.signed_spearman;
  };
  Measurement out;
  double sum = 0;
  for (const auto& stage : result.stages) {
    out.curves["spearman"].push_back(main(stage));
    out.curves["ssim"].push_back(stage.ssim);
    sum += main(stage);
  }
  out.values = {{"spearman", main(result.full)},
                {"mean-spearman", sum / static_cast<double>(result.stages.size())},
                {"signed-spearman", result.full.signed_spearman},
                {"ssim", result.full.ssim},
                {"degenerate", static_cast<double>(result.degenerate)}};
  if (result.other_class) {
    out.values["random-logit"] = main(*result.other_class);
    out.values["random-logit-ssim"] = result.other_class->ssim;
  }
  return out;
}

std::vector<MetricColumn> columns() {
  const auto similarity = [](std::string name, std::string help) {
    return MetricColumn{.name = std::move(name),
                        .better = Better::Lower,
                        .low = -1,
                        .high = 1,
                        .help = std::move(help)};
  };
  return {
      similarity("spearman",
                 "mean Spearman with the map after full randomization; over 0.5: flagged, under "
                 "0.3: passed, else unclear"),
      similarity("mean-spearman", "the same, mean over the stages"),
      similarity("signed-spearman", "Spearman with signs after full randomization"),
      similarity("ssim", "SSIM of |map| after full randomization"),
      similarity("random-logit", "Spearman with the map of another class"),
      similarity("random-logit-ssim", "SSIM with the map of another class"),
      {.name = "degenerate",
       .better = Better::Neither,
       .low = 0,
       .high = kInfinity,
       .help = "maps of a picture that came out constant or not finite, counted as 0"}};
}

std::vector<double> summarize(const MetricOptions&, const std::vector<MetricRow>& rows) {
  std::vector<double> out;
  for (const auto& column : columns()) out.push_back(mean_of(rows, column.name));
  return out;
}

}  // namespace

MetricEntry metric_sanity() {
  return define_metric<MetricOptions>(
      {.name = "sanity",
       .title = "Sanity check",
       .summary = "How much of a map is left once the model has forgotten what it learned.",
       .formula = "Spearman of |map| and |map of the model with random weights|",
       .paper = "Adebayo et al.: Sanity Checks for Saliency Maps, 2018",
       .aliases = {"mprt", "model-parameter-randomization"},
       .columns = columns(),
       .needs_model = true,
       .needs_method = true},
      fields, measure, summarize);
}

}  // namespace limn
