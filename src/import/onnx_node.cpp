// Reads NodeProto and AttributeProto (field numbers of onnx.proto). Subgraphs, sparse tensors and
// types are read past: only operators that limn lacks have them.
#include <ATen/ATen.h>

#include "graph/operator_lookup.h"
#include "import/onnx_parts.h"
#include "import/wire.h"
#include "limn/error.h"

namespace limn {
namespace {

// Attributes are looked up one after the other; a file with a million of them would take hours.
constexpr std::size_t kMostAttributes = 256;

void read_attribute(std::string_view bytes, DraftNode& node, const TensorSource& source) {
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
                                     [&] { return decode_tensor(tensor, source); });
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

}  // namespace

DraftNode read_node(std::string_view bytes, std::size_t index,
                    const std::map<std::string, std::int64_t>& opsets, const TensorSource& source) {
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
  const auto opset = opsets.find(node.domain);
  node.opset = opset == opsets.end() ? 0 : static_cast<int>(opset->second);
  if (node.op.empty()) fail(ErrorCode::BadModel, "node ", index, " names no operator");
  in_context(
      [&] { return concat("node \"", node.name, "\" (", node.op, ", opset ", node.opset, ")"); },
      [&] {
        for (const auto attribute : attributes) read_attribute(attribute, node, source);
      });
  return node;
}

}  // namespace limn
