// The frozen protocols: every constant of a published measurement. A change of a metric that would
// change what a name means fails the tests; such a change needs a new name.
#include "limn/error.h"
#include "limn/sidecar.h"
#include "limn/spec.h"
#include "limn/suite.h"

namespace limn {

ClassRule parse_class_rule(std::string_view text) {
  for (const auto rule : {ClassRule::Labelled, ClassRule::Predicted, ClassRule::Likeliest}) {
    if (text == class_rule_name(rule)) return rule;
  }
  fail(ErrorCode::InvalidArgument, "labels are \"", text,
       "\"; legal: L (all that are there), P (those of them that the model predicts), top1 (the "
       "likeliest class)");
}

std::string_view class_rule_name(ClassRule rule) {
  switch (rule) {
    case ClassRule::Labelled:
      return "L";
    case ClassRule::Predicted:
      return "P";
    case ClassRule::Likeliest:
      break;
  }
  return "top1";
}

std::string Protocol::text() const {
  std::string out = concat("protocol ", name, "\nlabels ", class_rule_name(rule), "\nside ", side);
  for (const auto& metric : metrics) out += "\nmetric " + metric;
  return out + "\n";
}

std::string Protocol::hash() const { return sha256(text()); }

const std::vector<Protocol>& protocols() {
  static const std::vector<Protocol> all = {
      {.name = "ins-del/rise-2018",
       .summary = "Deletion to the mean color and insertion onto a blur of 11 x 11, 28 steps of "
                  "1792 pixels, of the likeliest class.",
       .source = "Petsiuk, Das, Saenko: RISE, 2018 (eclique/RISE@d91ea00)",
       .rule = ClassRule::Likeliest,
       .side = 224,
       .metrics = {"deletion(step=1792)", "insertion(step=1792, blur=rise)"}},
      {.name = "ins-del/ucag-2023",
       .summary = "The same onto a Gaussian blur of 51 x 51, sigma 50, of the labelled class.",
       .source = "Hong, Nam, Choi, Lee: UCAG, 2023 (KU-HJH/UCAG@4d12475)",
       .rule = ClassRule::Labelled,
       .side = 224,
       .metrics = {"deletion(step=1792)", "insertion(step=1792, blur=ucag)"}},
      {.name = "pointing/torchray-2019",
       .summary =
           "The pointing game with a tolerance of 15 pixels of the picture, all pairs and the "
           "difficult ones, of every labelled class.",
       .source = "Fong, Patrick, Vedaldi: Extremal Perturbations, 2019 "
                 "(facebookresearch/TorchRay@6a198ee)",
       .rule = ClassRule::Labelled,
       .side = 0,
       .metrics = {"pointing-game(tolerance=15, tolerance-share=0.04, mask=auto, subset=all)",
                   "pointing-game(tolerance=15, tolerance-share=0.04, mask=auto, subset=dif)"}},
      {.name = "demo",
       .summary = "Pointing game, overlap by sign, deletion and insertion on pictures of any size: "
                  "what others fix in pixels of 224 is a share of the picture.",
       .source = "limn; the constants of the protocols above, times side / 224",
       .rule = ClassRule::Labelled,
       .side = 0,
       .metrics = {"pointing-game(tolerance=0, tolerance-share=0.04, mask=auto, subset=all)",
                   "posneg-miou(center=none, mask=finest, subset=all)",
                   "posneg-miou(center=mean, mask=finest, subset=all)", "deletion(step=0)",
                   "insertion(step=0, blur=scaled)"}},
      {.name = "mprt/adebayo-2018",
       .summary = "Cascading randomization of all layers from the output down, and another class's "
                  "map, for the likeliest class.",
       .source = "Adebayo et al.: Sanity Checks for Saliency Maps, 2018 (weights drawn as in "
                 "understandable-machine-intelligence-lab/Quantus@85bc29d)",
       .rule = ClassRule::Likeliest,
       .side = 0,
       .metrics = {"sanity(mode=cascading, stages=0, init=torch, abs=true, random-logit=true)"}},
  };
  return all;
}

const Protocol& find_protocol(std::string_view name) {
  const std::string wanted = canonical_name(name);
  std::vector<std::string> names;
  for (const auto& protocol : protocols()) {
    if (protocol.name == wanted) return protocol;
    names.push_back(protocol.name);
  }
  fail(ErrorCode::NotFound, "no protocol \"", name, "\"; did you mean ", nearest_names(name, names),
       "? (`limn list protocols`)");
}

}  // namespace limn
