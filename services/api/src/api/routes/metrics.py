"""``GET /metrics`` for Prometheus."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.limits.access import MonitoringRoute
from api.telemetry import metrics

router = APIRouter(tags=["operations"], route_class=MonitoringRoute)


@router.get("/metrics", summary="Prometheus metrics of all workers", response_class=Response)
async def expose(request: Request) -> Response:
    """Return the counters of every worker, added up, and what further parts of the app say of themselves."""
    more = [await each() for each in request.app.state.further_metrics]
    return Response(b"".join([metrics.expose(), *more]), media_type=CONTENT_TYPE_LATEST)
