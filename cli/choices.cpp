// See choices.h.
#include "cli/choices.h"

#include <algorithm>

#include "image/file.h"
#include "limn/bilrp.h"
#include "limn/error.h"
#include "limn/npy.h"
#include "limn/sidecar.h"
#include "limn/spec.h"

namespace limn::cli {
namespace {

/// Adds `layer=` to the outermost method that has a layer and names none.
bool add_layer(Spec& spec, const std::string& layer) {
  const MethodEntry& entry = find_method(spec.name);
  if (entry.info.needs_layer) {
    for (const auto& argument : spec.arguments) {
      if (canonical_name(argument.key) == "layer") return true;
    }
    Spec value;
    value.name = layer;
    spec.arguments.push_back({"layer", {value}});
    return true;
  }
  for (auto& argument : spec.arguments) {
    if (!argument.key.empty() || argument.value.front().is_list) continue;
    bool is_method = false;
    for (const auto& one : methods()) {
      is_method = is_method || one.info.name == canonical_name(argument.value.front().name);
    }
    if (is_method && add_layer(argument.value.front(), layer)) return true;
  }
  return false;
}

/// The rules files that a method names, or one within it.
void add_rules_files(const Spec& spec, std::vector<OptionFile>& files) {
  for (const auto& argument : spec.arguments) {
    const Spec& value = argument.value.front();
    if (canonical_name(argument.key) == "rules" && value.is_word() && !value.name.empty()) {
      const std::string text = read_file(value.name);
      files.push_back({value.name, sha256(text), text});
    }
    add_rules_files(value, files);
  }
}

/// What stands behind `cosine:`, else nothing.
std::string reference_file(const std::string& target) {
  constexpr std::string_view kind = "cosine:";
  return target.starts_with(kind) ? target.substr(kind.size()) : "";
}

bool explains_cosine(const std::vector<TargetChoice>& targets) {
  return !targets.empty() && !targets.front().reference.empty();
}

}  // namespace

void add_explain_settings(CLI::App& command, ExplainSettings& settings, bool may_compare) {
  command
      .add_option("-m,--method", settings.methods,
                  "what explains: a method and its options, lrp or \"lrp(composite=flat)\"; "
                  "`limn list methods`")
      ->type_name("SPEC");
  command
      .add_option("-t,--target", settings.targets,
                  "what is explained: top1, top:K, class:INDEX, class:LABEL, margin:A-B; on "
                  "detectors\nalso box:INDEX, box:x1,y1,x2,y2 in the picture's pixels, label:NAME" +
                      std::string(may_compare ? "; cosine:FILE.npy: the\nlikeness to an embedding "
                                                "that `limn explain-pair` wrote"
                                              : ""))
      ->type_name("TARGET");
  command.add_option("--layer", settings.layer, "the layer CAM methods read; default: the last")
      ->group("Explaining");
  if (may_compare) {
    command
        .add_option("--cosine-layer", settings.cosine_layer,
                    "the value that cosine: targets compare; default as `limn explain-pair`")
        ->type_name("VALUE")
        ->group("Explaining");
  }
  command.add_option("--score", settings.score, "logit, prob or log-prob; default: logit")
      ->group("Explaining");
  command.add_option("--seed", settings.seed, "of methods that sample")
      ->check(CLI::NonNegativeNumber)
      ->group("Explaining");
  command
      .add_option("--batch", settings.batch,
                  "samples, or inputs made from a sample, in one pass; default: auto, what fits")
      ->transform(CLI::Validator(
          [](std::string& text) {
            if (text == "auto") text = "0";
            return std::string();
          },
          "auto"))
      ->check(CLI::Range(0, 65536))
      ->group("Explaining");
  command
      .add_option("--fallback", settings.fallback,
                  "gradient: nodes without a rule get the gradient, counted and recorded")
      ->check(CLI::IsMember({"none", "gradient"}))
      ->group("Explaining");
  command
      .add_option("--max-gap", settings.max_gap,
                  "share of its promised sum that a map may miss before it is doubted")
      ->check(CLI::Range(0.0, 1e9))
      ->group("Explaining");
  command.add_option("--colormap", settings.colormap, "`limn list colormaps`; default by sign")
      ->group("Pictures");
  command
      .add_option("--scale", settings.scale,
                  "the strongest color stands for: p99.5 (a percentile of |values|; default), max "
                  "or a number")
      ->group("Pictures");
}

std::string slug(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '.' || byte >= 0x80) {
      out += c;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.substr(0, 80);
}

std::vector<MethodChoice> make_methods(const ExplainSettings& settings) {
  std::vector<MethodChoice> out;
  bool layer_used = settings.layer.empty();
  for (const auto& asked : settings.methods) {
    Spec spec = Spec::parse(asked);
    if (spec.is_list) {
      fail(ErrorCode::InvalidArgument, "method \"", asked, "\" is a list; give -m once for each");
    }
    if (!settings.layer.empty() && add_layer(spec, settings.layer)) layer_used = true;
    out.push_back({asked, slug(asked), make_method(spec.text()), {}});
    add_rules_files(spec, out.back().rules);
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (out[i].asked == out[k].asked) {
        fail(ErrorCode::InvalidArgument, "method \"", out[i].asked, "\" is given twice");
      }
      if (out[i].slug == out[k].slug) out[i].slug += "-" + std::to_string(i + 1);
    }
  }
  if (!layer_used) {
    fail(ErrorCode::InvalidArgument, "--layer fits none of the methods; only CAM methods read a ",
         "layer (`limn list methods`)");
  }
  return out;
}

std::vector<TargetChoice> make_targets(const ExplainSettings& settings, bool may_compare) {
  std::vector<TargetChoice> out;
  std::int64_t references = 0;
  const auto add = [&](TargetChoice choice) {
    for (const auto& other : out) {
      if (other.asked == choice.asked) {
        fail(ErrorCode::InvalidArgument, "target \"", choice.asked, "\" is given twice");
      }
      if (other.slug == choice.slug) choice.slug += "-" + std::to_string(out.size() + 1);
    }
    out.push_back(std::move(choice));
  };
  for (const auto& text : settings.targets) {
    const std::string file = may_compare ? reference_file(text) : "";
    if (!file.empty()) {
      add({Target::of_class(references++), "cosine:" + file, slug("cosine:" + file), file});
      continue;
    }
    for (auto& target : Target::parse(text)) {
      const std::string asked = target.text();
      add({std::move(target), asked, slug(asked), ""});
    }
  }
  if (references > 0 && references < static_cast<std::int64_t>(out.size())) {
    fail(ErrorCode::InvalidArgument,
         "cosine: explains an embedding, the other targets the model's classes; run limn once for "
         "each kind");
  }
  if (references == 0 && !settings.cosine_layer.empty()) {
    fail(ErrorCode::InvalidArgument,
         "--cosine-layer names what cosine: targets compare, and none is given; take "
         "-t cosine:FILE.npy");
  }
  if (references > 0 && !settings.score.empty()) {
    fail(ErrorCode::InvalidArgument,
         "--score does not go with cosine: targets, whose score is the cosine itself");
  }
  return out;
}

LoadedModel load(const ModelOptions& options, const std::vector<TargetChoice>& targets,
                 const ExplainSettings& settings) {
  if (!explains_cosine(targets)) return load(options);
  std::vector<Reference> references;
  for (const auto& one : targets) references.push_back({one.asked, read_npy(one.reference)});
  LoadedModel loaded = load(options);
  std::vector<std::int64_t> shape = example_shape(loaded.model);
  shape.insert(shape.begin(), 1);
  PairOptions compared;
  compared.layer = settings.cosine_layer;
  const CosineModel made = cosine_model(loaded.model, at::zeros(shape), references, compared);
  loaded.model = made.model;
  loaded.score = ScoreKind::Logit;
  for (const auto& one : targets) {
    loaded.notes.push_back(concat("the embedding is ", made.layer, " (", made.embedding,
                                  "), the reference has SHA-256 ", file_sha256(one.reference)));
  }
  return loaded;
}

std::string score_name(const LoadedModel& loaded, const std::vector<TargetChoice>& targets,
                       const ExplainSettings& settings) {
  if (explains_cosine(targets)) return "cosine";
  return std::string(score_kind_name(score_of(loaded, settings)));
}

ScoreKind score_of(const LoadedModel& loaded, const ExplainSettings& settings) {
  const ScoreKind kind = settings.score.empty() ? loaded.score : parse_score_kind(settings.score);
  // What a detector says of a box is a probability already.
  const bool is_share = loaded.model.is_detector() && kind == ScoreKind::Logit;
  return is_share ? ScoreKind::Probability : kind;
}

ExplainOptions explain_options(const LoadedModel& loaded, const ExplainSettings& settings) {
  ExplainOptions options;
  options.score = score_of(loaded, settings);
  options.seed = settings.seed;
  options.batch = settings.batch;
  options.bfloat16 = loaded.bfloat16;
  options.fallback_gradient = settings.fallback == "gradient";
  return options;
}

}  // namespace limn::cli
