// Field lists: reading and printing options.
#include "limn/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "limn/error.h"

namespace limn {
namespace {

std::string print(double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

[[noreturn]] void bad_value(const std::string& name, const std::string& found,
                            const std::string& legal) {
  fail(ErrorCode::InvalidArgument, "option \"", name, "\" is \"", found, "\"; legal: ", legal);
}

double read_real(const std::string& name, const Spec& spec, const std::string& legal) {
  double value = 0;
  const std::string& text = spec.name;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!spec.is_word() || result.ec != std::errc() || result.ptr != text.data() + text.size() ||
      std::isnan(value)) {
    bad_value(name, spec.text(), legal);
  }
  return value;
}

std::vector<Spec> elements(const Spec& spec) {
  if (!spec.is_list) return {spec};
  std::vector<Spec> out;
  for (const auto& argument : spec.arguments) out.push_back(argument.value.front());
  return out;
}

template <typename T, typename Print>
std::string print_list(const std::vector<T>& values, Print print_one) {
  std::string out = "[";
  for (std::size_t i = 0; i < values.size(); ++i) out += (i ? "," : "") + print_one(values[i]);
  return out + "]";
}

}  // namespace

Field Field::also(std::vector<std::string> names) && {
  aliases = std::move(names);
  return std::move(*this);
}

Field real_field(std::string name, double& value, double low, double high, std::string help) {
  const std::string legal = "a number from " + print(low) + " to " + print(high);
  auto set = [name, &value, low, high, legal](const Spec& spec) {
    const double read = read_real(name, spec, legal);
    if (read < low || read > high) bad_value(name, spec.text(), legal);
    value = read;
  };
  return {name, std::move(help), legal, {}, set, [&value] { return print(value); }};
}

Field integer_field(std::string name, std::int64_t& value, std::int64_t low, std::int64_t high,
                    std::string help) {
  const std::string legal = concat("a whole number from ", low, " to ", high);
  auto set = [name, &value, low, high, legal](const Spec& spec) {
    const double read = read_real(name, spec, legal);
    if (read != std::floor(read) || read < static_cast<double>(low) ||
        read > static_cast<double>(high)) {
      bad_value(name, spec.text(), legal);
    }
    value = static_cast<std::int64_t>(read);
  };
  return {name, std::move(help), legal, {}, set, [&value] { return std::to_string(value); }};
}

Field bool_field(std::string name, bool& value, std::string help) {
  auto set = [name, &value](const Spec& spec) {
    const std::string word = canonical_name(spec.name);
    if (!spec.is_word() || (word != "true" && word != "false")) {
      bad_value(name, spec.text(), "true|false");
    }
    value = word == "true";
  };
  return {name,         std::move(help),
          "true|false", {},
          set,          [&value] { return std::string(value ? "true" : "false"); }};
}

Field text_field(std::string name, std::string& value, std::string help) {
  auto set = [name, &value](const Spec& spec) {
    if (!spec.is_word()) bad_value(name, spec.text(), "one word or a \"quoted text\"");
    value = spec.name;
  };
  return {name, std::move(help), "text", {}, set, [&value] {
            Spec spec;
            spec.name = value;
            return spec.text();
          }};
}

Field choice_field(std::string name, std::string& value, std::vector<std::string> choices,
                   std::string help) {
  std::string legal;
  for (const auto& choice : choices) legal += (legal.empty() ? "" : "|") + choice;
  auto set = [name, &value, choices, legal](const Spec& spec) {
    if (spec.is_word()) {
      for (const auto& choice : choices) {
        if (canonical_name(spec.name) == canonical_name(choice)) {
          value = choice;
          return;
        }
      }
    }
    bad_value(name, spec.text(), legal);
  };
  return {name, std::move(help), legal, {}, set, [&value] { return value; }};
}

Field reals_field(std::string name, std::vector<double>& value, std::string help) {
  auto set = [name, &value](const Spec& spec) {
    std::vector<double> read;
    for (const auto& element : elements(spec)) {
      read.push_back(read_real(name, element, "numbers such as [0.1,0.2]"));
    }
    value = std::move(read);
  };
  return {
      name, std::move(help), "[numbers]", {}, set, [&value] { return print_list(value, print); }};
}

Field texts_field(std::string name, std::vector<std::string>& value, std::string help) {
  auto set = [name, &value](const Spec& spec) {
    std::vector<std::string> read;
    for (const auto& element : elements(spec)) {
      if (!element.is_word()) bad_value(name, spec.text(), "words such as [a,b]");
      read.push_back(element.name);
    }
    value = std::move(read);
  };
  auto print_one = [](const std::string& text) {
    Spec spec;
    spec.name = text;
    return spec.text();
  };
  return {name,      std::move(help),
          "[words]", {},
          set,       [&value, print_one] { return print_list(value, print_one); }};
}

void set_fields(const Fields& fields, const Spec& spec, const std::string& positional) {
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < spec.arguments.size(); ++i) {
    const auto& argument = spec.arguments[i];
    const Spec& value = argument.value.front();
    Spec flag;
    flag.name = "true";
    std::string key = argument.key;
    const Spec* set_to = &value;
    if (key.empty()) {
      const auto is_flag = [&](const Field& field) {
        return field.legal == "true|false" &&
               canonical_name(field.name) == canonical_name(value.name);
      };
      if (value.is_word() && std::any_of(fields.begin(), fields.end(), is_flag)) {
        key = value.name;
        set_to = &flag;
      } else if (i == 0 && !positional.empty()) {
        key = positional;
      } else {
        fail(ErrorCode::InvalidArgument, "\"", spec.name, "\": \"", value.text(),
             "\" has no option name; write name=", value.text());
      }
    }
    const std::string wanted = canonical_name(key);
    std::vector<std::string> names;
    const Field* found = nullptr;
    for (const auto& field : fields) {
      names.push_back(field.name);
      if (canonical_name(field.name) == wanted) found = &field;
      for (const auto& alias : field.aliases) {
        if (canonical_name(alias) == wanted) found = &field;
      }
    }
    if (!found) {
      fail(ErrorCode::InvalidArgument, "\"", spec.name, "\" has no option \"", key, "\"",
           names.empty() ? std::string("; it has none")
                         : "; did you mean " + nearest_names(key, names) + "?");
    }
    if (std::find(seen.begin(), seen.end(), found->name) != seen.end()) {
      fail(ErrorCode::InvalidArgument, "\"", spec.name, "\": option \"", found->name,
           "\" is given twice");
    }
    seen.push_back(found->name);
    in_context([&] { return concat("\"", spec.name, "\""); }, [&] { found->set(*set_to); });
  }
}

std::vector<FieldInfo> describe(const Fields& fields) {
  std::vector<FieldInfo> out;
  for (const auto& field : fields) {
    out.push_back({field.name, field.help, field.legal, field.get(), field.aliases});
  }
  return out;
}

Spec fields_spec(const std::string& name, const Fields& fields) {
  Spec spec;
  spec.name = name;
  for (const auto& field : fields) {
    spec.arguments.push_back({field.name, {Spec::parse(field.get())}});
  }
  return spec;
}

}  // namespace limn
