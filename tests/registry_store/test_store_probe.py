"""A store is asked whether it keeps what a registry rests on, at its first use too; one that does not is
refused with what it did.
"""

import pytest
from helpers import FIRST
from stores import Faults

BROKEN = {
    "it knows no create-only writes": (Faults(ignores_conditions=True), "were told that they had created"),
    "it tells everybody yes": (Faults(says_yes=True), "were told that they had created"),
    "it loses what it took": (Faults(loses=True), "was created and is not there"),
    "what was written is seen late": (Faults(stale=5), "was created and is not there"),
}


def test_a_sound_store_is_fit_and_left_as_it_was(bucket, program):
    asked = program(bucket).json("registry", "probe", bucket.address("place"))
    assert asked["fit"] and len(asked["promises"]) == 4
    assert bucket.objects("probes", "place") == []


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_store_is_found_out_and_refused_at_its_first_use(faulty, program, bucket, how):
    faults, told = BROKEN[how]
    store = faulty(faults)
    xtream = program(store)
    said = xtream("registry", "probe", store.address("place"), status=1)
    assert "BROKEN: " in said.stdout and told in said.stdout
    assert "s3://shop/place is no place for a registry" in said.stderr
    refused = xtream("train", FIRST, "--registry", store.address(), "--models", "linear", status=1).stderr
    assert "it is no place for a registry" in refused and told in refused
    assert bucket.objects("commits") == []


@pytest.mark.parametrize(
    "faults",
    [Faults(answer_lost=0.2), Faults(conflict=0.2), Faults(busy=0.2), Faults(twice=0.5), Faults(slow=0.05)],
    ids=["answers lost", "409", "503", "delivered twice", "slow"],
)
def test_a_network_with_faults_does_not_make_a_sound_store_unfit(faulty, program, faults):
    store = faulty(faults)
    asked = program(store)("registry", "probe", store.address("place"))
    assert asked.stdout.count("kept: ") == 4, asked.stdout
    happened = {name: n for name, n in faults.counts.items() if n and name != "requests"}
    assert sum(happened.values()) > 5, happened
