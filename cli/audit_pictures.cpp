// See audit_pictures.h.
#include "cli/audit_pictures.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/inputs.h"
#include "evaluation/cases.h"
#include "limn/error.h"
#include "limn/image.h"

namespace limn::cli {
namespace {

constexpr std::size_t kNamed = 10;

/// A mask [h, w] of the picture, brought to the input as the picture is.
Tensor as_seen(const Tensor& mask, const Model& model) {
  const Tensor gray = mask.to(at::kByte).mul(255).unsqueeze(2).expand({-1, -1, 3}).contiguous();
  const PreparedInput prepared = preprocess({gray}, model.preprocessing(), model.input_shape());
  // A letterbox's border has its own gray below one half.
  return prepared.seen.select(2, 0).ge(128).contiguous();
}

}  // namespace

AuditPictures::AuditPictures(const AuditChoice& choice) : choice_(choice) {
  const auto sets = std::count_if(choice.from.begin(), choice.from.end(), names_dataset);
  if (sets > 0 && choice.from.size() > 1) {
    fail(ErrorCode::InvalidArgument, "give one data set alone, or pictures and folders");
  }
  if (sets == 0 && !choice.class_map.empty()) {
    fail(ErrorCode::InvalidArgument,
         "--class-map links the classes of a data set; pictures alone have none");
  }
  if (sets > 0) {
    data_ = make_dataset(choice.from.front());
  } else {
    inputs_ = list_inputs(choice.from);
  }
  const std::int64_t all = data_ ? data_->size() : static_cast<std::int64_t>(inputs_.size());
  if (all == 0) fail(ErrorCode::NotFound, "\"", choice.from.front(), "\" holds no picture");
  const std::int64_t count = std::min(choice.limit, all);
  for (std::int64_t i = 0; i < count; ++i) chosen_.push_back(i * all / count);
}

void AuditPictures::link(const Model& model) {
  if (data_) label_of_ = link_classes(model, *data_, choice_.class_map, false);
}

std::string AuditPictures::name() const {
  if (data_) return data_->spec().text();
  std::string out;
  for (const auto& one : choice_.from) out += (out.empty() ? "" : ", ") + one;
  return out;
}

AuditPicture AuditPictures::read(const Model& model, std::int64_t i) {
  const std::int64_t index = chosen_.at(static_cast<std::size_t>(i));
  try {
    return data_ ? read_item(model, index)
                 : read_file(model, inputs_[static_cast<std::size_t>(index)]);
  } catch (const Error& error) {
    if (!choice_.skip_bad) throw;
    const auto place = static_cast<std::size_t>(index);
    left_out_.push_back({data_ ? data_->id(index) : inputs_[place].path, error.what()});
    return {};
  }
}

AuditPicture AuditPictures::read_file(const Model& model, const Input& input) const {
  const Loaded loaded = InputLoader(model).load(input);
  AuditPicture out;
  out.name = input.stem;
  out.x = loaded.x;
  out.seen = input.is_tensor
                 ? loaded.picture
                 : preprocess({loaded.picture}, model.preprocessing(), model.input_shape()).seen;
  return out;
}

AuditPicture AuditPictures::read_item(const Model& model, std::int64_t index) const {
  const auto item = std::make_shared<DatasetItem>(data_->read(index));
  const PreparedInput prepared =
      preprocess(item->picture, model.preprocessing(), model.input_shape());
  AuditPicture out;
  out.name = item->id;
  out.x = prepared.x;
  out.seen = prepared.seen;
  const bool any_object = data_->class_agnostic();
  const std::vector<std::int64_t> size = {prepared.x.size(2), prepared.x.size(3)};
  out.object = [this, item, &model, any_object, size](std::int64_t target) -> Tensor {
    const auto place = static_cast<std::size_t>(target);
    int label = place < label_of_.size() ? label_of_[place] : -1;
    if (any_object) label = 0;
    if (label < 0) return {};
    const auto& there = item->labels;
    if (std::find(there.begin(), there.end(), label) == there.end()) {
      return at::zeros(size, at::kBool);
    }
    const Tensor mask = item->truth(label).mask();
    return mask.defined() ? as_seen(mask, model) : Tensor();
  };
  // Several of the model's classes may be one of the data set's.
  out.class_name = [this](std::int64_t target) {
    const auto place = static_cast<std::size_t>(target);
    const int label = place < label_of_.size() ? label_of_[place] : -1;
    return label < 0 ? std::string() : data_->labels().at(static_cast<std::size_t>(label));
  };
  return out;
}

void AuditPictures::print_left_out() const {
  for (std::size_t i = 0; i < std::min(kNamed, left_out_.size()); ++i) {
    fmt::print(stderr, "limn: warning: left out: {}\n", left_out_[i].why);
  }
  if (left_out_.size() > kNamed) {
    fmt::print(stderr, "limn: warning: and {} more\n", left_out_.size() - kNamed);
  }
}

std::int64_t class_of(const Model& model, const std::string& text) {
  const auto& shape = model.graph().value(model.logits()).info.shape;
  auto classes = static_cast<std::int64_t>(model.labels().size());
  if (classes == 0 && shape.size() > 1 && shape[1] > 0) classes = shape[1];
  // Where nobody says how many there are, the first pass does.
  return class_index(model, text, classes > 0 ? classes : 1 << 30);
}

}  // namespace limn::cli
