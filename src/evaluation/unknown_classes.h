// Classes of a data set that a model does not know when classes are matched by name: their pictures
// would drop out of the tables without a word.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limn/dataset.h"
#include "limn/model.h"

namespace limn {

struct UnknownClasses {
  struct One {
    std::string label;
    std::int64_t pictures = 0;  ///< that show it
  };
  std::string model, data;  ///< the suite's names
  std::vector<One> classes;
  std::int64_t without = 0;  ///< pictures that show no class that the model knows
  std::int64_t pictures = 0;
};

/// The classes of the first `pictures` pictures to which `label_of` (link_classes) links none of
/// the model's. Pictures that cannot be read are left to the data set's check.
UnknownClasses unknown_classes(const Dataset& data, std::int64_t pictures,
                               const std::vector<int>& label_of);
/// How many they are, the first of them by name, and what they may have meant.
std::string unknown_words(const UnknownClasses& all, const Model& model);

}  // namespace limn
