// How a data set file defines its entry.
#pragma once
#include <memory>
#include <string>
#include <utility>

#include "limn/dataset.h"
#include "limn/error.h"

namespace limn {

/// A data set from its info, its options' field list and the function that opens it. `positional`
/// names the option that takes a first argument without a name. `open` gets the options and the
/// canonical spec.
template <typename Options>
DatasetEntry define_dataset(DatasetInfo info, Fields (*fields)(Options&),
                            std::unique_ptr<Dataset> (*open)(const Options&, Spec),
                            std::string positional = "") {
  const std::string name = info.name;
  return {.info = std::move(info),
          .options =
              [fields] {
                Options defaults;
                return describe(fields(defaults));
              },
          .make =
              [name, fields, open, positional](const Spec& spec) {
                return in_context([&] { return "data set \"" + spec.text() + "\""; },
                                  [&] {
                                    Options options;
                                    const Fields list = fields(options);
                                    set_fields(list, spec, positional);
                                    return open(options, fields_spec(name, list));
                                  });
              }};
}

}  // namespace limn
