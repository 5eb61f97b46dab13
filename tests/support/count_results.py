#!/usr/bin/env python3
"""Counts what ctest ran: python3 tests/support/count_results.py BUILD_DIRECTORY ...

A GoogleTest suite counts with each of its tests, as its JSON report tells; a suite that died before it could report,
and whatever else ctest ran, counts as one. Names each failure; the last line is `N passed, N failed`.
"""

import json
import os
import sys
import xml.etree.ElementTree as xml


def suite_results(report):
    """(passed, names of the failed) of one GoogleTest report."""
    passed, failed = 0, []
    for suite in report["testsuites"]:
        for test in suite["testsuite"]:
            if "failures" in test or test.get("result") != "COMPLETED":  # skipped and disabled tests prove nothing
                failed.append(f'{suite["name"]}.{test["name"]}')
            else:
                passed += 1
    return passed, failed


def directory_results(directory):
    results = os.path.join(directory, "test-results")
    passed, failed = 0, []
    for case in xml.parse(os.path.join(results, "ctest.xml")).getroot().iter("testcase"):
        name, ok = case.get("name"), case.get("status") == "run"
        report = os.path.join(results, name.replace("/", ".") + ".json")
        if not os.path.exists(report):
            passed += ok
            failed += [] if ok else [name]
            continue
        with open(report, encoding="utf-8") as file:
            suite_passed, suite_failed = suite_results(json.load(file))
        if not ok and not suite_failed:
            suite_failed = [f"{name} (ended badly)"]
        passed += suite_passed
        failed += suite_failed
    return passed, failed


def main():
    all_passed, all_failed = 0, 0
    for directory in sys.argv[1:]:
        passed, failed = directory_results(directory)
        print(f"{directory}: {passed} passed, {len(failed)} failed")
        for name in failed:
            print(f"  FAILED {name}")
        all_passed += passed
        all_failed += len(failed)
    if all_passed == 0:
        print("no test ran")
    print(f"{all_passed} passed, {all_failed} failed")
    sys.exit(1 if all_failed or not all_passed else 0)


if __name__ == "__main__":
    main()
