"""Ten million rows are read, validated and split in less than 2 GiB of memory."""

import os
import subprocess
from itertools import count

from helpers import PUBLIC

N_ROWS = 10_000_000
MOST_MEMORY = 2 << 30


def test_ten_million_rows_stay_under_two_gigabytes(example, tmp_path):
    header, *rows = PUBLIC.read_text().splitlines()
    parts = [row.split(",") for row in rows]
    delivery = tmp_path / "ten-million.csv"
    written = 0
    with delivery.open("w") as file:
        file.write(header + "\n")
        for lap in count():
            # Another price on each lap, so that rows are no repeats of each other.
            lap_rows = parts[: N_ROWS - written]
            file.writelines(
                ",".join([*p[:6], str(int(p[6]) + 20_000 * lap), *p[7:]]) + "\n" for p in lap_rows
            )
            written += len(lap_rows)
            if written == N_ROWS:
                break
    with subprocess.Popen([example("ingest"), delivery], stdout=subprocess.PIPE, text=True) as run:
        said = run.stdout.read()
        # Of this child alone: a build before it is larger.
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * 1024
    print(said, f"peak memory {peak / 2**20:.0f} MiB")
    assert run.returncode == 0
    assert f"n_rows: {N_ROWS}" in said
    assert peak < MOST_MEMORY
