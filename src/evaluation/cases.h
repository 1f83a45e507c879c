// Which classes of a picture are explained.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limn/dataset.h"
#include "limn/model.h"
#include "limn/suite.h"

namespace limn {

/// One class of one picture.
struct BenchCase {
  int label = -1;  ///< the data set's class; -1 where it has none for the model's
  std::string label_name;
  std::int64_t target = 0;  ///< the model's class
  bool labelled = false;    ///< the data set says that it is there
  bool predicted = false;   ///< the model does
  bool likeliest = false;
};

/// Whether a metric with this rule is measured on it.
bool counts(const BenchCase& one, ClassRule rule);

/// The label of each of the model's classes, -1 where it has none: by the class map `file`, else by
/// name. Empty where the data set's one class is any object, and where nothing is linked and
/// `needed` does not ask for it; else that throws NotFound.
std::vector<int> link_classes(const Model& model, const Dataset& data, const std::string& file,
                              bool needed);

/// The cases of a picture in the order of labels, the likeliest class last where it is none of
/// them. Of several model classes with one label the likeliest is explained. `probabilities`: [C].
std::vector<BenchCase> choose_cases(const Model& model, const Dataset& data,
                                    const std::vector<int>& label_of, const DatasetItem& item,
                                    const Tensor& probabilities);

}  // namespace limn
