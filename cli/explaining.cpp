// See explaining.h.
#include "cli/explaining.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "cli/allocator.h"
#include "cli/outbox.h"
#include "cli/progress.h"
#include "limn/error.h"
#include "model/detection_targets.h"

namespace limn::cli {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<Prediction> predictions_of(const Model& model, const Tensor& row) {
  const Tensor values = row.to(at::kCPU, at::kDouble);
  const std::int64_t count = std::min<std::int64_t>(5, values.numel());
  const auto [best, index] = values.topk(count);
  std::vector<Prediction> out;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t c = index[i].item<std::int64_t>();
    out.push_back({c, class_label(model, c), best[i].item<double>(), {}});
  }
  return out;
}

/// A box of the model's input in the picture's pixels.
std::array<double, 4> in_picture(const std::array<double, 4>& box, const Geometry& geometry) {
  return {
      geometry.scale_x * box[0] + geometry.offset_x, geometry.scale_y * box[1] + geometry.offset_y,
      geometry.scale_x * box[2] + geometry.offset_x, geometry.scale_y * box[3] + geometry.offset_y};
}

/// Targets name boxes in the picture's pixels, methods in the model's input's.
Target in_input(Target target, const Geometry& geometry) {
  if (target.kind != Target::Kind::Box) return target;
  for (std::size_t i = 0; i < 4; ++i) {
    const bool across = i % 2 == 0;
    target.box[i] = (target.box[i] - (across ? geometry.offset_x : geometry.offset_y)) /
                    (across ? geometry.scale_x : geometry.scale_y);
  }
  return target;
}

std::vector<Prediction> predictions_of(const Model& model, const std::vector<Detection>& found,
                                       const Geometry& geometry) {
  std::vector<Prediction> out;
  for (const auto& one : found) {
    const auto box = in_picture(one.box, geometry);
    out.push_back({one.label, class_label(model, one.label), one.score, {box.begin(), box.end()}});
  }
  return out;
}

/// All detections with label and score, the explained one strong.
std::vector<BoxMark> marks_of(const std::vector<Prediction>& found,
                              const std::array<double, 4>& explained) {
  std::vector<BoxMark> marks;
  for (const auto& one : found) {
    const std::array<double, 4> box = {one.box[0], one.box[1], one.box[2], one.box[3]};
    marks.push_back(
        {box, fmt::format("{} {:.0f} %", one.label, 100 * one.probability), box == explained});
  }
  return marks;
}

std::string box_words(const std::array<double, 4>& box) {
  return fmt::format("{:.0f},{:.0f},{:.0f},{:.0f}", box[0], box[1], box[2], box[3]);
}

/// Why a reader should not trust this map, in words.
std::vector<std::string> doubts(const ResultRecord& record, const Tensor& map, const Model& model,
                                bool is_picture, double max_gap) {
  std::vector<std::string> out;
  if (record.gap && !(*record.gap <= max_gap)) {
    // What biases take is most of what LRP loses.
    const bool biases = record.method == "lrp" && *record.gap > 0.5 &&
                        record.spec.find("plus-even") == std::string::npos;
    out.push_back(fmt::format("{} (bound {:.3g} %, see --max-gap){}", gap_words(record),
                              100 * max_gap, biases ? "; lrp(plus-even) leaves biases out" : ""));
  }
  if (record.style.constant) out.push_back(record.style.words);
  const double share = map.numel() >= 1000 ? concentration(map) : 0;
  if (share > 0.5) {
    out.push_back(
        fmt::format("one pixel in a thousand holds {:.0f} % of the relevance: the map is "
                    "unstable; try another composite or rule",
                    100 * share));
  }
  if (is_picture && !model.preprocessing().known) {
    out.push_back(
        "nobody said how this model's pictures are prepared, so values from 0 to 1 are a guess; "
        "give --preset, or --mean and --std, or write <model>.limn.json");
  }
  for (const auto& note : record.notes) {
    if (note.find("used the gradient") != std::string::npos) out.push_back(note);
  }
  return out;
}

/// What comes with one sample's map.
std::map<std::string, Tensor> extras(const Method& method, const Explanation& explanation,
                                     std::int64_t sample, const Geometry& geometry) {
  std::map<std::string, Tensor> out;
  const auto own = [&](const std::string& key) {
    return explanation.inner.at(key)[sample].to(at::kCPU, at::kFloat).contiguous();
  };
  for (const auto& key : method.info().extra_maps) {
    const Tensor maps = to_original(own(key), geometry);
    out[key] = maps.size(0) == 1 ? maps[0] : maps;
  }
  for (const auto& key : method.info().extra_arrays) out[key] = own(key);
  return out;
}

/// An interrupt that keeps what is done.
struct EndEarly {};

/// A few inputs of one shape as one batch.
struct Group {
  std::size_t first = 0;
  std::vector<Loaded> loaded;
};

class Runner {
 public:
  Runner(const LoadedModel& loaded, const std::vector<Input>& inputs,
         const std::vector<MethodChoice>& methods, const std::vector<TargetChoice>& targets,
         const ExplainSettings& settings, const std::function<void(Outcome&&)>& sink)
      : loaded_(loaded),
        inputs_(inputs),
        methods_(methods),
        targets_(targets),
        settings_(settings),
        sink_(sink),
        loader_(loaded.model),
        progress_("maps", static_cast<double>(inputs.size() * methods.size() * targets.size())) {}

  /// False where it ended early.
  bool run() {
    try {
      explain_inputs();
    } catch (const EndEarly&) {
      ended_ = true;
    }
    if (ended_ && done_ == 0) throw Interrupted();
    return !ended_;
  }

 private:
  void explain_inputs() {
    // A box given in a picture's pixels lies elsewhere in the input of a picture of another size.
    const bool boxed = std::any_of(targets_.begin(), targets_.end(), [](const TargetChoice& one) {
      return one.target.kind == Target::Kind::Box;
    });
    const std::int64_t fixed = loaded_.model.fixed_batch();
    std::int64_t batch = std::max<std::int64_t>(1, settings_.batch);
    if (fixed > 0) batch = fixed;
    if (boxed) batch = 1;
    Group group;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      Loaded next = loader_.load(inputs_[i]);
      const bool fits = !group.loaded.empty() && group.loaded[0].x.sizes() == next.x.sizes() &&
                        static_cast<std::int64_t>(group.loaded.size()) < batch;
      if (!fits) {
        explain(group);
        group = {i, {}};
      }
      group.loaded.push_back(std::move(next));
    }
    explain(group);
  }

  /// Throws where an interrupt must end the run; remembers one that a method may answer.
  void heed_interrupt() {
    if (!settings_.keep_partial) check_interrupt();
    ended_ = ended_ || take_interrupt();
  }

  /// A method that an interrupt left without any result ends the run, not with an error.
  std::vector<Explanation> explain(const Method& method, const Tensor& x,
                                   const std::vector<Target>& targets,
                                   const ExplainOptions& options) {
    try {
      return method.explain(loaded_.model, x, targets, options);
    } catch (const Error&) {
      if (ended_) throw EndEarly();
      throw;
    }
  }

  void explain(const Group& group) {
    if (group.loaded.empty()) return;
    Tensors rows;
    for (const auto& one : group.loaded) rows.push_back(one.x);
    const Tensor x = rows.size() == 1 ? rows[0] : at::cat(rows);
    in_context([&] { return "input \"" + inputs_[group.first].path + "\""; },
               [&] { explain(group, x); });
  }

  void explain(const Group& group, const Tensor& x) {
    const Model& model = loaded_.model;
    const Tape tape = model.run(x, std::vector<ValueId>{model.logits()});
    std::vector<std::vector<Prediction>> predictions;
    std::vector<Target> targets;
    for (const auto& choice : targets_) {
      targets.push_back(in_input(choice.target, group.loaded.front().geometry));
    }
    for (std::size_t i = 0; i < group.loaded.size(); ++i) {
      const auto sample = static_cast<std::int64_t>(i);
      const Geometry& geometry = group.loaded[i].geometry;
      if (!model.is_detector()) {
        predictions.push_back(predictions_of(model, probabilities(model, tape)[sample]));
        continue;
      }
      const Proposals all = read_proposals(model, tape);
      // Here a mistake can be told in the picture's pixels.
      const auto words = [&](const auto& box) { return box_words(in_picture(box, geometry)); };
      for (const auto& target : targets) find_detection(model, all, target, sample, words);
      predictions.push_back(predictions_of(model, detections(model, all, sample), geometry));
    }
    for (std::size_t m = 0; m < methods_.size(); ++m) {
      heed_interrupt();
      if (ended_) throw EndEarly();
      const bool anytime = methods_[m].method->info().anytime;
      ExplainOptions options = explain_options(loaded_, settings_);
      const double done = static_cast<double>(done_);
      const auto maps = static_cast<double>(targets.size() * group.loaded.size());
      const double start = now();
      options.progress = [&](double share) {
        heed_interrupt();
        if (ended_ && !anytime) throw EndEarly();
        progress_.at(done + share * maps);
      };
      if (anytime) {
        options.stop = [&] {
          heed_interrupt();
          if (ended_) return true;
          return settings_.budget && now() - start > *settings_.budget;
        };
      }
      const auto explanations =
          in_context([&] { return "method \"" + methods_[m].asked + "\""; },
                     [&] { return explain(*methods_[m].method, x, targets, options); });
      const double seconds = (now() - start) / maps;
      for (std::size_t t = 0; t < explanations.size(); ++t) {
        const Tensor map = explanations[t].map().to(at::kCPU);
        for (std::size_t i = 0; i < group.loaded.size(); ++i) {
          const auto sample = static_cast<std::int64_t>(i);
          hand_over(group, i, m, t, explanations[t], map[sample], predictions[i], seconds);
        }
      }
    }
  }

  void hand_over(const Group& group, std::size_t i, std::size_t m, std::size_t t,
                 const Explanation& explanation, const Tensor& map,
                 const std::vector<Prediction>& predictions, double seconds) {
    const Input& input = inputs_[group.first + i];
    const Loaded& loaded = group.loaded[i];
    const auto sample = static_cast<std::int64_t>(i);
    Outcome out;
    out.input = group.first + i;
    out.method = m;
    out.target = t;
    out.map = map.to(at::kFloat).contiguous();
    out.original = to_original(out.map, loaded.geometry);
    out.extras = extras(*methods_[m].method, explanation, sample, loaded.geometry);
    out.picture = loaded.picture;
    ResultRecord& record = out.record;
    record.input = input.path;
    record.input_sha256 = loaded.sha256;
    record.sample = input.sample;
    record.asked_target = targets_[t].asked;
    // The class behind a cosine is a reference's place.
    const bool compares = !targets_[t].reference.empty();
    record.target = compares ? targets_[t].asked : explanation.target;
    if (!compares && i < explanation.classes.size()) {
      record.classes = {explanation.classes[i]};
      const bool single = targets_[t].target.kind != Target::Kind::Margin;
      if (i > 0 && single && explanation.detected.empty()) {
        record.target = concat("class:", explanation.classes[i], " (",
                               class_label(loaded_.model, explanation.classes[i]), ")");
      }
    }
    if (!compares) record.predictions = predictions;
    if (i < explanation.detected.size()) {
      const auto box = in_picture(explanation.detected[i].box, loaded.geometry);
      const std::string label = class_label(loaded_.model, explanation.detected[i].label);
      record.target = fmt::format("box:{} ({})", box_words(box), label);
      out.marks = marks_of(predictions, box);
    }
    const MethodInfo& info = methods_[m].method->info();
    record.spec =
        explanation.method.empty() ? methods_[m].method->spec().text() : explanation.method;
    record.asked_method = methods_[m].asked;
    record.rules = methods_[m].rules;
    record.method = info.name;
    record.title = info.title;
    record.at = explanation.at;
    record.layer = explanation.layer;
    record.reduction = explanation.reduction;
    record.is_signed = explanation.is_signed;
    record.score = explanation.score[sample].item<double>();
    record.gap_kind = info.gap;
    if (explanation.gap.defined()) record.gap = explanation.gap[sample].item<double>();
    const Tensor wide = map.to(at::kDouble);
    record.map_sum = wide.sum().item<double>();
    record.map_min = wide.min().item<double>();
    record.map_max = wide.max().item<double>();
    record.geometry = loaded.geometry;
    record.style = style_map(out.original, record.is_signed, settings_.colormap, settings_.scale);
    record.precision = loaded_.model.dtype() == at::kDouble ? "fp64"
                       : explanation.bfloat16               ? "fp32, bf16 for masked pictures"
                                                            : "fp32";
    record.notes = explanation.notes;
    if (!loaded_.notes.empty()) record.notes.push_back(loaded_.notes[t]);
    if (loaded_.insists_on_bfloat16 && !explanation.bfloat16) {
      record.notes.emplace_back(
          "ran in fp32: only the masked pictures of score-cam, rise and d-rise run in bf16");
    }
    record.partial = explanation.partial;
    record.seconds = seconds;
    record.warnings = doubts(record, out.map, loaded_.model, !input.is_tensor, settings_.max_gap);
    sink_(std::move(out));
    return_surplus_memory();
    progress_.at(static_cast<double>(++done_));
  }

  const LoadedModel& loaded_;
  const std::vector<Input>& inputs_;
  const std::vector<MethodChoice>& methods_;
  const std::vector<TargetChoice>& targets_;
  const ExplainSettings& settings_;
  const std::function<void(Outcome&&)>& sink_;
  InputLoader loader_;
  Progress progress_;
  std::size_t done_ = 0;
  bool ended_ = false;
};

}  // namespace

std::vector<std::string> extras_of(const Method& method) {
  std::vector<std::string> keys = method.info().extra_maps;
  const auto& arrays = method.info().extra_arrays;
  keys.insert(keys.end(), arrays.begin(), arrays.end());
  return keys;
}

bool explain_all(const LoadedModel& loaded, const std::vector<Input>& inputs,
                 const std::vector<MethodChoice>& methods, const std::vector<TargetChoice>& targets,
                 const ExplainSettings& settings, const std::function<void(Outcome&&)>& sink) {
  return Runner(loaded, inputs, methods, targets, settings, sink).run();
}

}  // namespace limn::cli
