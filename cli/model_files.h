// Where the demo models are.
#pragma once
#include <string>

namespace limn::cli {

/// models/ beside the program, installed, or in the source tree it was built from; the first that
/// holds the file. Throws NotFound.
std::string demo_model_file(const std::string& name);
/// The folder of them; empty where there is none.
std::string demo_model_folder();

}  // namespace limn::cli
