// Walks the Huffman codes of a sequential JPEG file without computing a pixel: each block must end
// at its 64th coefficient, the data where their blocks do, and no coefficient may be larger than
// that of any picture. Source: ITU T.81, annexes B and F.
#include "image/jpeg_scan.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <vector>

namespace limn {
namespace {

/// Coefficients of 8-bit pixels reach 1024 and a little; twice that no encoder writes.
constexpr int kLargest = 2048;

/// A code table: of each length the first code, how many there are, and where their values begin.
struct Huffman {
  std::array<int, 17> first{}, count{}, start{};
  std::vector<int> values;
};

struct Component {
  int id = 0, across = 1, down = 1, quantization = 0;
};

/// What to look at stops here, without or with a reason.
struct NothingToSay {};
struct Damage {
  std::string what;
};

/// Reads ahead; behind the data come ones that nobody may take.
class Bits {
 public:
  Bits(std::string_view text, std::size_t at) : text_(text), at_(at) {}

  int code(const Huffman& table) {
    fill();
    const auto ahead = static_cast<int>(bits_ >> (left_ - 16) & 0xffff);
    for (int length = 1; length <= 16; ++length) {
      const auto row = static_cast<std::size_t>(length);
      const int place = (ahead >> (16 - length)) - table.first[row];
      if (place < 0 || place >= table.count[row]) continue;
      take(length);
      return table.values[static_cast<std::size_t>(table.start[row] + place)];
    }
    if (left_ - beyond_ < 16) throw Damage{kTooLittle};
    throw Damage{"its coded data hold a code that its tables do not have"};
  }
  /// A number of so many bits (T.81, F.2.2.1).
  int number(int count) {
    if (count == 0) return 0;
    fill();
    const auto value =
        static_cast<int>(bits_ >> (left_ - count) & ((std::uint64_t{1} << count) - 1));
    take(count);
    return value < 1 << (count - 1) ? value - (1 << count) + 1 : value;
  }
  /// The mark behind the data, and the place behind that.
  std::pair<int, std::size_t> mark() {
    // A byte is filled up with ones; some encoders take zeros, and whole bytes of them.
    const int rest = left_ - beyond_;
    const std::uint64_t ones = (std::uint64_t{1} << rest) - 1, found = bits_ >> beyond_ & ones;
    if (found != 0 && (found != ones || rest >= 8)) throw Damage{kTooMuch};
    bits_ = 0;
    left_ = beyond_ = 0;
    while (at_ + 1 < text_.size() && byte(at_) == 0) ++at_;
    if (at_ + 1 < text_.size() && byte(at_) != 0xff) throw Damage{kTooMuch};
    while (at_ + 1 < text_.size() && byte(at_ + 1) == 0xff) ++at_;
    if (at_ + 1 >= text_.size()) throw Damage{"its end is missing"};
    if (byte(at_ + 1) == 0) throw Damage{kTooMuch};
    at_ += 2;
    return {byte(at_ - 1), at_};
  }

 private:
  static constexpr const char* kTooMuch = "more coded data than pixels";
  static constexpr const char* kTooLittle = "its coded data end too early";

  int byte(std::size_t at) const { return static_cast<unsigned char>(text_[at]); }
  void fill() {
    while (left_ <= 32) {
      const bool ends = at_ >= text_.size() ||
                        (byte(at_) == 0xff && (at_ + 1 >= text_.size() || byte(at_ + 1) != 0));
      bits_ = bits_ << 8 | static_cast<std::uint64_t>(ends ? 0xff : byte(at_));
      left_ += 8;
      beyond_ += ends ? 8 : 0;
      if (!ends) at_ += byte(at_) == 0xff ? 2 : 1;
    }
  }
  void take(int count) {
    left_ -= count;
    if (left_ < beyond_) throw Damage{kTooLittle};
  }

  std::string_view text_;
  std::size_t at_;
  std::uint64_t bits_ = 0;
  int left_ = 0, beyond_ = 0;
};

class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  void walk() {
    std::size_t at = 2;
    while (true) {
      while (byte(at) == 0xff && byte(at + 1) == 0xff) ++at;
      if (byte(at) != 0xff) throw NothingToSay();
      const int mark = byte(at + 1);
      if (mark == 0xd9) return;
      const std::size_t begin = at + 4, length = static_cast<std::size_t>(word(at + 2));
      at += 2 + length;
      if (length < 2 || at > text_.size()) throw NothingToSay();
      if (mark == 0xc4) read_tables(begin, at);
      if (mark == 0xdb) read_steps(begin, at);
      if (mark == 0xc0 || mark == 0xc1) read_frame(begin);
      if (mark >= 0xc2 && mark <= 0xcf && mark != 0xc4 && mark != 0xc8) throw NothingToSay();
      if (mark == 0xdd) interval_ = word(begin);
      if (mark == 0xda) at = read_scan(begin, at);
    }
  }

 private:
  int byte(std::size_t at) const {
    if (at >= text_.size()) throw NothingToSay();
    return static_cast<unsigned char>(text_[at]);
  }
  int word(std::size_t at) const { return byte(at) << 8 | byte(at + 1); }

  void read_tables(std::size_t at, std::size_t end) {
    while (at < end) {
      Huffman table;
      const int place = byte(at++);
      int code = 0, values = 0;
      for (std::size_t length = 1; length <= 16; ++length) {
        table.count[length] = byte(at++);
        table.first[length] = code;
        table.start[length] = values;
        values += table.count[length];
        code = (code + table.count[length]) << 1;
      }
      for (int i = 0; i < values; ++i) table.values.push_back(byte(at++));
      tables_[place] = std::move(table);
    }
  }

  void read_steps(std::size_t at, std::size_t end) {
    while (at < end) {
      const int place = byte(at++);
      auto& steps = steps_[place & 15];
      for (int& step : steps) {
        step = place >> 4 != 0 ? word(at) : byte(at);
        at += place >> 4 != 0 ? 2 : 1;
      }
    }
  }

  void read_frame(std::size_t at) {
    if (byte(at) != 8) throw NothingToSay();
    height_ = word(at + 1);
    width_ = word(at + 3);
    components_.clear();
    for (int i = 0; i < byte(at + 5); ++i) {
      const std::size_t one = at + 6 + 3 * static_cast<std::size_t>(i);
      components_.push_back({byte(one), byte(one + 1) >> 4, byte(one + 1) & 15, byte(one + 2)});
      across_ = std::max(across_, components_.back().across);
      down_ = std::max(down_, components_.back().down);
    }
    for (const auto& one : components_) {
      if (one.across < 1 || one.down < 1) throw NothingToSay();
    }
    if (width_ == 0 || height_ == 0) throw NothingToSay();
  }

  const Huffman& table(int place) const {
    const auto found = tables_.find(place);
    if (found == tables_.end()) throw NothingToSay();
    return found->second;
  }

  struct Part {
    const Huffman *dc, *ac;
    std::array<int, 64> steps;
    int blocks;
    int last = 0;  ///< DC of the block before
  };

  /// How many groups of blocks a scan has.
  std::int64_t groups(const Component* alone) const {
    const auto blocks = [&](int size, int own, int most) {
      const int cell = alone != nullptr ? 8 : 8 * most;
      const int pixels = alone != nullptr ? (size * own + most - 1) / most : size;
      return static_cast<std::int64_t>((pixels + cell - 1) / cell);
    };
    return blocks(width_, alone != nullptr ? alone->across : 1, across_) *
           blocks(height_, alone != nullptr ? alone->down : 1, down_);
  }

  /// Returns the place of the mark behind it.
  std::size_t read_scan(std::size_t at, std::size_t data) const {
    std::vector<Part> parts;
    const Component* alone = nullptr;
    const int count = byte(at);
    for (int i = 0; i < count; ++i) {
      const std::size_t one = at + 1 + 2 * static_cast<std::size_t>(i);
      const auto found = std::find_if(components_.begin(), components_.end(),
                                      [&](const Component& c) { return c.id == byte(one); });
      if (found == components_.end() || !steps_.contains(found->quantization)) throw NothingToSay();
      if (count == 1) alone = &*found;
      parts.push_back({&table(byte(one + 1) >> 4), &table(16 | (byte(one + 1) & 15)),
                       steps_.at(found->quantization),
                       count == 1 ? 1 : found->across * found->down});
    }
    Bits bits(text_, data);
    const std::int64_t all = groups(alone);
    for (std::int64_t done = 1; done <= all; ++done) {
      for (Part& part : parts) {
        for (int block = 0; block < part.blocks; ++block) walk_block(bits, part);
      }
      if (interval_ == 0 || done % interval_ != 0 || done == all) continue;
      if (bits.mark().first != 0xd0 + (done / interval_ - 1) % 8) {
        throw Damage{"a part of its coded data is missing"};
      }
      for (Part& part : parts) part.last = 0;
    }
    return bits.mark().second - 2;
  }

  static void expect_small(int value, int step) {
    if (std::abs(value) * step <= kLargest + step) return;
    throw Damage{"its coded data hold values that no picture has"};
  }

  static void walk_block(Bits& bits, Part& part) {
    part.last += bits.number(bits.code(*part.dc) & 15);
    expect_small(part.last, part.steps[0]);
    for (int place = 1; place < 64;) {
      const int code = bits.code(*part.ac), zeros = code >> 4, size = code & 15;
      if (size == 0 && zeros != 15) return;
      place += zeros + 1;
      if (place > 64) throw Damage{"a block of its coded data has more than 64 coefficients"};
      expect_small(bits.number(size), part.steps[static_cast<std::size_t>(place - 1)]);
    }
  }

  std::string_view text_;
  std::map<int, Huffman> tables_;             ///< 0 to 3 for DC, from 16 on for AC
  std::map<int, std::array<int, 64>> steps_;  ///< of quantization, in the order of the codes
  std::vector<Component> components_;
  int width_ = 0, height_ = 0, across_ = 1, down_ = 1, interval_ = 0;
};

}  // namespace

std::string jpeg_damage(std::string_view bytes) {
  try {
    Walker(bytes).walk();
  } catch (const NothingToSay&) {
    return "";
  } catch (const Damage& damage) {
    return damage.what;
  }
  return "";
}

}  // namespace limn
