// Network dissection end to end: pictures through the model, an exact threshold for each unit, its
// places above it and the concepts' masks on one grid over the input, then the formula search.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "limn/concepts.h"
#include "limn/error.h"
#include "limn/image.h"
#include "methods/method_base.h"

namespace limn {
namespace {

class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds) {}
  ~Stopwatch() {
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The row of a mask under each of `cells` cells that divide the input, -1 outside the picture.
/// The mask's `rows` rows divide the picture.
Tensor rows_under(std::int64_t cells, std::int64_t rows, std::int64_t input, std::int64_t original,
                  double scale, double offset) {
  Tensor out = at::empty({cells}, at::kLong);
  auto* row = out.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < cells; ++i) {
    const double at =
        (static_cast<double>(i) + 0.5) * static_cast<double>(input) / static_cast<double>(cells);
    const double share = (scale * at + offset) / static_cast<double>(original);
    const bool inside = share >= 0 && share < 1;
    row[i] = inside ? static_cast<std::int64_t>(share * static_cast<double>(rows)) : -1;
  }
  return out;
}

/// A mask over the picture, as the model's input sees it: the value at the middle of each cell.
Tensor on_input(const Tensor& mask, const Geometry& to, std::int64_t height, std::int64_t width) {
  if (mask.dim() != 2 || mask.scalar_type() != at::kBool || mask.numel() == 0) {
    fail(ErrorCode::BadInput, "a mask is ", mask.scalar_type(), " ", mask.sizes(),
         "; a concept's is Bool [h, w]");
  }
  const Tensor rows = rows_under(height, mask.size(0), to.input_height, to.original_height,
                                 to.scale_y, to.offset_y);
  const Tensor columns =
      rows_under(width, mask.size(1), to.input_width, to.original_width, to.scale_x, to.offset_x);
  const Tensor inside = (rows >= 0).unsqueeze(1).logical_and((columns >= 0).unsqueeze(0));
  return mask.index_select(0, rows.clamp_min(0))
      .index_select(1, columns.clamp_min(0))
      .logical_and(inside);
}

ValueId probed_layer(const Model& model, const std::string& name, const Tape& tape) {
  if (name.empty()) return default_cam_layer(model, tape);
  const ValueId id = model.graph().at(name);
  const Tensor& value = tape[id];
  if (!model.graph().is_constant(id) && value.dim() == 4 && value.size(2) * value.size(3) > 1) {
    return id;
  }
  std::string such;
  try {
    such = ", such as \"" + model.graph().value(default_cam_layer(model, tape)).name + "\"";
  } catch (const Error&) {
  }
  fail(ErrorCode::InvalidArgument, "layer \"", name, "\" has shape ", value.sizes(),
       ": units are compared place by place, so that a layer [N, units, h, w] with more than one "
       "place is needed",
       such, " (`limn inspect` lists the values)");
}

class Dissector {
 public:
  Dissector(const Model& model, const ConceptSource& source, const DissectionOptions& options)
      : model_(model), source_(source), options_(options) {
    options.search.check();
    if (options.limit < 0 || options.mask_side < 1 || options.batch < 1 || options.examples < 0) {
      fail(ErrorCode::InvalidArgument, "limit=", options.limit, ", mask side=", options.mask_side,
           ", batch=", options.batch, ", examples=", options.examples,
           ": none may be negative, and side and batch are at least 1");
    }
    out_.pictures = options.limit > 0 ? std::min(options.limit, source.size()) : source.size();
    if (out_.pictures == 0) {
      fail(ErrorCode::BadInput, "data set \"", source.spec().text(), "\" holds no picture");
    }
    batch_ = model.fixed_batch() > 0 ? model.fixed_batch() : options.batch;
  }

  Dissection run() {
    prepare();
    read_all();
    mark_units();
    search();
    return std::move(out_);
  }

 private:
  void say(const char* what, double done, double total) const {
    if (options_.progress) options_.progress(what, done, total);
  }

  /// Layer, units and the grid of masks, from the first picture.
  void prepare() {
    const ConceptPicture first = source_.read(0);
    const Tensor x = preprocess({first.pixels}, model_.preprocessing(), model_.input_shape()).x;
    const Tape tape = model_.run(full_batch({x}));
    layer_ = probed_layer(model_, options_.layer, tape);
    const Tensor& value = tape[layer_];
    out_.layer = model_.graph().value(layer_).name;
    out_.layer_units = value.size(1);
    out_.layer_height = value.size(2);
    out_.layer_width = value.size(3);
    input_size_ = x.sizes().vec();
    const double longest = static_cast<double>(std::max(x.size(2), x.size(3)));
    const double share = std::min(1.0, static_cast<double>(options_.mask_side) / longest);
    const auto cells = [&](std::int64_t side) {
      return std::max<std::int64_t>(1, std::llround(static_cast<double>(side) * share));
    };
    out_.mask_height = cells(x.size(2));
    out_.mask_width = cells(x.size(3));
    choose_units();
    const std::int64_t places = out_.layer_height * out_.layer_width;
    tops_.assign(out_.units.size(), TopShare(options_.quantile, out_.pictures * places));
    const auto count = static_cast<std::int64_t>(out_.units.size());
    keeps_ = out_.pictures * places * count <= options_.kept_bytes / 4;
    out_.concepts = source_.concepts();
    out_.concept_pixels.assign(out_.concepts.size(), PixelSet(out_.mask_height * out_.mask_width));
  }

  void choose_units() {
    std::vector<std::int64_t> units = options_.units;
    if (units.empty()) {
      for (std::int64_t u = 0; u < out_.layer_units; ++u) units.push_back(u);
    }
    std::sort(units.begin(), units.end());
    units.erase(std::unique(units.begin(), units.end()), units.end());
    if (units.front() < 0 || units.back() >= out_.layer_units) {
      fail(ErrorCode::InvalidArgument, "layer \"", out_.layer, "\" has no unit ",
           units.front() < 0 ? units.front() : units.back(), "; legal: 0 to ",
           out_.layer_units - 1);
    }
    for (const auto unit : units) {
      out_.units.push_back({.unit = unit, .pixels = PixelSet(out_.mask_height * out_.mask_width)});
    }
    unit_index_ = at::tensor(units, at::kLong);
  }

  /// One tensor of as many samples as the model wants; the last is repeated where some are missing.
  Tensor full_batch(Tensors samples) const {
    while (static_cast<std::int64_t>(samples.size()) < model_.fixed_batch()) {
      samples.push_back(samples.back());
    }
    return at::cat(samples);
  }

  /// float32 [pictures, units, h, w] of pictures first .. first + batch - 1; `visit` sees each.
  template <typename Visit>
  Tensor activations(std::int64_t first, Visit&& visit) {
    Tensors samples;
    for (std::int64_t i = first; i < std::min(first + batch_, out_.pictures); ++i) {
      const ConceptPicture picture = source_.read(i);
      in_context([&] { return "picture \"" + picture.id + "\""; },
                 [&] {
                   const PreparedInput input =
                       preprocess({picture.pixels}, model_.preprocessing(), model_.input_shape());
                   if (input.x.sizes() != input_size_) {
                     fail(ErrorCode::BadInput, "it becomes an input of ", input.x.sizes(),
                          ", the first picture one of ", at::IntArrayRef(input_size_),
                          "; give --size, so that all are alike");
                   }
                   visit(i, picture, input.geometry);
                   samples.push_back(input.x);
                 });
    }
    const auto count = static_cast<std::int64_t>(samples.size());
    const Tape tape = model_.run(full_batch(std::move(samples)), std::vector{layer_});
    const Tensor value = tape[layer_].to(at::kCPU, at::kFloat).slice(0, 0, count);
    if (value.dim() != 4 || value.size(2) != out_.layer_height ||
        value.size(3) != out_.layer_width) {
      fail(ErrorCode::BadInput, "layer \"", out_.layer,
           "\" changes its shape with the batch: ", value.sizes());
    }
    if (!at::isfinite(value).all().item<bool>()) {
      fail(ErrorCode::Numerical, "layer \"", out_.layer, "\" holds NaN or infinity for pictures ",
           first, " to ", first + count - 1);
    }
    return value.index_select(1, unit_index_).contiguous();
  }

  void add_concepts(std::int64_t index, const ConceptPicture& picture, const Geometry& geometry) {
    std::map<int, Tensor> joined;
    for (const auto& [label, mask] : picture.masks) {
      const Tensor fit = on_input(mask, geometry, out_.mask_height, out_.mask_width);
      Tensor& whole = joined[label];
      whole = whole.defined() ? whole.logical_or(fit) : fit;
    }
    for (const auto& [label, mask] : joined) {
      out_.concept_pixels.at(static_cast<std::size_t>(label)).add(index, mask);
    }
  }

  /// First pass: the concepts' masks, and the largest activations of each unit.
  void read_all() {
    const std::int64_t places = out_.layer_height * out_.layer_width;
    const auto units = static_cast<std::int64_t>(out_.units.size());
    for (std::int64_t first = 0; first < out_.pictures; first += batch_) {
      const Stopwatch watch(out_.forward_seconds);
      say("pictures", static_cast<double>(first), static_cast<double>(out_.pictures));
      const Tensor value = activations(
          first, [&](std::int64_t index, const ConceptPicture& picture, const Geometry& geometry) {
            add_concepts(index, picture, geometry);
          });
      const auto* data = value.data_ptr<float>();
      at::parallel_for(0, units, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t u = begin; u < end; ++u) {
          for (std::int64_t n = 0; n < value.size(0); ++n) {
            tops_[static_cast<std::size_t>(u)].add(data + (n * units + u) * places, places);
          }
        }
      });
      if (keeps_) kept_.push_back(value);
    }
    for (std::size_t u = 0; u < out_.units.size(); ++u) {
      out_.units[u].threshold = tops_[u].threshold();
    }
    drop_absent_concepts();
  }

  void drop_absent_concepts() {
    std::size_t kept = 0;
    for (std::size_t c = 0; c < out_.concepts.size(); ++c) {
      if (out_.concept_pixels[c].empty()) continue;
      if (kept != c) {
        out_.concepts[kept] = std::move(out_.concepts[c]);
        out_.concept_pixels[kept] = std::move(out_.concept_pixels[c]);
      }
      ++kept;
    }
    out_.concepts.resize(kept);
    out_.concept_pixels.resize(kept);
    if (kept == 0) {
      fail(ErrorCode::BadInput, "data set \"", source_.spec().text(), "\": none of ", out_.pictures,
           " pictures has a mask of a concept where the model looks; concepts need pixel masks, "
           "boxes are not enough");
    }
  }

  /// Second pass: where each unit is above its threshold.
  void mark_units() {
    Tensor thresholds = at::empty({static_cast<std::int64_t>(out_.units.size())}, at::kFloat);
    for (std::size_t u = 0; u < out_.units.size(); ++u) {
      thresholds.data_ptr<float>()[u] = static_cast<float>(out_.units[u].threshold);
    }
    strongest_.resize(out_.units.size());
    for (std::int64_t first = 0; first < out_.pictures; first += batch_) {
      Tensor value;
      if (keeps_) {
        value = std::move(kept_[static_cast<std::size_t>(first / batch_)]);
      } else {
        const Stopwatch watch(out_.forward_seconds);
        value = activations(first, [](auto&&...) {});
      }
      const Stopwatch watch(out_.mask_seconds);
      say("marked pictures", static_cast<double>(first), static_cast<double>(out_.pictures));
      for (std::int64_t n = 0; n < value.size(0); ++n) mark(first + n, value[n], thresholds);
    }
    for (std::size_t u = 0; u < out_.units.size(); ++u) {
      for (const auto& [most, picture] : strongest_[u]) out_.units[u].examples.push_back(picture);
    }
  }

  void mark(std::int64_t picture, const Tensor& value, const Tensor& thresholds) {
    const Tensor most = value.amax({1, 2});
    const Tensor firing = (most > thresholds).nonzero().flatten().contiguous();
    if (firing.numel() == 0) return;
    const Tensor masks =
        unit_masks(value.index_select(0, firing), thresholds.index_select(0, firing),
                   out_.mask_height, out_.mask_width);
    const auto* unit = firing.data_ptr<std::int64_t>();
    at::parallel_for(0, firing.numel(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) {
        const auto u = static_cast<std::size_t>(unit[k]);
        PixelSet& pixels = out_.units[u].pixels;
        const std::int64_t before = pixels.count();
        pixels.add(picture, masks[k]);
        if (pixels.count() > before) offer(strongest_[u], most.data_ptr<float>()[u], picture);
      }
    });
  }

  using Strongest = std::vector<std::pair<float, std::int64_t>>;
  void offer(Strongest& list, float value, std::int64_t picture) const {
    const auto at =
        std::find_if(list.begin(), list.end(), [&](const auto& one) { return one.first < value; });
    list.insert(at, {value, picture});
    if (static_cast<std::int64_t>(list.size()) > options_.examples) list.pop_back();
  }

  void search() {
    const Stopwatch watch(out_.search_seconds);
    const FormulaSearch finder(out_.concept_pixels, options_.search);
    const auto units = static_cast<std::int64_t>(out_.units.size());
    constexpr std::int64_t kAtOnce = 32;
    for (std::int64_t first = 0; first < units; first += kAtOnce) {
      say("formulas", static_cast<double>(first), static_cast<double>(units));
      at::parallel_for(
          first, std::min(first + kAtOnce, units), 1, [&](std::int64_t begin, std::int64_t end) {
            for (auto u = static_cast<std::size_t>(begin); u < static_cast<std::size_t>(end); ++u) {
              out_.units[u].found = finder.find(out_.units[u].pixels);
            }
          });
    }
  }

  const Model& model_;
  const ConceptSource& source_;
  const DissectionOptions& options_;
  std::int64_t batch_ = 1;
  ValueId layer_;
  std::vector<std::int64_t> input_size_;
  Tensor unit_index_;
  std::vector<TopShare> tops_;
  bool keeps_ = false;
  Tensors kept_;
  std::vector<Strongest> strongest_;
  Dissection out_;
};

}  // namespace

std::vector<std::string> Dissection::concept_names() const {
  std::vector<std::string> names;
  names.reserve(concepts.size());
  for (const auto& one : concepts) names.push_back(one.name);
  return names;
}

Tensor Dissection::grid(const PixelSet& set, std::int64_t picture) const {
  return set.mask(picture).view({mask_height, mask_width});
}

Dissection dissect(const Model& model, const ConceptSource& source,
                   const DissectionOptions& options) {
  return Dissector(model, source, options).run();
}

std::vector<std::size_t> strongest_first(const Dissection& dissection) {
  std::vector<std::size_t> order(dissection.units.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return dissection.units[a].found.iou > dissection.units[b].found.iou;
  });
  return order;
}

std::string finding(const Dissection& dissection, const UnitDissection& unit) {
  if (unit.pixels.empty()) return "never fires";
  if (unit.found.formula.empty()) return "fires where no concept is";
  return unit.found.formula.text(dissection.concept_names());
}

}  // namespace limn
