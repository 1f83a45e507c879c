// What single units of a model look for: each unit's strongest places are compared with the masks
// of known concepts, and the formula of concepts that covers them best is searched for. Network
// dissection (Bau, Zhou, Khosla, Oliva, Torralba, Network Dissection, 2017) and compositional
// explanations (Mu, Andreas, Compositional Explanations of Neurons, 2020).
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limn/model.h"
#include "limn/spec.h"
#include "limn/tensor.h"

namespace limn {

/// A set of pixels over numbered pictures of one size: a bit a pixel, 64 to a word. Pictures
/// without any pixel of the set take no room.
class PixelSet {
 public:
  PixelSet() = default;
  /// `pixels` of one picture, at least 1.
  explicit PixelSet(std::int64_t pixels);
  /// The pixels of one more picture. `mask`: bool, pixels() values in row-major order; pictures
  /// come in rising order. Throws InvalidArgument.
  void add(std::int64_t picture, const Tensor& mask);

  std::int64_t pixels() const { return pixels_; }
  /// Pixels in the set, over all pictures.
  std::int64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  /// Those with at least one pixel, rising.
  const std::vector<std::int64_t>& pictures() const { return pictures_; }
  /// bool [pixels()]; all false where the picture has none.
  Tensor mask(std::int64_t picture) const;

  /// Everything that is not in the set, over pictures 0 .. pictures - 1.
  PixelSet complement(std::int64_t pictures) const;
  friend PixelSet operator&(const PixelSet& a, const PixelSet& b);
  friend PixelSet operator|(const PixelSet& a, const PixelSet& b);
  /// In a and not in b.
  friend PixelSet operator-(const PixelSet& a, const PixelSet& b);
  bool operator==(const PixelSet&) const = default;
  /// |a & b|, without making the set. Throws InvalidArgument where picture sizes differ.
  friend std::int64_t count_common(const PixelSet& a, const PixelSet& b);

 private:
  const std::uint64_t* words(std::size_t place) const { return bits_.data() + place * words_; }
  /// Calls take(picture, words of a or null, words of b or null) for every picture of either.
  template <typename Take>
  static void merge(const PixelSet& a, const PixelSet& b, Take&& take);
  /// Appends a picture whose word i is word(i), unless all are 0.
  template <typename Word>
  void append(std::int64_t picture, Word&& word);

  std::int64_t pixels_ = 0, count_ = 0;
  std::size_t words_ = 0;  ///< of one picture; bits behind the last pixel are 0
  std::vector<std::int64_t> pictures_;
  std::vector<std::uint64_t> bits_;
};

/// How one more concept joins a formula. The places follow the order in which they are tried.
enum class FormulaOperator { Or, And, AndNot };
/// `or`, `and`, `and-not`; throws NotFound for other words.
FormulaOperator formula_operator(std::string_view word);

/// `((a OR b) AND (NOT c))`: concepts joined one after the other, by index.
struct Formula {
  struct Step {
    FormulaOperator join = FormulaOperator::Or;
    int index = 0;
    bool operator==(const Step&) const = default;
  };
  int first = -1;  ///< -1: no formula
  std::vector<Step> steps = {};

  bool empty() const { return first < 0; }
  /// The number of concepts, and one for each NOT; 0 where empty.
  int length() const;
  /// `names` by concept index; "" where empty.
  std::string text(const std::vector<std::string>& names) const;
  bool operator==(const Formula&) const = default;
};
/// Where the formula holds; nowhere, if it is empty.
PixelSet formula_pixels(const Formula& formula, const std::vector<PixelSet>& concepts);

struct FormulaSearchOptions {
  std::int64_t length = 3;  ///< concepts in a formula at most, 1 .. 16
  std::int64_t beam = 5;    ///< formulas that are built on, 1 .. 1000
  double penalty = 1;       ///< the IoU of a formula counts times penalty^(length() - 1); (0, 1]
  std::vector<FormulaOperator> operators = {FormulaOperator::Or, FormulaOperator::And,
                                            FormulaOperator::AndNot};
  /// Throws InvalidArgument for values out of range.
  void check() const;
};

/// What describes a unit best.
struct UnitFormula {
  Formula formula = {};     ///< empty where no concept meets the unit
  double iou = 0;           ///< |unit & formula| / |unit | formula|; 0 where empty
  double score = 0;         ///< iou times the penalty: what formulas are ranked by
  std::int64_t pixels = 0;  ///< where the formula holds
  int single = -1;          ///< the best concept alone; -1 where none meets the unit
  double single_iou = 0;
  std::vector<double> single_ious = {};  ///< of every concept
};

/// Beam search: the best `beam` single concepts; then, length - 1 times, each formula of the beam
/// joined with every concept in every way, old and new ranked together. Equal scores keep their
/// order: old ones first, then by formula, concept and operator. The same formula counts once;
/// formulas that merely mean the same, such as (a OR b) and (b OR a), both count, as in
/// jayelm/compexp@f1248d7. A unit that equals a concept gets that concept, with an IoU of 1.
/// Counts of new formulas follow from two intersections each, |f & c| and |u & f & c|.
class FormulaSearch {
 public:
  /// `concepts` must outlive the search. Throws InvalidArgument for options out of range, no
  /// concept, and concepts whose picture sizes differ.
  FormulaSearch(const std::vector<PixelSet>& concepts, FormulaSearchOptions options);
  /// Safe from many threads.
  UnitFormula find(const PixelSet& unit) const;

 private:
  struct Entry;
  struct Candidate;
  struct Scene;
  std::vector<Candidate> candidates(const Scene& scene, const std::vector<Entry>& beam) const;
  std::vector<Entry> next_beam(const Scene& scene, std::vector<Entry> beam, bool grows) const;

  const std::vector<PixelSet>& concepts_;
  FormulaSearchOptions options_;
  std::vector<std::int64_t> common_;  ///< |a & b| of concepts a and b
};

/// The largest values of a stream, kept so that the quantile at its end is exact: with N values in
/// all, the threshold is the value of which at most share * N are larger. Memory: share * N values.
class TopShare {
 public:
  /// Throws InvalidArgument where share * total is below 1: the threshold would be the maximum.
  TopShare(double share, std::int64_t total);
  void add(const float* values, std::int64_t count);
  /// After `total` values; infinity before the first share of them is full.
  float threshold() const;

 private:
  std::size_t size_ = 0;
  std::vector<float> smallest_first_;  ///< a heap
};

/// Where activations [K, h, w] of K units in one picture lie above their thresholds [K], at height
/// x width: bool [K, height, width]. Activations are resized bilinearly with half-pixel centers; a
/// side that shrinks is filtered as PIL does it. All false for a unit whose maximum is not above.
Tensor unit_masks(const Tensor& activations, const Tensor& thresholds, std::int64_t height,
                  std::int64_t width);

/// A concept's name and kind: `red`, `color`.
struct ConceptLabel {
  std::string name, category;
};

/// A picture and where concepts are on it.
struct ConceptPicture {
  std::string id;
  Tensor pixels;  ///< uint8 [H, W, 3]
  /// Concept index and bool [h, w], laid over the whole picture whatever its resolution ([1, 1]
  /// speaks for all of it); several masks of one concept are joined.
  std::vector<std::pair<int, Tensor>> masks;
};

/// Pictures with masks of concepts.
class ConceptSource {
 public:
  virtual ~ConceptSource() = default;
  /// The canonical spec: name and every option.
  virtual Spec spec() const = 0;
  /// All concepts, with names of their own.
  virtual const std::vector<ConceptLabel>& concepts() const = 0;
  virtual std::int64_t size() const = 0;
  /// Throws BadInput, NotFound or Io that name the file.
  virtual ConceptPicture read(std::int64_t index) const = 0;
};
/// `shapes(n=500)` (class, color, texture, size, tag and distractors), `broden(FOLDER)`, or any
/// data set with masks (its classes). Throws NotFound, InvalidArgument, BadInput.
std::unique_ptr<ConceptSource> make_concept_source(std::string_view spec);

struct DissectionOptions {
  std::string layer;                ///< value [N, units, h, w]; empty: where the last block ends
  std::vector<std::int64_t> units;  ///< empty: all
  double quantile = 0.005;          ///< a unit fires at this share of all places; (0, 0.5]
  std::int64_t limit = 0;           ///< pictures; 0: all
  /// Longest side at which masks are compared; never more than the input's. 112 as in Broden.
  std::int64_t mask_side = 112;
  std::int64_t batch = 16;
  std::int64_t examples = 5;  ///< pictures a unit
  FormulaSearchOptions search;
  /// Activations up to this size stay in memory; beyond, the model runs a second time.
  std::int64_t kept_bytes = std::int64_t{1} << 30;
  /// What is going on, and how far; called from the calling thread. May throw to stop.
  std::function<void(const std::string& what, double done, double total)> progress;
};

struct UnitDissection {
  std::int64_t unit = 0;
  double threshold = 0;
  PixelSet pixels = {};  ///< where it fires; empty: it never does
  UnitFormula found = {};
  std::vector<std::int64_t> examples = {};  ///< pictures in which it fires, strongest first
};

struct Dissection {
  std::string layer;
  std::int64_t layer_units = 0, layer_height = 0, layer_width = 0;
  std::int64_t pictures = 0;
  std::int64_t mask_height = 0, mask_width = 0;
  std::vector<ConceptLabel> concepts;  ///< those that occur
  std::vector<PixelSet> concept_pixels;
  std::vector<UnitDissection> units;
  double forward_seconds = 0, mask_seconds = 0, search_seconds = 0;

  std::vector<std::string> concept_names() const;
  /// bool [mask_height, mask_width]: a set's pixels in one picture.
  Tensor grid(const PixelSet& set, std::int64_t picture) const;
};

/// Runs the model over the pictures and searches a formula for each unit. The result does not
/// depend on the batch, the number of threads or `kept_bytes`, but for the rounding of the model.
/// Throws NotFound (no such layer), InvalidArgument (options; a layer without places; too few
/// places for the quantile), BadInput (no pictures, no concepts, pictures of different input
/// sizes), and what reading and running throw.
Dissection dissect(const Model& model, const ConceptSource& source,
                   const DissectionOptions& options);

/// The pictures in UnitDissection::examples by number, as the model sees them.
struct ExamplePicture {
  std::string name;
  Tensor pixels = {};  ///< uint8 [H, W, 3]
};
using ExamplePictures = std::map<std::int64_t, ExamplePicture>;
/// One self-contained page: a row a unit, strongest first, with its formula, IoU, best single
/// concept and examples; where the unit fires is bright and outlined, where the formula holds has
/// an outline of its own. `facts`: name and value, shown above.
std::string dissection_page(const Dissection& dissection, const ExamplePictures& pictures,
                            const std::vector<std::pair<std::string, std::string>>& facts);
/// The strongest `most` units as one picture, uint8 [H, W, 3].
Tensor dissection_figure(const Dissection& dissection, const ExamplePictures& pictures,
                         std::int64_t most = 12);
/// Units in the order in which page, figure and table show them: by falling IoU.
std::vector<std::size_t> strongest_first(const Dissection& dissection);
/// `never fires`, `fires where no concept is`, or the formula.
std::string finding(const Dissection& dissection, const UnitDissection& unit);

}  // namespace limn
