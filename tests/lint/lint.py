#!/usr/bin/env python3
"""Checks the tree's own rules: python3 tests/lint/lint.py CHECK [--root DIR]

Each check prints FILE:LINE: what is wrong, and exits with 1 if there is anything to say.
"""

import argparse
import os
import re
import subprocess
import sys

SOURCE = (".cpp", ".h", ".cu", ".cuh")
CODE = SOURCE + (".py", ".sh", ".js", ".mjs", ".ts", ".cmake")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 80
TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "core", "layers", "optim", "kernels", "data", "tools",
             "tests", "configs", "docs"}
# Who may include whom: a directory, and the directories that its files may name.
INCLUDES = {
    "core": {"core"},
    "kernels": {"core", "kernels"},
    "layers": {"core", "kernels", "layers"},
    "optim": {"core", "kernels", "optim"},
    "data": {"core", "data"},
    "tools": {"core", "kernels", "layers", "optim", "data", "tools"},
    "tests": {"core", "kernels", "layers", "optim", "data", "tools", "tests"},
}
IGNORED = re.compile(r"build.*|runs|\.cache|\.git|node_modules|__pycache__")  # as .gitignore has it
# Written with a gap so that this file does not contain what it forbids.
FORBIDDEN = [re.compile(word.replace("~", "")) for word in (
    r"(^|[^\w.$}])/wo~rk/", r"/tmp/te~am", r"registry\.np~mjs", r"deb\.deb~ian\.org", r"archive\.ubu~ntu", r"pypi\.o~rg")]


def listed_files(root):
    """The files that are, or would be, under version control; all of them where there is no git."""
    try:
        out = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             check=True, capture_output=True).stdout
        names = [os.fsdecode(name) for name in out.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for where, directories, inside in os.walk(root):
            directories[:] = [name for name in directories if not IGNORED.fullmatch(name)]
            names += [os.path.relpath(os.path.join(where, name), root) for name in inside]
    return sorted(name for name in set(names) if os.path.isfile(os.path.join(root, name)))


def lines_of(root, name):
    with open(os.path.join(root, name), encoding="utf-8", errors="replace") as file:
        return file.read().split("\n")


def check_tree(root, names):
    """The top level holds the directories and files of the design, and dot-files."""
    for top in sorted({name.split("/")[0] for name in names}):
        if top not in TOP_LEVEL and not top.startswith("."):
            yield f"{top}:1: is not one of the top level's entries ({', '.join(sorted(TOP_LEVEL))}, dot-files)"


def check_includes(root, names):
    """Includes are written from the root, name files that exist, and follow the direction of the layers."""
    for name in names:
        directory = name.split("/")[0]
        if not name.endswith(SOURCE) or directory not in INCLUDES:
            continue
        for number, line in enumerate(lines_of(root, name), 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if not match:
                continue
            target = match.group(1)
            if target.split("/")[0] not in INCLUDES[directory]:
                allowed = ", ".join(sorted(INCLUDES[directory]))
                yield f'{name}:{number}: includes "{target}"; {directory}/ may include from {allowed}, from the root'
            elif target not in names:
                yield f'{name}:{number}: includes "{target}", which does not exist'


def functions(lines):
    """(first line, line count) of each function that starts in the first column, as clang-format lays them out."""
    start, previous = None, ""
    for number, line in enumerate(lines, 1):
        if re.match(r"[A-Za-z_\[]", line) and (previous == "" or previous[-1] in "};" or not previous[0].isalpha()):
            start = number
        if line.rstrip() == "}" and start is not None:
            head = " ".join(lines[start - 1:number])[:400]
            if not re.match(r"(template <[^{]*> *)?(namespace|class|struct|enum|union|extern)\b", head):
                yield start, number - start + 1
            start = None
        previous = line


def check_sizes(root, names):
    """One concept a file: files of at most 400 lines, functions of at most 80."""
    for name in names:
        if not name.endswith(CODE):
            continue
        lines = lines_of(root, name)
        if len(lines) - 1 > MAX_FILE_LINES:
            yield f"{name}:{len(lines) - 1}: has {len(lines) - 1} lines, at most {MAX_FILE_LINES}"
        if name.endswith(SOURCE):
            for start, length in functions(lines):
                if length > MAX_FUNCTION_LINES:
                    yield f"{name}:{start}: a function of {length} lines, at most {MAX_FUNCTION_LINES}"


def check_words(root, names):
    """No path of one machine, no download host; lock files record no download address."""
    for name in names:
        for number, line in enumerate(lines_of(root, name), 1):
            for word in FORBIDDEN:
                if word.search(line):
                    yield f"{name}:{number}: names a machine's path or a download host: {line.strip()[:100]}"
            if name.endswith("package-lock.json") and '"resolved"' in line:
                yield f"{name}:{number}: records a download address; see omit-lockfile-registry-resolved"


def check_text(root, names):
    """Text files end in one line break and hold no carriage return or trailing blank."""
    for name in names:
        if not name.endswith(CODE + (".md", ".yaml", ".json", ".txt")):
            continue
        lines = lines_of(root, name)
        if lines[-1] != "" or len(lines) > 1 and lines[-2] == "":
            yield f"{name}:{len(lines)}: does not end in exactly one line break"
        for number, line in enumerate(lines, 1):
            if line != line.rstrip():
                yield f"{name}:{number}: ends in a blank"


def check_format(root, names, clang_format="clang-format"):
    """C++ is laid out as clang-format does."""
    sources = [name for name in names if name.endswith(SOURCE)]
    run = subprocess.run(["xargs", "-0", "-r", "-n", "16", "-P", "2", clang_format, "--dry-run", "-Werror", "--ferror-limit=1"],
                         input="\0".join(sources), text=True, cwd=root, stderr=subprocess.PIPE)
    for line in run.stderr.splitlines():
        match = re.match(r"([^:]+:\d+):\d+: error:", line)
        if match:
            yield f"{match.group(1)}: not formatted; run {clang_format} -i"
    if run.returncode and "error:" not in run.stderr:
        yield f"{clang_format}:1: {run.stderr.strip()}"


CHECKS = {name[len("check_"):]: function for name, function in list(globals().items()) if name.startswith("check_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=sorted(CHECKS))
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    parser.add_argument("--clang-format", default="clang-format")
    options = parser.parse_args()
    root = os.path.abspath(options.root)
    names = listed_files(root)
    if not names:
        sys.exit(f"lint: no files below {root}")
    extra = {"clang_format": options.clang_format} if options.check == "format" else {}
    found = list(CHECKS[options.check](root, names, **extra))
    print("\n".join(found) or f"{options.check}: {len(names)} files, nothing to say")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
