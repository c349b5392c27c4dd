"""All figures that the benchmarks left, as one table in Markdown: `python benches/table.py`."""

import json

from results import FOLDER


def number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def main() -> None:
    for path in sorted(FOLDER.glob("*.json")):
        said = json.loads(path.read_text())
        print(f"\n{path.stem}, {said['date']}, {said['machine']}\n")
        print("| | ours | | peer | ratio | goal | |")
        print("|---|---:|---|---|---:|---|---|")
        for result in said["results"]:
            peer = f"{result['peer_name']}: {number(result['peer'])}" if result["peer_name"] else ""
            met = {None: "", True: "met", False: "**missed**"}[result["met"]]
            cells = [result["what"], number(result["ours"]), result["unit"], peer, number(result["ratio"])]
            print("| " + " | ".join([*cells, result["goal"], met]) + " |")


if __name__ == "__main__":
    main()
