// `limn demo`: the demo models explained on pictures whose truth is known to the pixel, so that it
// can be said, not only seen, where the relevance lies.
#include <fmt/format.h>

#include "cli/cli.h"
#include "cli/explaining.h"
#include "cli/model_files.h"
#include "cli/outbox.h"
#include "limn/error.h"
#include "limn/npy.h"
#include "limn/shapes.h"
#include "limn/version.h"

namespace limn::cli {
namespace {

/// [H, W, 3] as figures want it.
Tensor upright(const Tensor& picture) { return picture.permute({1, 2, 0}).contiguous(); }

/// Share of the positive relevance inside a mask.
double share_inside(const Tensor& map, const Tensor& mask) {
  const Tensor positive = map.clamp_min(0).to(at::kDouble);
  const double total = positive.sum().item<double>();
  return total > 0 ? (positive * mask.to(at::kDouble)).sum().item<double>() / total : 0;
}

double area_share(const Tensor& mask) { return mask.to(at::kDouble).mean().item<double>(); }

struct Subject {
  Model model;
  std::string name;
};

/// Probabilities of every class for one picture.
std::vector<double> predict(const Model& model, const Tensor& x) {
  const Tensor values =
      probabilities(model, model.run(x, std::vector<ValueId>{model.logits()})).to(at::kDouble);
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

std::string name_list(const std::vector<double>& shares) {
  std::string text;
  for (std::size_t c = 0; c < shares.size(); ++c) {
    if (shares[c] < 0.5) continue;
    text +=
        fmt::format("{}{} {:.0f} %", text.empty() ? "" : ", ", shape_labels()[c], 100 * shares[c]);
  }
  return text.empty() ? "nothing" : text;
}

class Demo {
 public:
  Demo(std::string folder, bool force) : outbox_(std::move(folder), force) {}

  int run() {
    const std::vector<std::string> names = {"shapes_vgg", "shapes_resnet", "shapes_densenet"};
    std::vector<std::string> files = {"cheat.png"};
    for (const auto& name : names) files.push_back(name + ".png");
    std::vector<std::string> paths;
    for (const auto& name : names) paths.push_back(demo_model_file(name + ".onnx"));
    const std::string cheat_path = demo_model_file("shapes_cheat.onnx");
    outbox_.prepare(files);
    for (std::size_t i = 0; i < names.size(); ++i) explain_model(names[i], paths[i]);
    explain_cheat(cheat_path);
    outbox_.keep();
    fmt::print("\nPictures:\n");
    for (const auto& file : files) fmt::print("  {}\n", outbox_.path(file));
    fmt::print("\nNext: limn explain {} YOUR-PICTURE.png --html\n", paths[0]);
    return 0;
  }

 private:
  /// One row of a grid: every method's map of one class of one picture.
  GridRow row(const Model& model, const Tensor& x, const Tensor& picture, int label,
              double probability, std::vector<Tensor>* maps) {
    GridRow out{picture,
                fmt::format("{}, {:.0f} %", shape_labels()[static_cast<std::size_t>(label)],
                            100 * probability),
                {}};
    for (const auto& name : kMethods) {
      const Explanation explanation = make_method(name)->explain(model, x, Target::of_class(label));
      const Tensor map = explanation.map()[0].to(at::kCPU, at::kFloat);
      const Tensor full = resize_maps(map.unsqueeze(0), picture.size(0), picture.size(1))[0];
      out.cells.push_back({full, style_map(full, explanation.is_signed, "", "p99.5"), ""});
      if (maps) maps->push_back(full);
    }
    return out;
  }

  Tensor input_of(const Model& model, const Tensor& picture) const {
    return preprocess({picture}, model.preprocessing(), model.input_shape()).x;
  }

  static Model load_demo(const std::string& path) {
    ModelOptions options;
    options.path = path;
    return load(options).model;
  }

  void explain_model(const std::string& name, const std::string& path) {
    const Model model = load_demo(path);
    fmt::print("{}\n", name);
    std::vector<GridRow> rows;
    double inside = 0, area = 0;
    int count = 0, number = 0;
    for (const auto& scene : demo_pictures()) {
      const Tensor picture = upright(scene.picture);
      const Tensor x = input_of(model, picture);
      const auto shares = predict(model, x);
      std::string truth;
      for (std::size_t c = 0; c < shape_labels().size(); ++c) {
        if (!scene.holds(static_cast<int>(c))) continue;
        truth += (truth.empty() ? "" : ", ") + shape_labels()[c];
      }
      fmt::print("  picture {}: truth {}; predicted {}\n", ++number, truth, name_list(shares));
      for (std::size_t c = 0; c < shares.size(); ++c) {
        const int label = static_cast<int>(c);
        if (!scene.holds(label)) continue;
        std::vector<Tensor> maps;
        GridRow one = row(model, x, picture, label, shares[c], &maps);
        const Tensor mask = scene.mask(label);
        const double share = share_inside(maps.back(), mask), size = area_share(mask);
        fmt::print(
            "    {:<9} {:3.0f} % of the LRP relevance lies on it; it covers {:2.0f} % of the "
            "picture\n",
            shape_labels()[c], 100 * share, 100 * size);
        inside += share;
        area += size;
        ++count;
        if (rows.size() < 6) rows.push_back(std::move(one));
      }
    }
    if (count > 0) {
      fmt::print("  on average {:.0f} % of the relevance lies on {:.0f} % of the picture\n\n",
                 100 * inside / count, 100 * area / count);
    }
    outbox_.put(name + ".png", encode_png(comparison_grid(kMethods, rows, {.cell = 192})));
  }

  void explain_cheat(const std::string& path) {
    const Model model = load_demo(path);
    const std::string tagged = shape_labels()[static_cast<std::size_t>(kDemoTagLabel)];
    fmt::print("shapes_cheat: trained where a small yellow tag marked every {}\n", tagged);
    std::vector<GridRow> rows;
    for (const TagRule rule : {TagRule::Never, TagRule::Always}) {
      // The same scenes with and without the tag; none holds the class that it marks.
      const auto scenes = demo_pictures(96, rule);
      const ShapesPicture& scene =
          *std::find_if(scenes.begin(), scenes.end(),
                        [](const ShapesPicture& one) { return !one.holds(kDemoTagLabel); });
      const Tensor picture = upright(scene.picture);
      const Tensor x = input_of(model, picture);
      const double probability = predict(model, x)[static_cast<std::size_t>(kDemoTagLabel)];
      std::vector<Tensor> maps;
      rows.push_back(row(model, x, picture, kDemoTagLabel, probability, &maps));
      fmt::print("  a picture without a {}, {:<12} {} {:3.0f} %", tagged,
                 scene.has_tag ? "with tag:" : "without tag:", tagged, 100 * probability);
      if (scene.has_tag) {
        fmt::print("; {:.0f} % of the LRP relevance lies on the tag ({:.1f} % of the picture)",
                   100 * share_inside(maps.back(), scene.tag), 100 * area_share(scene.tag));
      }
      fmt::print("\n");
    }
    fmt::print("  The map shows what accuracy on such data cannot: the model reads the tag.\n");
    outbox_.put("cheat.png", encode_png(comparison_grid(kMethods, rows, {.cell = 192})));
  }

  const std::vector<std::string> kMethods = {"gradient", "guided-backprop", "grad-cam", "lrp"};
  Outbox outbox_;
};

}  // namespace

void add_demo(CLI::App& app, Action& action) {
  struct Options {
    std::string folder = "limn-demo";
    bool force = false;
    std::int64_t threads = 0;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("demo", "Explain the demo pictures with the demo models");
  sub->add_option("-o,--out", options->folder, "folder for the pictures; default: limn-demo")
      ->type_name("DIR");
  sub->add_option("--threads", options->threads, "number of threads; default: all cores")
      ->check(CLI::Range(0, 4096));
  sub->add_flag("--force", options->force, "overwrite existing files");
  sub->callback([options, &action] {
    action = [options] {
      set_threads(options->threads);
      return Demo(options->folder, options->force).run();
    };
  });
}

}  // namespace limn::cli
