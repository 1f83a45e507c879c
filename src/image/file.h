// Whole files in and out, with errors that say what to do.
#pragma once
#include <string>
#include <string_view>

namespace limn {

/// Throws NotFound where the file is missing, Io where it cannot be read.
std::string read_file(const std::string& path);
/// Writes beside `path` and renames, so that a reader never sees half a file and a failed write
/// leaves nothing. Throws Io.
void write_file(const std::string& path, std::string_view bytes);
/// The two halves of it: `temporary` lies beside `path`, which errors name.
void write_part(const std::string& temporary, const std::string& path, std::string_view bytes);
void place_part(const std::string& temporary, const std::string& path);

}  // namespace limn
