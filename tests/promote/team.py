"""People with addresses and SSH keys, of whom one sits at the machine, and commits that plain git makes for them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.git.plain import make_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Team:
    """People at one machine.

    Parameters
    ----------
    folder
        Where their keys are, and git's global configuration: the caller lets ``GIT_CONFIG_GLOBAL`` name `config`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.config = folder / "gitconfig"

    def key(self, name: str) -> Path:
        path = self._folder / f"{name}.key"
        return path if path.exists() else make_key(path).path

    def signer(self, *people: str, key: str | None = None, options: str = "") -> str:
        """Return a line of an allowed-signers file: the key of `key`, or of the first of `people`, for all of them."""
        public = self.key(key or people[0]).with_suffix(".key.pub").read_text().split()
        return " ".join(filter(None, [",".join(map(email, people)), options, *public[:2]])) + "\n"

    def sit_down(self, person: str, *, key: str | None = None) -> None:
        """Let git here say that `person` is at work, signing with the key of `key` where one is named."""
        lines = ["[user]", f"name = {person.partition('@')[0].title()}", f"email = {email(person)}"]
        if key:
            lines += [f"signingkey = {self.key(key)}", "[gpg]", "format = ssh", "[commit]", "gpgsign = true"]
        self.config.write_text("\n".join([*lines, "[init]", "defaultBranch = main", ""]))

    def commit(
        self,
        root: Path,
        branch: str,
        author: str,
        files: Mapping[str, str],
        *,
        key: str | None = None,
        committer: str | None = None,
        parents: Sequence[str] = (),
        message: str = "Change it",
    ) -> str:
        """Commit `files` on `branch`, which begins at main, without a checkout, and return the commit."""
        people = {"AUTHOR": author, "COMMITTER": committer or author}
        names = {f"GIT_{role}_NAME": who.title() for role, who in people.items()}
        emails = {f"GIT_{role}_EMAIL": email(who) for role, who in people.items()}
        variables = {**os.environ, **names, **emails, "GIT_INDEX_FILE": str(self._folder / "index")}

        def git(*words: str, given: str = "") -> str:
            done = subprocess.run(
                ["git", *words], cwd=root, env=variables, input=given, check=True, capture_output=True, text=True
            )
            return done.stdout.strip()

        on = parents or [git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}") or "main"]
        git("read-tree", on[0])
        for path, text in files.items():
            blob = git("hash-object", "-w", "--stdin", given=text)
            git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
        subject, _, rest = message.partition("\n\n")
        text = "\n\n".join(filter(None, [subject, f"On {branch}", rest]))  # else two branches would share commits
        sign = ["-S"] if key else ["--no-gpg-sign"]
        with_key = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={self.key(key)}"] if key else []
        above = [word for parent in on for word in ("-p", git("rev-parse", parent))]
        made = git(*with_key, "commit-tree", *sign, *above, "-m", text, git("write-tree"))
        git("update-ref", f"refs/heads/{branch}", made)
        return made


def email(person: str) -> str:
    """Return the address of ``ann``, or of ``ann@home.net``."""
    return person if "@" in person else f"{person}@example.org"
