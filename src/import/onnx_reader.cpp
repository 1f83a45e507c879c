// Reads ONNX (opset 7-21) into a draft. Field numbers are those of onnx.proto. The whole file is
// read even where operators are unknown; `Graph` then lists them all. What cannot be represented
// (string tensors, subgraphs) is an error only where something limn knows would use it.
#include "import/onnx_reader.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <set>

#include "graph/operator_lookup.h"
#include "import/onnx_parts.h"
#include "import/onnx_tensor.h"
#include "import/wire.h"
#include "limn/error.h"

namespace limn {
namespace {

constexpr int kFirstOpset = 7, kLastOpset = 21;

class Reader {
 public:
  Reader(std::shared_ptr<const MappedFile> file, const std::string& folder)
      : external_(folder), source_{std::move(file), &external_} {}

  Draft read_model(std::string_view bytes);

 private:
  void read_graph(std::string_view bytes);
  void read_initializer(std::string_view bytes);
  void read_node(std::string_view bytes, std::size_t index);
  void add_constant(const DraftNode& node);
  void set_constant(const std::string& name, Tensor value);
  void check_unreadable() const;
  void name_nodes();

  ExternalData external_;
  TensorSource source_;
  Draft draft_;
  std::map<std::string, std::int64_t> opsets_;
  std::map<std::string, std::string> unreadable_;  ///< value name -> what it is
};

Draft Reader::read_model(std::string_view bytes) {
  if (bytes.empty()) fail(ErrorCode::BadModel, "the file is empty; export or download it again");
  std::string_view graph;
  bool has_graph = false;
  Message message(bytes);
  while (message.next()) {
    switch (message.field()) {
      case 7:
        if (has_graph) fail(ErrorCode::BadModel, "not an ONNX file: it has two graphs");
        graph = message.bytes();
        has_graph = true;
        break;
      case 8: {
        std::string domain;
        std::int64_t version = 1;
        Message entry(message.bytes());
        while (entry.next()) {
          if (entry.field() == 1) {
            domain = entry.text();
          } else if (entry.field() == 2) {
            version = entry.integer();
          } else {
            entry.skip();
          }
        }
        opsets_[domain == "ai.onnx" ? "" : domain] = version;
        break;
      }
      case 14:
        draft_.metadata.insert(read_pair(message.bytes()));
        break;
      default:
        message.skip();
    }
  }
  if (!has_graph) fail(ErrorCode::BadModel, "not an ONNX file: it has no graph");
  const auto opset = opsets_.find("");
  if (opset == opsets_.end()) {
    fail(ErrorCode::BadModel, "the file names no opset of the standard operators");
  }
  if (opset->second < kFirstOpset || opset->second > kLastOpset) {
    fail(ErrorCode::Unsupported, "opset ", opset->second, "; limn reads opset ", kFirstOpset,
         " to ", kLastOpset, ": export with opset 17 or use onnx.version_converter");
  }
  draft_.opset = static_cast<int>(opset->second);
  read_graph(graph);
  return std::move(draft_);
}

void Reader::read_graph(std::string_view bytes) {
  std::vector<std::string_view> nodes, inputs, outputs, values;
  Message message(bytes);
  while (message.next()) {
    switch (message.field()) {
      case 1:
        nodes.push_back(message.bytes());
        break;
      case 2:
        draft_.name = message.text();
        break;
      case 5:
        read_initializer(message.bytes());
        break;
      case 11:
        inputs.push_back(message.bytes());
        break;
      case 12:
        outputs.push_back(message.bytes());
        break;
      case 13:
        values.push_back(message.bytes());
        break;
      case 15:
        fail(ErrorCode::Unsupported,
             "the file has sparse initializers; export the model with dense weights");
      default:
        message.skip();
    }
  }
  draft_.nodes.reserve(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) read_node(nodes[i], i);
  name_nodes();
  for (const auto input : inputs) {
    ValueInfo info = read_value_info(input, true);
    // Files of IR version 3 list their initializers among the inputs too.
    if (draft_.constants.contains(info.name) || unreadable_.contains(info.name)) continue;
    draft_.inputs.push_back(std::move(info));
  }
  for (const auto output : outputs) draft_.outputs.push_back(read_value_info(output, false));
  for (const auto value : values) {
    ValueInfo info = read_value_info(value, false);
    if (info.has_shape) draft_.values.push_back(std::move(info));
  }
  check_unreadable();
}

void Reader::set_constant(const std::string& name, Tensor value) {
  if (name.empty()) fail(ErrorCode::BadModel, "an initializer has no name");
  if (!draft_.constants.emplace(name, std::move(value)).second) {
    fail(ErrorCode::BadModel, "value \"", name, "\" is produced more than once");
  }
}

void Reader::read_initializer(std::string_view bytes) {
  NamedTensor tensor =
      in_context([] { return "initializer"; }, [&] { return decode_tensor(bytes, source_); });
  if (tensor.unreadable.empty()) {
    set_constant(tensor.name, std::move(tensor.value));
  } else {
    unreadable_.emplace(tensor.name, tensor.unreadable);
  }
}

void Reader::read_node(std::string_view bytes, std::size_t index) {
  DraftNode node = limn::read_node(bytes, index, opsets_, source_);
  if (node.op != "Constant" || !node.domain.empty()) {
    draft_.nodes.push_back(std::move(node));
    return;
  }
  in_context([&] { return concat("node \"", node.name, "\" (Constant)"); },
             [&] { add_constant(node); });
}

void Reader::add_constant(const DraftNode& node) {
  if (node.outputs.size() != 1 || node.outputs[0].empty()) {
    fail(ErrorCode::BadModel, "has ", node.outputs.size(), " outputs, needs one");
  }
  const std::string& name = node.outputs[0];
  for (const auto& [key, value] : node.attributes.items()) {
    if (key == "value" && std::holds_alternative<Tensor>(value)) {
      return set_constant(name, std::get<Tensor>(value));
    }
    if (key == "value_float" && std::holds_alternative<double>(value)) {
      return set_constant(name, at::scalar_tensor(std::get<double>(value), at::kFloat));
    }
    if (key == "value_int" && std::holds_alternative<std::int64_t>(value)) {
      return set_constant(name, at::scalar_tensor(std::get<std::int64_t>(value), at::kLong));
    }
    if (key == "value_floats" && std::holds_alternative<std::vector<double>>(value)) {
      return set_constant(name, at::tensor(std::get<std::vector<double>>(value), at::kFloat));
    }
    if (key == "value_ints" && std::holds_alternative<std::vector<std::int64_t>>(value)) {
      return set_constant(name, at::tensor(std::get<std::vector<std::int64_t>>(value), at::kLong));
    }
  }
  unreadable_.emplace(name, "constant without a numeric value");
}

void Reader::check_unreadable() const {
  if (unreadable_.empty()) return;
  const auto check = [&](const std::string& name, const std::string& user) {
    const auto found = unreadable_.find(name);
    if (found == unreadable_.end()) return;
    fail(ErrorCode::Unsupported, user, " uses \"", name, "\", a ", found->second,
         ", which limn does not read");
  };
  for (const auto& node : draft_.nodes) {
    // A node that limn lacks is reported by Graph, with all others like it.
    if (!node.domain.empty() || !find_operator(node.op)) continue;
    for (const auto& input : node.inputs) {
      check(input, concat("node \"", node.name, "\" (", node.op, ", opset ", node.opset, ")"));
    }
  }
  for (const auto& output : draft_.outputs) check(output.name, "the output of the graph");
}

void Reader::name_nodes() {
  std::set<std::string> taken;
  for (const auto& node : draft_.nodes) taken.insert(node.name);
  for (std::size_t i = 0; i < draft_.nodes.size(); ++i) {
    DraftNode& node = draft_.nodes[i];
    if (!node.name.empty()) continue;
    node.name = concat(node.op, "_", i);
    while (!taken.insert(node.name).second) node.name += "_";
  }
}

Draft read(std::string_view bytes, std::shared_ptr<const MappedFile> file,
           const std::string& folder) {
  return in_wire([&] {
    Draft draft = Reader(std::move(file), folder).read_model(bytes);
    check_weights(draft);
    return draft;
  });
}

}  // namespace

Draft read_onnx_bytes(std::string_view bytes, const std::string& folder) {
  return in_context([] { return "import"; }, [&] { return read(bytes, nullptr, folder); });
}

Draft read_onnx(const std::string& path) {
  return in_context([&] { return concat("import \"", path, "\""); },
                    [&] {
                      auto file = MappedFile::open(path);
                      const auto folder = std::filesystem::path(path).parent_path().string();
                      return read(file->bytes(), file, folder.empty() ? "." : folder);
                    });
}

Tensor read_tensor_file(const std::string& path) {
  return in_context([&] { return concat("tensor file \"", path, "\""); },
                    [&] {
                      auto file = MappedFile::open(path);
                      const auto decode = [&] {
                        return decode_tensor(file->bytes(), {.file = file, .external = nullptr});
                      };
                      NamedTensor tensor = in_wire(decode);
                      if (tensor.unreadable.empty()) return tensor.value;
                      fail(ErrorCode::Unsupported, "holds a ", tensor.unreadable,
                           ", which limn does not read");
                    });
}

}  // namespace limn
