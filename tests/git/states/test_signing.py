from __future__ import annotations

import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.git.plain import Key, Plain, make_key
from workbench.errors import BranchError
from workbench.git import Repository, signatures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.git import Publisher

ADA = "test@example.org"


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's clock shows another time than UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "XYZ-14")
        time.tzset()
        yield
    time.tzset()


def publish(publisher: Publisher, *, sign: bool = True) -> str:
    tip = publisher.resolve("main")
    tree = publisher.tree_with(tip, {"features/delay.py": f"DELAY = '{tip}'\n"})
    return publisher.commit(
        "main", tree, expected=tip, message="Publish", trailers=[("Promoted-View", "d 1")], sign=sign
    )


def forged(plain: Plain, object_id: str, old: bytes, new: bytes, kind: str = "commit") -> str:
    """Write the object again with some of its bytes changed, and return its id."""
    data = subprocess.run(["git", "cat-file", kind, object_id], cwd=plain.root, capture_output=True, check=True).stdout
    assert old in data
    return plain.store(kind, data.replace(old, new, 1))


def says(plain: Plain, tmp_path: Path, allowed: str, *command: str) -> str:
    """Return what git itself says of a signature."""
    (tmp_path / "allowed").write_text(allowed)
    words = ["git", "-c", f"gpg.ssh.allowedSignersFile={tmp_path / 'allowed'}", *command]
    done = subprocess.run(words, cwd=plain.root, capture_output=True, text=True, check=False)
    return f"{done.returncode} {done.stdout}{done.stderr}"


def test_a_signed_commit_is_good_to_us_and_to_git(
    repository: Repository, publisher: Publisher, plain: Plain, key: Key, tmp_path: Path
) -> None:
    key.use(plain)
    commit = publish(publisher)
    found = repository.signature_of(commit, allowed_signers=key.line())
    assert (found.status, found.principal, found.key) == ("good", ADA, key.fingerprint)
    assert says(plain, tmp_path, key.line(), "verify-commit", commit).startswith(f'0 Good "git" signature for {ADA}')
    assert 'Good "git" signature' in says(plain, tmp_path, key.line(), "log", "-1", "--show-signature", "main")
    assert plain("fsck", "--strict", "--no-dangling") == ""
    shown = repository.show("main")
    assert (shown.subject, shown.trailers[0]) == ("Publish", ("Promoted-View", "d 1"))
    assert plain("status", "--porcelain") == ""


def test_a_signed_tag_and_approval_are_good_to_us_and_to_git(
    repository: Repository, publisher: Publisher, plain: Plain, key: Key, tmp_path: Path
) -> None:
    key.use(plain)
    tag = publisher.tag("2026.11", "main", message="Release", trailers=[("Pins", "d 1.0")], sign=True)
    approval = repository.approve("exp/a", message="Fine", trailers=[("Plan", "abc")], sign=True)
    for object_id in (tag.object_id, approval):
        found = repository.signature_of(object_id, allowed_signers=key.line())
        assert (found.status, found.principal) == ("good", ADA)
        assert says(plain, tmp_path, key.line(), "verify-tag", object_id).startswith("0 Good")
    assert "SIGNATURE" not in tag.message
    assert tag.trailers == (("Pins", "d 1.0"),)
    assert repository.approvals("exp/a")[0].trailers == (("Plan", "abc"),)


def test_what_git_signs_itself_is_read(repository: Repository, plain: Plain, key: Key) -> None:
    key.use(plain)
    plain("commit", "--quiet", "--allow-empty", "--gpg-sign", "-m", "By hand")
    plain("tag", "--sign", "-m", "By hand", "by-hand")
    for name in ("HEAD", "by-hand"):
        object_id = plain("rev-parse", name)
        assert repository.signature_of(object_id, allowed_signers=key.line()).status == "good"


def test_one_changed_byte_makes_it_bad(
    repository: Repository, publisher: Publisher, plain: Plain, key: Key, other_key: Key
) -> None:
    key.use(plain)
    commit = publish(publisher)
    tag = publisher.tag("v1", commit, message="Release", sign=True).object_id
    tree = plain("rev-parse", "main~1^{tree}")
    changed = [
        forged(plain, commit, b"Publish", b"Publisb"),
        forged(plain, commit, plain("rev-parse", "main^{tree}").encode(), tree.encode()),
        forged(plain, commit, b"test@example.org", b"boss@example.org"),
        forged(plain, tag, commit.encode(), plain("rev-parse", "main~1").encode(), "tag"),
        forged(plain, tag, b"tag v1", b"tag v2", "tag"),
        forged(plain, tag, b"Release", b"Releasf", "tag"),
        forged(plain, tag, b"-----END SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\nmore\n", "tag"),
    ]
    other_key.use(plain)
    second = publish(publisher)
    changed.append(forged(plain, second, b"-----BEGIN SSH", b"garbage\n -----BEGIN SSH"))
    for object_id in changed:
        found = repository.signature_of(object_id, allowed_signers=key.line() + other_key.line())
        assert (found.status in {"bad", "stranger"}, found.principal) == (True, None), object_id
    assert [repository.signature_of(each, allowed_signers=key.line()).status for each in changed[:7]] == ["bad"] * 7


def test_a_signature_of_another_commit_is_bad(
    repository: Repository, publisher: Publisher, plain: Plain, key: Key
) -> None:
    key.use(plain)
    signed = publish(publisher)
    data = subprocess.run(["git", "cat-file", "commit", signed], cwd=plain.root, capture_output=True, check=True).stdout
    header = data[data.index(b"gpgsig") : data.index(b"\n\n")]
    unsigned = publish(publisher, sign=False)
    stolen = forged(plain, unsigned, b"\n\nPublish", b"\n" + header + b"\n\nPublish")
    assert repository.signature_of(stolen, allowed_signers=key.line()).status == "bad"
    twice = forged(plain, signed, b"\n\nPublish", b"\n" + header + b"\n\nPublish")
    assert repository.signature_of(twice, allowed_signers=key.line()).status == "bad"


def test_only_allowed_keys_count_and_only_while_they_are_valid(
    repository: Repository,
    publisher: Publisher,
    plain: Plain,
    key: Key,
    other_key: Key,
    far_away: None,
) -> None:
    key.use(plain)
    commit = publish(publisher)
    for allowed, at, status, principal in (
        ("", None, "stranger", None),
        ("nonsense\n\n# comment\n", None, "stranger", None),
        ("nonsense\n" + key.line(), None, "good", ADA),
        (other_key.line(), None, "stranger", None),
        (other_key.line() + key.line(), None, "good", ADA),
        (key.line("ada@example.org"), None, "good", "ada@example.org"),
        (key.line(f"ada@example.org,{ADA}"), None, "good", ADA),  # whoever signed says which of the two
        (key.line("*@example.org"), None, "good", ADA),
        (key.line("*@example.com"), None, "stranger", None),  # it is allowed to many, and to this one not
        (key.line(f"!{ADA},*@example.org"), None, "stranger", None),
        (key.line(ADA, 'namespaces="file"'), None, "stranger", None),
        (key.line(ADA, 'namespaces="git,file"'), None, "good", ADA),
        (key.line(ADA, 'valid-before="20200101Z"'), None, "expired", None),
        (key.line(ADA, 'valid-before="20200101Z"'), datetime(2019, 6, 1, tzinfo=UTC), "good", ADA),
        (key.line(ADA, 'valid-after="20990101Z"'), None, "expired", None),
        (key.line(ADA, 'valid-before="20240501120000Z"'), datetime(2024, 5, 1, 11, 59, 59, tzinfo=UTC), "good", ADA),
        (key.line(ADA, 'valid-before="20240501120000Z"'), datetime(2024, 5, 1, 12, 0, 1, tzinfo=UTC), "expired", None),
    ):
        found = repository.signature_of(commit, allowed_signers=allowed, at=at)
        assert (found.status, found.principal) == (status, principal), allowed
        if at:
            naive = at.replace(tzinfo=None)  # without a zone it is UTC
            assert repository.signature_of(commit, allowed_signers=allowed, at=naive).status == status
        assert found.key == key.fingerprint
        assert found.detail


def test_what_a_commit_says_of_its_time_does_not_make_an_expired_key_good(
    repository: Repository, plain: Plain, key: Key, far_away: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    key.use(plain)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2019-06-01T00:00:00Z")
    plain("commit", "--quiet", "--allow-empty", "--gpg-sign", "-m", "Backdated")
    allowed = key.line(ADA, 'valid-before="20200101Z"')
    assert repository.signature_of(plain("rev-parse", "HEAD"), allowed_signers=allowed).status == "expired"


def test_nothing_that_a_user_configured_makes_a_bad_signature_good(
    repository: Repository, publisher: Publisher, plain: Plain, key: Key, other_key: Key, tmp_path: Path
) -> None:
    key.use(plain)
    commit = publish(publisher)
    liar = tmp_path / "liar"
    liar.write_text("#!/bin/sh\necho 'Good \"git\" signature for test@example.org with ED25519 key SHA256:x'\nexit 0\n")
    liar.chmod(0o755)
    (tmp_path / "mine").write_text(key.line())
    for name in ("gpg.ssh.program", "gpg.program", "gpg.openpgp.program"):
        plain("config", name, str(liar))
    plain("config", "gpg.ssh.allowedSignersFile", str(tmp_path / "mine"))
    plain("config", "gpg.minTrustLevel", "undefined")
    (plain.root / "allowed_signers").write_text(key.line())
    assert repository.signature_of(commit, allowed_signers=other_key.line()).status == "stranger"
    broken = forged(plain, commit, b"Publish", b"Publisb")
    assert repository.signature_of(broken, allowed_signers=key.line()).status == "bad"


def test_unsigned_and_otherwise_signed_objects_are_told_apart(
    repository: Repository, publisher: Publisher, plain: Plain, key: Key
) -> None:
    tip = plain("rev-parse", "main")
    assert repository.signature_of(tip, allowed_signers=key.line()).status == "none"
    tag = publisher.tag("v1", "main", message="Release")
    assert repository.signature_of(tag.object_id, allowed_signers=key.line()).status == "none"
    pgp = forged(plain, tip, b"\n\nStart", b"\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END\n\nStart")
    found = repository.signature_of(pgp, allowed_signers=key.line())
    assert (found.status, "SSH" in found.detail) == ("stranger", True)
    with pytest.raises(BranchError, match="is a tree, which nobody signs"):
        repository.signature_of(plain("rev-parse", "main^{tree}"), allowed_signers="")


def test_without_a_key_nothing_is_written_and_the_remedy_says_how_to_set_one(
    repository: Repository, publisher: Publisher, plain: Plain, tmp_path: Path
) -> None:
    before = plain("for-each-ref")
    plain("config", "gpg.format", "ssh")
    assert not repository.can_sign()
    for key in (None, str(tmp_path / "nothing.pub")):
        if key:
            plain("config", "user.signingkey", key)
        for act in (
            lambda: publish(publisher),
            lambda: publisher.tag("v1", "main", message="m", sign=True),
            lambda: repository.approve("exp/a", message="m", sign=True),
        ):
            with pytest.raises(BranchError) as caught:
                act()
            assert "git config user.signingkey ~/.ssh/id_ed25519.pub" in caught.value.remedy
        assert not repository.can_sign()
    assert plain("for-each-ref") == before


def test_a_passphrase_is_not_asked_for(
    publisher: Publisher, plain: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    asked = tmp_path / "asked"
    program = tmp_path / "askpass"
    program.write_text(f"#!/bin/sh\ntouch {asked}\necho secret\n")
    program.chmod(0o755)
    for name, value in (("SSH_ASKPASS", str(program)), ("SSH_ASKPASS_REQUIRE", "force"), ("DISPLAY", ":0")):
        monkeypatch.setenv(name, value)
    make_key(tmp_path / "locked", passphrase="secret").use(plain)
    with pytest.raises(BranchError, match="could not sign") as caught:
        publish(publisher)
    assert "ssh-add" in caught.value.remedy
    assert "passphrase" in str(caught.value)
    assert not asked.exists()


def test_a_program_that_never_ends_is_ended(
    publisher: Publisher, plain: Plain, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key.use(plain)
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nsleep 300\n")
    slow.chmod(0o755)
    plain("config", "gpg.ssh.program", str(slow))
    monkeypatch.setattr("workbench.git.signatures.SIGNING_SECONDS", 0.2)
    with pytest.raises(BranchError, match="made no signature in 0 seconds"):
        publish(publisher)


def test_a_missing_program_is_named(
    repository: Repository, publisher: Publisher, plain: Plain, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    key.use(plain)
    commit = publish(publisher)
    plain("config", "gpg.ssh.program", "no-such-program")
    with pytest.raises(BranchError, match="no-such-program cannot be run"):
        publish(publisher)
    monkeypatch.setattr(signatures, "SSH_KEYGEN", "no-such-keygen")
    with pytest.raises(BranchError, match="no-such-keygen cannot be run") as caught:
        repository.signature_of(commit, allowed_signers="")
    assert "Install OpenSSH" in caught.value.remedy


@pytest.fixture
def agent(tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An SSH agent that holds the key, which is no longer on disk."""
    if not shutil.which("ssh-agent"):
        pytest.skip("needs ssh-agent")
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert process.poll() is None
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        subprocess.run(["ssh-add", "-q", str(key.path)], check=True, capture_output=True)
        key.path.unlink()
        yield
    finally:
        process.terminate()
        process.wait()


def test_keys_in_an_agent_sign_however_they_are_configured(
    agent: None, repository: Repository, publisher: Publisher, plain: Plain, key: Key
) -> None:
    plain("config", "gpg.format", "ssh")
    for setting, value in (
        ("user.signingkey", f"{key.path}.pub"),
        ("user.signingkey", f"key::{key.public}"),
        ("user.signingkey", key.public),
        ("gpg.ssh.defaultKeyCommand", "ssh-add -L"),
    ):
        plain("config", setting, value)
        assert repository.can_sign()
        commit = publish(publisher)
        assert repository.signature_of(commit, allowed_signers=key.line()).status == "good", value
        plain("config", "--unset", setting)


def test_a_key_file_below_home_is_found(
    repository: Repository, publisher: Publisher, plain: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(tmp_path / "id")
    monkeypatch.setenv("HOME", str(tmp_path))
    plain("config", "gpg.format", "ssh")
    plain("config", "user.signingkey", "~/id.pub")
    assert repository.can_sign()
    assert repository.signature_of(publish(publisher), allowed_signers=key.line()).status == "good"


def test_with_gpg_configured_git_verifies_what_it_signed(
    repository: Repository, publisher: Publisher, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shutil.which("gpg"):
        pytest.skip("needs gpg")
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as home:  # its sockets' paths must be short
        monkeypatch.setenv("GNUPGHOME", home)
        Path(home).chmod(0o700)
        words = [
            "gpg",
            "--batch",
            "--quiet",
            "--passphrase",
            "",
            "--quick-gen-key",
            f"Test Researcher <{ADA}>",
            "ed25519",
        ]
        subprocess.run(words, check=True, capture_output=True)
        try:
            commit = publish(publisher)
            plain("verify-commit", commit)
            tag = publisher.tag("v1", commit, message="Release", sign=True)
            plain("verify-tag", "v1")
        finally:
            subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)
    assert {repository.signature_of(each, allowed_signers="").status for each in (commit, tag.object_id)} == {
        "stranger"
    }


def test_a_repository_with_longer_ids_signs_as_git_does(tmp_path: Path, identity: None, key: Key) -> None:
    from workbench.git import Publisher

    plain = Plain(tmp_path / "long")
    plain.root.mkdir()
    plain("init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    plain.save("features/delay.py", "DELAY = 1\n")
    key.use(plain)
    with Publisher.open(plain.root) as publisher:
        commit = publish(publisher)
        plain("tag", "--sign", "-m", "By hand", "by-hand")
        tag = publisher.tag("v1", commit, message="Release", sign=True)
    (tmp_path / "allowed").write_text(key.line())
    plain("config", "gpg.ssh.allowedSignersFile", str(tmp_path / "allowed"))
    plain("verify-commit", commit)
    plain("verify-tag", tag.name)


@pytest.fixture
def unusable(repository: Repository, plain: Plain, tmp_path: Path) -> None:
    """Git is told to sign everything, with a key that is not there."""
    for name in ("commit.gpgSign", "tag.gpgSign"):
        plain("config", name, "true")
    plain("config", "gpg.format", "ssh")
    plain("config", "user.signingKey", str(tmp_path / "gone.pub"))


def is_signed(plain: Plain, object_id: str) -> bool:
    return "-----BEGIN SSH SIGNATURE-----" in plain("cat-file", "-p", object_id)


def test_commits_are_signed_where_git_is_configured_to(
    repository: Repository, publisher: Publisher, plain: Plain, key: Key
) -> None:
    key.use(plain)
    unsigned = repository.commit("exp/a", {"features/x.py": "0\n"}, message="m")
    plain("config", "commit.gpgSign", "yes")
    tree = repository.tree_with("exp/a", {"features/x.py": "1\n"})
    made = [
        repository.create("exp/b").tip,
        repository.commit_tree("exp/a", tree, expected=unsigned, message="m"),
        repository.commit("exp/b", {"features/x.py": "2\n"}, message="m"),
        publish(publisher, sign=False),
    ]
    assert not is_signed(plain, unsigned)
    for commit in made:
        assert repository.signature_of(commit, allowed_signers=key.line()).status == "good"
    assert plain("fsck", "--strict", "--no-dangling") == ""


@pytest.mark.parametrize(
    ("name", "value", "is_wanted"),
    [
        ("tag.gpgSign", "true", True),
        ("tag.gpgSign", "false", False),
        ("tag.forceSignAnnotated", "true", True),
        ("commit.gpgSign", "true", False),
    ],
)
def test_a_tag_is_signed_where_it_must_be_or_git_says_so(
    publisher: Publisher, plain: Plain, key: Key, name: str, value: str, *, is_wanted: bool
) -> None:
    key.use(plain)
    plain("config", name, value)
    assert publisher.tag("v1", "main", message="m").is_signed is is_wanted
    assert publisher.tag("v2", "main", message="m", sign=True).is_signed


@pytest.mark.usefixtures("unusable")
def test_where_no_key_is_usable_the_error_says_how_to_go_on_without(
    repository: Repository, publisher: Publisher, plain: Plain
) -> None:
    before = plain("for-each-ref")
    acts = (
        lambda: repository.create("exp/b"),
        lambda: repository.commit("exp/a", {"features/x.py": "1\n"}, message="m"),
        lambda: publish(publisher, sign=False),
        lambda: publisher.tag("v1", "main", message="m"),
        lambda: repository.approve("exp/a", message="m"),
    )
    for act in acts:
        with pytest.raises(BranchError, match="could not sign") as caught:
            act()
        assert "--no-sign" in caught.value.remedy
        assert "[git]" in caught.value.remedy
    with pytest.raises(BranchError, match="could not sign") as caught:
        publish(publisher)  # where a signature is demanded there is no way without
    assert "--no-sign" not in caught.value.remedy
    assert plain("for-each-ref") == before
    repository.signs = publisher.signs = False
    for act in acts:
        act()
    with pytest.raises(BranchError, match="could not sign"):
        publish(publisher)


def test_a_handle_can_be_told_to_sign_whatever_git_says(plain: Plain, key: Key) -> None:
    key.use(plain)
    with Repository.open(plain.root, signs=True) as repository:
        assert is_signed(plain, repository.create("exp/a").tip)
