// Reads suites: see limn/suite.h for the format.
#include "limn/suite.h"

#include <algorithm>
#include <functional>
#include <set>

#include "evaluation/suite_words.h"
#include "limn/dataset.h"
#include "limn/error.h"
#include "limn/method.h"
#include "limn/metric.h"

namespace limn {
namespace {

/// The variable that is always there: the folder of the demo models.
constexpr std::string_view kModels = "models";

/// A line that needs an optional variable which is not set.
struct LeftOut {};
/// `{name?}` of such a variable: an option goes without, where there is one to go.
struct Unset : LeftOut {};

class Reader {
 public:
  Reader(const std::string& text, const std::string& name,
         const std::map<std::string, std::string>& variables)
      : variables_(variables) {
    suite_.name = name;
    suite_.text = text;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      lines_.push_back(words_of(std::string_view(text).substr(at, end - at)));
      at = end + 1;
    }
  }

  Suite read() {
    each_line([this](const std::vector<std::string>& words) { read_variable(words); });
    check_variables();
    each_line([this](const std::vector<std::string>& words) { read_statement(words); });
    in_suite("", [this] { finish(); });
    return std::move(suite_);
  }

 private:
  template <typename Body>
  void in_suite(const std::string& where, Body body) {
    in_context([&] { return "suite \"" + suite_.name + "\"" + where; }, body);
  }

  void each_line(const std::function<void(const std::vector<std::string>&)>& body) {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].empty()) continue;
      in_suite(concat(", line ", i + 1), [&] {
        try {
          body(lines_[i]);
        } catch (const LeftOut&) {
          suite_.left_out.push_back(joined(lines_[i], 0));
        }
      });
    }
  }

  void read_variable(const std::vector<std::string>& words) {
    if (words[0] != "needs" && words[0] != "optional") return;
    if (words.size() < 3 || !is_name(words[1])) {
      fail(ErrorCode::InvalidArgument, "\"", words[0],
           "\" takes a name and what it stands for: ", words[0], " voc07 the folder VOC2007");
    }
    suite_.variables.push_back({words[1], joined(words, 2), words[0] == "optional"});
  }

  void check_variables() {
    std::vector<std::string> names;
    for (const auto& one : suite_.variables) names.push_back(one.name);
    for (const auto& [name, value] : variables_) {
      if (name == kModels || std::find(names.begin(), names.end(), name) != names.end()) continue;
      if (names.empty()) {
        fail(ErrorCode::InvalidArgument, "suite \"", suite_.name, "\" has no variable to set, and ",
             "\"", name, "\" is given");
      }
      fail(ErrorCode::NotFound, "suite \"", suite_.name, "\" has no variable \"", name,
           "\"; did you mean ", nearest_names(name, names), "?");
    }
  }

  std::string value_of(const std::string& text) const {
    const bool may_go = text.ends_with('?');
    const std::string name = text.substr(0, text.size() - (may_go ? 1 : 0));
    const auto found = variables_.find(name);
    if (found != variables_.end()) return found->second;
    std::vector<std::string> names = {std::string(kModels)};
    for (const auto& one : suite_.variables) {
      if (one.name == name && one.optional && may_go) throw Unset();
      if (one.name == name && one.optional) throw LeftOut();
      if (one.name == name) {
        fail(ErrorCode::InvalidArgument, "{", name, "} is not set; give --set ", name, "=",
             "PATH, ", one.help);
      }
      names.push_back(one.name);
    }
    fail(ErrorCode::InvalidArgument, "{", name, "} is no variable of the suite; say what it is in ",
         "a line \"needs ", name, " ...\", or did you mean ", nearest_names(name, names), "?");
  }

  /// Puts values in the places of `{name}`.
  std::string filled(const std::string& text) const {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t open = text.find('{', at);
      out += text.substr(at, open - at);
      if (open == std::string::npos) break;
      const std::size_t close = text.find('}', open);
      if (close == std::string::npos) {
        fail(ErrorCode::InvalidArgument, "\"", text, "\" has a \"{\" without its \"}\"");
      }
      out += value_of(text.substr(open + 1, close - open - 1));
      at = close + 1;
    }
    return out;
  }

  /// A path: one word, in quotes where it holds blanks.
  std::string path_of(const std::string& word) const {
    return filled(word.starts_with('"') ? Spec::parse(word).name : word);
  }
  /// The path that a setting gives; empty where it gives none.
  std::string path_in(const std::map<std::string, std::string>& settings, const char* key) const {
    const auto found = settings.find(key);
    try {
      return found == settings.end() ? "" : path_of(found->second);
    } catch (const Unset&) {
      return "";
    }
  }

  /// Fills variables after parsing, so that values may hold any character.
  void fill(Spec& spec) const {
    spec.name = filled(spec.name);
    std::erase_if(spec.arguments, [this](Spec::Argument& argument) {
      try {
        fill(argument.value.front());
        return false;
      } catch (const Unset&) {
        return true;
      }
    });
  }
  std::string spec_of(const std::string& word) const {
    Spec spec = Spec::parse(word);
    if (spec.is_list) {
      fail(ErrorCode::InvalidArgument, "spec \"", word,
           "\" is a list; name one, as name(option=1)");
    }
    fill(spec);
    return spec.text();
  }

  void need(const std::vector<std::string>& words, std::size_t count, const char* form) const {
    if (words.size() < count) fail(ErrorCode::InvalidArgument, "incomplete; the form is: ", form);
  }

  void read_statement(const std::vector<std::string>& words) {
    using Statement = void (Reader::*)(const std::vector<std::string>&);
    static const std::map<std::string, Statement> statements = {
        {"title", &Reader::read_title},
        {"needs", nullptr},
        {"optional", nullptr},
        {"model", &Reader::read_model},
        {"data", &Reader::read_data},
        {"method", &Reader::read_method},
        {"metric", &Reader::read_metric},
        {"protocol", &Reader::read_protocol},
        {"labels", &Reader::read_labels},
        {"seed", &Reader::read_seed}};
    const auto found = statements.find(words[0]);
    if (found == statements.end()) {
      std::vector<std::string> names;
      for (const auto& [name, statement] : statements) names.push_back(name);
      fail(ErrorCode::InvalidArgument, "no statement \"", words[0], "\"; did you mean ",
           nearest_names(words[0], names), "?");
    }
    if (found->second != nullptr) (this->*found->second)(words);
  }

  void read_title(const std::vector<std::string>& words) { suite_.title = joined(words, 1); }

  void read_model(const std::vector<std::string>& words) {
    need(words, 3, "model NAME PATH [data=NAME,NAME]");
    const auto settings = settings_of(words, 3, {"data"});
    SuiteModel model;
    model.path = path_of(words[2]);
    model.name = name_of(words[1], models_);
    if (settings.contains("data")) model.data = listed(settings.at("data"));
    suite_.models.push_back(std::move(model));
  }

  void read_data(const std::vector<std::string>& words) {
    need(words, 3, "data NAME SPEC [classes=FILE] [limit=N]");
    const auto settings = settings_of(words, 3, {"classes", "limit"});
    SuiteData data;
    data.spec = spec_of(words[2]);
    find_dataset(Spec::parse(data.spec).name);
    data.classes = path_in(settings, "classes");
    if (settings.contains("limit")) data.limit = whole_number("limit", settings.at("limit"), 1);
    data.name = name_of(words[1], data_);
    suite_.data.push_back(std::move(data));
  }

  /// Models and data sets are named once; names stand in file names, too.
  static std::string name_of(const std::string& name, std::set<std::string>& taken) {
    if (!is_name(name)) {
      fail(ErrorCode::InvalidArgument, "\"", name, "\" is no name; legal: letters, digits, \"-\", ",
           "\"_\" and \".\"");
    }
    if (!taken.insert(name).second) {
      fail(ErrorCode::InvalidArgument, "\"", name, "\" is named twice");
    }
    return name;
  }

  void add_method(const std::string& spec) {
    if (methods_.insert(make_method(spec)->spec().text()).second) suite_.methods.push_back(spec);
  }
  void read_method(const std::vector<std::string>& words) {
    need(words, 2, "method SPEC");
    settings_of(words, 2, {});
    add_method(spec_of(words[1]));
  }

  void add_metric(SuiteMetric metric) {
    metric.spec = make_metric(metric.spec)->spec().text();
    for (const auto& one : suite_.metrics) {
      if (one.spec != metric.spec) continue;
      if (one.rule == metric.rule && one.limit == metric.limit && one.data == metric.data) return;
      fail(ErrorCode::InvalidArgument, "metric ", metric.spec,
           " stands in the suite already, with other labels, another limit or other data; results ",
           "tell metrics apart by their options alone, so that one of the two must go");
    }
    suite_.metrics.push_back(std::move(metric));
  }
  /// A metric with the settings of its line.
  static SuiteMetric metric_of(const std::vector<std::string>& words) {
    const auto settings = settings_of(words, 2, {"data", "limit"});
    SuiteMetric out;
    if (settings.contains("limit")) out.limit = whole_number("limit", settings.at("limit"), 1);
    if (settings.contains("data")) out.data = listed(settings.at("data"));
    return out;
  }
  void read_metric(const std::vector<std::string>& words) {
    need(words, 2, "metric SPEC [data=NAME,NAME] [limit=N]");
    SuiteMetric metric = metric_of(words);
    metric.spec = spec_of(words[1]);
    metric.rule = rule_;
    add_metric(std::move(metric));
  }
  void read_protocol(const std::vector<std::string>& words) {
    need(words, 2, "protocol NAME [data=NAME,NAME] [limit=N]");
    const Protocol& protocol = find_protocol(words[1]);
    for (const auto& spec : protocol.metrics) {
      SuiteMetric metric = metric_of(words);
      metric.spec = spec;
      metric.protocol = protocol.name;
      metric.rule = protocol.rule;
      add_metric(std::move(metric));
    }
  }
  void read_labels(const std::vector<std::string>& words) {
    need(words, 2, "labels L | P | top1");
    rule_ = parse_class_rule(joined(words, 1));
  }
  void read_seed(const std::vector<std::string>& words) {
    need(words, 2, "seed N");
    suite_.seed = static_cast<std::uint64_t>(whole_number("seed", joined(words, 1), 0));
  }

  void finish() {
    std::erase_if(suite_.models, [this](SuiteModel& one) {
      return !keep_data("model \"" + one.name + "\"", one.data);
    });
    std::erase_if(suite_.metrics,
                  [this](SuiteMetric& one) { return !keep_data("metric " + one.spec, one.data); });
    // Controls: what any method must beat.
    for (const char* control : {"random", "center"}) add_method(control);
    const auto check = [&](bool any, const char* what) {
      if (any) return;
      std::string hint;
      for (const auto& one : suite_.variables) {
        const std::string mark = "{" + one.name + "}";
        const bool would_help = std::any_of(
            suite_.left_out.begin(), suite_.left_out.end(),
            [&](const std::string& line) { return line.find(mark) != std::string::npos; });
        if (!would_help || variables_.contains(one.name)) continue;
        hint += "\n  --set " + one.name + "=PATH  " + one.help;
      }
      if (hint.empty() || suite_.left_out.empty()) {
        fail(ErrorCode::InvalidArgument, "no line \"", what, " ...\"");
      }
      fail(ErrorCode::InvalidArgument, "every line \"", what,
           " ...\" is left out; set some of:", hint);
    };
    check(!suite_.models.empty(), "model");
    check(!suite_.data.empty(), "data");
    check(!suite_.metrics.empty(), "metric");
    if (suite_.methods.size() == 2 && !names_methods()) check(false, "method");
  }

  bool names_methods() const {
    return std::any_of(lines_.begin(), lines_.end(),
                       [](const auto& words) { return !words.empty() && words[0] == "method"; });
  }

  /// Drops data sets that are left out; false where some were named and none is left.
  bool keep_data(const std::string& whose, std::vector<std::string>& data) const {
    if (data.empty()) return true;
    std::vector<std::string> kept, names;
    for (const auto& one : lines_) {
      if (one.size() > 1 && one[0] == "data") names.push_back(one[1]);
    }
    for (const auto& name : data) {
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        fail(ErrorCode::NotFound, whose, ": no data set \"", name, "\" in the suite; did you mean ",
             nearest_names(name, names), "?");
      }
      if (data_.contains(name)) kept.push_back(name);
    }
    data = kept;
    return !kept.empty();
  }

  std::map<std::string, std::string> variables_;
  std::vector<std::vector<std::string>> lines_;
  Suite suite_;
  std::set<std::string> models_, data_, methods_;
  ClassRule rule_ = ClassRule::Labelled;
};

}  // namespace

Suite parse_suite(const std::string& text, const std::string& name,
                  const std::map<std::string, std::string>& variables) {
  return Reader(text, name, variables).read();
}

}  // namespace limn
