#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "data/array_dataset.h"
#include "data/formats/csv_table.h"

namespace slipway {
namespace {

/// Where a list of labels has each of them.
std::map<std::string, std::int64_t, std::less<>> positions(const std::vector<std::string>& labels) {
  std::map<std::string, std::int64_t, std::less<>> positions;
  for (const std::string& label : labels)
    positions.emplace(label, static_cast<std::int64_t>(positions.size()));
  return positions;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Csv : public ArrayDataset {
 public:
  std::string path, delimiter = ",", task = "auto";
  std::vector<std::string> header, target, use, ignore, categorical, labels;
  std::vector<std::string> missing = {"NA", "N/A", "NaN", "nan", "null", "NULL", "?"};
  std::int64_t skip_rows = 0, max_categories = 256;

  void fields(FieldVisitor& visit) override {
    visit.field("path", path, {.help = "CSV file, plain or gzip", .required = true, .positional = true});
    visit.field("target", target,
                {.help = "column to predict, or several numeric ones; left out: the last column"});
    visit.field("task", task,
                {.help = "auto: classification if the target is text or at most 20 different whole numbers",
                 .choices = {"auto", "classification", "regression"}});
    visit.field(
        "labels", labels,
        {.help =
             "classes in their order: the target's texts, or names of its numbers 0, 1, ...; left out: its "
             "different values, sorted"});
    visit.field("use", use, {.help = "columns that are inputs; left out: all but the target"});
    visit.field("ignore", ignore, {.help = "columns that are no inputs"});
    visit.field("categorical", categorical, {.help = "columns of numbers that stand for categories"});
    visit.field(
        "header", header,
        {.help =
             "names of the columns; left out: in the first record; none: column_1, column_2, ...; sklearn: "
             "the first record is as in scikit-learn's files"});
    visit.field("skip_rows", skip_rows, {.help = "records to skip at the start", .min = 0});
    visit.field("delimiter", delimiter, {.help = "one character, or tab"});
    visit.field("missing", missing,
                {.help = "texts that stand for a missing value, as an empty cell always does"});
    visit.field("max_categories", max_categories,
                {.help = "a text column of more different values is a mistake", .min = 2, .max = 4096});
  }

  void check(ConfigErrors& errors) const override {
    if (delimiter.size() != 1 && delimiter != "tab") {
      errors.add(where, text("csv: delimiter '", delimiter, "', expected one character or tab"));
    }
    if (!use.empty() && !ignore.empty())
      errors.add(where, "csv: has both use and ignore, expected one of them");
  }

  void open(const std::string& base_directory) override {
    const std::string file = resolve_path(base_directory, path);
    CsvTableOptions options{.name = file,
                            .delimiter = delimiter == "tab" ? '\t' : delimiter[0],
                            .skip_rows = skip_rows,
                            .header = header,
                            .missing = missing};
    if (inputs_only_) {
      for (const Column& column : expected()->inputs.at(0).columns)
        options.recognized_header.push_back(column.name);
    }
    const CsvTable table(read_file(file), std::move(options));
    Plan plan;
    plan.targets = choose_targets(table);
    plan.inputs = choose_inputs(table, plan.targets);
    for (const std::size_t i : plan.inputs) plan.columns.push_back(describe_input(table, i));
    if (!plan.targets.empty()) plan.target = describe_target(table, plan.targets);
    fill(table, plan);
  }

  std::shared_ptr<Dataset> inputs_from(const std::string& file) const override {
    const auto rows = std::make_shared<Csv>(*this);
    rows->path = file;
    rows->inputs_only_ = true;
    return rows;
  }

  std::string describe(std::int64_t index) const override {
    return text(path, ':', lines_.at(static_cast<std::size_t>(index)));
  }

 private:
  struct Plan {
    std::vector<std::size_t> inputs, targets;  // indices of columns
    std::vector<Column> columns;               // of the inputs
    Feature target;
  };

  std::vector<std::size_t> choose_targets(const CsvTable& table) const {
    std::vector<std::string> names = target;
    if (names.empty()) names.push_back(table.columns().back().name);
    std::vector<std::size_t> targets;
    if (inputs_only_) return targets;
    for (const std::string& name : names) {
      // Data to predict from need no target.
      if (expected() != nullptr && !table.contains(name)) return {};
      targets.push_back(table.find(name));
    }
    if (expected() != nullptr && target.empty() && is_input_of(*expected(), names[0])) return {};
    return targets;
  }

  static bool is_input_of(const Schema& schema, const std::string& name) {
    const auto& columns = schema.inputs.at(0).columns;
    return std::any_of(columns.begin(), columns.end(),
                       [&](const Column& column) { return column.name == name; });
  }

  std::vector<std::size_t> choose_inputs(const CsvTable& table,
                                         const std::vector<std::size_t>& targets) const {
    std::vector<std::size_t> inputs;
    if (expected() != nullptr) {
      for (const Column& column : expected()->inputs.at(0).columns) inputs.push_back(table.find(column.name));
      return inputs;
    }
    for (const auto* names : {&use, &ignore, &categorical}) {
      for (const std::string& name : *names) table.find(name);
    }
    for (std::size_t i = 0; i < table.columns().size(); ++i) {
      const std::string& name = table.columns()[i].name;
      const bool is_target = std::find(targets.begin(), targets.end(), i) != targets.end();
      require_user(!is_target || !has(use, name), table.name(), ": column '", name,
                   "' is a target and an input");
      if (!is_target && (use.empty() || has(use, name)) && !has(ignore, name)) inputs.push_back(i);
    }
    require_user(!inputs.empty(), table.name(), ": no column is left for the input");
    return inputs;
  }

  Column describe_input(const CsvTable& table, std::size_t i) const {
    const CsvColumn& column = table.columns()[i];
    if (expected() != nullptr) {
      for (const Column& known : expected()->inputs[0].columns) {
        if (known.name == column.name) return known;
      }
    }
    require_user(column.missing < table.rows(), table.name(), ": column '", column.name,
                 "' has no values; name it in `ignore`");
    if (column.numeric && !has(categorical, column.name)) return {.name = column.name};
    require_user(
        !column.too_many_values && static_cast<std::int64_t>(column.values.size()) <= max_categories,
        table.name(), column.numeric ? "" : text(':', column.text_line), ": column '", column.name, "' has ",
        column.numeric ? "" : text("the text '", column.text, "' and "), "more than ", max_categories,
        " different values, too many for categories; mend the text, name the column in `ignore` or raise "
        "max_categories");
    return {.name = column.name, .kind = Column::Kind::categorical, .labels = column.sorted_values()};
  }

  Feature describe_target(const CsvTable& table, const std::vector<std::size_t>& targets) const {
    constexpr std::size_t kMostWholeClasses = 20;
    if (expected() != nullptr) return expected()->targets.at(0);
    const CsvColumn& column = table.columns()[targets[0]];
    const std::vector<std::string>& names = labels.empty() ? table.classes() : labels;
    const bool looks_like_classes = !column.numeric || (column.whole && !column.too_many_values &&
                                                        column.values.size() <= kMostWholeClasses);
    const bool classify = task == "classification" ||
                          (task == "auto" && targets.size() == 1 && (looks_like_classes || !names.empty()));
    if (!classify) {
      Feature feature{.name = targets.size() == 1 ? column.name : "targets",
                      .dtype = DType::float32,
                      .shape = {static_cast<std::int64_t>(targets.size())}};
      for (const std::size_t i : targets) feature.columns.push_back({.name = table.columns()[i].name});
      return feature;
    }
    require_user(targets.size() == 1, table.name(), ": a classification has one target, got ",
                 targets.size());
    require_user(!column.too_many_values, table.name(), ": target '", column.name, "' has more than ",
                 CsvColumn::kMostValues, " different values, too many for classes");
    require_user(column.missing < table.rows(), table.name(), ": target '", column.name, "' has no values");
    return {.name = column.name,
            .kind = Feature::Kind::label,
            .dtype = DType::int64,
            .shape = {},
            .labels = names.empty() ? column.sorted_values() : names};
  }

  /// The classes that the target's cells name: the labels themselves, or their numbers.
  static std::map<std::string, std::int64_t, std::less<>> class_positions(const CsvTable& table,
                                                                          const Plan& plan) {
    const CsvColumn& column = table.columns()[plan.targets[0]];
    const auto by_name = positions(plan.target.labels);
    const bool named = std::any_of(column.values.begin(), column.values.end(),
                                   [&](const std::string& value) { return by_name.count(value) > 0; });
    if (named || !column.whole) return by_name;
    return positions(numbered_labels(static_cast<std::int64_t>(plan.target.labels.size())));
  }

  using Positions = std::map<std::string, std::int64_t, std::less<>>;

  void fill(const CsvTable& table, const Plan& plan) {
    const std::size_t width = plan.inputs.size(), targets = plan.targets.size();
    const bool classify = targets > 0 && plan.target.kind == Feature::Kind::label;
    const Tensor inputs(DType::float32, {table.rows(), static_cast<std::int64_t>(width)});
    const Tensor values(DType::float32, {table.rows(), static_cast<std::int64_t>(targets)});
    const Tensor classes(DType::int64, {table.rows()});
    std::vector<Positions> categories;
    for (const Column& column : plan.columns) categories.push_back(positions(column.labels));
    const Positions class_of = classify ? class_positions(table, plan) : Positions();
    lines_.clear();
    table.visit([&](std::int64_t row, std::int64_t line, std::span<const std::string_view> record) {
      lines_.push_back(line);
      const auto cell = [&](std::size_t column) { return Cell{table, line, column, record[column]}; };
      const auto at = static_cast<std::size_t>(row);
      for (std::size_t k = 0; k < width; ++k) {
        const Cell source = cell(plan.inputs[k]);
        const bool numeric = plan.columns[k].kind == Column::Kind::numeric;
        inputs.as<float>()[at * width + k] = source.is_missing() ? NAN
                                             : numeric           ? static_cast<float>(source.number())
                                                       : static_cast<float>(source.position(categories[k]));
      }
      for (std::size_t k = 0; k < targets; ++k) {
        const Cell source = cell(plan.targets[k]);
        if (source.is_missing()) source.fail("a target, which cannot be missing");
        if (classify) {
          classes.as<std::int64_t>()[at] = source.position(class_of);
        } else {
          values.as<float>()[at * targets + k] = static_cast<float>(source.number());
        }
      }
    });
    const Feature input{.name = "columns",
                        .kind = Feature::Kind::table,
                        .dtype = DType::float32,
                        .shape = {static_cast<std::int64_t>(width)},
                        .columns = plan.columns};
    if (targets == 0) return set({.inputs = {input}, .targets = {}}, {inputs});
    set({.inputs = {input}, .targets = {plan.target}}, {inputs, classify ? classes : values});
  }

  struct Cell {
    const CsvTable& table;
    std::int64_t line;
    std::size_t column;
    std::string_view content;

    bool is_missing() const { return table.is_missing(content); }
    double number() const {
      const auto number = parse_number(content);
      if (!number) fail("a number");
      return *number;
    }
    std::int64_t position(const Positions& known) const {
      const auto found = known.find(canonical(content));
      if (found == known.end()) {
        std::string list;
        for (const auto& [name, position] : known) list += (list.empty() ? "" : ", ") + name;
        constexpr std::size_t kLongest = 200;
        if (list.size() > kLongest) list = list.substr(0, kLongest) + "...";
        fail("one of " + list);
      }
      return found->second;
    }
    [[noreturn]] void fail(const std::string& expectation) const {
      throw UserError(text(table.name(), ':', line, ": column '", table.columns()[column].name, "' holds '",
                           content, "', expected ", expectation));
    }
  };

  bool inputs_only_ = false;         // to predict from: no targets, and the first record may name the columns
  std::vector<std::int64_t> lines_;  // on which the records start
};

const Register<Dataset, Csv> registered(
    "csv", "a table of comma-separated values: numbers, categories, missing values");

}  // namespace
}  // namespace slipway
