// Options and steps that the gradient family shares: where to read, how to reduce, size, smoothing.
#pragma once
#include "methods/method_base.h"

namespace limn {

struct PixelOptions {
  std::string flavor = "captum";
  std::string layer;
  std::string reduction = "none";
  std::vector<double> resize;
  double smooth = 0;
};

/// The fields of PixelOptions; `flavors` are the legal values of `flavor`, the first is the
/// default.
Fields pixel_fields(PixelOptions& options, const std::vector<std::string>& flavors,
                    const std::string& flavor_help);

/// Walks gradients through `book` to the input or layer; `times_input` multiplies by the values
/// there. Then reduces, resizes and smooths as asked.
std::vector<Explanation> explain_pixels(const PixelOptions& options, const Call& call,
                                        const RuleBook& book, const MethodInfo& info,
                                        bool times_input);

}  // namespace limn
