// See jpeg_damage.h. Decodes at an eighth of the size, which reads every code and hardly computes.
#include "image/jpeg_damage.h"

#include <jerror.h>
#include <jpeglib.h>

#include <array>
#include <csetjmp>
#include <cstdio>

namespace limn {
namespace {

/// libjpeg's handler, and what it was told.
struct Watch {
  jpeg_error_mgr handler;
  std::jmp_buf failed;
  std::array<char, JMSG_LENGTH_MAX> words;
};

Watch& watch_of(j_common_ptr info) { return *reinterpret_cast<Watch*>(info->err); }

/// A few bytes over at the end are common in whole files; many are codes that made no sense.
constexpr int kHarmlessBytes = 16;

bool is_damage(const jpeg_error_mgr& told) {
  const int code = told.msg_code;
  if (code == JWRN_EXTRANEOUS_DATA) return told.msg_parm.i[0] > kHarmlessBytes;
  return code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_JPEG_EOF ||
         code == JWRN_MUST_RESYNC;
}

void note(j_common_ptr info, int level) {
  Watch& watch = watch_of(info);
  if (level >= 0 || watch.words[0] != '\0' || !is_damage(*info->err)) return;
  info->err->format_message(info, watch.words.data());
}

[[noreturn]] void fail_quietly(j_common_ptr info) { std::longjmp(watch_of(info).failed, 1); }

/// Nothing in here has a destructor: a failure jumps out of libjpeg.
void decode(std::string_view bytes, jpeg_decompress_struct& picture, Watch& watch) {
  picture.err = jpeg_std_error(&watch.handler);
  watch.handler.emit_message = note;
  watch.handler.error_exit = fail_quietly;
  if (setjmp(watch.failed) != 0) return;
  jpeg_create_decompress(&picture);
  jpeg_mem_src(&picture, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&picture, TRUE);
  picture.scale_num = 1;
  picture.scale_denom = 8;
  jpeg_start_decompress(&picture);
  const JDIMENSION row = picture.output_width * static_cast<JDIMENSION>(picture.output_components);
  const JSAMPARRAY line =
      picture.mem->alloc_sarray(reinterpret_cast<j_common_ptr>(&picture), JPOOL_IMAGE, row, 1);
  while (picture.output_scanline < picture.output_height) jpeg_read_scanlines(&picture, line, 1);
  jpeg_finish_decompress(&picture);
}

}  // namespace

std::string jpeg_damage(std::string_view bytes) {
  jpeg_decompress_struct picture{};
  Watch watch{};
  decode(bytes, picture, watch);
  jpeg_destroy_decompress(&picture);
  return watch.words.data();
}

}  // namespace limn
