#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/formats/bytes.h"

namespace slipway {

/// A record of comma-separated values.
struct CsvRow {
  std::int64_t line = 0;  // on which it starts, from 1
  std::vector<std::string> cells;
};

/// Reads RFC 4180 with any one-character delimiter: quoted cells may hold delimiters, line ends and doubled
/// quotes. Empty lines and a UTF-8 byte order mark are skipped. Calls `visit` for each record, whose memory
/// is reused. Quotes out of place are a UserError with the line; `name` stands for the file.
void parse_csv(Bytes file, const std::string& name, char delimiter,
               const std::function<void(const CsvRow&)>& visit);

/// A text as a cell of such a file: in quotes if it holds commas, quotes or line ends.
std::string csv_cell(const std::string& text);

}  // namespace slipway
