from __future__ import annotations

import pytest

from workbench.redaction import redact


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ann:s3cret@db/test",
        "postgresql://:s3cret@db/test",
        "postgresql://ann:s3cret@with@at@db/test",
        "could not open postgres://ann:s3cret@db:5432/test?x=1 today",
        "host=db user=ann password=s3cret dbname=test",
        "host=db password = 's3cret word' dbname=test",
        "postgresql://db/test?user=ann&password=s3cret&x=1",
        "rediss://cache/0?ssl_password=s3cret",
        "s3://bucket/x?aws_secret_access_key=s3cret",
        "https://store/x?sig=s3cret",
    ],
)
def test_no_password_is_left(text: str) -> None:
    assert "s3cret" not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text", ["", "select a from b where c = 'd:e@f'", "/data/a.parquet", "postgresql://ann@db/test"]
)
def test_what_holds_no_password_is_unchanged(text: str) -> None:
    assert redact(text) == text


def test_a_known_password_is_hidden_wherever_it_stands() -> None:
    url = "postgresql://ann:p%40ss%2Fw@db/test"
    assert redact("auth failed with p@ss/w, p%40ss%2Fw", url=url) == "auth failed with ***, ***"
