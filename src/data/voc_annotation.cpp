// The annotation format of PASCAL VOC (Everingham et al. 2010; devkit, "Annotations").
#include "data/voc_annotation.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <pugixml.hpp>

#include "limn/error.h"

namespace limn {
namespace {

constexpr std::size_t kMostObjects = 100'000;

double number(const pugi::xml_node& parent, const char* name) {
  std::string_view text = parent.child(name).text().get();
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size() ||
      !(std::abs(value) <= 1e9)) {
    fail(ErrorCode::BadInput, "<", name, "> is \"", text.substr(0, 40), "\"; expected a number");
  }
  return value;
}

VocObject read_object(const pugi::xml_node& node) {
  VocObject object;
  object.name = node.child("name").text().get();
  if (object.name.empty()) fail(ErrorCode::BadInput, "no <name>");
  const pugi::xml_node box = node.child("bndbox");
  if (!box) fail(ErrorCode::BadInput, "\"", object.name, "\" has no <bndbox>");
  object.left = number(box, "xmin");
  object.top = number(box, "ymin");
  object.right = number(box, "xmax");
  object.bottom = number(box, "ymax");
  if (object.right < object.left || object.bottom < object.top) {
    fail(ErrorCode::BadInput, "\"", object.name, "\": its box ends before it begins");
  }
  if (node.child("difficult")) object.difficult = number(node, "difficult") != 0;
  return object;
}

}  // namespace

VocAnnotation parse_voc_annotation(std::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_parse_result result =
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default);
  if (!result) {
    const auto end = xml.begin() + std::min<std::ptrdiff_t>(result.offset, std::ssize(xml));
    fail(ErrorCode::BadInput, "not XML, line ", std::count(xml.begin(), end, '\n') + 1, ": ",
         result.description());
  }
  const pugi::xml_node root = document.child("annotation");
  if (!root) fail(ErrorCode::BadInput, "no <annotation>; is this a PASCAL VOC annotation?");
  VocAnnotation out;
  if (const pugi::xml_node size = root.child("size")) {
    out.width = std::llround(number(size, "width"));
    out.height = std::llround(number(size, "height"));
    if (out.width < 0 || out.height < 0) fail(ErrorCode::BadInput, "<size> is negative");
  }
  for (const pugi::xml_node& node : root.children("object")) {
    if (out.objects.size() == kMostObjects) {
      fail(ErrorCode::BadInput, "more than ", kMostObjects, " objects");
    }
    in_context([&] { return concat("object ", out.objects.size() + 1); },
               [&] { out.objects.push_back(read_object(node)); });
  }
  return out;
}

}  // namespace limn
