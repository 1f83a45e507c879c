// Whole files in and out, with errors that say what to do.
#pragma once
#include <string>
#include <string_view>

namespace limn {

/// The first `most` bytes of a file. Throws NotFound where it is missing, Io where it cannot be
/// read.
std::string read_file(const std::string& path, std::size_t most = std::string::npos);
/// Writes beside `path` and renames, so that a reader never sees half a file and a failed write
/// leaves nothing. Throws Io.
void write_file(const std::string& path, std::string_view bytes);
/// The two halves of it: `temporary` lies beside `path`, which errors name.
void write_part(const std::string& temporary, const std::string& path, std::string_view bytes);
void place_part(const std::string& temporary, const std::string& path);

}  // namespace limn
