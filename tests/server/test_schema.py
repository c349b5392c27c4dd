"""What openapi.json shows, and what is answered, is as its schemas say; schemathesis makes requests up."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
from helpers import in_soak, seed
from served import KEY, STONE, VALUATIONS, Serve

# Requests for each operation; what the tool adds by itself comes on top.
N_EXAMPLES = 1000 if in_soak() else 15
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


def faults(document: dict, schema: dict, value: object) -> list[str]:
    validator = jsonschema_rs.Draft202012Validator(schema | {"components": document["components"]})
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


def resolved(document: dict, value: dict) -> dict:
    """What a reference leads to, or the value itself."""
    if "$ref" not in value:
        return value
    found = document
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def contents(document: dict) -> Iterator[tuple[str, dict]]:
    """Every body in the document, of requests and answers, with where it is."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for body in (resolved(document, body) for body in bodies):
                yield from ((path, content) for content in body.get("content", {}).values())


def test_every_example_is_as_its_schema_says(serve: Serve) -> None:
    document = serve().ask("GET", "/openapi.json").json()
    n_examples = 0
    for path, content in contents(document):
        examples = [example["value"] for example in content.get("examples", {}).values()]
        for example in examples + ([content["example"]] if "example" in content else []):
            assert faults(document, content["schema"], example) == [], (path, example)
            n_examples += 1
    assert n_examples > 40


def test_what_is_answered_is_as_it_is_described(serve: Serve) -> None:
    served = serve()
    document = served.ask("GET", "/openapi.json").json()
    everything = f"{VALUATIONS}?include=reasons,comparables,what_if&confidence=0.95"
    valued = served.ask("POST", everything, STONE)
    batch = served.ask("POST", f"{VALUATIONS}/batch", {"diamonds": [STONE, STONE | {"carat": 0}]})
    served.ask("POST", VALUATIONS, b"no JSON")
    answers = {
        VALUATIONS: valued,
        f"{VALUATIONS}/batch": batch,
        VALUATIONS + "/{request_id}": served.ask("GET", f"{VALUATIONS}/{valued.id}"),
        "/v1/similar-diamonds": served.ask(
            "GET", "/v1/similar-diamonds?carat=1.2&cut=Premium&color=E&clarity=VS1&n=100"
        ),
        "/v1/models": served.ask("GET", "/v1/models"),
        "/v1/models/champion": served.ask("GET", "/v1/models/champion"),
        "/v1/models/{version}": served.ask("GET", "/v1/models/1"),
        "/v1/models/{version}/promote": served.ask(
            "POST", "/v1/models/1/promote", {"reason": "a test"}, Authorization=f"Bearer {KEY}"
        ),
        "/v1/exchanges": served.ask("GET", "/v1/exchanges", Authorization=f"Bearer {KEY}"),
        "/v1/exchanges/{request_id}": served.ask(
            "GET", f"/v1/exchanges/{batch.id}", Authorization=f"Bearer {KEY}"
        ),
        "/livez": served.ask("GET", "/livez"),
        "/readyz": served.ask("GET", "/readyz"),
    }
    file = served.ask("POST", "/v1/files", b"carat,cut,color,clarity\n1.2,Premium,E,VS1\n0.9,Ideal,G\n")
    (described,) = document["paths"]["/v1/files"]["post"]["responses"]["200"]["content"].values()
    lines = [json.loads(line) for line in file.content.splitlines()]
    assert len(lines) == 3 and all(faults(document, described["schema"], line) == [] for line in lines)
    assert set(answers) == set(document["paths"]) - {"/metrics", "/v1/files"}
    for path, answer in answers.items():
        (operation,) = document["paths"][path].values()
        described = operation["responses"][str(answer.status)]
        assert answer.status == 200, (path, answer.content)
        schema = described["content"]["application/json"]["schema"]
        assert faults(document, schema, answer.json()) == [], path
        # A field that the document does not know is a field that nobody was told of.
        assert unknown(document, schema, answer.json()) == set(), path


def unknown(document: dict, schema: dict, value: object) -> set[str]:
    """Names in the answer that no schema has, at any depth; what is free by its nature is not looked into."""
    schema = resolved(document, schema)
    if isinstance(value, list):
        return {name for item in value for name in unknown(document, schema.get("items", {}), item)}
    properties = fields(document, schema)
    if not isinstance(value, dict) or not properties:
        return set()
    found = set(value) - set(properties)
    for name in set(value) & set(properties):
        found |= unknown(document, properties[name], value[name])
    return found


def fields(document: dict, schema: dict) -> dict:
    """The fields of an object, those of all its parts together."""
    schema = resolved(document, schema)
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", []) + schema.get("oneOf", []):
        found |= fields(document, part)
    return found
