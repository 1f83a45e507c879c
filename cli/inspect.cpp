// `limn inspect`: what a model is made of, how limn will treat each node, and with --trace where
// relevance goes.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/explaining.h"
#include "graph/operator_lookup.h"
#include "limn/error.h"
#include "ops/op.h"

namespace limn::cli {
namespace {

struct InspectCommand {
  ModelOptions model;
  std::string trace, method = "lrp", target = "top1";
  bool json = false;
};

/// One line of the table.
struct Row {
  std::string name, op, kind, shape, rule, output;
  double in = 0, out = 0;
  bool traced = false;
};

std::string shape_text(const Tensor& tensor) {
  if (!tensor.defined()) return "-";
  return fmt::format("{}", fmt::join(tensor.sizes().begin(), tensor.sizes().end(), "x"));
}

/// For a model that cannot run: what stands in its way, as a table of operators.
void print_coverage(const Draft& draft) {
  std::map<std::string, std::int64_t> unknown;
  std::size_t known = 0;
  for (const auto& node : draft.nodes) {
    const bool standard = node.domain.empty() || node.domain == "ai.onnx";
    if (standard && find_operator(node.op)) {
      ++known;
    } else {
      ++unknown[(standard ? "" : node.domain + "::") + node.op];
    }
  }
  fmt::print("coverage   {}/{} nodes\n", known, draft.nodes.size());
  for (const auto& [op, count] : unknown) fmt::print("  {:<28} {} without support\n", op, count);
  std::fflush(stdout);
}

std::vector<Row> rows_of(const Model& model, const Tape& tape) {
  const Graph& graph = model.graph();
  std::vector<Row> rows;
  for (const Node& node : graph.nodes()) {
    std::vector<char> constant;
    for (const ValueId input : node.inputs) constant.push_back(graph.is_constant(input));
    const auto* flags = reinterpret_cast<const bool*>(constant.data());
    Row row;
    row.name = node.name;
    row.op = node.op;
    row.kind = kind_name(kind_of(node, {flags, constant.size()}));
    row.output = graph.value(node.outputs.front()).name;
    row.shape = tape.has(node.outputs.front()) ? shape_text(tape[node.outputs.front()]) : "-";
    row.rule = "-";
    rows.push_back(std::move(row));
  }
  return rows;
}

void add_trace(std::vector<Row>& rows, const std::vector<TraceRow>& trace) {
  std::map<std::string, std::size_t> by_name;
  for (std::size_t i = 0; i < rows.size(); ++i) by_name.emplace(rows[i].name, i);
  for (const auto& step : trace) {
    const auto found = by_name.find(step.node);
    if (found == by_name.end()) {
      // Folding a batch norm makes one node of two; its name is new.
      Row row;
      row.name = step.node;
      row.op = step.op;
      row.kind = row.shape = "-";
      rows.push_back(row);
      by_name.emplace(step.node, rows.size() - 1);
    }
    Row& row = rows[by_name.at(step.node)];
    row.rule = step.rule;
    row.in = step.in;
    row.out = step.out;
    row.traced = true;
  }
}

/// The node nearest to the output where relevance gets lost or is added.
const TraceRow* first_leak(const std::vector<TraceRow>& trace) {
  double largest = 0;
  for (const auto& step : trace) largest = std::max(largest, std::abs(step.in));
  for (const auto& step : trace) {
    if (std::abs(step.out - step.in) > 0.01 * largest) return &step;
  }
  return nullptr;
}

void print_header(const InspectCommand& command, const LoadedModel& loaded, std::size_t nodes) {
  const Model& model = loaded.model;
  const Graph& graph = model.graph();
  std::int64_t weights = 0;
  for (const auto& value : graph.values()) {
    if (value.constant.defined()) weights += value.constant.numel();
  }
  const auto shape = model.input_shape();
  std::vector<std::string> sizes;
  for (const auto size : shape) sizes.push_back(size < 0 ? "?" : std::to_string(size));
  fmt::print("model      {}\n", command.model.path);
  fmt::print("opset      {}\n", graph.opset());
  fmt::print("input      {} [{},{}]\n", graph.value(model.input()).name,
             model.fixed_batch() > 0 ? std::to_string(model.fixed_batch()) : "N",
             fmt::join(sizes, ","));
  fmt::print("logits     {}\n", graph.value(model.logits()).name);
  fmt::print("output     {}, {} labels\n",
             model.output_kind() == OutputKind::MultiLabel ? "multi-label" : "single-label",
             model.labels().size());
  const Preprocessing& how = model.preprocessing();
  fmt::print("pictures   {}, mean {:.4g}, std {:.4g}, {} ({})\n", how.resize,
             fmt::join(how.mean, " "), fmt::join(how.std, " "), how.channel_order,
             how.known ? how.source : "a guess: give --preset or <model>.limn.json");
  fmt::print("weights    {:.2f} million\n", static_cast<double>(weights) / 1e6);
  fmt::print("coverage   {}/{} nodes\n\n", nodes, nodes);
}

void print_rows(const std::vector<Row>& rows, bool trace) {
  std::array<std::size_t, 5> width = {4, 2, 4, 5, 4};
  for (const auto& row : rows) {
    const std::array<std::string, 5> cells = {row.name, row.op, row.kind, row.shape, row.rule};
    for (std::size_t i = 0; i < 5; ++i) {
      width[i] = std::clamp(cells[i].size(), width[i], std::size_t{40});
    }
  }
  const auto line = [&](const std::string& name, const std::string& op, const std::string& kind,
                        const std::string& shape, const std::string& rule, const std::string& in,
                        const std::string& out) {
    std::string text = fmt::format("{:<{}}  {:<{}}  {:<{}}  {:<{}}  {:<{}}", name, width[0], op,
                                   width[1], kind, width[2], shape, width[3], rule, width[4]);
    if (trace) text += fmt::format("  {:>12}  {:>12}", in, out);
    while (!text.empty() && text.back() == ' ') text.pop_back();
    fmt::print("{}\n", text);
  };
  line("node", "op", "kind", "shape", "rule", "relevance in", "out");
  for (const auto& row : rows) {
    line(row.name, row.op, row.kind, row.shape, row.rule,
         row.traced ? fmt::format("{:.6g}", row.in) : "-",
         row.traced ? fmt::format("{:.6g}", row.out) : "-");
  }
}

int inspect(const InspectCommand& command) {
  ExplainSettings settings;
  settings.methods = {command.method};
  const auto methods = make_methods(settings);
  LoadedModel loaded = [&] {
    try {
      return load(command.model);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::Unsupported) print_coverage(read_onnx(command.model.path));
      throw;
    }
  }();
  const Model& model = loaded.model;
  const bool trace = !command.trace.empty();
  Tensor x;
  if (trace) {
    const auto inputs = list_inputs({command.trace});
    if (inputs.size() != 1) {
      fail(ErrorCode::InvalidArgument, "--trace \"", command.trace, "\" is ", inputs.size(),
           " inputs; give one");
    }
    x = InputLoader(model).load(inputs[0]).x;
  } else {
    const auto shape = example_shape(model);
    x = at::zeros({1, shape[0], shape[1], shape[2]}, at::kFloat);
  }
  const Tape tape = model.run(x);
  std::vector<Row> rows = rows_of(model, tape);
  ExplainOptions options;
  options.trace = true;
  std::string why_no_rules;
  Explanation explanation;
  try {
    // Nothing is detected in an empty picture.
    const Target target = model.is_detector() && !trace ? Target::of_proposal(0, 0)
                                                        : Target::parse(command.target).front();
    explanation = methods[0].method->explain(model, x, target, options);
    add_trace(rows, explanation.trace);
  } catch (const Error& error) {
    // Shapes and kinds are worth having even where the method does not fit the model.
    if (trace) throw;
    why_no_rules = error.what();
  }
  const TraceRow* leak = trace ? first_leak(explanation.trace) : nullptr;
  if (command.json) {
    nlohmann::ordered_json json = {{"model", command.model.path},
                                   {"opset", model.graph().opset()},
                                   {"method", methods[0].method->spec().text()},
                                   {"coverage", {rows.size(), rows.size()}},
                                   {"nodes", nlohmann::ordered_json::array()}};
    for (const auto& row : rows) {
      nlohmann::ordered_json one = {{"name", row.name},   {"op", row.op},
                                    {"kind", row.kind},   {"output", row.output},
                                    {"shape", row.shape}, {"rule", row.rule}};
      if (trace && row.traced) {
        one["in"] = row.in;
        one["out"] = row.out;
      }
      json["nodes"].push_back(one);
    }
    if (trace) json["leak"] = leak ? nlohmann::ordered_json(leak->node) : nullptr;
    fmt::print("{}\n", json.dump());
    return 0;
  }
  print_header(command, loaded, model.graph().nodes().size());
  print_rows(rows, trace);
  fmt::print("\nrules of {}\n", methods[0].method->spec().text());
  if (!why_no_rules.empty()) fmt::print("no rules shown: {}\n", why_no_rules);
  if (trace) {
    fmt::print("explained {}, score {:.6g}\n", explanation.target,
               explanation.score[0].item<double>());
    if (leak) {
      fmt::print("relevance first changes at node \"{}\" ({}, {}): {:.6g} in, {:.6g} out\n",
                 leak->node, leak->op, leak->rule, leak->in, leak->out);
    } else {
      fmt::print("relevance is kept at every node (within 1 %)\n");
    }
  }
  return 0;
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  const auto command = std::make_shared<InspectCommand>();
  CLI::App* sub =
      app.add_subcommand("inspect", "Show nodes, shapes, rules and coverage of a model");
  add_model_options(*sub, command->model);
  sub->add_option("--trace", command->trace,
                  "explain this input and show the relevance through every node")
      ->type_name("INPUT");
  sub->add_option("-m,--method", command->method, "whose rules are shown")->type_name("SPEC");
  sub->add_option("-t,--target", command->target, "what --trace explains")->type_name("TARGET");
  sub->add_flag("--json", command->json, "print one JSON object");
  sub->footer(
      "Examples:\n"
      "  limn inspect model.onnx\n"
      "  limn inspect model.onnx --trace cat.jpg -m \"lrp(composite=epsilon-plus)\"\n");
  sub->callback([command, &action] { action = [command] { return inspect(*command); }; });
}

}  // namespace limn::cli
