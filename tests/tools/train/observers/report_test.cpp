#include "tools/train/observers/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "tests/support/python.h"
#include "tests/support/temporary_directory.h"
#include "tests/tools/train/observers/sample_run.h"
#include "tools/train/observers/html.h"
#include "tools/train/observers/line_chart.h"
#include "tools/train/observers/metrics_files.h"

namespace slipway {
namespace {

using namespace test;

std::string contents_of(const std::string& path) {
  std::ostringstream contents;
  contents << std::ifstream(path).rdbuf();
  return contents.str();
}

// Parses the page as strictly as XML, which it need not be: every tag is closed, every attribute quoted.
constexpr const char* kReader = R"(
import html.parser, json, re, sys
page = open(sys.argv[1], encoding='utf-8').read()

class Page(html.parser.HTMLParser):
    void = {'meta', 'img', 'br'}
    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], {}
    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.void: self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, (tag, self.getpos())
    def handle_data(self, data):
        if self.open: self.text.setdefault(self.open[-1], []).append(data)

parsed = Page()
parsed.feed(page)
parsed.close()
assert not parsed.open, parsed.open
# Nothing is fetched from anywhere.
for tag, attributes in parsed.tags:
    assert tag not in ('link', 'iframe', 'object', 'embed'), tag
    for name, value in attributes.items():
        assert name not in ('href', 'srcset', 'action') and not name.startswith('on'), (tag, name)
        if name == 'src': assert value.startswith('data:image/png;base64,'), value[:40]
assert not re.search(r'https?:|url\(|@import|fetch\(|XMLHttpRequest|import\(', page)
charts = {attributes['aria-label']: {name: list(zip(points[::2], points[1::2]))
          for name, color, points in json.loads(attributes['data-series'])}
          for tag, attributes in parsed.tags if tag == 'svg'}
words = {tag: [' '.join(each.split()) for each in texts] for tag, texts in parsed.text.items()}
)";

TEST(Report, IsOnePageThatShowsTheRun) {
  TemporaryDirectory directory;
  ReportObserver report(directory / "report.html", directory / "metrics.jsonl");
  RunInfo info = sample_run("runs/digits", 2);
  info.name = "<script>alert('x')</script>";
  report.on_run_start(info);
  StepRecord first = sample_step(1);
  first.samples_per_second = 0;  // not known yet
  report.on_step(first);
  play(report, 1, 10);
  EpochRecord last = sample_epoch(1);
  for (std::int64_t step = 11; step <= 20; ++step) report.on_step(sample_step(step));
  last.mistakes = {{.sample = "a\"b'<i>&.png",
                    .input = Tensor::of<std::uint8_t>({1, 2, 2}, {0, 80, 160, 255}),
                    .target = 1,
                    .predicted = 2,
                    .probability = 0.9876},
                   {.sample = "row 3", .input = Tensor(), .target = 0, .predicted = 1, .probability = 0.5}};
  report.on_epoch_end(last);
  report.on_run_end({.reason = RunEnd::Reason::failed, .step = 20, .seconds = 1, .message = "loss is <nan>"});
  run_python(std::string(kReader) + R"(
assert words['h1'] == ["<script>alert('x')</script>"] and page.count('<script>') == 1
assert words['pre'] == ['seed: 1 model: - linear: 3 # <three> & "classes"']
assert 'failed' in words['span'] and 'loss is <nan>' in words['p']
assert charts['Loss']['training, epoch'] == [(1, 1), (2, 0.5)] and charts['Loss']['validation'] == [(1, 0.5), (2, 0.25)]
steps = charts['Loss']['training, step']
assert len(steps) == 20 and steps[0] == (0.1, 1.90246) and steps[19][0] == 2
assert charts['Validation: accuracy'] == {'accuracy': [(1, 0.9), (2, 0.91)]}
assert charts['Learning rate']['learning rate'][9] == (1, 0.01)
assert charts['Samples per second']['step'][0] == (0.2, 1000) and charts['Samples per second']['epoch'][1] == (2, 1234.5)
assert set(charts) == {'Loss', 'Validation: accuracy', 'Learning rate', 'Gradient norm', 'Samples per second'}
hits = [attributes['title'] for tag, attributes in parsed.tags if 'hit' in attributes.get('class', '')]
assert hits == ['cat taken for cat: 5 of 6, 83.3 %', 'd<o>g taken for d<o>g: 7 of 7, 100.0 %', 'hen taken for hen: 5 of 7, 71.4 %']
cells = words['td']
assert '83.3 %' in cells and '87.5 %' in cells and '71.4 %' in cells  # found, and right when named
assert '1,063' in cells and '[8, 3]' in cells and 'linear, bias' in cells and '96 B' in cells, cells
images = [attributes for tag, attributes in parsed.tags if tag == 'img']
assert len(images) == 1 and images[0]['width'] == '2'
assert 'a"b\'<i>&.png' in words['small'] and 'row 3' in words['small']
assert '98.8 % sure' in words['figcaption'] and 'cpu, 2 threads' in cells
tiles = dict(zip([each for each in words['span'] if each in ('best accuracy', 'training loss', 'epochs')], words['b']))
assert tiles == {'best accuracy': '0.9000', 'training loss': '0.5000', 'epochs': '2 / 2'}, tiles
)",
             {directory / "report.html"});
}

TEST(Report, NeedsNothingButAStart) {
  TemporaryDirectory directory;
  ReportObserver report(directory / "report.html", directory / "metrics.jsonl");
  RunInfo info;
  info.name = "empty";
  report.on_run_start(info);
  report.on_run_end({.reason = RunEnd::Reason::interrupted});
  run_python(std::string(kReader) + "assert charts == {} and 'interrupted' in words['span']",
             {directory / "report.html"});

  EpochRecord strange = sample_epoch(0);
  strange.metrics = {{"loss", NAN}, {"accuracy", INFINITY}};
  strange.train_loss = NAN;
  strange.confusion = {{0, 0}, {0, 0}};
  report.on_run_start(info);
  report.on_epoch_end(strange);
  run_python(
      std::string(kReader) + "assert set(charts) == {'Samples per second'} and 'running' in words['span']",
      {directory / "report.html"});
}

TEST(Report, LeavesOutAMatrixThatNobodyCouldRead) {
  TemporaryDirectory directory;
  for (const std::size_t classes : {30, 41}) {
    ReportObserver report(directory / "report.html", directory / "metrics.jsonl");
    report.on_run_start(sample_run("runs/digits", 2));
    EpochRecord record = sample_epoch(0);
    record.confusion.assign(classes, std::vector<std::int64_t>(classes, 0));
    record.confusion[29][3] = 5;
    record.confusion[29][29] = 15;
    report.on_epoch_end(record);
    run_python(std::string(kReader) + R"(
cells = [attributes for tag, attributes in parsed.tags if tag == 'td' and '--a' in attributes.get('style', '')]
assert len(cells) == (900 if sys.argv[2] == '30' else 0)
assert re.search(r'<b>29</b> taken for <b>3</b> 5&times; \(25.0 %\)', page)
)",
               {directory / "report.html", std::to_string(classes)});
  }
}

TEST(Report, ShowsAResumedRunAsAWhole) {
  TemporaryDirectory directory;
  RunInfo info = sample_run("runs/digits", 3);
  MetricsFilesObserver metrics(directory / "metrics.csv", directory / "metrics.jsonl");
  metrics.on_run_start(info);
  play(metrics, 0, 25);
  info.start_step = 15;
  info.start_epoch = 1;
  ReportObserver report(directory / "report.html", directory / "metrics.jsonl");
  report.on_run_start(info);
  play(report, 15, 20);
  run_python(std::string(kReader) + R"(
assert [x for x, y in charts['Loss']['training, step']] == [step / 10 for step in range(1, 21)]
assert charts['Loss']['training, epoch'] == [(1, 1), (2, 0.5)]
)",
             {directory / "report.html"});
}

TEST(Report, IsWrittenOnceASecondAtMost) {
  TemporaryDirectory directory;
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
  ReportObserver report(directory / "report.html", directory / "metrics.jsonl", [&] { return now; });
  report.on_run_start(sample_run("runs/digits", 9));
  const auto shows_epochs = [&](int epochs) {
    return contents_of(directory / "report.html").find(text("<b>", epochs, " / 9</b>")) != std::string::npos;
  };
  report.on_epoch_end(sample_epoch(0));
  EXPECT_TRUE(shows_epochs(1));
  now += std::chrono::milliseconds(999);
  report.on_epoch_end(sample_epoch(1));
  EXPECT_TRUE(shows_epochs(1));
  now += std::chrono::milliseconds(1);
  report.on_epoch_end(sample_epoch(2));
  EXPECT_TRUE(shows_epochs(3));
  report.on_epoch_end(sample_epoch(3));
  report.on_run_end({});
  EXPECT_TRUE(shows_epochs(4));
}

TEST(LineChart, PlacesPointsOnItsAxes) {
  // The plot spans x from 52 to 548 and y from 222 up to 10.
  LineChart chart{.title = "t", .series = {{.name = "a", .points = {{0, 0}, {5, 50}, {10, 100}}}}};
  EXPECT_NE(chart.html().find("d=\"M52.0 222.0L300.0 116.0L548.0 10.0\""), std::string::npos) << chart.html();
  EXPECT_NE(chart.html().find(">100</text>"), std::string::npos);
  chart.last_x = 20;
  EXPECT_NE(chart.html().find("d=\"M52.0 222.0L176.0 116.0L300.0 10.0\""), std::string::npos) << chart.html();
  // What is not finite interrupts the line; a constant has an axis around it.
  chart.series = {{.name = "a", .points = {{0, 1}, {10, NAN}, {20, 1}}}};
  EXPECT_NE(chart.html().find("d=\"M52.0 116.0M548.0 116.0\""), std::string::npos) << chart.html();
  chart.scale = LineChart::Scale::logarithmic_if_wide;
  chart.series = {{.name = "a", .points = {{0, 1000}, {10, 1}, {20, 31.6227766}}}};
  EXPECT_NE(chart.html().find("d=\"M52.0 10.0L300.0 222.0L548.0 116.0\""), std::string::npos) << chart.html();
  chart.series = {};
  EXPECT_FALSE(chart.has_points());
}

TEST(LineChart, ThinsToMeans) {
  std::vector<LineChart::Point> points;
  for (int i = 0; i < 1000; ++i) points.push_back({double(i), i == 500 ? NAN : 2.0 * i});
  EXPECT_EQ(thinned(points, 1000).size(), 1000u);
  const auto few = thinned(points, 10);
  ASSERT_EQ(few.size(), 10u);
  EXPECT_EQ(few[0].x, 49.5);
  EXPECT_EQ(few[9].y, 2 * 949.5);
  EXPECT_EQ(few[5].y, 2 * few[5].x);
}

TEST(Html, EscapesTextAndMendsUtf8) {
  EXPECT_EQ(html_text("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(html_text("häfen ☃ \xf0\x9f\x9a\xa2"), "häfen ☃ \xf0\x9f\x9a\xa2");
  EXPECT_EQ(html_text("a\xff"
                      "b\xc3"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
  EXPECT_EQ(html_text("\xc0\xbc"), "\xef\xbf\xbd\xef\xbf\xbd");  // '<' the long way
}

TEST(Html, EncodesBase64) {
  // RFC 4648, section 10.
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, expected] : vectors) EXPECT_EQ(base64(bytes), expected);
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

}  // namespace
}  // namespace slipway
