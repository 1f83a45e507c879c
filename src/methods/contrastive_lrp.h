// What CLRP and SGLRP share: the backbone that walks, and combining the two walks.
#pragma once
#include <string>
#include <vector>

#include "methods/contrast.h"

namespace limn {

struct ContrastiveOptions {
  std::string flavor = "limn";
  std::string type = "type1";
  std::vector<double> low, high;
  double alpha = 1;
  bool clamp = true;
  bool reference = false;
};

/// limn: excitation backprop's rules on folded batch norm, zB at the first convolution with the
/// preprocessing's bounds, else with the lowest and highest value of each picture.
struct Backbone {
  RuleBook book;
  BatchNorm batch_norm;
};
Backbone limn_backbone(const ContrastiveOptions& options, const Call& call);
/// Alpha-beta as KU-HJH/UCAG@4d12475 (ATTR/layers_rap.py) computes and divides.
Backbone wjnam_backbone(const ContrastiveOptions& options);

Field low_field(ContrastiveOptions& options);
Field high_field(ContrastiveOptions& options);
Field alpha_field(ContrastiveOptions& options);

/// Relevance given at the logits walks alone, without a contrast.
std::vector<Explanation> explain_start(const Pass& pass, const Call& call, const RuleBook& book,
                                       const MethodInfo& info);

}  // namespace limn
