// What excitation backprop and its contrastive form share.
#pragma once
#include <string>
#include <vector>

#include "methods/method_base.h"

namespace limn {

struct ExcitationOptions {
  std::string flavor = "limn";
  std::string layer;
  std::string contrast_layer;
};

/// The options of both; `contrast-layer` with `contrastive`.
Fields excitation_fields(ExcitationOptions& options, bool contrastive);
RuleBook excitation_flavor(const std::string& flavor);
BatchNorm excitation_batch_norm(const std::string& flavor);
/// The one-hot of each target (a given start replaces them): a message of mass 1.
Tensor excitation_seeds(const Pass& pass, const Call& call);
/// The value where the message is read, as the model that ran knows it.
ValueId excitation_layer(const Pass& pass, const Call& call, const std::string& layer);
/// Fills `gap` with the share of the message that did not arrive, and says it in words.
void note_lost_mass(Explanation& explanation, const Pass& pass, const Tensor& seed, ValueId at);

}  // namespace limn
