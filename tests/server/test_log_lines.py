"""What the server says about itself: one line an event, and no words of others in it."""

import json
import re
import time

import pytest
from served import KEY, STONE, VALUATIONS, Serve, Served

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z +(TRACE|DEBUG|INFO|WARN|ERROR) ")
# What `serve` tells whoever starts it, before it answers.
GREETING = re.compile(
    r"Listening on |  In a browser|  A short guide|  The documentation|Try:|  curl |    -d "
)


def provoke(served: Served) -> None:
    forged = "%0A2026-01-01T00:00:00Z%20ERROR%20forged%1b%5b31m"
    served.ask("GET", f"/v1/models/{forged}?{forged}")
    served.ask("POST", VALUATIONS, STONE | {"cut": "\n2026-01-01T00:00:00Z ERROR forged \u001b[31m"})
    served.ask("POST", VALUATIONS, b"\n2026-01-01T00:00:00Z ERROR forged")
    served.ask("GET", "/v1/exchanges", Authorization=f"Bearer {KEY}")
    served.ask("GET", "/v1/exchanges", Authorization="Bearer a-guess-at-the-key")
    served.raw(b"\n2026-01-01T00:00:00Z ERROR forged\r\n\r\n")


def test_no_client_writes_a_line_of_the_log(serve: Serve) -> None:
    served = serve(settings={"XTREAM_LOG": "debug"})
    provoke(served)
    served.stop()
    lines = served.stderr.splitlines()
    assert len(lines) > 10
    for line in lines:
        assert LINE.match(line) or GREETING.match(line), line
        assert "\x1b" not in line
    assert not any(line.startswith("2026-01-01T00:00:00Z") for line in lines)
    assert KEY not in served.stderr and "a-guess-at-the-key" not in served.stderr


def test_a_request_is_one_line_with_its_number_where_that_is_asked_for(serve: Serve) -> None:
    served = serve(settings={"XTREAM_LOG": "xtream_server=debug"})
    answer = served.ask("POST", VALUATIONS, STONE)
    refused = served.ask("POST", VALUATIONS, {})
    lines = [line for line in served.stderr.splitlines() if "answered" in line]
    assert [answer.id in line for line in lines] == [True, False]
    assert refused.id in lines[1] and "status=422" in lines[1] and VALUATIONS in lines[1]


def test_lines_for_programs_are_json(serve: Serve) -> None:
    served = serve(settings={"XTREAM_LOG": "debug", "XTREAM_LOG_FORMAT": "json"})
    provoke(served)
    served.stop()
    events = [json.loads(line) for line in served.stderr.splitlines() if not GREETING.match(line)]
    assert len(events) > 10
    assert {"timestamp", "level", "message", "target"} <= set(events[0])


@pytest.mark.parametrize("setting", ["XTREAM_LOG", "XTREAM_LOG_FILTER"])
def test_the_log_is_silent_where_that_is_asked_for(serve: Serve, setting: str) -> None:
    served = serve(settings={setting: "off"})
    served.stop()
    assert all(GREETING.match(line) for line in served.stderr.splitlines()), served.stderr


def test_wrong_keys_are_told_with_who_sent_them_and_never_in_more_lines_than_a_disk_bears(
    serve: Serve,
) -> None:
    served = serve(settings={"XTREAM_SERVE_BEHIND_PROXY": "true"})
    started = time.monotonic()
    for n in range(100):
        headers = {"Authorization": "Bearer a-guess-at-the-key", "X-Forwarded-For": f"203.0.113.{n}"}
        assert served.ask("GET", "/v1/exchanges", **headers).status == 401
    elapsed = time.monotonic() - started
    served.stop()
    told = [line for line in served.stderr.splitlines() if "a wrong administrator's key was sent" in line]
    assert "203.0.113.0" in told[0] and " WARN " in told[0]
    # Ten at once, and ten a second.
    assert 10 <= len(told) <= 11 + 10 * elapsed
    assert "a-guess-at-the-key" not in served.stderr
