// Which classes of a model mean which classes of a data set.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace limn {

/// A link from each class of a model to at most one class of a data set; several classes of the
/// model may mean one of the data set (120 breeds: `dog`).
///
/// Names are equal where they differ in case, `_`, `-` and spaces alone; of a name with commas
/// ("tench, Tinca tinca") the first part will do, and of one with a WordNet id in front ("n01440764
/// tench") the id or the name.
class ClassMap {
 public:
  /// Links classes of the same name; lists of the same names one by one. A model's class without a
  /// name, and a name that the data set has twice, are linked to nothing. Throws NotFound where
  /// nothing is linked.
  static ClassMap by_name(const std::vector<std::string>& model,
                          const std::vector<std::string>& data);
  /// Links as a file says: a JSON object {"7": "bird", "tabby": "cat"}, or a CSV table of two
  /// columns, the model's class (name, or number from 0) and the data set's (name), with or without
  /// the header "model class,data class". `model` has one entry a class, empty where it has no
  /// name. Throws NotFound, Io, BadInput; unknown classes are named and counted.
  static ClassMap read(const std::string& path, const std::vector<std::string>& model,
                       const std::vector<std::string>& data);

  /// The data set's label of a model's class, or -1.
  int label(std::int64_t model_class) const;
  /// The model's classes of a label in rising order; empty where there are none, or no such label.
  const std::vector<std::int64_t>& classes(int label) const;
  /// How many classes of the model are linked.
  std::int64_t size() const { return linked_; }

 private:
  ClassMap(std::size_t model_classes, std::size_t labels);
  void link(std::size_t model_class, int label);

  std::vector<int> label_of_;
  std::vector<std::vector<std::int64_t>> classes_of_;
  std::int64_t linked_ = 0;
};

}  // namespace limn
