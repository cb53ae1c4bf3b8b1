"""Write what is made from something else: schema, table, shipped rules, dashboard, plain manifest, golden files.

`--check` writes nothing and fails if something is not current.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import dashboard
import readme
import render
import schema
import tools

CHART = render.CHART
CONFIG = CHART.parents[1] / "config"
RULES = ("enrichment.yaml", "retention.yaml", "sampling.yaml", "scrubbing.yaml")


def sources() -> dict[Path, str]:
    """Return what is written without Helm, by file."""
    rules = {CHART / "rules" / name: (CONFIG / name).read_text(encoding="utf-8") for name in RULES}
    return {
        CHART / "values.schema.json": schema.text(),
        CHART / "README.md": readme.text(),
        CHART / "files" / "dashboards" / "tailgate.json": dashboard.text(),
        **rules,
    }


def rendered() -> dict[Path, str]:
    """Return what Helm makes of it, by file."""
    return {render.MANIFEST: render.manifest(), **{render.golden(case): render.render(case) for case in render.cases()}}


def stale(files: dict[Path, str]) -> list[Path]:
    """Return the files that say something else than they should."""
    return [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def _settle(files: dict[Path, str], check: bool) -> int:
    found = stale(files)
    for path in found:
        if check:
            sys.stderr.write(f"{path.relative_to(CHART.parents[1])} is not current: run `make manifest`\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(CHART.parents[1])}\n")
    return len(found) if check else 0


def main() -> int:
    """Write or check everything; what needs Helm is left out, and said so, where there is none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    failures = _settle(sources(), check)
    if tools.helm() is None:
        sys.stderr.write(
            "there is no helm: the manifest and the golden files are left as they are (`make chart` builds it)\n"
        )
        return 1
    return 1 if _settle(rendered(), check) + failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
