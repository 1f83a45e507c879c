// Rule books that reproduce two published code bases, quirks included.
#pragma once
#include <string>

#include "rules/rule_book.h"

namespace limn {

/// How a code base divides by zero.
enum class Division {
  Safe,  ///< a/b, 0 where b = 0
  Ucag,  ///< KU-HJH/UCAG: denominators within 1e-9 of zero are moved away from it
};

/// a / b by a code base's own division.
Tensor divide(const Tensor& a, const Tensor& b, Division division);

/// zB whose bounds are each picture's own lowest and highest value, over all channels, with `added`
/// in the denominator: the first-layer rule of the RAP, RSP and AE code.
Rule image_box_rule(double added, Division division = Division::Safe);
/// Whether the node is the first convolution: `auto` takes any with three input channels (as the
/// authors do), `yes` the network's first layer, `no` none.
bool takes_image_box(const Step& step, const std::string& choice);

/// What the RAP code base does everywhere but in its layers: pools and joins share as x/z, batch
/// norm and concat pass where they are not zero, activations pass.
RuleBook wjnam_base(Division division);

struct WjnamOptions {
  double alpha = 1;  ///< alpha - (alpha - 1) = 1
  Division division = Division::Safe;
  /// Which convolution is taken for the first one: auto (three input channels), yes, no.
  std::string first_convolution = "auto";
};
/// LRP alpha-beta as wjNam/Relative_Attributing_Propagation@7fa9682 (modules/layers.py) computes
/// it: no bias, no epsilon, both signs of the input normalized separately, zB on the first
/// convolution with the smallest and largest value of the whole input, nearly the identity at batch
/// norm and concat.
RuleBook wjnam_book(const WjnamOptions& options);

struct ToolboxOptions {
  std::string rule = "simple";  ///< simple | epsilon | alpha-beta | flat | w^2
  double alpha = 2;             ///< beta = 1 - alpha is added
  double epsilon = 0.01;
};
/// sebastian-lapuschkin/lrp_toolbox@1c9efda (python/modules): one rule in every layer; tied maxima
/// share equally, flat and w^2 share over the whole window; pools count as sum pools.
RuleBook toolbox_book(const ToolboxOptions& options);

}  // namespace limn
