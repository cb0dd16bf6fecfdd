"""What developers read: the OpenAPI document, and Swagger UI on it, which works offline."""

from importlib.resources import files
from pathlib import Path

import orjson
from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    render_template,
    request,
    send_from_directory,
)

from todo_service.api.contract import serves
from todo_service.api.etags import without_proxy_suffix

blueprint = Blueprint("docs", __name__, template_folder="swagger")

PAGE = Path(__file__).with_name("swagger")
SWAGGER_UI = Path(str(files("flask_swagger_ui"))) / "dist"

# What the page loads: where it lies, and its type, which differs from one machine's tables to the next's.
ASSETS = {
    "start.js": (PAGE, "text/javascript"),
    "swagger-ui-bundle.js": (SWAGGER_UI, "text/javascript"),
    "swagger-ui.css": (SWAGGER_UI, "text/css"),
    "index.css": (SWAGGER_UI, "text/css"),
    "favicon-32x32.png": (SWAGGER_UI, "image/png"),
}
ASSET_SECONDS = 3600

# Nothing but what we serve ourselves; `data:` is for the icons in Swagger UI's stylesheet.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@blueprint.before_request
def heed_etags_only() -> None:
    """Of all conditions only If-None-Match means anything here; a date far off even fails to be read."""
    for name in ("IF_MATCH", "IF_MODIFIED_SINCE", "IF_UNMODIFIED_SINCE", "IF_RANGE", "RANGE"):
        request.environ.pop(f"HTTP_{name}", None)
    request.environ["HTTP_IF_NONE_MATCH"] = without_proxy_suffix(
        request.environ.get("HTTP_IF_NONE_MATCH", "")
    )


@blueprint.get("/openapi.json")
@serves("application/json")
def openapi_document() -> Response:
    """Describe the service. This document."""
    document = current_app.extensions["openapi"]() | {"servers": [{"url": request.script_root or "/"}]}
    return revalidated(orjson.dumps(document), "application/json")


@blueprint.get("/docs")
@serves("text/html")
def docs_page() -> Response:
    """Explore the service with Swagger UI. Nothing of it is loaded from elsewhere."""
    response = revalidated(render_template("index.html"), "text/html")
    response.headers["Content-Security-Policy"] = POLICY
    return response


@blueprint.get("/docs/<asset>")
@serves(*dict.fromkeys(media_type for _, media_type in ASSETS.values()), refuses=(404,))
def docs_asset(asset: str) -> Response:
    """Serve a file of the page. These are its scripts, styles and icon."""
    if asset not in ASSETS:
        abort(404)
    folder, media_type = ASSETS[asset]
    return send_from_directory(folder, asset, mimetype=media_type, max_age=ASSET_SECONDS)


def revalidated(content: bytes | str, media_type: str) -> Response:
    """An answer that browsers keep, and ask about before they use it again."""
    response = Response(content, mimetype=media_type)
    response.add_etag()
    response.make_conditional(request)
    return response
