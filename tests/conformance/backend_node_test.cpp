// ONNX's own backend node tests (Debian's libonnx-testdata, opsets up to 17): every test of every
// operator on our list passes, but those in the table below. docs/conformance.md is that table.
#include <filesystem>
#include <fstream>
#include <regex>

#include "import/onnx_reader.h"
#include "limn/error.h"
#include "limn/graph.h"
#include "ops/op.h"
#include "support/support.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = "/usr/share/libonnx-testdata/data";

struct LeftOut {
  const char* pattern;  ///< of the test's name
  const char* reason;
};

constexpr LeftOut kLeftOut[] = {
    {"test_batchnorm_.*_training_mode", "training mode; limn explains models in evaluation mode"},
    {"test_training_dropout.*", "training mode; limn explains models in evaluation mode"},
    {"test_cast(like)?_.*(STRING|BFLOAT16).*",
     "strings are no tensors of a network, and the test data store bfloat16 as another type"},
    {"test_resize_downsample_scales_(linear|cubic)_align_corners",
     "the expected values divide by the fractional output length; limn, like libtorch, by the "
     "integer one that the standard's text names"},
    {"test_identity_(sequence|opt)", "sequences and optional values are no tensors"},
    {"test_(sequence|optional|strnorm|adam|adagrad|momentum|nesterov|loop).*",
     "operators that limn does not have, on sequences, strings or training state"},
    {"test_PReLU_.d_multiparam", "opset 6, where slopes run along the channels, not the last axis"},
};

/// Whether a test is left out; the reason in words.
const char* reason_to_leave_out(const std::string& name) {
  for (const auto& entry : kLeftOut) {
    if (std::regex_match(name, std::regex(entry.pattern))) return entry.reason;
  }
  return nullptr;
}

/// Folders of all tests: of single nodes, and of the small models beside them.
std::vector<fs::path> test_folders() {
  std::vector<fs::path> all;
  for (const char* group : {"node", "pytorch-operator", "pytorch-converted", "simple"}) {
    if (!fs::exists(fs::path(kFolder) / group)) continue;
    for (const auto& entry : fs::directory_iterator(fs::path(kFolder) / group)) {
      if (fs::exists(entry.path() / "model.onnx")) all.push_back(entry.path());
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

/// The model's draft. Below opset 7 the operators tested there are defined as in 7, so the number
/// at the file's end is raised; a graph without inputs gets one that nothing uses.
Draft read_test_model(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  if (bytes.size() > 2 && bytes[bytes.size() - 2] == 0x10 && bytes.back() < 7) bytes.back() = 7;
  Draft draft = read_onnx_bytes(bytes);
  if (draft.inputs.empty()) {
    draft.inputs.emplace_back();
    draft.inputs.back().name = "unused";
  }
  return draft;
}

/// All values of a graph given its inputs, one node after the other.
Tensors run(const Graph& graph, const Tensors& inputs) {
  Tensors values(graph.values().size());
  for (std::size_t v = 0; v < values.size(); ++v) values[v] = graph.values()[v].constant;
  for (std::size_t i = 0; i < inputs.size() && i < graph.inputs().size(); ++i) {
    values[static_cast<std::size_t>(graph.inputs()[i].index)] = inputs[i];
  }
  for (const auto& node : graph.nodes()) {
    Tensors in;
    for (ValueId id : node.inputs)
      in.push_back(id ? values[static_cast<std::size_t>(id.index)] : Tensor());
    const Tensors out = node.spec->forward(node, in);
    for (std::size_t i = 0; i < node.outputs.size() && i < out.size(); ++i) {
      if (node.outputs[i]) values[static_cast<std::size_t>(node.outputs[i].index)] = out[i];
    }
  }
  Tensors results;
  for (ValueId id : graph.outputs()) results.push_back(values[static_cast<std::size_t>(id.index)]);
  return results;
}

/// Tensors `prefix0.pb`, `prefix1.pb` ... of a data set folder.
Tensors read_tensors(const fs::path& folder, const std::string& prefix) {
  Tensors all;
  for (int i = 0; fs::exists(folder / (prefix + std::to_string(i) + ".pb")); ++i) {
    all.push_back(read_tensor_file((folder / (prefix + std::to_string(i) + ".pb")).string()));
  }
  return all;
}

std::string compare(const Tensors& ours, const Tensors& theirs) {
  if (ours.size() < theirs.size()) return "outputs are missing";
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    if (!ours[i].defined()) return "an output is missing";
    if (ours[i].sizes() != theirs[i].sizes()) {
      return concat("shape ", ours[i].sizes(), ", expected ", theirs[i].sizes());
    }
    if (!theirs[i].is_floating_point()) {
      if (ours[i].is_floating_point()) return "a floating-point output, expected integers";
      if (!at::equal(ours[i].to(at::kLong), theirs[i].to(at::kLong))) return "integers differ";
      continue;
    }
    const Tensor a = ours[i].to(at::kDouble), b = theirs[i].to(at::kDouble);
    if (!at::allclose(a, b, 1e-3, 1e-7, true)) {
      return concat("differs by ", (a - b).abs().max().item<double>());
    }
  }
  return "";
}

/// "" where every data set of the test passes.
std::string failure_of(const fs::path& test) {
  try {
    const Graph graph{read_test_model(test / "model.onnx")};
    for (const auto& entry : fs::directory_iterator(test)) {
      if (!entry.is_directory()) continue;
      const Tensors inputs = read_tensors(entry.path(), "input_");
      const std::string failure =
          compare(run(graph, inputs), read_tensors(entry.path(), "output_"));
      if (!failure.empty()) return failure;
    }
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// Operators of a model without reading it as a graph.
bool all_listed(const fs::path& model, std::set<std::string>& operators_seen) {
  const Draft draft = read_test_model(model);
  std::set<std::string> listed;
  for (const OpSpec* op : operators()) listed.emplace(op->name);
  for (const auto& node : draft.nodes) {
    if (!node.domain.empty() || !listed.contains(node.op)) return false;
  }
  for (const auto& node : draft.nodes) operators_seen.insert(node.op);
  return true;
}

/// The rows `| `pattern` | reason |` of docs/conformance.md, and its whole text.
std::pair<std::vector<std::pair<std::string, std::string>>, std::string> read_page() {
  std::ifstream page(std::string(LIMN_MODELS) + "/../docs/conformance.md");
  const std::string text{std::istreambuf_iterator<char>(page), {}};
  std::vector<std::pair<std::string, std::string>> rows;
  const std::regex row("\\| `(.*)` \\| (.*) \\|");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, row)) rows.emplace_back(match[1], match[2]);
  }
  return {rows, text};
}

TEST(Conformance, EveryBackendNodeTestOfEveryListedOperatorPasses) {
  if (!fs::exists(kFolder))
    GTEST_SKIP() << "needs Debian's libonnx-testdata, which is not installed";
  int passed = 0, left_out = 0, unlisted = 0;
  std::set<std::string> operators_seen;
  for (const fs::path& test : test_folders()) {
    const std::string name = test.filename().string();
    if (reason_to_leave_out(name)) {
      ++left_out;
      continue;
    }
    try {
      if (!all_listed(test / "model.onnx", operators_seen)) {
        ++unlisted;
        continue;
      }
    } catch (const Error& error) {
      ADD_FAILURE() << name << ": " << error.what();
      continue;
    }
    const std::string failure = failure_of(test);
    if (failure.empty()) {
      ++passed;
    } else {
      ADD_FAILURE() << name << ": " << failure;
    }
  }
  RecordProperty("passed", passed);
  std::printf("%d passed, %d left out, %d of operators that limn does not have\n", passed, left_out,
              unlisted);
  // A newer package may have more tests than the page counts, never fewer.
  std::smatch counted;
  const std::string text = read_page().second;
  ASSERT_TRUE(std::regex_search(text, counted, std::regex("([0-9]+) tests pass")));
  EXPECT_GE(passed, std::stoi(counted[1])) << "docs/conformance.md counts more";
}

TEST(Conformance, ThePageIsTheTable) {
  std::vector<std::pair<std::string, std::string>> table;
  for (const auto& entry : kLeftOut) table.emplace_back(entry.pattern, entry.reason);
  EXPECT_EQ(read_page().first, table);
}

/// A row whose tests would all pass, or that names none, is out of date.
TEST(Conformance, EveryRowOfTheTableLeavesOutATestThatFails) {
  if (!fs::exists(kFolder)) {
    GTEST_SKIP() << "needs Debian's libonnx-testdata, which is not installed";
  }
  const std::vector<fs::path> tests = test_folders();
  for (const auto& row : kLeftOut) {
    const std::regex pattern(row.pattern);
    EXPECT_TRUE(std::any_of(tests.begin(), tests.end(), [&](const fs::path& test) {
      return std::regex_match(test.filename().string(), pattern) && !failure_of(test).empty();
    })) << row.pattern;
  }
}

}  // namespace
}  // namespace limn
