#!/usr/bin/env bash
# A file may include only from its own row or below:
#   cli serve | evaluation | render metrics data | methods concepts text | rules | model | import | ops | graph |
#   base image
# and the library neither prints nor reads the environment.
set -euo pipefail
cd "$(dirname "$0")/.."

find src cli include -name '*.h' -o -name '*.cpp' -o -name '*.inc' | sort | xargs awk '
  BEGIN {
    split("base image graph ops import model rules methods concepts text render metrics data evaluation cli serve", names, " ")
    split("1    1     2     3   4      5     6     7       7        7    8      8       8    9          10  10", rows, " ")
    for (i in names) row[names[i]] = rows[i]
    # Public headers belong to the row of what they declare.
    for (i = split("tensor error spec options version npy", headers, " "); i > 0; --i) header[headers[i]] = 1
    header["graph"] = 2
    header["model"] = header["target"] = header["detector"] = 5
    header["trace"] = 6
    header["method"] = header["heatmap"] = 7
    header["bilrp"] = 7
    header["concepts"] = 7
    header["audit"] = header["results"] = 9
    header["visualization"] = 7
    header["statistics"] = header["tables"] = header["suite"] = header["runner"] = header["limn"] = 9
    for (i = split("image sidecar shapes render report compare_maps insertion_deletion dataset metric class_map localization dense_crf faithfulness resample sanity spray", headers, " "); i > 0; --i) header[headers[i]] = 8
  }
  FNR == 1 {
    n = split(FILENAME, path, "/")
    if (path[1] == "cli") own = 10
    else if (path[1] == "include") { name = path[n]; sub(/\..*/, "", name); own = header[name] }
    # What reads and draws pictures may use the public types of every row.
    else own = path[2] == "image" ? 8 : row[path[2]]
    if (own == "") { print FILENAME ": belongs to no layer"; bad = 1 }
  }
  /^#include "/ {
    file = $2; gsub(/"/, "", file)
    split(file, part, "/")
    if (part[1] == "limn") { name = part[2]; sub(/\..*/, "", name); theirs = header[name] }
    else if (part[1] in row) theirs = row[part[1]]
    else theirs = own
    if (theirs == "") { print FILENAME ":" FNR ": " file " belongs to no layer"; bad = 1 }
    else if (theirs + 0 > own + 0) { print FILENAME ":" FNR ": includes " file " from a higher layer"; bad = 1 }
  }
  /std::c(out|err)|getenv\(|printf\(stderr/ && FILENAME !~ /^cli\// {
    print FILENAME ":" FNR ": the library neither prints nor reads the environment"; bad = 1
  }
  END { exit bad }
'
echo "layers: ok"
