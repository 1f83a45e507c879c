// What "nothing" looks like to a method that takes evidence away.
#pragma once
#include <string>

#include "methods/method_base.h"

namespace limn {

/// The option that names a baseline: a word of baseline_of, or a number in the model's input space.
Field baseline_field(std::string& value);

/// The baseline of x, shaped like it: the call's own tensor where it gives one; else `zero` (zeros
/// after normalization), a number, `black`, `gray`, `white` (that color before normalization),
/// `mean` (each channel's mean of the sample) or `blur` (the sample through a Gaussian, sigma a
/// tenth of its longer side). Throws InvalidArgument where the preprocessing is not known and the
/// color therefore is not, or for another word.
Tensor baseline_of(const std::string& name, const Call& call, const Tensor& x);

}  // namespace limn
