// An audit: can the maps of a model be trusted, and does the model look at the object or does it
// cheat? Each check gives an answer, its numbers, and a sentence for people (docs/audit.md).
// Sources: Adebayo et al., 2018 (sanity); Lapuschkin et al., 2019 (groups of maps, covering what
// they show); the bounds are limn's own, set by what the demo models show.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limn/method.h"
#include "limn/model.h"
#include "limn/sanity.h"
#include "limn/spray.h"
#include "limn/tensor.h"

namespace limn {

enum class AuditAnswer { Passed, Unclear, Flagged, NotMeasured };
/// `passed`, `unclear`, `flagged`, `not measured`.
std::string_view audit_answer_name(AuditAnswer answer);

/// What one check says of one method, one class or the model.
struct AuditFinding {
  std::string check;    ///< `sanity`, `completeness`, `stability`, `agreement`, `cheating`
  std::string subject;  ///< the method as asked, the class, `model` or `methods`
  AuditAnswer answer = AuditAnswer::NotMeasured;
  std::map<std::string, double> numbers = {};  ///< finite
  std::string words = {};                      ///< one or two sentences
  std::string advice = {};                     ///< what to do next; empty where nothing is wrong
};

/// One class that the model sees in one picture.
struct AuditCase {
  std::string picture;
  std::int64_t target = 0;
  std::string class_name;  ///< maps of equal names are examined together
  double probability = 0;  ///< of the class, 0..1
  /// The classes that the model sees in the picture, its own among them; empty where it is alone.
  std::vector<std::int64_t> beside = {};
  Tensor x;     ///< [1, C, H, W]: the model's input
  Tensor seen;  ///< uint8 [H, W, 3]: the picture as the model sees it
  /// bool [H, W]: where the class is; all false where it is not there, undefined where nobody
  /// knows.
  Tensor object = {};
};

/// The maps of one method.
struct AuditMaps {
  std::string method;  ///< as asked
  GapKind promise = GapKind::None;
  /// Of each case: float64 [H, W] at the input's size; undefined where none was made, or where it
  /// is constant or not finite.
  std::vector<Tensor> maps = {};
  std::vector<double> gaps = {};  ///< Explanation::gap of the maps that were made, finite ones
  std::int64_t unusable = 0;      ///< constant maps and those that are not finite
  std::string failed = {};        ///< why the method cannot explain this model; else empty
};

/// Flagged, unclear or passed as sanity_verdict says of the mean; constant maps do not count.
AuditFinding judge_sanity(const std::string& method, const std::vector<SanityResult>& results);

/// Share of the score that a map loses at nodes without a bias: sum over them of
/// |relevance in - out| / |score|. Relevance methods let biases take their share and promise to
/// lose nothing elsewhere. Needs Explanation::trace of one sample; absent without it, or at score
/// 0.
std::optional<double> lost_elsewhere(const Model& model, const Explanation& explanation);
/// The median gap: passed up to kGapPassed; above it flagged, unless the median of `elsewhere` is
/// that small: then biases took it, and the answer is passed up to a gap of kGapLarge, else
/// unclear.
AuditFinding judge_completeness(const std::string& method, GapKind promise,
                                const std::vector<double>& gaps,
                                const std::vector<double>& elsewhere = {});
constexpr double kGapPassed = 0.05, kGapLarge = 0.5;

/// How much the map and the probability change when the picture hardly does.
struct AuditStability {
  double flip = 0;   ///< Spearman of the map and that of the mirrored picture, mirrored back
  double shift = 0;  ///< the same of the picture one pixel to the right, where both have a value
  double flip_score = 0, shift_score = 0;  ///< change of the probability, without sign
};
/// The class is explained again on both pictures; the column that a shift leaves open repeats the
/// one beside it. `map` as AuditMaps has it. A changed picture whose map is constant or not finite
/// counts as a correlation of 0. Throws what the method throws but Numerical.
AuditStability measure_stability(const Model& model, const Method& method, const AuditCase& one,
                                 const Tensor& map, const ExplainOptions& options = {});
/// The smaller of the mean correlations: passed from kStable on, flagged under kUnstable.
AuditFinding judge_stability(const std::string& method, const std::vector<AuditStability>& results);
constexpr double kStable = 0.6, kUnstable = 0.2;
/// The larger of the mean changes: passed up to kScoreStable, flagged above kScoreUnstable.
AuditFinding judge_score_stability(const std::vector<AuditStability>& results);
constexpr double kScoreStable = 0.15, kScoreUnstable = 0.3;

/// Mean Spearman of |map| for each two methods over the cases that both have a map of (numbers
/// `FIRST ~ SECOND`), and each method's mean with the others (numbers `METHOD`). The lowest such
/// mean: passed from kAgree on, flagged under kApart, and the words name the method.
AuditFinding judge_agreement(const std::vector<AuditMaps>& methods);
constexpr double kAgree = 0.3, kApart = 0.05;

/// The window in which a map is strongest.
struct AuditSpot {
  std::size_t number = 0;              ///< of the case
  std::int64_t top = 0, left = 0;      ///< input pixels
  std::int64_t height = 0, width = 0;  ///< of the window
  double share = 0;                    ///< of the map's positive relevance that it holds, 0..1
  double x = 0, y = 0;                 ///< its center as shares of the sides, 0..1
  /// Share of its positive relevance farther from the object than kMargin; absent where nobody
  /// knows where the object is, or it is not there.
  std::optional<double> off = std::nullopt;
};
/// A window takes this share of the area, the same share of both sides.
constexpr double kSpotArea = 0.08;
/// Relevance this near the object counts as on it, in shares of the shorter side: outlines are seen
/// from both sides.
constexpr double kMargin = 0.03;
/// The window [h, w] with h = round(H sqrt(area)) that holds most of max(map, 0); of equal ones the
/// first in row-major order. Nothing where the map is nowhere positive.
std::optional<AuditSpot> strongest_spot(const Tensor& map, const Tensor& object = {},
                                        double area = kSpotArea);

/// The largest group of spots that agree with one of them.
struct AuditRecurrence {
  std::vector<std::size_t> members = {};  ///< numbers of spots
  double share = 0;                       ///< of all spots
  std::size_t middle = 0;                 ///< the one they agree with
};
/// Spots whose distances to the nearer vertical and the nearer horizontal edge differ by at most
/// `tolerance` of the side: the four corners are one place.
AuditRecurrence recurring_place(const std::vector<AuditSpot>& spots, double tolerance = 0.08);
/// Patches [n, C, 12, 12] whose correlation over all colors is at least `least` where one is moved
/// by up to two cells.
AuditRecurrence recurring_look(const Tensor& patches, double least = 0.85);
/// What stands at a spot: [C, 12, 12] of a window of half the spot's sides around the middle of its
/// positive relevance.
Tensor spot_patch(const Tensor& x, const Tensor& map, const AuditSpot& spot);

/// x with the window filled in smoothly from what surrounds it (`impute_linear`).
Tensor cover_window(const Tensor& x, std::int64_t top, std::int64_t left, std::int64_t height,
                    std::int64_t width);

/// What covering one spot does to the probability of the class.
struct AuditCover {
  std::size_t spot = 0;  ///< its number
  double before = 0;     ///< the picture as it is
  double covered = 0;    ///< the spot covered
  double control = 0;    ///< mean over up to four equally large windows that do not touch it
};

/// What was found about the maps of one class.
struct AuditClass {
  std::string name;
  bool pooled = false;                ///< maps of several classes, none of which has enough
  std::vector<AuditSpot> spots = {};  ///< of each map that is positive anywhere
  AuditRecurrence place = {}, look = {};
  std::int64_t labelled = 0;  ///< spots of which it is known where the object is
  std::int64_t absent = 0;    ///< cases in which the class is known not to be there
  double off_share = 0;       ///< of the labelled spots that lie off the object
  std::optional<SprayAnalysis> spray = std::nullopt;
  std::vector<AuditCover> covers = {};
  double before = 0, covered = 0, control = 0;  ///< means over `covers`
};
/// At least so many maps are needed: SprayOptions::neighbors + 2.
constexpr std::int64_t kLeastMaps = 12;
/// The maps of a class (numbers of cases with a map): spots, groups, and what covering does.
AuditClass examine_class(const Model& model, const std::vector<AuditCase>& cases,
                         const AuditMaps& maps, const std::vector<std::size_t>& numbers,
                         std::uint64_t seed);
/// Flagged where covering costs at least kFall more than it does elsewhere and one of these holds:
/// at least half of the spots lie off the object and they recur (half at one place, or three
/// quarters look alike); or the spectral analysis says `several strategies`; or, where nobody knows
/// where the object is, at least 60 % of the spots are at one place at an edge or in a corner.
/// Unclear where one holds but the score does not fall, and where spots off the object do not
/// recur.
AuditFinding judge_cheating(const AuditClass& found);
constexpr double kFall = 0.2;

/// A picture to audit.
struct AuditPicture {
  std::string name;
  Tensor x;     ///< [1, C, H, W]; undefined where the picture is to be left out
  Tensor seen;  ///< uint8 [H, W, 3]
  /// AuditCase::object of a class of the model.
  std::function<Tensor(std::int64_t target)> object = nullptr;
  /// AuditCase::class_name of a class of the model: many breeds may be one "dog". Without it, or
  /// where it is empty, the model's own name.
  std::function<std::string(std::int64_t target)> class_name = nullptr;
};
struct AuditMethod {
  std::string asked;
  const Method* method = nullptr;
};

struct AuditOptions {
  ExplainOptions explain = {};       ///< its seed is that of all draws
  std::optional<std::int64_t> only;  ///< this class of the model
  std::int64_t few = 16;  ///< cases on which methods are checked; the first method explains all
  std::int64_t sanity_few = 6;     ///< cases of the sanity check
  std::int64_t sanity_stages = 5;  ///< SanityOptions::stages
  /// Called with what is being done; may throw to stop.
  std::function<void(const std::string& what, double done, double total)> progress = nullptr;
};

struct Audit {
  std::int64_t pictures = 0;
  std::int64_t left_out = 0;  ///< pictures without x
  std::int64_t unseen = 0;    ///< pictures in which the model sees none of the classes asked for
  std::vector<AuditCase> cases;
  std::vector<AuditMaps> maps;  ///< of each method
  std::size_t lead = 0;         ///< the method whose maps are searched for cheating
  std::vector<std::vector<SanityResult>> sanity;  ///< of each method
  std::vector<AuditClass> classes;                ///< those with enough maps; or one of all maps
  std::vector<AuditFinding> findings;             ///< in the order of the checks
};
/// Audits the classes that the model sees in pictures 0 .. count - 1: the likeliest one, or every
/// one from probability 1/2 up on multi-label models. A method that cannot explain the model is
/// named and left out; the first that can is searched for cheating. Throws NotFound where no class
/// is seen, Unsupported for detectors and for files that fix a batch above 1, what `read` and
/// `progress` throw, and the first method's error where none can explain the model.
Audit run_audit(const Model& model, std::int64_t count,
                const std::function<AuditPicture(std::int64_t)>& read,
                const std::vector<AuditMethod>& methods, const AuditOptions& options = {});

/// `facts` are lines for the page's head.
std::string audit_page(const Audit& audit, const std::string& title,
                       const std::vector<std::string>& facts);
/// Two or three sentences that say what matters most.
std::string audit_summary(const Audit& audit);

}  // namespace limn
