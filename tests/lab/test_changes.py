"""Whoever changes a project, those who watch it are told what may be answered otherwise now."""

from __future__ import annotations

import asyncio
import json
import subprocess
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import workbench as wb
from workbench.lab.changes import Watch
from workbench.lab.routes import SETTING, Desk
from workbench.project import choose_kernel_branch

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from tests.lab.conftest import Ask
    from workbench.lab.answers import ProjectInfo
    from workbench.project import Project


def test_a_look_tells_what_changed_and_who_changed_it_does_not_matter(project: Project) -> None:
    root = project.root
    with closing(wb.open(root)) as watched:
        watch = Watch(watched)
        assert watch.look() == []
        assert watch.look() == []

        project.branch("exp/second")
        assert watch.look() == ["branches", "features", "catalog", "runs"]
        choose_kernel_branch(root, "one", "exp/second")
        assert watch.look() == ["branches", "features", "runs"]
        subprocess.run(["git", "-C", root, "checkout", "-q", "exp/second"], check=True)
        assert "branches" in watch.look()
        subprocess.run(["git", "-C", root, "pack-refs", "--all"], check=True)
        assert "branches" in watch.look()
        (root / "features").mkdir(exist_ok=True)
        (root / "features" / "note.py").write_text("X = 1\n")
        assert watch.look() == ["branches", "features"]
        (root / "workbench.toml").write_text("[project\n")
        assert watch.look() == ["branches", "features", "catalog", "runs"]
        assert watch.look() == []


def test_a_linked_working_tree_is_watched_by_its_own_head(project: Project, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    subprocess.run(["git", "-C", project.root, "worktree", "add", "-q", linked, "exp/first"], check=True)
    (linked / "workbench.toml").write_bytes((project.root / "workbench.toml").read_bytes())
    with closing(wb.open(linked)) as watched:
        watch = Watch(watched)
        watch.look()
        subprocess.run(["git", "-C", linked, "checkout", "-q", "--detach"], check=True)
        assert "branches" in watch.look()


async def test_a_stream_tells_of_changes_until_nobody_listens(
    ask: Ask,
    jp_serverapp: Any,
    jp_auth_header: dict[str, str],
    http_server_client: Any,
    jp_base_url: str,
    lab_root: Path,
) -> None:
    project_id = (await ask("GET", "projects", path="trial")).body["project"]["id"]
    reader, writer = await asyncio.open_connection("127.0.0.1", http_server_client.get_http_port())
    request = f"GET {jp_base_url}workbench/api/events?project={project_id} HTTP/1.1\r\nHost: localhost\r\n"
    writer.write(f"{request}Authorization: {jp_auth_header['Authorization']}\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    assert b" 200 " in head.splitlines()[0]
    assert b"text/event-stream" in head

    async def told() -> list[str]:
        while True:
            line = await asyncio.wait_for(reader.readline(), 60)
            if line.startswith(b"data: "):
                changed: list[str] = json.loads(line.removeprefix(b"data: "))["changed"]
                return changed

    assert await told() == []
    subprocess.run(["git", "-C", lab_root, "branch", "exp/theirs"], check=True)  # noqa: ASYNC221 - it is quick
    assert await told() == ["branches", "features", "catalog", "runs"]

    writer.close()
    watches = jp_serverapp.web_app.settings[SETTING].watches
    for _ in range(600):
        if not watches._tasks:
            break
        await asyncio.sleep(0.1)
    assert not watches._tasks


async def test_two_servers_on_one_project_hear_of_each_other_and_answer_alike(lab_root: Path) -> None:
    from workbench.project import Project

    one, two = Desk(lab_root.parent, None), Desk(lab_root, None)
    try:
        seen = await one.ask(lambda: one.projects.listed("trial", "k"))
        same = await two.ask(lambda: two.projects.listed("", "k"))
        assert seen.project is not None
        assert same.project is not None
        project = seen.project.id
        assert (same.project.id, same.project.branch) == (project, "main")
        changes = two.watches.follow(lab_root, Project)
        assert (await anext(changes)).changed == []

        names = [f"exp/{number}" for number in range(4)]

        def choose(desk: Desk, name: str) -> Awaitable[ProjectInfo]:
            choice = partial(desk.projects.choose_branch, project, name[4:], name)
            return desk.ask(partial(choice, objective=None, hypothesis=None, metrics=()))

        await asyncio.gather(*map(choose, (one, two, one, two), names))
        assert "branches" in (await asyncio.wait_for(anext(changes), 60)).changed
        await changes.aclose()
        for desk in (one, two):
            found = [await desk.ask(partial(desk.projects.info, project, name[4:])) for name in names]
            assert [each.branch for each in found] == names
    finally:
        one.pool.shutdown()
        two.pool.shutdown()
