// What methods share that optimize a mask: how a mask perturbs a picture, the score's gradient at
// perturbed pictures, and the loop over iterations.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "methods/method_base.h"

namespace limn {

/// A picture x in L steps from perturbed (level 0) to itself (level L - 1). `blur`: level l through
/// a Gaussian of (1 - l / (L - 1)) * max_blur pixels, zeros beyond the border; `fade`: level l is
/// l / (L - 1) x. A mask value m in 0..1 picks a place between two levels, pixel by pixel.
class Pyramid {
 public:
  Pyramid(const std::string& kind, const Tensor& x, std::int64_t levels, double max_blur);

  /// Masks [A, H, W] -> pictures [A, C, H, W].
  Tensor apply(const Tensor& masks) const;
  /// From a gradient at those pictures to that at the masks. Where m is 1 it is zero.
  Tensor pull(const Tensor& masks, const Tensor& gradient) const;
  const Tensor& levels() const { return levels_; }  ///< [L, C, H, W]

 private:
  /// Each pixel at the level below its mask value, or `up` higher.
  Tensor at_level(const Tensor& below, std::int64_t up) const;

  Tensor levels_;
};

/// Scores [M] of pictures and their gradients there, [M, C, H, W].
struct Slopes {
  Tensor score, gradient;
  WalkResult walk;  ///< of the last batch, without its relevance
};

/// The score of one fixed target and its gradient by the reverse walk.
class Slope {
 public:
  /// `contrastive`: the score minus the highest score of another class. Throws InvalidArgument
  /// where there is none.
  Slope(const Call& call, Target target, ScoreKind kind, bool contrastive, std::int64_t batch);
  Slopes at(const Tensor& pictures) const;

 private:
  Slopes of_batch(const Tensor& pictures) const;

  Model model_;
  std::vector<Target> targets_;
  ExplainOptions options_;
  std::int64_t batch_;
  RuleBook book_;
};

/// The integer in `given`, or `otherwise` where it is empty. Throws InvalidArgument where it is not
/// one whole number of at least `least`, and says what to type.
std::int64_t pixels(const char* name, const std::vector<double>& given, std::int64_t least,
                    double otherwise);

/// Calls `step(run, iteration)` for all runs at one iteration before the next, so that a stop
/// leaves all equally far; reports progress. Returns how many iterations were done. Throws
/// InvalidArgument where it is stopped before the second, which is the first to see a mask changed.
std::int64_t optimize(std::int64_t runs, std::int64_t iterations, const ExplainOptions& options,
                      const std::function<void(std::size_t, std::int64_t)>& step);
/// What the runs of target s give, stacked over samples; runs stand sample by sample, each with all
/// `targets`.
template <typename Run, typename Get>
Tensor of_target(const std::vector<Run>& runs, std::size_t s, std::size_t targets, const Get& get) {
  std::vector<Tensor> each;
  for (std::size_t run = s; run < runs.size(); run += targets) each.push_back(get(runs[run]));
  return at::stack(each);
}
/// Marks an explanation whose mask was stopped early.
void note_end(Explanation& explanation, std::int64_t done, std::int64_t asked);

}  // namespace limn
