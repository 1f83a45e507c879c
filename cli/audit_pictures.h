// The pictures of an audit: files as other commands take them, or a data set with masks.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cli/explaining.h"
#include "limn/audit.h"
#include "limn/dataset.h"

namespace limn::cli {

struct AuditChoice {
  std::vector<std::string> from;  ///< files and folders, or one data set spec
  std::string class_map;
  std::int64_t limit = 200;
  bool skip_bad = false;
};

class AuditPictures {
 public:
  /// Lists the files or opens the data set. Throws NotFound, InvalidArgument, BadInput.
  explicit AuditPictures(const AuditChoice& choice);
  /// Finds which of the data set's classes is which of the model's, where there is a data set.
  void link(const Model& model);
  std::int64_t size() const { return static_cast<std::int64_t>(chosen_.size()); }
  /// Files and folders as given, or the data set's spec.
  std::string name() const;
  /// Without x where the picture cannot be read and such pictures are skipped.
  AuditPicture read(const Model& model, std::int64_t i);
  void print_left_out() const;
  struct LeftOut {
    std::string name, why;
  };
  /// The pictures that could not be read.
  const std::vector<LeftOut>& left_out() const { return left_out_; }

 private:
  AuditPicture read_file(const Model& model, const Input& input) const;
  AuditPicture read_item(const Model& model, std::int64_t index) const;

  AuditChoice choice_;
  std::vector<Input> inputs_;
  std::unique_ptr<Dataset> data_;
  std::vector<int> label_of_;         ///< of the model's classes; empty where nothing is linked
  std::vector<std::int64_t> chosen_;  ///< numbers of inputs or items
  std::vector<LeftOut> left_out_;
};

/// By index or label; throws NotFound.
std::int64_t class_of(const Model& model, const std::string& text);

}  // namespace limn::cli
