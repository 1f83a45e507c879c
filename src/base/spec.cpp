// Recursive-descent parser of spec strings; the grammar stands in limn/spec.h.
#include "limn/spec.h"

#include <cctype>

#include "limn/error.h"

namespace limn {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxLength = 64 * 1024;

bool is_special(char c) {
  return c == '(' || c == ')' || c == '[' || c == ']' || c == ',' || c == '=' || c == '"';
}

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Spec whole() {
    Spec spec = parse_spec(0);
    skip_space();
    if (at_ < text_.size()) error("the end");
    return spec;
  }

 private:
  Spec parse_spec(int depth) {
    if (depth > kMaxDepth) error("at most 64 levels of nesting");
    skip_space();
    Spec spec;
    if (peek() == '[') {
      spec.is_list = true;
      parse_arguments(spec, ']', depth, false);
      return spec;
    }
    spec.name = word();
    skip_space();
    if (peek() == '(') parse_arguments(spec, ')', depth, true);
    return spec;
  }

  void parse_arguments(Spec& spec, char close, int depth, bool keys) {
    ++at_;
    skip_space();
    if (peek() == close) {
      ++at_;
      return;
    }
    while (true) {
      Spec::Argument argument;
      Spec value = parse_spec(depth + 1);
      skip_space();
      if (keys && peek() == '=' && value.is_word()) {
        ++at_;
        argument.key = value.name;
        value = parse_spec(depth + 1);
        skip_space();
      }
      argument.value.push_back(std::move(value));
      spec.arguments.push_back(std::move(argument));
      if (peek() == ',') {
        ++at_;
        continue;
      }
      if (peek() != close) error(close == ')' ? "\",\" or \")\"" : "\",\" or \"]\"");
      ++at_;
      return;
    }
  }

  std::string word() {
    std::string out;
    if (peek() == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
        out += text_[at_];
      }
      if (at_ >= text_.size()) error("a closing quote");
      ++at_;
      return out;
    }
    while (at_ < text_.size() && !is_special(text_[at_]) && !is_space(text_[at_])) {
      out += text_[at_++];
    }
    if (out.empty()) error("a name or value");
    return out;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  [[noreturn]] void error(std::string_view expected) const {
    fail(ErrorCode::InvalidArgument, "spec \"", text_.substr(0, 200), "\", character ", at_ + 1,
         ": expected ", expected,
         at_ < text_.size() ? concat(", found \"", text_.substr(at_, 12), "\"") : std::string());
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string quoted(const std::string& word) {
  bool plain = !word.empty();
  for (char c : word) plain = plain && !is_special(c) && !is_space(c) && c != '\\';
  if (plain) return word;
  std::string out = "\"";
  for (char c : word) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

Spec Spec::parse(std::string_view text) {
  if (text.size() > kMaxLength) {
    fail(ErrorCode::InvalidArgument, "spec string of ", text.size(),
         " characters; at most 65536 are read");
  }
  return Parser(text).whole();
}

std::string Spec::text() const {
  if (is_word()) return quoted(name);
  std::string out = is_list ? "[" : quoted(name) + "(";
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) out += ", ";
    if (!arguments[i].key.empty()) out += quoted(arguments[i].key) + "=";
    out += arguments[i].value.front().text();
  }
  return out + (is_list ? "]" : ")");
}

std::string canonical_name(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    c = c == '_' || c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace limn
