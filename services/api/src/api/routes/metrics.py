"""``GET /metrics`` for Prometheus."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.limits.access import MonitoringRoute
from api.telemetry import metrics

router = APIRouter(tags=["operations"], route_class=MonitoringRoute)


@router.get("/metrics", summary="Prometheus metrics of all workers", response_class=Response)
async def expose() -> Response:
    """Return the counters of every worker, added up."""
    return Response(metrics.expose(), media_type=CONTENT_TYPE_LATEST)
