#include "data/formats/csv_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/base/nearest.h"

namespace slipway {
namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// The integer that a number is, if a double can tell it from its neighbours.
std::optional<std::int64_t> as_whole(double value) {
  constexpr double kLargest = 0x1p53;
  if (std::abs(value) > kLargest || value != std::floor(value)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string canonical(std::string_view text) {
  if (const auto number = parse_number(text)) {
    if (const auto whole = as_whole(*number)) return std::to_string(*whole);
  }
  return std::string(text);
}

std::vector<std::string> CsvColumn::sorted_values() const {
  std::vector<std::string> sorted(values.begin(), values.end());
  if (numeric) {
    std::stable_sort(sorted.begin(), sorted.end(), [](const std::string& a, const std::string& b) {
      return *parse_number(a) < *parse_number(b);
    });
  }
  return sorted;
}

CsvTable::CsvTable(Tensor file, CsvTableOptions options)
    : file_(std::move(file)), options_(std::move(options)) {
  const std::vector<std::string>& header = options_.header;
  header_in_file_ = header.empty() || header == std::vector<std::string>{"sklearn"};
  if (!header_in_file_ && header != std::vector<std::string>{"none"}) set_columns(header);
  std::int64_t seen = 0;
  parse_csv(bytes_of(file_), options_.name, options_.delimiter, [&](const CsvRow& row) {
    if (seen == 0 && !options_.recognized_header.empty()) recognize_header(row);
    if (seen++ < options_.skip_rows) return;
    if (columns_.empty()) {
      take_header(row);
      if (header_in_file_) return;
    }
    require_user(row.cells.size() == columns_.size(), options_.name, ':', row.line, ": ", row.cells.size(),
                 " cells, expected ", columns_.size(), ", as many as there are columns",
                 header_in_file_ || options_.recognized_header.empty()
                     ? ""
                     : ", or a first record that names the columns");
    std::vector<std::string_view> cells;
    for (const std::string& cell : row.cells) cells.push_back(trim(cell));
    summarize(row.line, cells);
    ++rows_;
  });
  require_user(rows_ > 0, options_.name, ": has no records",
               seen > 0 ? " besides its header, expected one at least" : ", expected one at least");
  require_user(!promised_rows_ || *promised_rows_ == rows_, options_.name, ": the header promises ",
               promised_rows_.value_or(0), " records, the file has ", rows_);
}

void CsvTable::recognize_header(const CsvRow& first) {
  std::set<std::string_view> cells;
  for (const std::string& cell : first.cells) cells.insert(trim(cell));
  const std::vector<std::string>& names = options_.recognized_header;
  const auto is_cell = [&](const std::string& name) { return cells.contains(name); };
  if (!std::all_of(names.begin(), names.end(), is_cell)) return;
  options_.header.clear();
  options_.skip_rows = 0;
  header_in_file_ = true;
  columns_.clear();
}

void CsvTable::take_header(const CsvRow& row) {
  std::vector<std::string> names;
  if (!header_in_file_) {
    for (std::size_t i = 1; i <= row.cells.size(); ++i) names.push_back(text("column_", i));
  } else if (options_.header.empty()) {
    for (const std::string& cell : row.cells) names.emplace_back(trim(cell));
  } else {
    constexpr double kMostColumns = 1 << 16;
    const auto number = [&](std::size_t i) {
      return i < row.cells.size() ? parse_number(trim(row.cells[i])) : std::nullopt;
    };
    const auto rows = number(0), columns = number(1);
    require_user(rows && columns && as_whole(*rows) && as_whole(*columns) && *rows > 0 && *columns > 0 &&
                     *columns < kMostColumns,
                 options_.name, ':', row.line,
                 ": expected scikit-learn's header, the number of rows, the number of columns and the names "
                 "of the classes");
    promised_rows_ = as_whole(*rows);
    for (std::int64_t i = 1; i <= *as_whole(*columns); ++i) names.push_back(text("column_", i));
    names.emplace_back("target");
    for (std::size_t i = 2; i < row.cells.size(); ++i) classes_.emplace_back(trim(row.cells[i]));
  }
  set_columns(names);
}

void CsvTable::set_columns(const std::vector<std::string>& names) {
  std::set<std::string_view> known;
  for (std::size_t i = 0; i < names.size(); ++i) {
    require_user(!names[i].empty(), options_.name, ": column ", i + 1, " of ", names.size(), " has no name");
    require_user(known.insert(names[i]).second, options_.name, ": two columns are called '", names[i], "'");
    columns_.emplace_back();
    columns_.back().name = names[i];
  }
}

void CsvTable::summarize(std::int64_t line, std::span<const std::string_view> cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    CsvColumn& column = columns_[i];
    if (is_missing(cells[i])) {
      ++column.missing;
      continue;
    }
    const auto number = parse_number(cells[i]);
    if (!number && column.numeric) {
      column.numeric = false;
      column.text_line = line;
      column.text = cells[i];
    }
    column.whole = column.whole && number && as_whole(*number);
    if (column.too_many_values) continue;
    column.values.insert(canonical(cells[i]));
    if (column.values.size() > CsvColumn::kMostValues) {
      column.too_many_values = true;
      column.values.clear();
    }
  }
}

bool CsvTable::is_missing(std::string_view cell) const {
  return cell.empty() ||
         std::find(options_.missing.begin(), options_.missing.end(), cell) != options_.missing.end();
}

bool CsvTable::contains(const std::string& name) const {
  return std::any_of(columns_.begin(), columns_.end(),
                     [&](const CsvColumn& column) { return column.name == name; });
}

std::size_t CsvTable::find(const std::string& name) const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].name == name) return i;
    names.push_back(columns_[i].name);
  }
  throw UserError(text(options_.name, ": ", unknown_name("column", name, names)));
}

void CsvTable::visit(const std::function<void(std::int64_t row, std::int64_t line,
                                              std::span<const std::string_view>)>& body) const {
  std::int64_t to_skip = options_.skip_rows + (header_in_file_ ? 1 : 0), row_number = 0;
  std::vector<std::string_view> cells;
  parse_csv(bytes_of(file_), options_.name, options_.delimiter, [&](const CsvRow& row) {
    if (to_skip-- > 0) return;
    cells.clear();
    for (const std::string& cell : row.cells) cells.push_back(trim(cell));
    body(row_number++, row.line, cells);
  });
}

}  // namespace slipway
