"""Equal servers on one registry and one database: whoever is killed, stopped, started or promoted meanwhile,
each request is answered by one model and recorded once, and each server finds what another one answered.
"""

import random
import signal
import time
from pathlib import Path

import fleet as fleets
import pytest
from fleet import NGINX, Appraisers, Fleet
from helpers import ROOT, in_soak, seed
from served import KEY, STONE, VALUATIONS, assert_recorded_once, eventually, stored

pytest.importorskip("localbucket")
pytest.importorskip("secantus")


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[int(share * (len(times) - 1))]


def assert_all_recorded(fleet: Fleet, clients: Appraisers) -> None:
    """After those who were killed have started again and handed over what they had."""
    for served in fleet.servers:
        if served.process.poll() is not None:
            served.start()
    for served in fleet.servers:
        eventually(served.outbox_is_empty, 60, f"{served.log.name} has handed everything over")
        assert not served.in_outbox("dead_letter")
    documents = [
        document for document in stored(fleet.database.collection()) if document["route"] == VALUATIONS
    ]
    assert_recorded_once([answer for _, answer in clients.answers], documents)


def test_two_servers_and_a_third_answer_as_one(tmp_path: Path) -> None:
    """The quick form of the test below."""
    with fleets.fleet(tmp_path, 2) as fleet:
        one, two = fleet.servers
        ports = lambda: [served.port for served in fleet.live]  # noqa: E731
        with Appraisers(fleet.models, ports, n_clients=3, pause=0.01, seed=seed()) as clients:
            eventually(lambda: len(clients.answers) >= 50, 20, "stones are valued")
            one.kill()
            fleet.add()
            fleet.promote(2)
            fleet.seconds_until_followed(2)
            one.start()
            two.stop(signal.SIGTERM)
            before = len(clients.answers)
            eventually(lambda: len(clients.answers) >= before + 50, 20, "the others go on")
        clients.assert_each_is_of_one_model()
        versions = {answer.json()["model"]["version"] for _, answer in clients.answers}
        assert versions == {1, 2}
        assert_all_recorded(fleet, clients)


def test_what_one_server_answered_another_one_finds(tmp_path: Path) -> None:
    with fleets.fleet(tmp_path, 2) as fleet:
        one, two = fleet.servers
        valued = one.ask("POST", VALUATIONS, STONE)
        fleet.seconds_until_certified(valued, two)
        # It is found as an exchange, too, by one of the same kind; and nobody waits for what nobody answered.
        assert two.administer(f"/v1/exchanges/{valued.id}")["exchange"]["_id"] == valued.id
        assert (
            "retry-after" not in two.ask("GET", f"{VALUATIONS}/0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f01").headers
        )

        # A number of this moment may be another server's.
        made_up = f"{valued.id[:15]}000-8000-000000000000"
        for path, headers in [
            (f"{VALUATIONS}/{made_up}", {}),
            (f"/v1/exchanges/{made_up}", {"Authorization": f"Bearer {KEY}"}),
        ]:
            answer = two.ask("GET", path, **headers)
            assert (answer.status, answer.headers.get("retry-after")) == (404, "1"), answer.content
            assert "on its way" in answer.json()["detail"]

        # The database is away: the one that answered knows, the other one says when to ask again.
        fleet.database.kill()
        valued = one.ask("POST", VALUATIONS, STONE)
        assert valued.status == 200
        assert one.ask("GET", f"{VALUATIONS}/{valued.id}").status == 200
        answer = two.ask("GET", f"{VALUATIONS}/{valued.id}")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        fleet.database.start()
        fleet.seconds_until_certified(valued, two)


def test_a_store_that_is_gone_is_seen_by_who_looks_after_the_server_alone(
    tmp_path: Path,
) -> None:
    with fleets.fleet(tmp_path, 1) as fleet:
        (served,) = fleet.servers
        assert served.metric("xtream_model_trouble") == 0
        valued = served.ask("POST", VALUATIONS, STONE)
        fleet.bucket.kill()
        eventually(lambda: served.metric("xtream_model_trouble") == 1, 20, "the outage is noticed")
        ready = served.ask("GET", "/readyz")
        assert ready.status == 200 and str(fleet.bucket.port) in ready.json()["trouble"]["reason"]
        begun = time.monotonic()
        again = served.ask("POST", VALUATIONS, STONE).json()
        assert again["price_usd"] == valued.json()["price_usd"]
        # The model that answers certifies, too, and asks no store for that.
        assert served.ask("GET", f"{VALUATIONS}/{valued.id}").json()["matches"] is True
        assert time.monotonic() - begun < 4
        fleet.bucket.start()
        eventually(lambda: served.metric("xtream_model_trouble") == 0, 10, "it is back")
        fleet.promote(2)
        fleet.seconds_until_followed(2)


def documented_nginx() -> str:
    """What docs/operations.md says to write for several servers, without its certificates."""
    text = (ROOT / "docs" / "operations.md").read_text()
    _, _, rest = text.partition("## Several servers")
    block = rest.partition("```nginx\n")[2].partition("```")[0]
    assert block, "docs/operations.md has a configuration of nginx for several servers"
    lines = [line for line in block.splitlines() if "ssl_certificate" not in line]
    servers = [line for line in lines if line.strip().startswith("server 10.")]
    assert len(servers) == 4
    text = "\n".join(line for line in lines if line not in servers[1:])
    return text.replace(servers[0], "SERVERS")


@pytest.mark.skipif(not in_soak(), reason="takes two minutes; the quick form is above")
@pytest.mark.skipif(NGINX is None, reason="there is no nginx; 'apt-get install nginx-light' has this tested")
def test_four_servers_behind_nginx_are_one_to_their_clients(tmp_path: Path) -> None:
    chosen = seed()
    dice = random.Random(chosen)
    with fleets.fleet(tmp_path, 4) as fleet:
        first, second, third, fourth = fleet.servers
        ports = [served.port for served in fleet.servers]
        with fleets.nginx(tmp_path, documented_nginx(), ports) as port:
            begun = time.monotonic()
            certified, said = [], []

            def go_on(seconds: float) -> None:
                """Meanwhile certificates are asked of others than those who answered."""
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    certified.append(fleet.seconds_until_certified(clients.newest(), dice.choice(fleet.live)))
                    time.sleep(0.2)

            def all_trouble(is_so: bool) -> bool:
                return all(served.metric("xtream_model_trouble") == is_so for served in fleet.live)

            with Appraisers(fleet.models, lambda: [port], n_clients=4, pause=0.02, seed=chosen) as clients:
                eventually(lambda: len(clients.answers) > 10, 20, "stones are valued")
                go_on(10)
                first.kill()
                go_on(8)
                assert second.stop(signal.SIGTERM) == 0
                go_on(7)
                fleet.promote(2)
                followed = [fleet.seconds_until_followed(2)]
                go_on(5)
                first.start()
                go_on(5)
                second.start()
                fleet.promote(1)
                followed.append(fleet.seconds_until_followed(1))
                go_on(max(0.0, 60 - (time.monotonic() - begun)))
                n_before = len(clients.answers)

                fleet.bucket.kill()
                gone = time.monotonic()
                eventually(
                    lambda: all_trouble(True),
                    20,
                    "those who look after the servers see that the store is gone",
                )
                said.append(f"noticed after {time.monotonic() - gone:.1f} s")
                assert all(served.ask("GET", "/readyz").status == 200 for served in fleet.live)
                go_on(max(0.0, 30 - (time.monotonic() - gone)))
                fleet.bucket.start()
                back = time.monotonic()
                eventually(lambda: all_trouble(False), 10, "the store is back")
                said.append(f"over {time.monotonic() - back:.1f} s after it was back")
                fleet.promote(2)
                followed.append(fleet.seconds_until_followed(2))
                n_without_store = len(clients.answers) - n_before

                n_before = len(clients.answers)
                fleet.database.kill()
                gone = time.monotonic()
                time.sleep(30)
                n_without_database = len(clients.answers) - n_before
                n_waiting = sum(served.metric("xtream_log_records") for served in fleet.live)
                assert n_waiting > 0.9 * n_without_database
                assert all(served.metric("xtream_mongodb_up") == 0 for served in fleet.live)
                fleet.database.start()
                back = time.monotonic()
                eventually(
                    lambda: all(served.ships() for served in fleet.live),
                    60,
                    "the database takes exchanges again",
                )
                said.append(f"the database taken up again {time.monotonic() - back:.1f} s after it was back")
            clients.assert_each_is_of_one_model()
            assert not clients.n_refused, f"{clients.n_refused} requests got no answer"
            assert_all_recorded(fleet, clients)
    shown = [f"{percentile(certified, share):.2f} s" for share in (0.5, 0.99, 1)]
    print(
        f"{len(clients.answers):,} valuations, all answered and recorded once, {n_without_store:,} of them"
        f" without the store and {n_without_database:,} without the database; promotions followed by all in"
        f" {', '.join(f'{seconds:.2f}' for seconds in followed)} s; {len(certified)} certificates asked of"
        f" another server, there after {shown[0]} (median), {shown[1]} (99 %), {shown[2]} (longest);"
        f" {'; '.join(said)}"
    )
    assert max(followed) < 1
    assert percentile(certified, 0.99) < 1
