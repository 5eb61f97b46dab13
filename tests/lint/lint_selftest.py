#!/usr/bin/env python3
"""Every lint speaks up about a tree that breaks its rule, and is silent about one that does not."""

import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lint  # noqa: E402


class LintTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        self.write("core/base/shape.h", "#pragma once\n\nint rank();\n")

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def found(self, check):
        return list(lint.CHECKS[check](self.root, lint.listed_files(self.root)))

    def assert_finds(self, check, *starts):
        found = self.found(check)
        self.assertEqual(len(found), len(starts), found)
        for line, start in zip(found, starts):
            self.assertTrue(line.startswith(start), line)

    def test_sound_tree_passes(self):
        self.write("layers/linear.cpp", '#include "core/base/shape.h"\n\nint width() { return rank(); }\n')
        for check in lint.CHECKS:
            if check != "format":
                self.assert_finds(check)

    def test_tree(self):
        self.write("scripts/run.sh", "true\n")
        self.assert_finds("tree", "scripts:1:")

    def test_ignores_what_is_not_ours(self):
        self.write("tools/web/verify/node_modules/zip/zip.js", "\n" * 500)
        self.write("build/generated.cpp", "\n" * 500)
        self.assert_finds("sizes")

    def test_includes(self):
        self.write("layers/linear.h", "#pragma once\n")
        self.write("core/base/a.cpp", '#include "layers/linear.h"\n')
        self.write("core/base/b.cpp", '#include "shape.h"\n')
        self.write("core/base/c.cpp", '#include "core/base/missing.h"\n')
        self.write("tools/slipway/d.cpp", '#include <vector>\n#include "tests/support/e.h"\n')
        self.assert_finds("includes", "core/base/a.cpp:1:", "core/base/b.cpp:1:", "core/base/c.cpp:1:",
                          "tools/slipway/d.cpp:2:")

    def test_sizes(self):
        body = "  step();\n"
        self.write("core/a.cpp", "int a() {\n" + body * 79 + "}\n")
        self.write("core/b.cpp", "int before() { return 1; }\n\nint b(int x,\n      int y) {\n" + body * 78 + "}\n")
        self.write("core/c.cpp", "class C {\n" + body * 100 + "};\n\nnamespace n {\n\nint c() {\n" + body * 78 + "}\n\n}\n")
        self.write("core/d.cpp", "\n" * 401)
        self.write("core/e.cpp", "\n" * 400)
        self.assert_finds("sizes", "core/a.cpp:1:", "core/b.cpp:3:", "core/d.cpp:401:")

    def test_words(self):
        self.write("docs/a.md", "see /wo" + "rk/x\nsee https://example.com/wo" + "rk/x\n")
        self.write("tools/web/package-lock.json", '{\n"resolved": "x"\n}\n')
        self.assert_finds("words", "docs/a.md:1:", "tools/web/package-lock.json:2:")

    def test_text(self):
        self.write("docs/a.md", "no line break")
        self.write("docs/b.md", "two\n\n")
        self.write("docs/c.md", "blank \n")
        self.assert_finds("text", "docs/a.md:1:", "docs/b.md:3:", "docs/c.md:1:")

    if "CLANG_FORMAT" in os.environ:  # set where the formatter is the one that the lint asks
        def test_format(self):
            self.write(".clang-format", "BasedOnStyle: Google\n")
            self.write("core/a.cpp", "int   a( ) ;\n")
            found = list(lint.check_format(self.root, lint.listed_files(self.root), os.environ["CLANG_FORMAT"]))
            self.assertEqual(len(found), 1, found)
            self.assertTrue(found[0].startswith("core/a.cpp:1:"), found)


if __name__ == "__main__":
    unittest.main()
