// Maps of the first pictures of a run, as pictures to look at.
#pragma once
#include <string>
#include <vector>

#include "evaluation/cases.h"
#include "evaluation/picture_log.h"
#include "evaluation/run_record.h"

namespace limn {

/// Draws the map [h, w] of a picture over it and writes it into the folder of a run.
void write_example(const std::string& folder, const PictureLine& line, const PlannedMethod& method,
                   std::size_t number, const Tensor& picture, const Tensor& map, bool is_signed);
/// The entry of a picture in run.json: the maps of its class `one` that are there.
Json example_json(const std::string& folder, const PictureLine& line, const BenchCase& one,
                  const std::vector<PlannedMethod>& methods);

}  // namespace limn
