// The fusions in their order: aliases go first, so that patterns compare values by name.
#include "import/passes.h"
#include "import/pattern.h"

namespace limn {

Draft fuse(Draft draft) {
  remove_identities(draft);
  fuse_layer_norm(draft);
  fuse_gated(draft);
  fuse_pad_pool(draft);
  remove_dead(draft);
  return draft;
}

Draft import_passes(Draft draft) {
  // Constants behind Identity must be seen as constants before folding.
  remove_identities(draft);
  return fuse(fold_constants(std::move(draft)));
}

}  // namespace limn
