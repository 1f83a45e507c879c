// Writes pictures of shapes as a folder in the format of PASCAL VOC (Everingham et al. 2010,
// VOCdevkit 2012): pictures, boxes, masks and lists where its readers look for them.
#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <opencv2/imgcodecs.hpp>
#include <pugixml.hpp>
#include <sstream>

#include "data/palette_png.h"
#include "limn/error.h"
#include "limn/shapes.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

/// A folder that takes its name only once it is complete; without `finish` nothing is left.
class PendingFolder {
 public:
  explicit PendingFolder(const std::string& folder) : target_(fs::absolute(folder)) {
    if (!target_.has_filename()) target_ = target_.parent_path();
    std::error_code error;
    if (fs::exists(target_) && (!fs::is_directory(target_) || !fs::is_empty(target_, error))) {
      fail(ErrorCode::Io, "\"", folder, "\" exists and is not an empty folder; name another");
    }
    pending_ = target_;
    pending_ += ".partial";
    fs::remove_all(pending_, error);
    if (!fs::create_directories(pending_, error)) {
      fail(ErrorCode::Io, "cannot create \"", pending_.string(), "\": ", error.message());
    }
  }
  ~PendingFolder() {
    std::error_code error;
    if (!pending_.empty()) fs::remove_all(pending_, error);
  }
  PendingFolder(const PendingFolder&) = delete;
  PendingFolder& operator=(const PendingFolder&) = delete;

  const fs::path& path() const { return pending_; }
  void finish() {
    std::error_code error;
    fs::remove(target_, error);
    fs::rename(pending_, target_, error);
    if (error) fail(ErrorCode::Io, "cannot create \"", target_.string(), "\": ", error.message());
    pending_.clear();
  }

 private:
  fs::path target_, pending_;
};

void write_bytes(const fs::path& path, const void* data, std::size_t size) {
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  file.close();
  if (!file) fail(ErrorCode::Io, "cannot write \"", path.string(), "\"; is there space left?");
}

void write_text(const fs::path& path, const std::string& text) {
  write_bytes(path, text.data(), text.size());
}

std::string picture_name(std::int64_t index) {
  std::ostringstream name;
  name << "shapes_" << std::setw(6) << std::setfill('0') << index;
  return name.str();
}

void write_jpeg(const fs::path& path, const Tensor& picture) {
  const Tensor bgr = picture.flip(0).permute({1, 2, 0}).contiguous();
  const cv::Mat pixels(static_cast<int>(bgr.size(0)), static_cast<int>(bgr.size(1)), CV_8UC3,
                       bgr.data_ptr());
  std::vector<std::uint8_t> bytes;
  if (!cv::imencode(".jpg", pixels, bytes, {cv::IMWRITE_JPEG_QUALITY, 98})) {
    fail(ErrorCode::Io, "OpenCV could not encode \"", path.filename().string(), "\"");
  }
  write_bytes(path, bytes.data(), bytes.size());
}

void write_mask(const fs::path& path, const Tensor& indices) {
  const Tensor plane = indices.to(at::kByte).contiguous();
  const auto png = palette_png(plane.data_ptr<std::uint8_t>(), static_cast<int>(plane.size(1)),
                               static_cast<int>(plane.size(0)));
  write_bytes(path, png.data(), png.size());
}

/// 0 is background, else the label + 1 of the shape that is visible.
Tensor class_mask(const ShapesPicture& picture) {
  Tensor classes = at::zeros_like(picture.instances);
  for (std::size_t i = 0; i < picture.shapes.size(); ++i) {
    classes.masked_fill_(picture.instances.eq(static_cast<std::int64_t>(i + 1)),
                         picture.shapes[i].label + 1);
  }
  return classes;
}

void put(pugi::xml_node node, const char* name, const std::string& text) {
  node.append_child(name).text().set(text.c_str());
}

bool at_edge(const PixelBox& box, const ShapesOptions& options) {
  return box.left == 0 || box.top == 0 || box.right == options.width ||
         box.bottom == options.height;
}

void write_annotation(const fs::path& path, const std::string& name, const ShapesPicture& picture,
                      const ShapesOptions& options) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("annotation");
  put(root, "folder", "VOC");
  put(root, "filename", name + ".jpg");
  pugi::xml_node source = root.append_child("source");
  put(source, "database", "limn shapes");
  put(source, "annotation", concat("seed ", options.seed));
  pugi::xml_node size = root.append_child("size");
  put(size, "width", std::to_string(options.width));
  put(size, "height", std::to_string(options.height));
  put(size, "depth", "3");
  put(root, "segmented", "1");
  for (const ShapeInstance& shape : picture.shapes) {
    if (shape.visible_pixels == 0) continue;
    pugi::xml_node object = root.append_child("object");
    put(object, "name", shape_labels()[static_cast<std::size_t>(shape.label)]);
    put(object, "pose", "Unspecified");
    const bool hidden = shape.visible_pixels < shape.whole_pixels;
    put(object, "truncated", hidden && at_edge(shape.box, options) ? "1" : "0");
    put(object, "occluded", hidden && !at_edge(shape.box, options) ? "1" : "0");
    put(object, "difficult", "0");
    pugi::xml_node box = object.append_child("bndbox");
    put(box, "xmin", std::to_string(shape.box.left + 1));
    put(box, "ymin", std::to_string(shape.box.top + 1));
    put(box, "xmax", std::to_string(shape.box.right));
    put(box, "ymax", std::to_string(shape.box.bottom));
  }
  std::ostringstream text;
  document.save(text, "  ", pugi::format_default | pugi::format_no_declaration);
  write_text(path, text.str());
}

std::string hex_color(const RgbColor& color) {
  std::ostringstream out;
  out << '#' << std::hex << std::setfill('0');
  for (int channel : color) out << std::setw(2) << channel;
  return out.str();
}

/// The lists and tables beside the pictures, filled picture by picture.
class Tables {
 public:
  Tables() : per_class_(shape_labels().size()) {
    labels_ << "picture";
    for (const auto& label : shape_labels()) labels_ << ',' << label;
    labels_ << ",tag\n";
    instances_ << "picture,instance,class,center_x,center_y,radius,angle,texture,color,"
                  "second_color,left,top,right,bottom,visible_pixels,whole_pixels\n";
  }

  void add(const std::string& name, const ShapesPicture& picture, bool val) {
    auto& set = sets_[val ? 1 : 0];
    set += name + "\n";
    labels_ << name;
    for (std::size_t label = 0; label < per_class_.size(); ++label) {
      const bool held = picture.holds(static_cast<int>(label));
      labels_ << (held ? ",1" : ",0");
      per_class_[label][val ? 1 : 0] += name + (held ? "  1\n" : " -1\n");
    }
    labels_ << (picture.has_tag ? ",1\n" : ",0\n");
    for (std::size_t i = 0; i < picture.shapes.size(); ++i) {
      const ShapeInstance& shape = picture.shapes[i];
      instances_ << name << ',' << i + 1 << ','
                 << shape_labels()[static_cast<std::size_t>(shape.label)] << ',' << shape.center_x
                 << ',' << shape.center_y << ',' << shape.radius << ',' << shape.angle << ','
                 << texture_name(shape.texture) << ',' << hex_color(shape.color) << ','
                 << hex_color(shape.second_color) << ',' << shape.box.left << ',' << shape.box.top
                 << ',' << shape.box.right << ',' << shape.box.bottom << ',' << shape.visible_pixels
                 << ',' << shape.whole_pixels << '\n';
    }
  }

  void write(const fs::path& folder) const {
    write_text(folder / "labels.csv", labels_.str());
    write_text(folder / "instances.csv", instances_.str());
    for (const char* kind : {"Main", "Segmentation"}) {
      write_sets(folder / "ImageSets" / kind, "", sets_);
    }
    for (std::size_t label = 0; label < per_class_.size(); ++label) {
      write_sets(folder / "ImageSets" / "Main", shape_labels()[label] + "_", per_class_[label]);
    }
  }

 private:
  using Sets = std::array<std::string, 2>;  ///< train and val
  static void write_sets(const fs::path& folder, const std::string& prefix, const Sets& sets) {
    write_text(folder / (prefix + "train.txt"), sets[0]);
    write_text(folder / (prefix + "val.txt"), sets[1]);
    write_text(folder / (prefix + "trainval.txt"), sets[0] + sets[1]);
  }
  std::ostringstream labels_, instances_;
  Sets sets_;
  std::vector<Sets> per_class_;
};

}  // namespace

void write_voc(const std::string& folder, const ShapesOptions& options, std::int64_t count,
               const VocOptions& voc) {
  if (count < 1 || count > 999999) {
    fail(ErrorCode::InvalidArgument, "shapes: ", count, " pictures; give 1 to 999999");
  }
  if (!(voc.val_share >= 0 && voc.val_share <= 1)) {
    fail(ErrorCode::InvalidArgument, "shapes: val_share is ", voc.val_share, "; give 0 to 1");
  }
  const ShapesPicture checked = shapes_picture(options, 0);
  PendingFolder pending(folder);
  const fs::path& root = pending.path();
  std::vector<std::string> parts = {"JPEGImages",        "Annotations",
                                    "SegmentationClass", "SegmentationObject",
                                    "ImageSets/Main",    "ImageSets/Segmentation"};
  if (options.tag != TagRule::Never) parts.emplace_back("TagMask");
  for (const auto& part : parts) fs::create_directories(root / part);

  const auto train = count - std::llround(voc.val_share * static_cast<double>(count));
  Tables tables;
  for (std::int64_t index = 0; index < count; ++index) {
    const ShapesPicture picture = index == 0 ? checked : shapes_picture(options, index);
    const std::string name = picture_name(index);
    write_jpeg(root / "JPEGImages" / (name + ".jpg"), picture.picture);
    write_annotation(root / "Annotations" / (name + ".xml"), name, picture, options);
    write_mask(root / "SegmentationClass" / (name + ".png"), class_mask(picture));
    write_mask(root / "SegmentationObject" / (name + ".png"), picture.instances);
    if (picture.has_tag) {
      const Tensor tag = picture.tag.to(at::kByte).mul_(255);
      std::vector<std::uint8_t> png;
      cv::imencode(".png", cv::Mat(options.height, options.width, CV_8UC1, tag.data_ptr()), png);
      write_bytes(root / "TagMask" / (name + ".png"), png.data(), png.size());
    }
    tables.add(name, picture, index >= train);
    if (voc.progress) voc.progress(index + 1, count);
  }
  tables.write(root);
  pending.finish();
}

}  // namespace limn
