"""The numbers of a room server in the formats of Prometheus, at `/metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.core import Metric
    from starlette.requests import Request

    from signaling.server.statistics import Load, Statistics


def metrics_route(statistics: Statistics, load: Callable[[], Load | None]) -> Route:
    """Create the page that Prometheus asks for.

    No label is the name of a room or a member: of those there may be any number.

    Args:
        statistics: What the server counts.
        load: Tells what it keeps at present; None where it does not know.

    Raises:
        ImportError: prometheus-client is missing (`pip install handfast[metrics]`).
    """
    try:
        from prometheus_client import CollectorRegistry, ProcessCollector
        from prometheus_client.exposition import choose_encoder
        from prometheus_client.registry import Collector
    except ImportError as error:
        raise ImportError(
            "metrics need prometheus-client: pip install 'handfast[metrics]'"
        ) from error

    class RoomCollector(Collector):
        def collect(self) -> Iterator[Metric]:
            yield from _counters(statistics)
            yield from _gauges(load())

    # One of its own: several apps of a process do not add up to one.
    registry = CollectorRegistry()
    registry.register(RoomCollector())
    ProcessCollector(registry=registry)

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return Route("/metrics", metrics)


def _counters(statistics: Statistics) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    for name, text, value in (
        ("joins", "Members that were let in.", statistics.joins),
        ("resumes", "Returns to a session that were let in.", statistics.resumes),
        ("messages", "Messages passed on, each counted once.", statistics.messages),
        ("octets", "Octets passed on, counted for each receiver.", statistics.octets),
    ):
        yield CounterMetricFamily(f"handfast_{name}", text, value=value)
    refusals = CounterMetricFamily(
        "handfast_refusals", "Ends that were not let in, by the code told.", labels=["code"]
    )
    refusals.add_metric(["origin"], statistics.refused_pages)
    disconnects = CounterMetricFamily(
        "handfast_disconnects", "Members disconnected, by the code told.", labels=["code"]
    )
    for family, counted in (
        (refusals, statistics.refusals),
        (disconnects, statistics.disconnects),
    ):
        for code, count in sorted(counted.items()):
            family.add_metric([code.value], count)
        yield family


def _gauges(load: Load | None) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    if load is None:
        return
    yield GaugeMetricFamily("handfast_rooms", "Rooms with members.", value=load.rooms)
    members = GaugeMetricFamily(
        "handfast_members", "Members, connected or with a place that is kept.", labels=["state"]
    )
    members.add_metric(["connected"], load.connected)
    if load.away is not None:
        members.add_metric(["away"], load.away)
    yield members
    yield GaugeMetricFamily(
        "handfast_backlog_messages", "Messages that wait for members.", value=load.backlog
    )
