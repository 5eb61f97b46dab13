#include "data/formats/csv.h"

#include <csv.h>

#include <cstring>
#include <exception>
#include <memory>

namespace slipway {
namespace {

/// What libcsv's callbacks see. They must not throw through C.
struct Reading {
  CsvRow row;
  std::size_t used = 0;  // cells of the row; the rest is memory to reuse
  std::int64_t line = 1;
  const std::function<void(const CsvRow&)>* visit = nullptr;
  std::exception_ptr failure;

  template <class Body>
  void guard(Body&& body) {
    if (failure) return;
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }
};

void on_cell(void* bytes, std::size_t size, void* data) {
  auto& reading = *static_cast<Reading*>(data);
  reading.guard([&] {
    if (reading.used == 0) reading.row.cells.reserve(16);
    if (reading.used == reading.row.cells.size()) reading.row.cells.emplace_back();
    reading.row.cells[reading.used++].assign(static_cast<const char*>(bytes), size);
  });
}

void on_row(int, void* data) {
  auto& reading = *static_cast<Reading*>(data);
  reading.guard([&] {
    reading.row.cells.resize(reading.used);
    (*reading.visit)(reading.row);
    reading.used = 0;
  });
}

int is_no_space(unsigned char) { return 0; }  // spaces belong to a cell

struct ParserDeleter {
  void operator()(csv_parser* parser) const {
    csv_free(parser);
    delete parser;
  }
};

}  // namespace

void parse_csv(Bytes file, const std::string& name, char delimiter,
               const std::function<void(const CsvRow&)>& visit) {
  const auto parser = std::unique_ptr<csv_parser, ParserDeleter>(new csv_parser{});
  require(csv_init(parser.get(), CSV_STRICT | CSV_STRICT_FINI) == 0, "libcsv cannot start");
  csv_set_delim(parser.get(), static_cast<unsigned char>(delimiter));
  csv_set_space_func(parser.get(), is_no_space);
  Reading reading;
  reading.visit = &visit;
  const auto check = [&](bool good) {
    if (reading.failure) std::rethrow_exception(reading.failure);
    const int error = csv_error(parser.get());
    if (error == CSV_ENOMEM) throw std::bad_alloc();
    require_user(good, name, ':', reading.line,
                 ": a quote within a cell; a cell that holds quotes is quoted as a whole, ",
                 "with each quote doubled");
  };
  std::size_t position = 0;
  if (file.size() >= 3 && std::memcmp(file.data(), "\xEF\xBB\xBF", 3) == 0) position = 3;
  // Line by line, since libcsv does not tell where it is.
  while (position < file.size()) {
    const auto* start = reinterpret_cast<const char*>(file.data()) + position;
    const auto* end = static_cast<const char*>(std::memchr(start, '\n', file.size() - position));
    const std::size_t size =
        end != nullptr ? static_cast<std::size_t>(end - start) + 1 : file.size() - position;
    constexpr int kRowNotBegun = 0;
    if (parser->pstate == kRowNotBegun) reading.row.line = reading.line;
    check(csv_parse(parser.get(), start, size, on_cell, on_row, &reading) == size);
    position += size;
    ++reading.line;
  }
  const bool finished = csv_fini(parser.get(), on_cell, on_row, &reading) == 0;
  if (reading.failure) std::rethrow_exception(reading.failure);
  require_user(finished, name, ':', reading.row.line, ": a quoted cell of this record has no closing quote");
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char character : text) quoted += character == '"' ? "\"\"" : std::string(1, character);
  return quoted + '"';
}

}  // namespace slipway
