#!/usr/bin/env bash
# The C++ example of the README is the example program, word for word, behind its first comment.
set -euo pipefail
cd "$(dirname "$0")/.."
diff <(awk '/^```cpp$/ {on = 1; next} /^```$/ {on = 0} on' README.md) \
  <(sed '1d' examples/explain.cpp)
for page in $(grep -o 'docs/[a-z/-]*\.\(md\|png\)' README.md | sort -u); do
  [ -f "$page" ] || { echo "README.md: $page does not exist"; exit 1; }
done
