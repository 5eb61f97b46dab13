#include <cmath>

#include "data/formats/csv.h"
#include "data/pipeline.h"
#include "tests/data/support.h"
#include "tests/support/paths.h"

namespace slipway {
namespace {

using test::open_dataset;
using test::user_error;
using Rows = std::vector<std::pair<std::int64_t, std::vector<std::string>>>;

Rows rows_of(const std::string& bytes, char delimiter = ',') {
  Rows rows;
  parse_csv(std::as_bytes(std::span(bytes.data(), bytes.size())), "file.csv", delimiter,
            [&](const CsvRow& row) { rows.emplace_back(row.line, row.cells); });
  return rows;
}

TEST(CsvFormat, FollowsRfc4180) {
  EXPECT_EQ(rows_of("a,b\r\nc,d\r\n"), (Rows{{1, {"a", "b"}}, {2, {"c", "d"}}}));
  EXPECT_EQ(rows_of("a,b\nc,d"), (Rows{{1, {"a", "b"}}, {2, {"c", "d"}}}));
  EXPECT_EQ(rows_of("a,,\n\"\",\" \", x \n"), (Rows{{1, {"a", "", ""}}, {2, {"", " ", " x "}}}));
  EXPECT_EQ(rows_of("\"a,b\",\"say \"\"hi\"\"\"\n"), (Rows{{1, {"a,b", "say \"hi\""}}}));
  EXPECT_EQ(rows_of("\"one\r\ntwo\n\nfour\",x\ny,\"z\"\n\nlast,\n"),
            (Rows{{1, {"one\r\ntwo\n\nfour", "x"}}, {5, {"y", "z"}}, {7, {"last", ""}}}));
  EXPECT_EQ(rows_of("\xEF\xBB\xBF"
                    "a;b,c",
                    ';'),
            (Rows{{1, {"a", "b,c"}}}));
  EXPECT_EQ(rows_of(""), Rows{});
  EXPECT_EQ(rows_of(std::string("a\0b,c", 5)), (Rows{{1, {std::string("a\0b", 3), "c"}}}));
}

TEST(CsvFormat, NamesTheLineOfAMistake) {
  test::expect_parts(user_error([] { rows_of("a,b\n\nc\"d,e\n"); }), {"file.csv:3: a quote within a cell"});
  test::expect_parts(user_error([] { rows_of("a,\"b\"x\n"); }), {"file.csv:1: a quote within a cell"});
  test::expect_parts(user_error([] { rows_of("a\nb\n\"c\nd\n"); }), {"file.csv:3: ", "no closing quote"});
}

struct Directory {
  test::TemporaryDirectory files;
  std::shared_ptr<Dataset> open(const std::string& contents, const std::string& fields = "") const {
    files.write("t.csv", contents);
    return open_dataset("csv: {path: t.csv" + (fields.empty() ? "" : ", " + fields) + "}", files.path());
  }
  std::string error(const std::string& contents, const std::string& fields = "") const {
    return user_error([&] { open(contents, fields); });
  }
};

std::vector<float> inputs(const Dataset& dataset, std::int64_t index) {
  Sample sample;
  dataset.read(index, sample);
  return test::values<float>(sample[0]);
}

TEST(CsvDataset, InfersTypesOverTheWholeFile) {
  const Directory directory;
  const auto dataset = directory.open(
      "age,town,score,class\n1, Rome ,0.5,yes\n2,?,-1e3,no\n,Bern,+7,yes\nNA,\"Rome\",2,yes\n");
  const Schema schema = dataset->schema();
  const Feature& table = schema.inputs[0];
  EXPECT_EQ(table.kind, Feature::Kind::table);
  EXPECT_EQ(table.shape, (Shape{3}));
  EXPECT_EQ(table.columns[0], (Column{.name = "age"}));
  EXPECT_EQ(table.columns[1],
            (Column{.name = "town", .kind = Column::Kind::categorical, .labels = {"Bern", "Rome"}}));
  EXPECT_EQ(table.columns[2].kind, Column::Kind::numeric);
  EXPECT_EQ(schema.targets[0].name, "class");
  EXPECT_EQ(schema.targets[0].labels, (std::vector<std::string>{"no", "yes"}));
  EXPECT_EQ(inputs(*dataset, 0), (std::vector<float>{1, 1, 0.5}));
  const auto second = inputs(*dataset, 1), third = inputs(*dataset, 2);
  EXPECT_TRUE(std::isnan(second[1]));
  EXPECT_EQ(second[2], -1000);
  EXPECT_TRUE(std::isnan(third[0]));
  EXPECT_EQ(third[2], 7);
  EXPECT_EQ(dataset->label(1), 0);
  EXPECT_EQ(dataset->label(3), 1);
}

TEST(CsvDataset, SelectsColumns) {
  const Directory directory;
  const std::string file = "id,a,b,c\n7,1,2,x\n8,3,4,y\n";
  EXPECT_EQ(inputs(*directory.open(file, "ignore: id"), 1), (std::vector<float>{3, 4}));
  EXPECT_EQ(inputs(*directory.open(file, "use: b"), 1), (std::vector<float>{4}));
  const auto coded = directory.open(file, "target: a, use: [id, c], categorical: id");
  EXPECT_EQ(coded->schema().inputs[0].columns[0].labels, (std::vector<std::string>{"7", "8"}));
  EXPECT_EQ(inputs(*coded, 1), (std::vector<float>{1, 1}));
  // Codes are ordered as numbers, and 01 is 1.
  const auto codes = directory.open("k,y\n10,a\n9,b\n09,a\n", "categorical: k");
  EXPECT_EQ(codes->schema().inputs[0].columns[0].labels, (std::vector<std::string>{"9", "10"}));
  EXPECT_EQ(inputs(*codes, 2), (std::vector<float>{0}));
}

TEST(CsvDataset, TellsClassificationFromRegression) {
  const Directory directory;
  const auto kind = [&](const std::string& file, const std::string& fields = "") {
    return directory.open(file, fields)->schema().targets[0].kind;
  };
  const std::string whole = "x,y\n1,3\n2,1\n3,3\n";
  EXPECT_EQ(kind(whole), Feature::Kind::label);
  EXPECT_EQ(directory.open(whole)->schema().targets[0].labels, (std::vector<std::string>{"1", "3"}));
  EXPECT_EQ(kind(whole, "task: regression"), Feature::Kind::tensor);
  EXPECT_EQ(kind("x,y\n1,3.5\n2,1\n"), Feature::Kind::tensor);
  EXPECT_EQ(kind("x,y\n1,3.5\n2,1\n", "task: classification"), Feature::Kind::label);
  std::string many = "x,y\n";
  for (int i = 0; i < 21; ++i) many += text(i, ',', i, '\n');
  EXPECT_EQ(kind(many), Feature::Kind::tensor);
  const auto two = directory.open("x,y,z\n1,2,3\n4,5,6\n", "target: [z, x]");
  ASSERT_EQ(two->schema().targets[0].shape, (Shape{2}));
  Sample sample;
  two->read(1, sample);
  EXPECT_EQ(test::values<float>(sample[1]), (std::vector<float>{6, 4}));
}

TEST(CsvDataset, NamesOrOrdersClassesByLabels) {
  const Directory directory;
  const auto numbered = directory.open("x,y\n1,2\n2,0\n", "labels: [a, b, c]");
  EXPECT_EQ(numbered->schema().targets[0].labels, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(numbered->label(0), 2);
  const auto named = directory.open("x,y\n1,low\n2,high\n", "labels: [low, high]");
  EXPECT_EQ(named->label(1), 1);
  const auto renumbered = directory.open("x,y\n1,2\n2,1\n", "labels: ['2', '1']");
  EXPECT_EQ(renumbered->label(0), 0);
  test::expect_parts(directory.error("x,y\n1,2\n2,3\n", "labels: [a, b, c]"),
                     {"t.csv:3: column 'y' holds '3', expected one of 0, 1, 2"});
  test::expect_parts(directory.error("x,y\n1,low\n2,lwo\n", "labels: [low, high]"),
                     {"t.csv:3: column 'y' holds 'lwo', expected one of high, low"});
}

TEST(CsvDataset, TakesEveryHeader) {
  const Directory directory;
  const auto none = directory.open("1;2;a\n3;4;b\n", "header: none, delimiter: ';'");
  EXPECT_EQ(none->size(), 2);
  EXPECT_EQ(none->schema().inputs[0].columns[1].name, "column_2");
  EXPECT_EQ(none->schema().targets[0].name, "column_3");
  const auto given = directory.open("1\t2\n3\t4\n", "header: [p, q], delimiter: tab, task: regression");
  EXPECT_EQ(given->schema().targets[0].name, "q");
  const auto skipped = directory.open("a title,\nanother,\np,q\n1,2\n", "skip_rows: 2");
  EXPECT_EQ(skipped->schema().inputs[0].columns[0].name, "p");
  test::expect_parts(directory.error("a,b\n1,2\n", "header: [a, b, c]"), {"t.csv:1: 2 cells, expected 3"});
  test::expect_parts(directory.error("a,a\n1,2\n"), {"two columns are called 'a'"});
  test::expect_parts(directory.error("a,\n1,2\n"), {"column 2 of 2 has no name"});
  test::expect_parts(directory.error("3,1,yes,no\n1,0\n2,1\n", "header: sklearn"),
                     {"promises 3 records, the file has 2"});
  test::expect_parts(directory.error("a,b\n1,0\n", "header: sklearn"),
                     {"t.csv:1: expected scikit-learn's header"});
}

TEST(CsvDataset, NamesFileLineAndColumnOfAMistake) {
  const Directory directory;
  test::expect_parts(directory.error("a,b\n1,x\n2\n"), {"t.csv:3: 1 cells, expected 2"});
  test::expect_parts(directory.error("a,b\n\"1\n\",x\n2,y,z\n"), {"t.csv:4: 3 cells, expected 2"});
  test::expect_parts(directory.error("a,b\n1,x\n2,\n"), {"t.csv:3: column 'b' holds '', expected a target"});
  test::expect_parts(directory.error("a,b\n"), {"has no records besides its header"});
  test::expect_parts(directory.error(""), {"has no records"});
  test::expect_parts(directory.error("a,b\n,x\n?,y\n"), {"column 'a' has no values; name it in `ignore`"});
  test::expect_parts(directory.error("a,b\n1,x\n", "target: c"), {"unknown column 'c'", "a, b"});
  test::expect_parts(directory.error("a,b\n1,x\n", "use: [aa]"), {"unknown column 'aa', did you mean 'a'?"});
  test::expect_parts(directory.error("a,b\n1,x\n", "use: [b]"), {"column 'b' is a target and an input"});
  test::expect_parts(directory.error("a,b\n1,x\n", "ignore: [a]"), {"no column is left"});
  test::expect_parts(directory.error("a,b\n1,x\n", "task: regression"),
                     {"t.csv:2: column 'b' holds 'x', expected a number"});
  test::expect_parts(directory.error("a,b\n1,x\n", "delimiter: ab"),
                     {"delimiter 'ab', expected one character or tab"});
  std::string text_in_numbers = "a,b\n";
  for (int i = 0; i < 400; ++i) text_in_numbers += text(i == 300 ? "30O" : text(i), ",x\n");
  test::expect_parts(directory.error(text_in_numbers),
                     {"t.csv:302: column 'a' has the text '30O' and more than 256 different values"});
}

TEST(CsvDataset, FollowsTheCategoriesOfTraining) {
  const Directory directory;
  const auto train = directory.open("town,size,y\nRome,1,no\nBern,2,yes\nOslo,3,no\n");
  const auto like = [&](const std::string& contents) {
    directory.files.write("other.csv", contents);
    const Slot<Dataset> other = test::make<Dataset>("csv: {path: other.csv, target: y}");
    other->open_like(directory.files.path(), train->schema());
    return other;
  };
  // Only some categories, whole sizes, columns in another order.
  const auto other = like("y,extra,size,town\nyes,0,5,Rome\nyes,0,?,Oslo\n");
  EXPECT_EQ(inputs(*other, 0), (std::vector<float>{2, 5}));
  EXPECT_EQ(inputs(*other, 1)[0], 1);
  EXPECT_EQ(other->label(0), 1);
  EXPECT_EQ(like("size,town\n5,Rome\n")->schema().targets.size(), 0u);
  test::expect_parts(user_error([&] { like("town,size,y\nParis,1,no\n"); }),
                     {"other.csv:2: column 'town' holds 'Paris', expected one of Bern, Oslo, Rome"});
  test::expect_parts(user_error([&] { like("town,size,y\nRome,big,no\n"); }),
                     {"holds 'big', expected a number"});
  test::expect_parts(user_error([&] { like("town,size,y\nRome,1,maybe\n"); }),
                     {"holds 'maybe', expected one of no, yes"});
  test::expect_parts(user_error([&] { like("town,y\nRome,no\n"); }), {"unknown column 'size'"});
}

// Facts of Fisher's data: fifty of each kind, mean sepal length 5.843.
TEST(CsvDataset, ReadsTheRealIrises) {
  const auto iris =
      open_dataset("csv: {path: .cache/data/iris.csv, header: sklearn}", test::source_path("."));
  ASSERT_EQ(iris->size(), 150);
  EXPECT_EQ(iris->schema().targets[0].labels,
            (std::vector<std::string>{"setosa", "versicolor", "virginica"}));
  std::vector<int> counts(3);
  double sum = 0;
  for (std::int64_t i = 0; i < 150; ++i) {
    ++counts[static_cast<std::size_t>(iris->label(i))];
    sum += inputs(*iris, i)[0];
  }
  EXPECT_EQ(counts, (std::vector<int>{50, 50, 50}));
  EXPECT_NEAR(sum / 150, 5.843333, 1e-5);
  const auto cancer =
      open_dataset("csv: {path: .cache/data/breast_cancer.csv, header: sklearn}", test::source_path("."));
  EXPECT_EQ(cancer->size(), 569);
  EXPECT_EQ(cancer->schema().inputs[0].shape, (Shape{30}));
}

TEST(CsvDataset, OpensWhatTheConfigurationsName) {
  for (const std::string name : {"iris", "breast_cancer"}) {
    const auto config = ConfigNode::load(test::source_path("configs/" + name + "_mlp.yaml"));
    ConfigErrors errors;
    Slot<Dataset> dataset;
    read_slot(*config.find("data")->find("train"), dataset, errors);
    errors.throw_if_any();
    dataset->open(test::source_path("configs"));
    const bool iris = name == "iris";
    EXPECT_EQ(dataset->size(), iris ? 150 : 569);
    const Schema schema = dataset->schema();
    EXPECT_EQ(schema.inputs[0].shape, (Shape{iris ? 4 : 30}));
    EXPECT_EQ(schema.targets[0].labels.front(), iris ? "setosa" : "malignant");
    std::vector<std::int64_t> counts(schema.targets[0].labels.size());
    for (std::int64_t i = 0; i < dataset->size(); ++i) ++counts[static_cast<std::size_t>(dataset->label(i))];
    // The data sets' own descriptions: 212 malignant, 357 benign.
    EXPECT_EQ(counts, (iris ? std::vector<std::int64_t>{50, 50, 50} : std::vector<std::int64_t>{212, 357}));
  }
}

}  // namespace
}  // namespace slipway
