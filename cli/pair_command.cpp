// See pair_command.h.
#include "cli/pair_command.h"

#include <nlohmann/json.hpp>

#include "limn/error.h"
#include "limn/options.h"
#include "limn/sidecar.h"

namespace limn::cli {
namespace {

void add_rules_options(CLI::App& sub, PairCommand& command) {
  const char* const group = "Relevance";
  sub.add_option("--composite", command.options.composite,
                 "which rule where: one of lrp's (`limn list lrp`), or gamma-by-depth (the "
                 "authors');\nplus-even loses nothing to biases; default: epsilon-plus")
      ->group(group);
  sub.add_option("--gammas", command.options.gammas,
                 "gamma-by-depth: gamma of each convolution, activation and pool in order: "
                 ".5,.5,.25;\ndefault: the authors' table")
      ->delimiter(',')
      ->group(group);
  sub.add_option("--epsilon", command.options.epsilon, "of the epsilon rule")
      ->check(CLI::Range(0.0, 1e9))
      ->group(group);
  sub.add_option("--gamma", command.options.gamma, "of the gamma rule")
      ->check(CLI::Range(0.0, 1e9))
      ->group(group);
  sub.add_option("--rules", command.rules,
                 "file of `SELECTOR RULE key=value` lines that overrule the composite")
      ->type_name("FILE")
      ->group(group);
  sub.add_option("--fallback", command.fallback,
                 "gradient: nodes without a rule get the gradient, counted and recorded")
      ->check(CLI::IsMember({"none", "gradient"}))
      ->group(group);
  sub.add_option("--max-gap", command.max_gap,
                 "share of the similarity that may be missing before the result is doubted")
      ->check(CLI::Range(0.0, 1e9))
      ->group(group);
}

void add_similarity_options(CLI::App& sub, PairCommand& command) {
  const char* const group = "Similarity";
  sub.add_option("--layer", command.options.layer,
                 "the value compared; default: the class scores where the model names its "
                 "classes,\nelse the input of the last linear layer")
      ->group(group);
  sub.add_option(
         "--embedding", command.options.embedding,
         "flat: all elements; mean: means over places; positive: as flat without what is below\n0; "
         "auto: positive of class scores by default, mean of [N,C,h,w], else flat")
      ->check(CLI::IsMember({"auto", "flat", "mean", "positive"}))
      ->group(group);
  sub.add_option("--similarity", command.options.similarity, "cosine (default) or dot")
      ->check(CLI::IsMember({"cosine", "dot"}))
      ->group(group);
  sub.add_option("--projections", command.options.projections,
                 "compare K random projections instead of all components; 0: all")
      ->type_name("K")
      ->check(CLI::Range(0, 100'000))
      ->group(group);
  sub.add_option("--seed", command.options.seed, "of the projections")
      ->check(CLI::NonNegativeNumber)
      ->group(group);
  sub.add_option("--components", command.options.components,
                 "without projections: the strongest components explained; 0: all; default: 256")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40))
      ->group(group);
}

void add_result_options(CLI::App& sub, PairCommand& command) {
  const char* const group = "Results";
  sub.add_option("--pool", command.options.cell,
                 "side of a place in pixels of the model's input; default: 8")
      ->type_name("P")
      ->check(CLI::Range(1, 65536))
      ->group(group);
  sub.add_option("--links", command.options.links, "strongest links kept; default: 100")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->group(group);
  sub.add_flag("--full", command.options.full,
               "write joint.npy, the relevance of all pairs [h1,w1,h2,w2]")
      ->group(group);
  sub.add_flag("--first-order", command.first_order,
               "one walk per input instead of one per component: maps, no links")
      ->group(group);
  sub.add_option("--reference", command.reference,
                 "first order against this embedding (the *-embedding.npy of another run)")
      ->type_name("FILE.npy")
      ->group(group);
  sub.add_option("--colormap", command.colormap, "`limn list colormaps`; default: red-blue")
      ->group("Pictures");
  sub.add_option("--scale", command.scale,
                 "the strongest color stands for: p99.5 (default), max or a number")
      ->group("Pictures");
  sub.add_option("-o,--out", command.folder, "folder for the results; default: limn-out")
      ->type_name("DIR");
  sub.add_flag("--json", command.json, "print one JSON object instead of words")->group(group);
  sub.add_flag("--force", command.force, "overwrite existing files")->group(group);
}

}  // namespace

void add_pair_options(CLI::App& sub, PairCommand& command) {
  add_model_options(sub, command.model);
  sub.add_option("INPUT", command.inputs, "two pictures, or .npy tensors [1,C,H,W]")
      ->required()
      ->expected(1, 2);
  add_similarity_options(sub, command);
  add_rules_options(sub, command);
  add_result_options(sub, command);
}

void check_pair_options(const PairCommand& command) {
  const std::string composite = canonical_name(command.options.composite);
  const bool first_order = command.first_order || !command.reference.empty();
  const bool rules = !command.rules.empty();
  const auto refuse = [&](bool idle, const char* option, const char* why) {
    if (!idle || std::count(command.given.begin(), command.given.end(), option) == 0) return;
    fail(ErrorCode::InvalidArgument, option, " has no effect ", why, "; leave one of them out");
  };
  refuse(composite != "gamma-by-depth", "--gammas",
         "without --composite gamma-by-depth, whose table it is");
  refuse(composite != "epsilon-gamma-box" && !rules, "--gamma",
         "without a composite that has one number gamma (--composite epsilon-gamma-box)");
  refuse(composite.rfind("epsilon", 0) != 0 && !rules, "--epsilon",
         "beside a composite without the epsilon rule");
  refuse(command.options.projections > 0, "--components",
         "beside --projections, all of which are explained");
  refuse(first_order, "--components", "beside --first-order or --reference, which explain all");
  refuse(first_order, "--links", "beside --first-order or --reference, which have no pairs");
  refuse(first_order, "--full", "beside --first-order or --reference, which have no pairs");
}

nlohmann::ordered_json pair_options_json(const PairCommand& command) {
  const PairOptions& o = command.options;
  return {{"similarity", o.similarity},
          {"projections", o.projections},
          {"components", o.components},
          {"seed", o.seed},
          {"gammas", o.gammas},
          {"epsilon", o.epsilon},
          {"gamma", o.gamma},
          {"stabilizer", o.stabilizer},
          {"pool", o.cell},
          {"links", o.links},
          {"full", o.full},
          {"fallback", command.fallback},
          {"first_order", command.first_order},
          {"rules_file", command.rules},
          {"rules_sha256", command.rules.empty() ? "" : sha256(o.rules)},
          {"rules", o.rules}};
}

}  // namespace limn::cli
