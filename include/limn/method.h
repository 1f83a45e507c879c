// Attribution methods: one interface, named by spec strings, listed in one place.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limn/model.h"
#include "limn/options.h"
#include "limn/spec.h"
#include "limn/target.h"
#include "limn/tensor.h"
#include "limn/trace.h"

namespace limn {

/// Which promise Explanation::gap checks: |sum - promised| / |promised|.
enum class GapKind {
  None,                ///< no promise, no gap
  Score,               ///< the map sums to the score
  ScoreMinusBaseline,  ///< the map sums to the score minus the baseline's score
  Terms,               ///< terms sum to the score; the map, made of their sizes, does not
  Mass                 ///< a message of mass 1 goes down; the gap is what gets lost
};
/// `score`, `score-minus-baseline`, `terms`, `mass`; empty for None.
std::string gap_kind_name(GapKind kind);

/// What a method is and what it promises; lists, docs and property tests follow from it.
struct MethodInfo {
  std::string name;     ///< `grad-cam`
  std::string title;    ///< `Grad-CAM`
  std::string family;   ///< gradient | cam | relevance | perturbation | control
  std::string summary;  ///< one sentence
  std::string formula;  ///< plain text
  std::string paper;    ///< authors, title, year
  std::vector<std::string> aliases;
  bool signed_map = false;    ///< maps have evidence against, too
  bool conserves = false;     ///< the map sums to the score (up to the rules' bias terms)
  bool complete = false;      ///< the map sums to the score minus the baseline's, on any model
  bool deterministic = true;  ///< false: depends on the seed
  bool needs_layer = false;   ///< has a `layer` option with a default
  bool anytime = false;       ///< can stop early with what it has (ExplainOptions::stop)
  bool needs_bounds = false;  ///< uses the input's lowest and highest values where known
  /// What the gap checks; where it is left out, it follows from `conserves` and `complete`.
  GapKind gap = GapKind::None;
  /// Keys of Explanation::inner that come with every map: maps [N, K, H, W] over the input, and
  /// others [N, ...].
  std::vector<std::string> extra_maps = {}, extra_arrays = {};
};

/// What a call shares between methods.
struct ExplainOptions {
  ScoreKind score = ScoreKind::Logit;
  std::uint64_t seed = 0;
  std::int64_t batch = 0;  ///< inner batch size of sampling methods; 0: chosen to fit
  /// [n, C, H, W]: what sampling methods add to the input in place of their own noise.
  Tensor noise;
  /// [1 or N, C, H, W]: what "nothing" looks like, in place of a method's named baseline.
  Tensor baseline;
  /// [n, H, W] in 0..1: masks of RISE and D-RISE in place of their own.
  Tensor masks;
  /// [H, W], or [1 or N, H, W]: whole numbers from 0 up that name each pixel's segment for LIME and
  /// Kernel SHAP, in place of superpixels of their own (Captum's feature_mask); gaps are fine.
  Tensor segments;
  /// The masked pictures of Score-CAM, RISE and D-RISE run in bfloat16 (Model::run_from): they need
  /// scores, not differences of scores that hardly differ.
  bool bfloat16 = false;
  bool fallback_gradient = false;   ///< nodes without a rule get the gradient, counted and recorded
  bool trace = false;               ///< record relevance entering and leaving each node
  std::vector<std::string> record;  ///< values whose relevance is kept in Explanation::inner
  /// Relevance or gradient that enters at the logits in place of the target's own, shaped like
  /// them, or [S, logits' shape] with one for each target; undefined: the target's.
  Tensor start;
  /// Classes that count as further targets of the call without being explained, for methods that
  /// set their targets against each other (RSP): who explains one class again names the others
  /// here.
  std::vector<std::int64_t> beside;
  std::function<void(double)> progress;  ///< called with the share done, 0..1
  /// Asked now and then by methods that can stop early; true: they return what they have, say so,
  /// and set Explanation::partial. They throw InvalidArgument where they have nothing yet.
  std::function<bool()> stop;
};

/// One map (per sample of the batch) and its evidence.
struct Explanation {
  std::string method;                 ///< canonical spec with every option
  std::string target;                 ///< `class:281 (tabby)`, of the first sample
  std::vector<std::int64_t> classes;  ///< per sample
  std::vector<Detection> detected;    ///< per sample on detectors: what is explained
  Tensor relevance;   ///< shaped like the value `at`: [N,C,H,W]; or a ready map [N,1,h,w]
  std::string at;     ///< name of the value explained, usually the input
  std::string layer;  ///< the layer a CAM method reads; else empty
  bool is_signed = false;
  bool partial = false;           ///< stopped before all samples were drawn
  std::string reduction = "sum";  ///< how channels become one map: sum | max-abs | none
  Tensor score;                   ///< [N]
  Tensor probability;             ///< [N] of the target's class (softmax, or sigmoid)
  Tensor gap;             ///< [N] of the kind MethodInfo::gap; undefined if nothing is promised
  bool bfloat16 = false;  ///< masked pictures ran in bfloat16 (ExplainOptions::bfloat16)
  std::vector<std::string> notes;       ///< what the reader must know, in words
  std::map<std::string, Tensor> inner;  ///< relevance at recorded values, and raw maps
  std::vector<TraceRow> trace;

  /// [N, h, w] at the map's own size.
  Tensor map() const;
};

/// Stateless after construction; randomness only from ExplainOptions::seed.
class Method {
 public:
  virtual ~Method() = default;
  virtual const MethodInfo& info() const = 0;
  /// The canonical spec: name and every option.
  virtual Spec spec() const = 0;
  /// Explains each target for a batch x [N,C,H,W]; all targets share one forward pass. Explaining a
  /// batch equals explaining its samples one by one. Throws Error; results are finite.
  virtual std::vector<Explanation> explain(const Model& model, const Tensor& x,
                                           const std::vector<Target>& targets,
                                           const ExplainOptions& options) const = 0;
  Explanation explain(const Model& model, const Tensor& x, const Target& target = {},
                      const ExplainOptions& options = {}) const;
};

/// One entry of the list: what the method is, its options with their defaults, how to make it.
struct MethodEntry {
  MethodInfo info;
  std::function<std::vector<FieldInfo>()> options;
  std::function<std::unique_ptr<Method>(const Spec&)> make;
};

/// All methods in list order.
const std::vector<MethodEntry>& methods();
/// By name or alias; throws NotFound with the nearest names.
const MethodEntry& find_method(std::string_view name);
/// Makes a method from a spec string; throws NotFound, InvalidArgument.
std::unique_ptr<Method> make_method(std::string_view spec);

}  // namespace limn
