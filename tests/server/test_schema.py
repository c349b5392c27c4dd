"""schemathesis makes requests up from openapi.json, good and bad ones, and holds the answers to it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from helpers import in_soak, seed
from served import KEY, Serve

# Requests for each operation; what the tool adds by itself comes on top.
N_EXAMPLES = 1000 if in_soak() else 25
# All checks of the tool hold but these. A batch with a stone that cannot be is no bad request: the
# stone gets its problem among the results. What the schema allows may still be no possible stone (a
# depth that contradicts the lengths), which a schema cannot say.
EXCEPTIONS = """
[checks]
positive_data_acceptance.enabled = false

[[operations]]
include-path = "/v1/valuations/batch"
checks.negative_data_rejection.enabled = false
"""


def test_no_request_that_can_be_made_up_gets_an_answer_that_is_not_documented(
    serve: Serve, tmp_path: Path
) -> None:
    served = serve()
    program = Path(sys.executable).parent / "schemathesis"
    (tmp_path / "exceptions.toml").write_text(EXCEPTIONS)
    command = [
        program,
        "--config-file",
        "exceptions.toml",
        "run",
        f"http://127.0.0.1:{served.port}/openapi.json",
    ]
    command += ["--header", f"Authorization: Bearer {KEY}"]
    command += ["--max-examples", N_EXAMPLES, "--seed", seed(), "--no-color"]
    run = subprocess.run(
        [str(part) for part in command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    n_cases = int(re.search(r"(\d[\d,]*) generated", run.stdout)[1].replace(",", ""))
    print(f"schemathesis: {n_cases} cases, no failure")
    assert n_cases >= (5000 if in_soak() else 100)
    assert "panicked" not in served.stderr
