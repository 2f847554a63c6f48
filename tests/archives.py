"""Files of an archive, read member by member."""

import re
import tarfile


def unpack(archive, folder, wanted=lambda _: True):
    """Write the test images that are ``wanted`` by their names in the archive."""
    with tarfile.open(archive) as opened:
        for member in opened:
            name = member.name
            if member.isfile() and re.fullmatch(r"test/[\w-]+/[\w.-]+", name) and wanted(name):
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(opened.extractfile(member).read())
    return folder
