// `limn spray`: which strategies does a model use? Many maps of one class, grouped by their
// spectrum (Lapuschkin et al., 2019).
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/outbox.h"
#include "cli/progress.h"
#include "cli/spray_maps.h"
#include "cli/spray_spot.h"
#include "limn/error.h"
#include "limn/sidecar.h"
#include "limn/version.h"
#include "render/spray_page.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using render::SprayGroup;

constexpr const char* kPage = "spray.html";
constexpr const char* kData = "spray.json";
/// Width of pictures in the page.
constexpr std::int64_t kPicture = 160;

struct SprayCommand {
  ModelOptions model;
  ExplainSettings settings;
  std::vector<std::string> inputs;
  SprayChoice choice;
  std::int64_t examples = 6;
  std::string folder = "limn-spray";
  bool force = false;
  bool explains = false;  ///< -m or -t is given
  bool of_data = false;   ///< --classes or --limit is given
};

/// One class with where its clusters' mean maps lie.
struct Found {
  SprayGroup group;
  std::vector<Spot> spots = {};
};

Tensor narrowed(const Tensor& pixels) {
  if (pixels.size(1) <= kPicture) return pixels;
  return resize_picture(
      pixels, std::max<std::int64_t>(1, pixels.size(0) * kPicture / pixels.size(1)), kPicture);
}

/// The overlay where the picture can still be read, else the map alone.
Tensor example_picture(const SprayMap& map, const LoadedModel* loaded, const Dataset* data) {
  Tensor picture;
  try {
    if (data) {
      picture = data->read(map.item).picture.pixels;
    } else if (loaded) {
      picture = InputLoader(loaded->model).load(map.input).picture;
    } else if (!map.input.path.empty() && !map.input.is_tensor) {
      picture = read_picture(map.input.path).pixels;
    }
  } catch (const Error&) {
    picture = Tensor();
  }
  if (!picture.defined()) return color_map(map.small, style_map(map.small, false));
  const Tensor shown =
      map.geometry ? to_original(map.small, *map.geometry)
                   : resize_maps(map.small.unsqueeze(0), picture.size(0), picture.size(1))[0];
  return narrowed(overlay_figure(picture, shown, style_map(shown, false)));
}

std::vector<std::string> findings(const SprayGroup& group, const std::vector<Spot>& spots) {
  const SprayAnalysis& a = group.analysis;
  std::vector<std::string> words = {fmt::format(
      "{} maps, {} {}; eigengap {:.3f} behind eigenvalue {}; score {:.3f}: {}.", group.maps.size(),
      a.clusters.size(), a.clusters.size() == 1 ? "cluster" : "clusters", a.gap.size,
      a.gap.clusters, a.score,
      a.score >= kSprayFlagged
          ? "this class probably hides several strategies; look whether a cluster rests on "
            "something that is not the object"
          : "nothing speaks for several strategies")};
  for (std::size_t c = 0; c < spots.size(); ++c) {
    words.push_back(fmt::format("Cluster {}, {} maps: {}.", c + 1, a.clusters[c].members.size(),
                                spot_words(spots[c])));
  }
  return words;
}

std::vector<std::vector<double>> points_of(const Tensor& points) {
  std::vector<std::vector<double>> out;
  for (std::int64_t i = 0; points.defined() && i < points.size(0); ++i) {
    out.push_back({points[i][0].item<double>(), points[i][1].item<double>()});
  }
  return out;
}

Json group_json(const SprayGroup& group, const std::vector<Spot>& spots) {
  const SprayAnalysis& a = group.analysis;
  Json clusters = Json::array();
  for (std::size_t c = 0; c < a.clusters.size(); ++c) {
    Json members = Json::array();
    for (const auto i : a.clusters[c].members) {
      members.push_back(group.maps[static_cast<std::size_t>(i)]);
    }
    clusters.push_back({{"size", a.clusters[c].members.size()},
                        {"half_in_share", spots[c].share},
                        {"center", {spots[c].x, spots[c].y}},
                        {"members", members}});
  }
  const Tensor values = a.spectrum.values.contiguous();
  const auto* first = values.data_ptr<double>();
  return {{"name", group.name},
          {"maps", group.maps},
          {"score", a.score},
          {"verdict", spray_verdict(a.score)},
          {"eigenvalues", std::vector<double>(first, first + values.numel())},
          {"eigengap", {{"clusters", a.gap.clusters}, {"size", a.gap.size}}},
          {"clusters", clusters},
          {"cluster", a.cluster},
          {"tsne", points_of(group.tsne)},
          {"spectral", points_of(a.layout)}};
}

/// What the maps were made from; null where they were made before.
struct Source {
  std::optional<LoadedModel> loaded = {};
  std::unique_ptr<Dataset> data = {};
};

Found analyzed(const SprayCommand& command, const SprayClass& maps, const Source& source) {
  const SprayOptions& options = command.choice.options;
  Found found{.group = {.name = maps.name, .maps = {}}};
  SprayGroup& group = found.group;
  Tensors rows;
  for (const auto& one : maps.maps) {
    group.maps.push_back(one.name);
    rows.push_back(one.row);
  }
  const Tensor all = at::stack(rows);
  group.analysis = analyze_maps(all, options);
  check_interrupt();
  if (all.size(0) <= kMostTsne) group.tsne = tsne(pairwise_distances(all), options.seed);
  for (const auto& cluster : group.analysis.clusters) {
    check_interrupt();
    found.spots.push_back(spot_of(cluster.mean, options.side));
    const Tensor mean = cluster.mean.view({options.side, options.side}).to(at::kFloat);
    group.means.push_back(color_map(mean, style_map(mean, false)));
    auto& examples = group.examples.emplace_back();
    for (const auto i : cluster.members) {
      if (static_cast<std::int64_t>(examples.size()) >= command.examples) break;
      const SprayMap& map = maps.maps[static_cast<std::size_t>(i)];
      examples.push_back({map.name, example_picture(map, source.loaded ? &*source.loaded : nullptr,
                                                    source.data.get())});
    }
  }
  group.words = findings(group, found.spots);
  return found;
}

Json options_json(const SprayOptions& o) {
  return {{"side", o.side},         {"preprocessing", o.preprocessing}, {"neighbors", o.neighbors},
          {"clusters", o.clusters}, {"most_clusters", o.most_clusters}, {"seed", o.seed}};
}

/// Classes with enough maps; the others are left out, unless none is enough.
SprayInput usable(SprayInput input, const SprayOptions& options) {
  const auto least = static_cast<std::size_t>(options.neighbors + 2);
  SprayInput out{.classes = {}, .left_out = std::move(input.left_out)};
  struct {
    std::size_t maps = 0;
    std::string name, why;
  } largest;
  for (auto& one : input.classes) {
    const std::string why =
        fmt::format("{} maps, and {} neighbors need {}", one.maps.size(), options.neighbors, least);
    if (one.maps.size() >= largest.maps) largest = {one.maps.size(), one.name, why};
    if (one.maps.size() >= least) {
      out.classes.push_back(std::move(one));
    } else {
      out.left_out.push_back({one.name, why});
    }
  }
  if (out.classes.empty()) {
    fail(ErrorCode::BadInput, "no class has enough maps: the largest, \"", largest.name, "\", has ",
         largest.why, "; give more pictures, or fewer --neighbors");
  }
  return out;
}

void print(const std::vector<Found>& all, const std::vector<LeftOut>& left_out) {
  fmt::print("{:<36} {:>6} {:>9} {:>9} {:>7}  {}\n", "class", "maps", "clusters", "eigengap",
             "score", "answer");
  for (const auto& [group, spots] : all) {
    const SprayAnalysis& a = group.analysis;
    fmt::print("{:<36} {:>6} {:>9} {:>9.3f} {:>7.3f}  {}\n", group.name, group.maps.size(),
               a.clusters.size(), a.gap.size, a.score, spray_verdict(a.score));
    for (std::size_t c = 0; c < spots.size(); ++c) {
      fmt::print("  cluster {:<26} {:>6}  {}\n", c + 1, a.clusters[c].members.size(),
                 spot_words(spots[c]));
    }
  }
  std::map<std::string, std::vector<std::string>> reasons;
  for (const auto& one : left_out) reasons[one.why].push_back(one.name);
  for (const auto& [why, names] : reasons) {
    const std::string more = names.size() > 1 ? fmt::format(" and {} more", names.size() - 1) : "";
    fmt::print("left out: {}{} ({})\n", names.front(), more, why);
  }
  for (const auto& one : all) fmt::print("\n{}: {}\n", one.group.name, one.group.words.front());
}

/// The data set where the inputs are one.
std::unique_ptr<Dataset> data_of(const SprayCommand& command) {
  const auto& inputs = command.inputs;
  const bool named = std::any_of(inputs.begin(), inputs.end(), names_dataset);
  if (named && inputs.size() > 1) {
    fail(ErrorCode::InvalidArgument, "a data set stands alone; give one, or pictures and folders");
  }
  if (!named && command.of_data) {
    fail(ErrorCode::InvalidArgument, "--classes and --limit belong to a data set, such as ",
         "\"coco(instances.json)\" (`limn list datasets`)");
  }
  return named ? make_dataset(inputs[0]) : nullptr;
}

/// Reads or makes the maps; `source` gets model and data set where there are such.
SprayInput collected(const SprayCommand& command, Source& source) {
  const std::string& path = command.model.path;
  const bool folder = fs::is_directory(path);
  if (folder && (!command.inputs.empty() || command.explains || command.of_data)) {
    fail(ErrorCode::InvalidArgument, "\"", path,
         "\" is a folder of maps that are made already; give no pictures, -m, -t, --classes or "
         "--limit with it, or name a model");
  }
  if (!folder && command.inputs.empty()) {
    fail(fs::exists(path) ? ErrorCode::InvalidArgument : ErrorCode::NotFound, "\"", path,
         "\" is not a folder of maps; give one, or a model and pictures or a data set");
  }
  if (folder) {
    set_threads(command.model.threads);
    return usable(read_spray_maps(path, command.choice), command.choice.options);
  }
  source.data = data_of(command);
  const auto pictures = source.data ? std::vector<Input>() : list_inputs(command.inputs);
  const LoadedModel& loaded = source.loaded.emplace(load(command.model));
  return usable(source.data
                    ? make_spray_maps(loaded, *source.data, command.settings, command.choice)
                    : make_spray_maps(loaded, pictures, command.settings, command.choice),
                command.choice.options);
}

int spray(const SprayCommand& command) {
  Outbox outbox(command.folder, command.force);
  outbox.prepare({kPage, kData});
  Source source;
  const SprayInput input = collected(command, source);
  Json data = {{"schema", "limn.spray/1"}, {"command", command_line()},
               {"version", kVersion},      {"options", options_json(command.choice.options)},
               {"classes", Json::array()}, {"left_out", Json::array()}};
  if (source.loaded) {
    data["model"] = {{"path", command.model.path}, {"sha256", file_sha256(command.model.path)}};
  }
  if (source.data) data["data"] = source.data->spec().text();
  std::vector<Found> all;
  Progress progress("groups", static_cast<double>(input.classes.size()));
  for (const auto& maps : input.classes) {
    all.push_back(
        in_context([&] { return maps.name; }, [&] { return analyzed(command, maps, source); }));
    progress.at(static_cast<double>(all.size()));
  }
  progress.clear();
  std::stable_sort(all.begin(), all.end(), [](const Found& a, const Found& b) {
    return a.group.analysis.score > b.group.analysis.score;
  });
  std::vector<SprayGroup> groups;
  for (const auto& one : all) {
    data["classes"].push_back(group_json(one.group, one.spots));
    groups.push_back(one.group);
  }
  for (const auto& one : input.left_out) {
    data["left_out"].push_back({{"name", one.name}, {"why", one.why}});
  }
  std::string typed;
  for (const auto& word : command_line()) typed += (typed.empty() ? "" : " ") + word;
  const std::string page = outbox.put(
      kPage, render::spray_page("limn spray: " + command.model.path, {typed}, groups, kVersion));
  outbox.put(kData, data.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  outbox.keep();
  print(all, input.left_out);
  fmt::print("{}\n", page);
  return 0;
}

void add_analysis_options(CLI::App& sub, SprayCommand& command) {
  const char* const group = "Analysis";
  SprayOptions& o = command.choice.options;
  sub.add_option("--side", o.side,
                 "maps are compared as SIDE x SIDE cells; where given, maps may differ in size")
      ->check(CLI::Range(2, static_cast<int>(kThumbnail)))
      ->capture_default_str()
      ->group(group);
  sub.add_option("--preprocessing", o.preprocessing,
                 "absspectral: |map| / sum; spectral: map / sum, with its signs")
      ->check(CLI::IsMember({"absspectral", "spectral"}))
      ->capture_default_str()
      ->group(group);
  sub.add_option("--neighbors", o.neighbors, "of each map in the graph")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str()
      ->group(group);
  sub.add_option("--clusters", o.clusters, "so many clusters; default: as the eigengap says")
      ->check(CLI::Range(1, 1000))
      ->group(group);
  sub.add_option("--most-clusters", o.most_clusters, "the eigengap is looked for up to here")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str()
      ->group(group);
  sub.add_flag("--predicted", command.choice.predicted,
               "only pictures in which the model sees the class: the likeliest one, or over 50 % "
               "on\nmulti-label models")
      ->group(group);
  sub.add_option("--classes", command.choice.classes,
                 "a class map from the model's classes to the data set's; default: by name")
      ->type_name("FILE")
      ->group("Data sets");
  sub.add_option("--limit", command.choice.limit, "of a data set the first pictures; default: all")
      ->check(CLI::Range(1, 1 << 30))
      ->group("Data sets");
}

}  // namespace

void add_spray(CLI::App& app, Action& action) {
  const auto command = std::make_shared<SprayCommand>();
  CLI::App* sub =
      app.add_subcommand("spray", "Find out whether a model uses several strategies for a class");
  add_model_options(*sub, command->model);
  sub->get_option("MODEL")->description("a folder of .npy maps, or the ONNX file of a model");
  sub->add_option("PICTURES", command->inputs,
                  "with a model: pictures, folders of them, .npy tensors; or a data set:\n"
                  "\"shapes(n=200)\", \"coco(FILE)\", \"imagenet(FOLDER)\" (`limn list datasets`)");
  add_explain_settings(*sub, command->settings, false);
  add_analysis_options(*sub, *command);
  sub->add_option("--examples", command->examples, "pictures of each cluster in the page")
      ->check(CLI::Range(0, 100))
      ->capture_default_str()
      ->group("Results");
  sub->add_option("-o,--out", command->folder, "folder for the results; default: limn-spray")
      ->type_name("DIR")
      ->group("Results");
  sub->add_flag("--skip-bad", command->choice.skip_bad,
                "leave out constant, broken or unreadable maps, and say how many")
      ->group("Results");
  sub->add_flag("--force", command->force, "overwrite existing files")->group("Results");
  sub->footer(
      "Writes spray.html (layouts, eigenvalues, mean map and examples of each cluster) and\n"
      "spray.json. A class needs at least two maps more than --neighbors. In a folder that\n"
      "`limn explain` wrote, maps are taken class by class as its manifest.json names them. Of a\n"
      "data set each class that a picture holds and the model knows is explained, unless -t says\n"
      "otherwise; where it has no labels, or others than the model, the likeliest class.\n"
      "\n"
      "Examples:\n"
      "  limn spray model.onnx photos/ -m lrp -t class:horse --predicted -o out\n"
      "  limn spray model.onnx \"shapes(n=200, seed=3)\" -m lrp\n"
      "  limn spray model.onnx \"coco(instances.json, images=val2017)\" --classes map.json\n"
      "  limn explain model.onnx photos/ -t class:horse -o maps && limn spray maps\n");
  sub->callback([command, sub, &action] {
    command->choice.any_size = sub->count("--side") > 0;
    command->explains = sub->count("--method") + sub->count("--target") > 0;
    command->of_data = sub->count("--classes") + sub->count("--limit") > 0;
    command->choice.target_given = sub->count("--target") > 0;
    action = [command] { return spray(*command); };
  });
}

}  // namespace limn::cli
