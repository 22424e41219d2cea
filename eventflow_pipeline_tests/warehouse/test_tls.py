"""A real server with TLS: who is believed, and what is said when its certificate is not the one asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from eventflow_pipeline.warehouse.db.engine import UnreachableError, admin, connect, logged_in
from eventflow_pipeline_tests.databases import settings_for
from eventflow_pipeline_tests.servers import certificate, tls_server


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[URL, Path]]:
    with tls_server() as made:
        yield made


def _encrypted(url: URL) -> bool:
    with admin(settings_for(url.render_as_string(False))) as engine:
        assert logged_in(engine).unverified is None, "it crosses no network"
        with connect(engine) as connection:
            return bool(connection.execute(text("select ssl from pg_stat_ssl where pid = pg_backend_pid()")).scalar())


def test_the_right_authority_vouches_for_the_server(server: tuple[URL, Path]) -> None:
    url, authority = server
    assert _encrypted(url.set(query={"sslmode": "verify-full", "sslrootcert": str(authority)}))
    assert _encrypted(url.set(query={"sslmode": "require"}))
    assert not _encrypted(url.set(query={"sslmode": "disable"}))


@pytest.mark.parametrize("wrong", ["the authority", "the name", "no authority"])
def test_another_server_is_refused_in_one_sentence(server: tuple[URL, Path], tmp_path: Path, wrong: str) -> None:
    url, authority = server
    query = {"sslmode": "verify-full", "sslrootcert": str(authority)}
    if wrong == "the authority":
        certificate(tmp_path / "other", "an authority")
        query["sslrootcert"] = str(tmp_path / "other.crt")
    elif wrong == "no authority":
        query["sslrootcert"] = str(tmp_path / "nowhere.crt")
    elif wrong == "the name":
        url = url.set(host="127.0.0.1")
    address = url.set(query=query, password="pa55").render_as_string(False)
    with (
        admin(settings_for(address)) as engine,
        pytest.raises(UnreachableError, match=r"EVENTFLOW_DATABASE_URL whose host, sslmode and sslrootcert") as refused,
        connect(engine),
    ):
        pass
    assert "certificate" in str(refused.value)
    assert "pa55" not in str(refused.value)
