"""Which URLs of Redis a room server takes, as what goes over them is worth a session."""

from __future__ import annotations

import pytest

from signaling.errors import InsecureUrlError
from signaling.server import RedisBackplane
from signaling.server.redis_link import check_redis_url


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://localhost",
        "redis://[::1]:6379/1",
        "unix:///run/redis/redis.sock?db=1",
        "rediss://redis.example:6380/0",
        "rediss://user:secret@redis.example?ssl_ca_certs=/etc/ours.pem",
        "rediss://redis.example?ssl_cert_reqs=required&ssl_check_hostname=True",
    ],
)
def test_a_url_that_nobody_on_the_way_can_read_is_taken(url: str) -> None:
    check_redis_url(url)
    assert "secret" not in repr(RedisBackplane(url, password="secret"))


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis.example",
        "redis://192.0.2.1:6379",
        "redis://user:secret@10.0.0.1",
        "redis://localhost.example",
        "rediss://redis.example?ssl_cert_reqs=none",
        "rediss://redis.example?ssl_cert_reqs=optional",
        "rediss://redis.example?ssl_check_hostname=false",
    ],
)
def test_a_url_beyond_this_machine_without_tls_is_refused(url: str) -> None:
    with pytest.raises(InsecureUrlError) as caught:
        check_redis_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis",
        "http://localhost",
        "redis://",
        "unix://",
        "rediss://user:secret@:1",
        "redis://[",
    ],
)
def test_what_is_no_url_of_redis_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL of Redis") as caught:
        check_redis_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("lease", "patience"), [(0, 1), (1, 0), (-1, 1)])
def test_times_that_cannot_be_are_refused(lease: float, patience: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        RedisBackplane("redis://localhost", lease=lease, patience=patience)
