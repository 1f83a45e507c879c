// `limn shapes`: pictures of shapes with exact truth, as a folder in the format of PASCAL VOC.
#include "limn/shapes.h"

#include <fmt/format.h>

#include "cli/cli.h"
#include "cli/outbox.h"
#include "cli/progress.h"

namespace limn::cli {
namespace {

struct ShapesCommand {
  std::string folder;
  std::int64_t count = 1000;
  ShapesOptions options;
  std::string tag, tag_on = "class";
  int size = 96;
  VocOptions voc;
};

TagRule rule_of(const std::string& name) {
  if (name == "class") return TagRule::OnClass;
  return name == "others" ? TagRule::OffClass : TagRule::Always;
}

int shapes(ShapesCommand command) {
  ShapesOptions& options = command.options;
  options.width = options.height = command.size;
  if (!command.tag.empty()) {
    options.tag_label = shape_label(command.tag);
    options.tag = rule_of(command.tag_on);
  }
  Progress progress("pictures", static_cast<double>(command.count));
  command.voc.progress = [&](std::int64_t done, std::int64_t) {
    check_interrupt();
    progress.at(static_cast<double>(done));
  };
  write_voc(command.folder, options, command.count, command.voc);
  progress.clear();
  fmt::print("{}\n", command.folder);
  return 0;
}

}  // namespace

void add_shapes(CLI::App& app, Action& action) {
  const auto command = std::make_shared<ShapesCommand>();
  ShapesOptions& options = command->options;
  CLI::App* sub = app.add_subcommand("shapes", "Draw pictures whose truth is known to the pixel");
  sub->add_option("-o,--out", command->folder, "folder to create, in VOC's format")->required();
  sub->add_option("--count", command->count, "how many pictures")->capture_default_str();
  sub->add_option("--seed", options.seed, "another seed, other pictures")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  sub->add_option("--size", command->size, "side in pixels")->capture_default_str();
  sub->add_option("--min-shapes", options.min_shapes, "in a picture")->capture_default_str();
  sub->add_option("--max-shapes", options.max_shapes, "in a picture")->capture_default_str();
  sub->add_option("--distractors", options.max_distractors, "at most, in a picture")
      ->capture_default_str();
  sub->add_option("--val-share", command->voc.val_share, "share of the pictures in `val`")
      ->capture_default_str();
  sub->add_option("--tag", command->tag, "class that a planted tag marks; default: no tag");
  sub->add_option("--tag-on", command->tag_on,
                  "pictures that carry it: those of the class, the others, or all")
      ->check(CLI::IsMember({"class", "others", "all"}))
      ->capture_default_str();
  sub->footer("Example:\n  limn shapes -o shapes --count 500 --seed 7 --tag hexagon\n");
  sub->callback([command, &action] { action = [command] { return shapes(*command); }; });
}

}  // namespace limn::cli
