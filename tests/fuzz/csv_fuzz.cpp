#include "data/formats/csv_table.h"

/// The first byte chooses the delimiter and the header.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  if (size == 0) return 0;
  const Tensor file = to_tensor({reinterpret_cast<const std::byte*>(data + 1), size - 1});
  CsvTableOptions options{.name = "fuzz.csv", .header = {}, .missing = {"NA", "?"}};
  options.delimiter = (data[0] & 4) != 0 ? ';' : ',';
  options.skip_rows = data[0] >> 3 & 1;
  if ((data[0] & 3) == 1) options.header = {"none"};
  if ((data[0] & 3) == 2) options.header = {"sklearn"};
  if ((data[0] & 3) == 3) options.header = {"a", "b"};
  try {
    const CsvTable table(file, options);
    std::int64_t rows = 0;
    table.visit([&](std::int64_t, std::int64_t, std::span<const std::string_view> cells) {
      ++rows;
      if (cells.size() != table.columns().size()) __builtin_trap();
    });
    if (rows != table.rows()) __builtin_trap();
    for (const CsvColumn& column : table.columns()) column.sorted_values();
  } catch (const UserError&) {
  }
  return 0;
}
