// Reads ONNX (opset 7-21) into a draft. Field numbers are those of onnx.proto. The whole file is
// read even where operators are unknown; `Graph` then lists them all. What cannot be represented
// (string tensors, subgraphs) is an error only where something limn knows would use it.
#include "import/onnx_reader.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <set>

#include "graph/operator_lookup.h"
#include "import/onnx_tensor.h"
#include "import/wire.h"
#include "limn/error.h"

namespace limn {
namespace {

constexpr int kFirstOpset = 7, kLastOpset = 21;
constexpr std::size_t kMostAttributes = 256, kMostDimensions = 32;

std::pair<std::string, std::string> read_pair(std::string_view bytes) {
  std::pair<std::string, std::string> entry;
  Message message(bytes);
  while (message.next()) {
    switch (message.field()) {
      case 1:
        entry.first = message.text();
        break;
      case 2:
        entry.second = message.text();
        break;
      default:
        message.skip();
    }
  }
  return entry;
}

class Reader {
 public:
  Reader(std::shared_ptr<const MappedFile> file, const std::string& folder)
      : external_(folder), source_{std::move(file), &external_} {}

  Draft read_model(std::string_view bytes);

 private:
  void read_graph(std::string_view bytes);
  void read_initializer(std::string_view bytes);
  void read_node(std::string_view bytes, std::size_t index);
  void read_attribute(std::string_view bytes, DraftNode& node);
  void add_constant(const DraftNode& node);
  ValueInfo read_value_info(std::string_view bytes, bool strict);
  void read_tensor_type(std::string_view bytes, ValueInfo& info, bool strict);
  void read_shape(std::string_view bytes, ValueInfo& info);
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
  DraftNode node;
  std::vector<std::string_view> attributes;
  Message message(bytes);
  while (message.next()) {
    switch (message.field()) {
      case 1:
        node.inputs.push_back(message.text());
        break;
      case 2:
        node.outputs.push_back(message.text());
        break;
      case 3:
        node.name = message.text();
        break;
      case 4:
        node.op = message.text();
        break;
      case 5:
        if (attributes.size() == kMostAttributes) {
          fail(ErrorCode::BadModel, "node ", index, " has more than ", kMostAttributes,
               " attributes");
        }
        attributes.push_back(message.bytes());
        break;
      case 7:
        node.domain = message.text();
        break;
      default:
        message.skip();
    }
  }
  if (node.domain == "ai.onnx") node.domain.clear();
  const auto opset = opsets_.find(node.domain);
  node.opset = opset == opsets_.end() ? 0 : static_cast<int>(opset->second);
  if (node.op.empty()) fail(ErrorCode::BadModel, "node ", index, " names no operator");
  in_context(
      [&] { return concat("node \"", node.name, "\" (", node.op, ", opset ", node.opset, ")"); },
      [&] {
        for (const auto attribute : attributes) read_attribute(attribute, node);
        if (node.op == "Constant" && node.domain.empty()) {
          add_constant(node);
        } else {
          draft_.nodes.push_back(std::move(node));
        }
      });
}

void Reader::read_attribute(std::string_view bytes, DraftNode& node) {
  enum Kind { kUnknown, kFloat, kInt, kString, kTensor, kGraph, kFloats, kInts, kStrings };
  std::string name, text;
  std::int64_t kind = kUnknown, guess = kUnknown, integer = 0;
  double real = 0;
  std::string_view tensor;
  std::vector<double> reals;
  std::vector<std::int64_t> integers;
  std::vector<std::string> texts;
  Message message(bytes);
  while (message.next()) {
    switch (message.field()) {
      case 1:
        name = message.text();
        break;
      case 2:
        real = message.real();
        guess = kFloat;
        break;
      case 3:
        integer = message.integer();
        guess = kInt;
        break;
      case 4:
        text = message.text();
        guess = kString;
        break;
      case 5:
        tensor = message.bytes();
        guess = kTensor;
        break;
      case 7:
        message.each_float([&](float value) { reals.push_back(value); });
        guess = kFloats;
        break;
      case 8:
        message.each_integer([&](std::int64_t value) { integers.push_back(value); });
        guess = kInts;
        break;
      case 9:
        texts.push_back(message.text());
        guess = kStrings;
        break;
      case 20:
        kind = message.integer();
        break;
      default:
        message.skip();
    }
  }
  // Files of IR version 1 leave the type out.
  if (kind == kUnknown) kind = guess;
  if (node.attributes.has(name)) fail(ErrorCode::BadModel, "attribute \"", name, "\" comes twice");
  switch (kind) {
    case kFloat:
      return node.attributes.set(name, real);
    case kInt:
      return node.attributes.set(name, integer);
    case kString:
      return node.attributes.set(name, std::move(text));
    case kFloats:
      return node.attributes.set(name, std::move(reals));
    case kInts:
      return node.attributes.set(name, std::move(integers));
    case kStrings:
      return node.attributes.set(name, std::move(texts));
    case kTensor: {
      NamedTensor value = in_context([&] { return concat("attribute \"", name, "\""); },
                                     [&] { return decode_tensor(tensor, source_); });
      if (value.unreadable.empty()) return node.attributes.set(name, std::move(value.value));
      if (node.op != "Constant" && node.domain.empty() && find_operator(node.op)) {
        fail(ErrorCode::Unsupported, "attribute \"", name, "\" is a ", value.unreadable,
             ", which limn does not read");
      }
      return;
    }
    default:  // graphs, sparse tensors, types: only operators that limn lacks have them
      return;
  }
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

ValueInfo Reader::read_value_info(std::string_view bytes, bool strict) {
  ValueInfo info;
  std::string_view type;
  Message message(bytes);
  while (message.next()) {
    switch (message.field()) {
      case 1:
        info.name = message.text();
        break;
      case 2:
        type = message.bytes();
        break;
      default:
        message.skip();
    }
  }
  return in_context([&] { return concat("value \"", info.name, "\""); },
                    [&] {
                      Message kinds(type);
                      while (kinds.next()) {
                        if (kinds.field() == 1) {
                          read_tensor_type(kinds.bytes(), info, strict);
                        } else if (strict && kinds.field() != 6) {
                          fail(ErrorCode::Unsupported, "is an input that is no tensor");
                        } else {
                          kinds.skip();
                        }
                      }
                      return info;
                    });
}

void Reader::read_tensor_type(std::string_view bytes, ValueInfo& info, bool strict) {
  Message message(bytes);
  while (message.next()) {
    if (message.field() == 1) {
      const std::int64_t type = message.integer();
      const auto known = scalar_type_of(type);
      if (!known && strict) {
        fail(ErrorCode::Unsupported, "is an input of ", onnx_type_name(type),
             ", which limn does not read");
      }
      info.dtype = known.value_or(at::kFloat);
    } else if (message.field() == 2) {
      info.has_shape = true;
      read_shape(message.bytes(), info);
    } else {
      message.skip();
    }
  }
}

void Reader::read_shape(std::string_view bytes, ValueInfo& info) {
  Message message(bytes);
  while (message.next()) {
    if (message.field() != 1) {
      message.skip();
      continue;
    }
    if (info.shape.size() == kMostDimensions) {
      fail(ErrorCode::BadModel, "has more than ", kMostDimensions, " dimensions");
    }
    std::int64_t size = -1;
    std::string name;
    Message dim(message.bytes());
    while (dim.next()) {
      if (dim.field() == 1) {
        size = dim.integer();
        if (size < -1 || size > (std::int64_t{1} << 40)) {
          fail(ErrorCode::BadModel, "has the dimension ", size);
        }
        // Several exporters write 0 or -1 for "any".
        if (size == 0) size = -1;
      } else if (dim.field() == 2) {
        name = dim.text();
      } else {
        dim.skip();
      }
    }
    info.shape.push_back(size);
    info.dim_names.push_back(size >= 0 ? std::string() : std::move(name));
  }
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
