"""A place for a registry is asked whether it keeps what a registry rests on."""

import json


def test_a_folder_of_this_machine_is_fit_and_left_as_it_was(xtream, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    asked = json.loads(xtream("registry", "probe", place, "--json").stdout)
    assert asked["fit"] and len(asked["promises"]) == 4
    assert list(place.iterdir()) == []
    assert xtream("registry", "probe", place).stdout.count("kept: ") == 4


def test_a_folder_that_is_not_there_is_named(xtream):
    assert "nowhere" in xtream("registry", "probe", "nowhere", status=1).stderr
