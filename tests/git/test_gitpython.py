"""GitPython beside our own git layer: it reads what we write as we do, and what keeps us from building on it holds."""

from __future__ import annotations

import os
import signal
from datetime import UTC
from typing import IO, TYPE_CHECKING, NoReturn

import git
import psutil
import pytest

from tests.git.plain import Plain
from workbench.git import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from workbench.git import Publisher


@pytest.fixture
def library(plain: Plain) -> Iterator[git.Repo]:
    with git.Repo(plain.root) as opened:
        yield opened


def as_ours(commit: git.Commit) -> dict[str, object]:
    return {
        "id": commit.hexsha,
        "parents": tuple(parent.hexsha for parent in commit.parents),
        "tree": commit.tree.hexsha,
        "author": f"{commit.author.name} <{commit.author.email}>",
        "committer": f"{commit.committer.name} <{commit.committer.email}>",
        "time": commit.committed_datetime.astimezone(UTC),
        "subject": str(commit.message).partition("\n")[0],
        "trailers": tuple(commit.trailers_list),
    }


def test_it_reads_the_history_that_we_write(repository: Repository, plain: Plain, library: git.Repo) -> None:
    repository.commit(
        "exp/a", {"features/größe.py": "1\n"}, message="Größe\n\nWhy so.", trailers=[("Feature-View", "x")]
    )
    repository.commit(
        "exp/a", {"features/sub/deep.py": None}, message="Delete", trailers=[("Tag", "a=b"), ("Tag", "c")]
    )
    plain.save("features/other.py", "2\n")
    plain("merge", "--quiet", "--no-ff", "-m", "Merge the experiment", "exp/a")
    theirs = [as_ours(commit) for commit in library.iter_commits("main")]
    assert [{name: getattr(ours, name) for name in theirs[0]} for ours in repository.history("main")] == theirs


def test_it_reads_the_files_that_we_write(repository: Repository, library: git.Repo) -> None:
    texts = {"features/a.py": "1\n", "features/a/b.py": "2\n", "features/a-b.py": "3\n", "features/a0/é.py": "4\n"}
    tip = repository.commit("exp/a", texts, message="Folders and files that sort by their slash")
    blobs = {str(blob.path): blob for blob in library.commit(tip).tree.traverse() if isinstance(blob, git.Blob)}
    assert repository.files(tip, "") == {path: blob.hexsha for path, blob in blobs.items()}
    assert {path: blobs[path].data_stream.read().decode() for path in texts} == texts


def test_it_reads_the_tags_that_we_write(repository: Repository, publisher: Publisher, library: git.Repo) -> None:
    made = publisher.tag("2026.11", repository.resolve("main"), message="November", trailers=[("Version", "spend@1.0")])
    tag = library.tags["2026.11"]
    assert tag.tag is not None
    assert (tag.tag.hexsha, tag.commit.hexsha, tag.tag.tag) == (made.object_id, made.commit, made.name)
    assert f"{tag.tag.tagger.name} <{tag.tag.tagger.email}>" == made.tagger
    assert tag.tag.message.rstrip("\n") == made.message.rstrip("\n")


def test_it_cannot_read_sha256(fresh: Plain) -> None:
    fresh("init", "--quiet", "--initial-branch=main", "--object-format=sha256", "modern")
    modern = fresh.root / "modern"
    with Repository.open(modern) as repository, git.Repo(modern) as library:
        tip = Plain(modern).save("features/x.py", "1\n")
        assert [commit.id for commit in repository.history("main")] == [tip]
        with pytest.raises(ValueError, match="not enough values"):
            list(library.iter_commits("main"))
        with pytest.raises(ValueError, match="Failed to parse reference"):
            library.heads["main"].commit.hexsha  # noqa: B018 - the property reads


def test_its_commands_inherit_what_points_elsewhere(plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_QUARANTINE_PATH", "elsewhere")  # as in a hook; its presence alone forbids moving refs
    with git.Repo(plain.root) as library, pytest.raises(git.GitCommandError, match="quarantine"):
        library.git.execute(["git", "update-ref", "refs/heads/exp/b", "HEAD"], env={"GIT_QUARANTINE_PATH": ""})
    with Repository.open(plain.root) as repository:
        repository.create("exp/b")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it drops a process that runs
def test_an_interrupt_leaves_its_command_running(plain: Plain, tmp_path: Path) -> None:
    script = f"echo $$ > {tmp_path / 'pid'}; kill -INT {os.getpid()}; exec sleep 60"
    with pytest.raises(KeyboardInterrupt):
        git.Git(plain.root).execute(["sh", "-c", script], start_new_session=True)
    left = psutil.Process(int((tmp_path / "pid").read_text()))
    try:
        assert left.is_running()
        assert left.status() != psutil.STATUS_ZOMBIE
    finally:
        left.send_signal(signal.SIGKILL)


def test_after_an_interrupt_its_database_gives_another_object(library: git.Repo, plain: Plain) -> None:
    class Interrupted:
        """The answers of ``cat-file``; a Ctrl-C comes while the first one is awaited."""

        def __init__(self, answers: IO[bytes]) -> None:
            self.answers = answers
            self.readline: Callable[..., bytes] = self._interrupt

        def _interrupt(self) -> NoReturn:
            self.readline = self.answers.readline
            raise KeyboardInterrupt

        def __getattr__(self, name: str) -> object:
            return getattr(self.answers, name)

    first, second = (plain("rev-parse", f"main:{path}") for path in ("features/delay.py", "workbench.toml"))
    library.git.get_object_data(first)
    process = library.git.cat_file_all
    assert process is not None
    process.proc.stdout = Interrupted(process.proc.stdout)
    with pytest.raises(KeyboardInterrupt):
        library.git.get_object_data(first)
    assert library.git.get_object_data(second)[3] == b"DELAY = 1\n"  # the content of the first


def test_its_configuration_is_not_what_git_is_configured_with(
    repository: Repository, library: git.Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"COUNT": "1", "KEY_0": "user.signingkey", "VALUE_0": "~/.ssh/id_ed25519.pub"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)  # as continuous integration and wrappers set it
    assert repository.can_sign()
    assert not library.config_reader().has_option("user", "signingkey")
