#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/formats/csv.h"

namespace slipway {

/// What is known of a column once every record has been seen.
struct CsvColumn {
  /// Values kept in `values`, at most.
  static constexpr std::size_t kMostValues = 4096;

  std::string name;
  bool numeric = true;           // every value that is not missing is a finite number
  bool whole = true;             // and an integer
  std::int64_t missing = 0;      // how many are
  std::int64_t text_line = 0;    // where the first value that is no number stands
  std::string text;              // and what it is
  std::set<std::string> values;  // that are not missing; canonical
  bool too_many_values = false;

  /// The different values: numbers by size, texts by bytes.
  std::vector<std::string> sorted_values() const;
};

struct CsvTableOptions {
  std::string name;  // of the file, for messages
  char delimiter = ',';
  std::int64_t skip_rows = 0;
  /// Column names; empty: the first record; "none": column_1, column_2, ...; "sklearn": the first record is
  /// the number of rows, the number of columns without the class, and the names of the classes.
  std::vector<std::string> header;
  std::vector<std::string> missing;  // texts that stand for a missing value; an empty cell always does
  /// A first record that holds all of these names is the header, whatever `header` and `skip_rows` say;
  /// empty: none is.
  std::vector<std::string> recognized_header = {};
};

/// A CSV file as a table: header, records of equal length, and what the columns hold.
class CsvTable {
 public:
  /// Reads all of it once. Records of another length, repeated names and the like are UserErrors with file
  /// and line.
  CsvTable(Tensor file, CsvTableOptions options);

  std::int64_t rows() const { return rows_; }
  const std::vector<CsvColumn>& columns() const { return columns_; }
  const std::vector<std::string>& classes() const { return classes_; }  // that the "sklearn" header names
  /// The index of a column; an unknown name is a UserError that lists the known ones and the nearest.
  std::size_t find(const std::string& name) const;
  bool contains(const std::string& name) const;
  const std::string& name() const { return options_.name; }

  /// The records, in order, with blanks around cells removed.
  void visit(const std::function<void(std::int64_t row, std::int64_t line,
                                      std::span<const std::string_view>)>& body) const;
  bool is_missing(std::string_view cell) const;

 private:
  void recognize_header(const CsvRow& first);
  void take_header(const CsvRow& row);
  void set_columns(const std::vector<std::string>& names);
  void summarize(std::int64_t line, std::span<const std::string_view> cells);

  Tensor file_;
  CsvTableOptions options_;
  std::int64_t rows_ = 0;
  bool header_in_file_ = true;
  std::optional<std::int64_t> promised_rows_;
  std::vector<CsvColumn> columns_;
  std::vector<std::string> classes_;
};

/// A finite number, all of the text.
std::optional<double> parse_number(std::string_view text);
/// Integers without leading zeros and the like, so that 1, 01 and 1.0 are one value; other texts as they are.
std::string canonical(std::string_view text);

}  // namespace slipway
