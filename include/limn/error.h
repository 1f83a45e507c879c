// Errors say where, what was found, and what would be right.
#pragma once
#include <exception>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limn {

/// What kind of failure; the command line's exit code follows from it.
enum class ErrorCode {
  InvalidArgument = 2,  ///< an option, spec string, target or shape that cannot be used
  NotFound = 3,         ///< a file, label, layer, method or operator that does not exist
  BadModel = 4,         ///< not an ONNX file, truncated, or inconsistent
  Unsupported = 5,      ///< a model that limn cannot run or explain
  BadInput = 6,         ///< a picture or tensor that cannot be used
  Io = 7,               ///< reading or writing failed
  Numerical = 8,        ///< NaN or infinity, or a result that cannot be trusted (`--strict`)
  Device = 9,           ///< a device that is not there, or has no memory left
};

/// The one exception of limn: a code, a message and where it happened, outermost first.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message);
  ErrorCode code() const { return code_; }
  /// The message without its context.
  const std::string& message() const { return message_; }
  /// `import "vgg.onnx": node "conv1" (Conv, opset 11): ...`
  const char* what() const noexcept override { return full_.c_str(); }
  /// Puts `context` before everything said so far.
  void add_context(const std::string& context);

 private:
  ErrorCode code_;
  std::string message_;
  std::string full_;
};

/// Joins anything printable into a string.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Throws an Error whose message is all parts joined.
template <typename... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
  throw Error(code, concat(parts...));
}

/// Runs `body`; an Error that leaves it, or any exception of libtorch, gets `context()` in front.
template <typename Context, typename Body>
auto in_context(Context&& context, Body&& body) -> decltype(body());

/// `"a", "b" or "c"`: the names nearest to `wanted` (edit distance), for "did you mean".
std::string nearest_names(std::string_view wanted, const std::vector<std::string>& names,
                          std::size_t most = 3);

namespace detail {
/// Rethrows the exception being handled as an Error with `context` in front.
[[noreturn]] void rethrow_in_context(const std::string& context);
}  // namespace detail

template <typename Context, typename Body>
auto in_context(Context&& context, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::exception&) {
    detail::rethrow_in_context(context());
  }
}

}  // namespace limn
