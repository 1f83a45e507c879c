// Named rule books after Zennit (chr5tphr/zennit@3121bb2, src/zennit/composites.py), and rules
// files.
#include "rules/composites.h"

#include <algorithm>
#include <sstream>

#include "limn/error.h"
#include "limn/options.h"
#include "rules/basic_rules.h"
#include "rules/lrp_rules.h"

namespace limn {

RuleBook gradient_book() {
  RuleBook book;
  for (OpKind kind : {OpKind::Linear, OpKind::Bilinear, OpKind::Join, OpKind::Activation,
                      OpKind::Select, OpKind::Route, OpKind::Normalise}) {
    book.kind(kind, gradient_rule());
  }
  return book;
}

RuleBook lrp_base(const CompositeOptions& options) {
  RuleBook book;
  book.kind(OpKind::Activation, pass_rule())
      .kind(OpKind::Normalise, normalization_rule(options.stabilizer))
      .kind(OpKind::Join, join_rule(options.stabilizer))
      .kind(OpKind::Bilinear, product_rule(options.gate_half, options.stabilizer))
      .kind(OpKind::Route, gradient_rule())
      .kind(OpKind::Select, gradient_rule())
      // Linear nodes that are neither layers nor affine constants are pools.
      .kind(OpKind::Linear, norm_rule(options.stabilizer));
  for (const char* affine : {"BatchNormalization", "Add", "Sub", "Mul", "Div", "Sum", "Neg"}) {
    book.affine(affine, pass_rule());
  }
  return book;
}

namespace {

struct Composite {
  const char* name;
  RuleBook (*make)(const CompositeOptions& options);
};

RuleBook epsilon_with(const CompositeOptions& o, Rule convolution) {
  RuleBook book = lrp_base(o);
  book.convolutions(std::move(convolution)).linears(epsilon_rule(o.epsilon));
  return book;
}

constexpr Composite kComposites[] = {
    {"epsilon-plus",
     [](const CompositeOptions& o) { return epsilon_with(o, zplus_rule(o.stabilizer)); }},
    {"epsilon-gamma-box",
     [](const CompositeOptions& o) {
       RuleBook book = epsilon_with(o, gamma_rule(o.gamma, o.stabilizer));
       book.first_convolution(zbox_rule(o.low, o.high, o.stabilizer));
       return book;
     }},
    {"epsilon-alpha2-beta1",
     [](const CompositeOptions& o) {
       return epsilon_with(o, alpha_beta_rule(2, 1, o.stabilizer));
     }},
    {"epsilon-plus-flat",
     [](const CompositeOptions& o) {
       RuleBook book = epsilon_with(o, zplus_rule(o.stabilizer));
       book.first(flat_rule(o.stabilizer));
       return book;
     }},
    {"epsilon-alpha2-beta1-flat",
     [](const CompositeOptions& o) {
       RuleBook book = epsilon_with(o, alpha_beta_rule(2, 1, o.stabilizer));
       book.first(flat_rule(o.stabilizer));
       return book;
     }},
    {"excitation-backprop",
     [](const CompositeOptions& o) {
       RuleBook book = epsilon_with(o, zplus_rule(o.stabilizer));
       book.linears(zplus_rule(o.stabilizer));
       return book;
     }},
    {"plus-even",
     [](const CompositeOptions& o) {
       RuleBook book = lrp_base(o);
       book.convolutions(plus_even_rule()).linears(plus_even_rule());
       return book;
     }},
    {"epsilon", [](const CompositeOptions& o) { return epsilon_with(o, epsilon_rule(o.epsilon)); }},
};

}  // namespace

std::vector<std::string> composite_names() {
  std::vector<std::string> names;
  for (const auto& entry : kComposites) names.emplace_back(entry.name);
  return names;
}

RuleBook composite(const std::string& name, const CompositeOptions& options) {
  for (const auto& entry : kComposites) {
    if (canonical_name(name) == entry.name) return entry.make(options);
  }
  fail(ErrorCode::NotFound, "no composite \"", name, "\"; there are ",
       nearest_names(name, composite_names(), std::size(kComposites)));
}

Rule rule_by_name(const Spec& spec, const CompositeOptions& defaults) {
  CompositeOptions o = defaults;
  double alpha = 2, beta = -1;
  const Fields fields = {
      real_field("epsilon", o.epsilon, 0, kInfinity, ""),
      real_field("gamma", o.gamma, 0, kInfinity, ""),
      real_field("alpha", alpha, 0, kInfinity, ""),
      real_field("beta", beta, 0, kInfinity, ""),
      real_field("stabilizer", o.stabilizer, 0, kInfinity, ""),
      reals_field("low", o.low, ""),
      reals_field("high", o.high, ""),
  };
  set_fields(fields, spec);
  if (beta < 0) beta = std::max(alpha - 1, 0.0);
  if (std::abs(alpha - beta - 1) > 1e-9) {
    fail(ErrorCode::InvalidArgument, "rule alpha-beta: alpha - beta must be 1, here ", alpha, " - ",
         beta);
  }
  const std::string name = canonical_name(spec.name);
  if (name == "epsilon") return epsilon_rule(o.epsilon);
  if (name == "gamma") return gamma_rule(o.gamma, o.stabilizer);
  if (name == "z+" || name == "zplus") return zplus_rule(o.stabilizer);
  if (name == "z+even" || name == "zplus-even") return plus_even_rule();
  if (name == "alpha-beta" || name == "alphabeta")
    return alpha_beta_rule(alpha, beta, o.stabilizer);
  if (name == "zb" || name == "zbox") return zbox_rule(o.low, o.high, o.stabilizer);
  if (name == "w^2" || name == "wsquare") return wsquare_rule(o.stabilizer);
  if (name == "flat") return flat_rule(o.stabilizer);
  if (name == "norm") return norm_rule(o.stabilizer);
  if (name == "pass") return pass_rule();
  if (name == "gradient") return gradient_rule();
  const std::vector<std::string> names = {"epsilon", "gamma", "z+",   "z+even", "alpha-beta", "zB",
                                          "w^2",     "flat",  "norm", "pass",   "gradient"};
  fail(ErrorCode::NotFound, "no rule \"", spec.name, "\"; there are ",
       nearest_names(spec.name, names, names.size()));
}

namespace {

void add_rule(RuleBook& book, const std::string& selector, const Rule& rule) {
  if (selector == "first") {
    book.first(rule);
  } else if (selector == "last") {
    book.last(rule);
  } else if (selector == "all" || selector == "others") {
    book.convolutions(rule).linears(rule);
  } else if (selector == "conv") {
    book.convolutions(rule);
  } else if (selector == "linear") {
    book.linears(rule);
  } else if (selector.rfind("op:", 0) == 0) {
    const std::string op = selector.substr(3);
    std::vector<std::string> names;
    for (const OpSpec* known : operators()) names.emplace_back(known->name);
    if (std::find(names.begin(), names.end(), op) == names.end()) {
      fail(ErrorCode::NotFound, "no operator \"", op, "\"; nearest: ", nearest_names(op, names));
    }
    book.op(op, rule);
  } else {
    book.named(selector, rule);
  }
}

}  // namespace

void add_rules(RuleBook& book, const std::string& text, const std::string& where,
               const CompositeOptions& defaults) {
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    line = line.substr(0, line.find('#'));
    std::istringstream words(line);
    std::string selector, name, option, arguments;
    if (!(words >> selector)) continue;
    in_context([&] { return concat(where, ":", number); },
               [&] {
                 if (!(words >> name)) {
                   fail(ErrorCode::InvalidArgument, "\"", selector,
                        "\" has no rule; write SELECTOR RULE");
                 }
                 while (words >> option) arguments += (arguments.empty() ? "" : ", ") + option;
                 add_rule(book, selector,
                          rule_by_name(Spec::parse(name + "(" + arguments + ")"), defaults));
               });
  }
}

}  // namespace limn
