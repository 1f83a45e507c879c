// `limn explain-pair`: why a model finds two pictures similar, as links between their places.
#include <fmt/format.h>

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>

#include "cli/choices.h"
#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/outbox.h"
#include "cli/pair_command.h"
#include "cli/pair_words.h"
#include "cli/progress.h"
#include "image/file.h"
#include "limn/error.h"
#include "limn/image.h"
#include "limn/npy.h"
#include "limn/report.h"
#include "limn/sidecar.h"
#include "render/pair_figure.h"

namespace limn::cli {
namespace {

using Json = nlohmann::ordered_json;

/// What one of the two inputs leaves behind.
struct SideFiles {
  std::string map, overlay, embedding;
};

SideFiles files_of(const Input& input) {
  return {input.stem + "-marginal.npy", input.stem + "-marginal-overlay.png",
          input.stem + "-embedding.npy"};
}

/// The grid of cells in the picture's geometry.
Tensor in_picture(const Tensor& grid, std::int64_t cell, const Geometry& geometry) {
  const Tensor pixels = grid.to(at::kFloat)
                            .repeat_interleave(cell, 0)
                            .repeat_interleave(cell, 1)
                            .slice(0, 0, geometry.input_height)
                            .slice(1, 0, geometry.input_width);
  return to_original(pixels.contiguous(), geometry);
}

/// Middle of cell `at` along one axis, in the picture's pixels.
double middle(double at, std::int64_t cell, std::int64_t size, double scale, double offset) {
  const double low = at * static_cast<double>(cell);
  const double high = std::min(low + static_cast<double>(cell), static_cast<double>(size));
  return scale * (low + high) / 2 + offset;
}

/// Links between places of the grids as links between pixels of the pictures.
std::vector<render::PairLink> pixel_links(const Tensor& links, std::int64_t cell, const Geometry& a,
                                          const Geometry& b) {
  std::vector<render::PairLink> out;
  const auto rows = links.accessor<double, 2>();
  for (std::int64_t i = 0; i < links.size(0); ++i) {
    const auto row = rows[i];
    out.push_back({middle(row[0], cell, a.input_height, a.scale_y, a.offset_y),
                   middle(row[1], cell, a.input_width, a.scale_x, a.offset_x),
                   middle(row[2], cell, b.input_height, b.scale_y, b.offset_y),
                   middle(row[3], cell, b.input_width, b.scale_x, b.offset_x), row[4]});
  }
  return out;
}

Tensor to_tensor(const std::vector<render::PairLink>& links) {
  Tensor out = at::empty({static_cast<std::int64_t>(links.size()), 5}, at::kDouble);
  auto* value = out.data_ptr<double>();
  for (const auto& link : links) {
    for (const double number : {link.y1, link.x1, link.y2, link.x2, link.value}) *value++ = number;
  }
  return out;
}

Json geometry_json(const Geometry& geometry) {
  return {{"input", {geometry.input_height, geometry.input_width}},
          {"original", {geometry.original_height, geometry.original_width}},
          {"scale", {geometry.scale_y, geometry.scale_x}},
          {"offset", {geometry.offset_y, geometry.offset_x}}};
}

/// Everything a run says, in the order of the manifest.
struct Answer {
  std::string layer, embedding, composite;
  double similarity = 0, sum = 0, gap = 0;
  std::int64_t components = 0;
  std::vector<std::string> notes, warnings;
  Json more = Json::object();  ///< what only one of both modes has
  double seconds = 0;
};

Json answer_json(const PairCommand& command, const Answer& answer) {
  Json json = {{"layer", answer.layer},
               {"embedding", answer.embedding},
               {"composite", answer.composite},
               {"options", pair_options_json(command)},
               {"similarity", answer.similarity},
               {"sum", answer.sum},
               {"gap", answer.gap},
               {"components", answer.components}};
  json.update(answer.more);
  json["notes"] = answer.notes;
  json["warnings"] = answer.warnings;
  json["seconds"] = answer.seconds;
  return json;
}

/// The inputs, the pictures they come from, and what is written of each.
struct Sides {
  std::vector<Input> inputs;
  std::vector<Loaded> loaded;
};

Json sides_json(const Sides& sides) {
  Json all = Json::array();
  for (std::size_t i = 0; i < sides.inputs.size(); ++i) {
    const SideFiles files = files_of(sides.inputs[i]);
    all.push_back(
        {{"input", sides.inputs[i].path},
         {"input_sha256", sides.loaded[i].sha256},
         {"sample", sides.inputs[i].sample},
         {"geometry", geometry_json(sides.loaded[i].geometry)},
         {"files",
          {{"map", files.map}, {"overlay", files.overlay}, {"embedding", files.embedding}}}});
  }
  return all;
}

void put_side(const PairCommand& command, Outbox& outbox, const Input& input, const Loaded& loaded,
              const Tensor& grid, const Tensor& embedding) {
  const SideFiles files = files_of(input);
  const Tensor map = in_picture(grid, command.options.cell, loaded.geometry);
  outbox.put(files.map, encode_npy(grid.to(at::kFloat)));
  outbox.put(files.embedding, encode_npy(embedding));
  outbox.put(files.overlay,
             encode_png(overlay_figure(loaded.picture, map,
                                       style_map(map, true, command.colormap, command.scale))));
}

Answer explain_both(const PairCommand& command, const LoadedModel& model, const Sides& sides,
                    Outbox& outbox) {
  PairOptions options = command.options;
  StagedProgress progress;
  options.progress = [&](double done, double total) {
    check_interrupt();
    progress.at("components", done, total);
  };
  const PairExplanation pair =
      explain_pair(model.model, sides.loaded[0].x, sides.loaded[1].x, options);
  progress.clear();
  const auto links =
      pixel_links(pair.links, options.cell, sides.loaded[0].geometry, sides.loaded[1].geometry);
  outbox.put("links.npy", encode_npy(to_tensor(links)));
  if (options.full) outbox.put("joint.npy", encode_npy(pair.joint.to(at::kFloat)));
  outbox.put("pair.png", encode_png(render::pair_figure(
                             sides.loaded[0].picture, sides.loaded[1].picture,
                             explains_nothing(pair) ? std::vector<render::PairLink>{} : links,
                             pair.scale, pair_caption(pair, command.options.similarity))));
  for (std::size_t i = 0; i < 2; ++i) {
    put_side(command, outbox, sides.inputs[i], sides.loaded[i], pair.marginals[i],
             pair.embeddings[i]);
  }
  std::vector<std::string> notes = pair.notes;
  if (explains_nothing(pair)) {
    notes.emplace_back("pair.png has no links: they would be links of next to nothing");
  }
  Json files = {{"picture", "pair.png"}, {"links", "links.npy"}};
  if (options.full) files["joint"] = "joint.npy";
  return {.layer = pair.layer,
          .embedding = pair.embedding,
          .composite = pair.composite,
          .similarity = pair.similarity,
          .sum = pair.sum,
          .gap = pair.gap,
          .components = pair.components,
          .notes = notes,
          .warnings = gap_doubts(pair, command.max_gap),
          .more = {{"rules_gap", pair.rules_gap},
                   {"covered", pair.covered},
                   {"shared_components", pair.shared},
                   {"positive", pair.positive},
                   {"negative", pair.negative},
                   {"scale", pair.scale},
                   {"links", pair.links.size(0)},
                   {"links_sum", links_sum(pair)},
                   {"links_columns", {"y1", "x1", "y2", "x2", "relevance"}},
                   {"files", files}},
          .seconds = pair.seconds};
}

/// Each input against the other's embedding, or against the given one.
Answer explain_first_order(const PairCommand& command, const LoadedModel& model, const Sides& sides,
                           Outbox& outbox) {
  const auto start = std::chrono::steady_clock::now();
  Answer answer;
  for (std::size_t i = 0; i < sides.inputs.size(); ++i) {
    check_interrupt();
    const Tensor reference = command.reference.empty()
                                 ? embed(model.model, sides.loaded[1 - i].x, command.options)
                                 : read_npy(command.reference);
    const SimilarityMap one =
        explain_similarity(model.model, sides.loaded[i].x, reference, command.options);
    put_side(command, outbox, sides.inputs[i], sides.loaded[i], one.map, one.embedding);
    if (i > 0) {
      answer.more["sum_of_second"] = one.sum;
      answer.gap = std::max(answer.gap, one.gap);
      continue;
    }
    answer.layer = one.layer;
    answer.embedding = one.embedding_kind;
    answer.composite = one.composite;
    answer.similarity = one.similarity;
    answer.sum = one.sum;
    answer.gap = one.gap;
    answer.components = one.embedding.numel();
    answer.notes = one.notes;
    if (!command.reference.empty()) {
      answer.more["reference"] = command.reference;
      answer.more["reference_sha256"] = file_sha256(command.reference);
    }
  }
  if (!(answer.gap <= command.max_gap)) {
    answer.warnings = {rules_doubt(answer.gap, command.max_gap, answer.composite)};
  }
  answer.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return answer;
}

std::vector<std::string> doubts(const LoadedModel& model, const Sides& sides) {
  std::vector<std::string> out;
  const bool pictures = std::any_of(sides.inputs.begin(), sides.inputs.end(),
                                    [](const Input& input) { return !input.is_tensor; });
  if (pictures && !model.model.preprocessing().known) {
    out.emplace_back(kUnknownPreprocessing);
  }
  return out;
}

void print(const PairCommand& command, const Answer& answer) {
  fmt::print("{} {:.6g}, explained {:.6g} (gap {:.3g} %", command.options.similarity,
             answer.similarity, answer.sum, 100 * answer.gap);
  if (answer.more.contains("links_sum")) {
    fmt::print("), by the {} links {:.4g}\n", answer.more["links"].get<std::int64_t>(),
               answer.more["links_sum"].get<double>());
  } else {
    fmt::print(")\n");
  }
  fmt::print("  layer      {} ({}), {} components\n", answer.layer, answer.embedding,
             answer.components);
  fmt::print("  composite  {}\n", answer.composite);
  if (answer.more.contains("rules_gap")) {
    fmt::print("  rules      {:.3g} % taken by biases and stabilizers\n",
               100 * answer.more["rules_gap"].get<double>());
    fmt::print("  all pairs  {:.4g} for, {:.4g} against\n", answer.more["positive"].get<double>(),
               answer.more["negative"].get<double>());
  }
  for (const auto& note : answer.notes) fmt::print("  note       {}\n", note);
  fmt::print("  seconds    {:.3g}\n", answer.seconds);
}

/// The two inputs, or the one that is set against --reference.
std::vector<Input> inputs_of(const PairCommand& command) {
  const auto inputs = list_inputs(command.inputs);
  const std::size_t wanted = command.reference.empty() ? 2 : 1;
  if (inputs.size() == wanted) return inputs;
  fail(ErrorCode::InvalidArgument, "explain-pair takes ",
       wanted == 2 ? "two inputs" : "one input beside --reference", ", here are ", inputs.size(),
       wanted == 2 ? "; give two pictures or .npy tensors of one sample" : "");
}

std::vector<std::string> names_of(const PairCommand& command, const std::vector<Input>& inputs) {
  std::vector<std::string> names = {kManifest};
  for (const auto& input : inputs) {
    const SideFiles files = files_of(input);
    names.insert(names.end(), {files.map, files.overlay, files.embedding});
  }
  if (!command.first_order) names.insert(names.end(), {"links.npy", "pair.png"});
  if (command.options.full) names.emplace_back("joint.npy");
  return names;
}

int explain_pair_of(PairCommand command) {
  check_pair_options(command);
  if (!command.reference.empty()) command.first_order = true;
  if (!command.rules.empty()) {
    command.options.rules = read_file(command.rules);
    command.options.rules_name = command.rules;
  }
  command.options.fallback_gradient = command.fallback == "gradient";
  style_map(at::zeros({1, 1}), true, command.colormap, command.scale);
  Sides sides{inputs_of(command), {}};
  auto hash = std::async(std::launch::async, [&] { return file_sha256(command.model.path); });
  const LoadedModel model = load(command.model);
  InputLoader loader(model.model);
  for (const auto& input : sides.inputs) sides.loaded.push_back(loader.load(input));
  Outbox outbox(command.folder, command.force);
  outbox.prepare(names_of(command, sides.inputs));
  Answer answer = command.first_order ? explain_first_order(command, model, sides, outbox)
                                      : explain_both(command, model, sides, outbox);
  for (auto& doubt : doubts(model, sides)) answer.warnings.push_back(std::move(doubt));

  RunRecord run = start_record(command.model, model);
  run.model_sha256 = hash.get();
  run.seed = command.options.seed;
  run.max_gap = command.max_gap;
  Json manifest = Json::parse(manifest_json(run, {}));
  manifest["schema"] = "limn.pair/1";
  for (const char* other : {"results", "score", "batch"}) manifest.erase(other);
  manifest["inputs"] = sides_json(sides);
  manifest["pair"] = answer_json(command, answer);
  outbox.put(kManifest, manifest.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  outbox.keep();
  if (command.json) {
    fmt::print("{}\n", answer_json(command, answer).dump());
  } else {
    print(command, answer);
    fmt::print("{}\n", outbox.path(command.first_order ? kManifest : "pair.png"));
  }
  for (const auto& warning : answer.warnings) fmt::print(stderr, "limn: warning: {}\n", warning);
  return 0;
}

}  // namespace

void add_explain_pair(CLI::App& app, Action& action) {
  const auto command = std::make_shared<PairCommand>();
  CLI::App* sub = app.add_subcommand("explain-pair", "Show why a model finds two pictures similar");
  add_pair_options(*sub, *command);
  sub->footer(
      "pair.png: both pictures and the links between their places, red where a pair speaks for\n"
      "the similarity, blue where against. links.npy: [n,5] rows y1, x1, y2, x2 (middles of the\n"
      "places in pixels of the pictures) and relevance, strongest first. NAME-marginal.npy: what\n"
      "each place of a picture adds, and NAME-marginal-overlay.png. manifest.json: the\n"
      "similarity, what of it is explained, and everything to redo it.\n"
      "\n"
      "Examples:\n"
      "  limn explain-pair model.onnx a.jpg b.jpg -o pair\n"
      "  limn explain-pair vgg16.onnx a.jpg b.jpg --layer pool5 --embedding flat \\\n"
      "      --projections 100 --similarity dot\n"
      "  limn explain-pair model.onnx a.jpg --reference pair/b-embedding.npy -o first-order\n");
  sub->callback([command, sub, &action] {
    for (const CLI::Option* option : sub->get_options()) {
      if (option->count() > 0) command->given.push_back(option->get_name());
    }
    action = [command] { return explain_pair_of(*command); };
  });
}

}  // namespace limn::cli
