// Error text and "did you mean".
#include "limn/error.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cctype>
#include <new>
#include <numeric>

namespace limn {

Error::Error(ErrorCode code, std::string message)
    : code_(code), message_(std::move(message)), full_(message_) {}

void Error::add_context(const std::string& context) { full_ = context + ": " + full_; }

namespace {

/// What an allocator of libtorch says ("... you tried to allocate 4096 bytes", "Tried to allocate
/// 2.00 GiB (GPU 0; ...") in limn's words.
std::string out_of_memory(const std::string& text) {
  std::string wanted;
  const std::string_view words = "ried to allocate ";
  if (const auto at = text.find(words); at != std::string::npos) {
    std::istringstream rest(text.substr(at + words.size()));
    double size = 0;
    std::string unit;
    if (rest >> size >> unit) {
      unit = unit.substr(0, unit.find_first_not_of("abceiklmstyBEGKMT"));
      if (unit == "bytes") {
        for (const char* larger : {"KiB", "MiB", "GiB", "TiB"}) {
          if (size < 1024) break;
          size /= 1024;
          unit = larger;
        }
      }
      std::ostringstream number;
      number.precision(3);
      number << " for another " << size << " " << unit;
      wanted = number.str();
    }
  }
  return "out of memory" + wanted + "; use a smaller --batch or input";
}

}  // namespace

namespace detail {

void rethrow_in_context(const std::string& context) {
  try {
    throw;
  } catch (Error& error) {
    error.add_context(context);
    throw;
  } catch (const c10::Error& error) {
    // libtorch appends a backtrace to what(); only the sentence is for users.
    const std::string text = error.what_without_backtrace();
    const auto says = [&](const char* words) { return text.find(words) != std::string::npos; };
    const bool memory = says("out of memory") || says("can't allocate memory") ||
                        says("not enough memory") || says("alloc_cpu.cpp");
    Error wrapped(memory || says("CUDA") ? ErrorCode::Device : ErrorCode::BadModel,
                  memory ? out_of_memory(text) : text);
    wrapped.add_context(context);
    throw wrapped;
  } catch (const std::bad_alloc&) {
    Error wrapped(ErrorCode::Device, "out of memory; use a smaller --batch or input");
    wrapped.add_context(context);
    throw wrapped;
  }
}

}  // namespace detail

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      const bool same = std::tolower(static_cast<unsigned char>(a[i - 1])) ==
                        std::tolower(static_cast<unsigned char>(b[j - 1]));
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (same ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_names(std::string_view wanted, const std::vector<std::string>& names,
                          std::size_t most) {
  // A name that holds the wanted one counts as one letter apart; of several the shortest comes
  // first.
  using Rank = std::pair<std::size_t, std::size_t>;
  std::vector<std::pair<Rank, std::string>> ranked;
  for (const auto& name : names) {
    const std::size_t distance = edit_distance(wanted, name);
    const bool within = !wanted.empty() && name.find(wanted) != std::string::npos;
    ranked.emplace_back(Rank{within ? std::min<std::size_t>(distance, 1) : distance, distance},
                        name);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  if (ranked.size() > most) ranked.resize(most);
  std::string text;
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    if (i > 0) text += i + 1 == ranked.size() ? " or " : ", ";
    text += '"' + ranked[i].second + '"';
  }
  return text;
}

}  // namespace limn
