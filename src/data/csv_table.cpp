// Comma-separated values as RFC 4180 writes them down; lines end in LF or CR LF.
#include "data/csv_table.h"

#include <algorithm>

#include "limn/error.h"

namespace limn {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {
    if (text_.substr(0, 3) == "\xef\xbb\xbf") text_.remove_prefix(3);
  }

  std::vector<CsvRow> rows() {
    std::vector<CsvRow> out;
    while (at_ < text_.size()) {
      CsvRow row{line_, {}};
      do {
        row.cells.push_back(cell());
      } while (taken(','));
      if (!end_of_line()) {
        fail(ErrorCode::BadInput, "line ", line_,
             ": expected \",\" or the end of the line after \"", row.cells.back().substr(0, 40),
             "\"");
      }
      if (row.cells.size() > 1 || !row.cells.front().empty()) out.push_back(std::move(row));
    }
    return out;
  }

 private:
  bool taken(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool end_of_line() {
    if (at_ >= text_.size()) return true;
    taken('\r');
    if (!taken('\n')) return at_ >= text_.size();
    ++line_;
    return true;
  }

  std::string cell() {
    if (!taken('"')) {
      const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
      const std::size_t begin = at_;
      at_ = end;
      return std::string(text_.substr(begin, end - begin));
    }
    const std::size_t opened = line_;
    std::string out;
    while (true) {
      if (at_ >= text_.size()) {
        fail(ErrorCode::BadInput, "line ", opened, ": a quote is never closed");
      }
      const char c = text_[at_++];
      if (c == '\n') ++line_;
      if (c == '"' && !taken('"')) return out;
      out += c;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0, line_ = 1;
};

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text) { return Reader(text).rows(); }

}  // namespace limn
