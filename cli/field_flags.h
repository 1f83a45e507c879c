// Fields of an options struct as flags of a command.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "limn/options.h"

namespace limn::cli {

/// `--NAME VALUE` for each field (`--NAME` alone for truths), with its help and default. The fields
/// must outlive the parsing.
std::vector<CLI::Option*> add_field_flags(CLI::App& command, const Fields& fields,
                                          const std::string& group);

/// Throws InvalidArgument where, beside `--plain`, one of the flags was given that it has constants
/// of its own for: all but those named.
void refuse_beside_plain(const CLI::App& command, const std::vector<CLI::Option*>& flags,
                         const std::vector<std::string>& allowed);

}  // namespace limn::cli
