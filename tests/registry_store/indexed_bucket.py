"""`localbucket` with an index of its names, which every real store has: a list costs what it answers, and not
a walk through all files. `python indexed_bucket.py FOLDER --port PORT`; nobody else may write there.
"""

import threading
from bisect import bisect_left
from pathlib import Path

import localbucket


class IndexedHandler(localbucket.S3Handler):
    # Small answers must not wait for each other.
    disable_nagle_algorithm = True
    # The names in each bucket, in the order of their bytes.
    indexes: dict[Path, list[bytes]] = {}
    lock = threading.RLock()

    def index(self, bucket_dir: Path) -> list[bytes]:
        if bucket_dir not in self.indexes:
            files = (path for path in bucket_dir.rglob("*") if path.is_file())
            self.indexes[bucket_dir] = sorted(
                path.relative_to(bucket_dir).as_posix().encode() for path in files
            )
        return self.indexes[bucket_dir]

    def _write_object(self, bucket: str, key: str, write) -> str:
        with self.lock:
            names, name = self.index(self._bucket_dir(bucket)), key.encode()
            etag = super()._write_object(bucket, key, write)
            at = bisect_left(names, name)
            if names[at : at + 1] != [name]:
                names.insert(at, name)
            return etag

    def _delete_object(self, bucket: str, key: str) -> None:
        with self.lock:
            names, name = self.index(self._bucket_dir(bucket)), key.encode()
            super()._delete_object(bucket, key)
            at = bisect_left(names, name)
            if names[at : at + 1] == [name]:
                del names[at]

    def _list_entries(
        self,
        bucket_dir: Path,
        prefix: str,
        delimiter: str,
        marker: str,
        marker_is_prefix: bool,
        max_keys: int,
    ) -> tuple[list[tuple[str, Path]], list[str], bool, str]:
        """One page, as the original has it: objects, common prefixes, whether more follow, the last entry."""
        contents, common_prefixes, last = [], [], ""
        with self.lock:
            names = self.index(bucket_dir)
            after = end(marker) if marker_is_prefix else marker.encode() + b"\0" if marker else b""
            at = bisect_left(names, max(prefix.encode(), after))
            while at < len(names) and names[at].startswith(prefix.encode()):
                if len(contents) + len(common_prefixes) >= max_keys:
                    return contents, common_prefixes, max_keys > 0, last
                key = names[at].decode()
                head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
                if found:
                    common_prefixes.append(prefix + head + delimiter)
                    last = "P:" + common_prefixes[-1]
                    at = bisect_left(names, end(common_prefixes[-1]))
                else:
                    contents.append((key, bucket_dir / key))
                    last = "K:" + key
                    at += 1
        return contents, common_prefixes, False, last


def end(prefix: str) -> bytes:
    """What comes after all names that begin like this."""
    return prefix.encode() + b"\xff"


if __name__ == "__main__":
    localbucket.S3Handler = IndexedHandler
    localbucket.main()
