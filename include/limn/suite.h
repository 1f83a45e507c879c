// A suite: a small text file that says which methods are measured by which metrics, on which models
// and data. And the frozen protocols, which carry every constant of a published measurement.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace limn {

/// Which classes of a picture a metric is measured on.
enum class ClassRule {
  Labelled,   ///< `L`: each class that the data set says is there and the model knows
  Predicted,  ///< `P`: those of them that the model predicts (probability from .5 up where several
              ///< may be right, and the likeliest one where none reaches it; else the likeliest)
  Likeliest,  ///< `top1`: the likeliest class, whether it is there or not
};
/// `L`, `P`, `top1`; throws InvalidArgument.
ClassRule parse_class_rule(std::string_view text);
std::string_view class_rule_name(ClassRule rule);

/// A named measurement of which nothing is left open: the same name always means the same numbers.
struct Protocol {
  std::string name;     ///< `ins-del/rise-2018`
  std::string summary;  ///< one sentence
  std::string source;   ///< paper, and code with its commit
  ClassRule rule = ClassRule::Labelled;
  std::int64_t side = 0;             ///< the only input size it is defined for; 0: any
  std::vector<std::string> metrics;  ///< canonical specs: every option

  /// What the hash is of: one line each for name, rule, side and the metrics.
  std::string text() const;
  /// SHA-256 of `text()`; its first twelve digits are the short form.
  std::string hash() const;
};
/// All protocols in list order. `demo` is not frozen on one input size: what others fix in pixels
/// of 224 it scales with the picture.
const std::vector<Protocol>& protocols();
/// Throws NotFound with the nearest names.
const Protocol& find_protocol(std::string_view name);

struct SuiteModel {
  std::string name, path;
  std::vector<std::string> data;  ///< the data sets it runs on; empty: all
};
struct SuiteData {
  std::string name;
  std::string spec;        ///< as `make_dataset` reads it
  std::string classes;     ///< path of the class map; empty: classes are matched by name
  std::int64_t limit = 0;  ///< the first pictures only; 0: all
};
struct SuiteMetric {
  std::string spec;      ///< canonical
  std::string protocol;  ///< where its constants come from; empty: the suite's own
  ClassRule rule = ClassRule::Labelled;
  std::int64_t limit = 0;  ///< measured on the first pictures of each data set only; 0: all
  std::vector<std::string> data = {};  ///< the data sets it is measured on; empty: all
};
/// A place in the suite that its user fills: `--set voc07=DIR`.
struct SuiteVariable {
  std::string name, help;
  bool optional = false;  ///< lines that use it are left out where it is not set
};

struct Suite {
  std::string name;
  std::string text;  ///< the file, word for word
  std::string title;
  std::vector<SuiteVariable> variables;
  std::vector<SuiteModel> models;
  std::vector<SuiteData> data;
  std::vector<std::string> methods;  ///< as written; `random` and `center` come last where missing
  std::vector<SuiteMetric> metrics;
  std::uint64_t seed = 0;
  std::vector<std::string> left_out;  ///< lines whose optional variable is not set
};

/// Reads a suite. One statement a line, words apart by blanks, `#` starts a comment:
///
///     title    WORDS
///     needs    NAME WORDS                     a variable that must be set, and what it is
///     optional NAME WORDS                     one that may be set; else lines with {NAME} are left
///                                             out
///     model    NAME PATH [data=NAME,NAME]     an ONNX file, and the data sets it runs on
///     data     NAME SPEC [classes=FILE] [limit=N]
///     method   SPEC
///     metric   SPEC [data=NAME,NAME] [limit=N]
///     protocol NAME [data=NAME,NAME] [limit=N]    all metrics of a frozen protocol
///     labels   L | P | top1                   for the metrics below that no protocol decides
///     seed     N
///
/// `{NAME}` stands for a variable. `option={NAME?}` goes without the option, not without the line,
/// where an optional variable is not set. Equal methods and metrics count once. Methods, metrics
/// and data sets are looked up, no file is read. Throws InvalidArgument or NotFound with suite and
/// line.
Suite parse_suite(const std::string& text, const std::string& name,
                  const std::map<std::string, std::string>& variables = {});

/// A suite that comes with limn.
struct SuiteEntry {
  std::string name, title;
  std::string text;
};
/// All of them in list order.
const std::vector<SuiteEntry>& suites();
/// The text of a suite: a file where `name` is the path of one (it has a slash, or ends with
/// `.suite`), else the one of that name that comes with limn. Throws NotFound with the nearest
/// names.
std::string suite_text(const std::string& name);

}  // namespace limn
