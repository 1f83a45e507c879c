// Any bytes as an ONNX file, through everything that loading a model runs. Only limn::Error may
// come out. Folding gets a small budget, so that a run is short.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "import/passes.h"
#include "limn/error.h"
#include "limn/graph.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    limn::Draft draft = limn::read_onnx_bytes({reinterpret_cast<const char*>(data), size});
    draft = limn::fuse(limn::fold_constants(std::move(draft), 1 << 20));
    const limn::Graph graph(limn::fold_batch_norm(std::move(draft)));
    graph.text();
    graph.dot();
    limn::write_onnx_bytes(graph.draft());
  } catch (const limn::Error&) {
  }
  return 0;
}
