"""Every error as RFC 9457 problem+json, with the cause and its mend, in the reader's language.

ProblemError (an HTTPException, so that it passes through body parsing unchanged)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

# slug: (status, title zh, title en, mend zh, mend en); titles and mends may name the parameters
_TABLE: dict[str, tuple[int, str, str, str, str]] = {
    "body_unreadable": (
        400, "请求体不是有效的 JSON", "The body is not valid JSON",
        "请发送 UTF-8 编码的 JSON，不含 NaN 或 Infinity", "Send JSON in UTF-8, without NaN or Infinity",
    ),
    "not_signed_in": (
        401, "尚未登录，或令牌无效", "No valid token was given",
        "请在 Authorization: Bearer 中带上令牌，或用启动时打印的地址登录",
        "Send the token as Authorization: Bearer, or open the address printed at start-up",
    ),
    "signature_wrong": (
        401, "签名或令牌不对", "The signature or token does not match",
        "请用该直播间的密钥对原始请求体做 HMAC-SHA256，放在 X-Livehost-Signature: sha256=<hex>，或带上令牌",
        "Sign the raw body with the room's secret (X-Livehost-Signature: sha256=<hex>) or send the token",
    ),
    "push_signature_wrong": (
        401, "平台推送的签名不对", "The platform's signature does not match",
        "请核对直播间 sources 里该推送的密钥（换密钥时可同时写两个），代理不要改动请求体",
        "Check the secrets of this push in the room's sources (two while one is replaced); "
        "a proxy must not change the body",
    ),
    "push_stale": (
        401, "推送的时间戳超出 5 分钟：{why}", "The push's timestamp is more than 5 minutes off: {why}",
        "请校准本机时间（NTP），或在 sources 里设置 clock_skew_s",
        "Set this machine's clock by NTP, or allow for it with clock_skew_s",
    ),
    "relay_token_wrong": (
        401, "转发工具的令牌不对", "The relay's token does not match",
        "请在该工具的转发地址里写 ?token=<sources 里的 token>",
        "Put ?token=<the token in the room's sources> into the tool's address",
    ),
    "push_foreign": (
        403, "推送不属于这个直播间：{why}", "The push is not for this room: {why}",
        "请核对 sources 里的 room_id、app_id、room_code，或推送地址里的直播间",
        "Check room_id, app_id and room_code in the room's sources, and the room in the address",
    ),
    "role_too_low": (
        403, "权限不够：需要 {wanted}，当前是 {role}", "This needs the role {wanted}, not {role}",
        "请用角色为 {wanted} 的令牌", "Use a token whose role is {wanted}",
    ),
    "origin_foreign": (
        403, "请求来自别的网页", "The request comes from another site's page",
        "请在 livehost 自己的页面上操作；程序调用不要带 Origin",
        "Use livehost's own page; a program sends no Origin header",
    ),
    "unknown_room": (
        404, "没有直播间 {room}", "There is no room {room}",
        "GET /v1/rooms 可查看全部直播间", "GET /v1/rooms lists the rooms",
    ),
    "unknown_thing": (
        404, "没有这个{what}：{id}", "There is no {what} {id}",
        "请先列出再选择", "List what there is and choose from it",
    ),
    "no_source": (
        404, "直播间 {room} 没有配置 {kind}", "The room {room} has no source {kind}",
        "请在该直播间的 sources 里加上 kind: {kind}", "Add kind: {kind} to the room's sources",
    ),
    "unknown_path": (
        404, "没有这个地址", "There is nothing at this address",
        "GET /openapi.json 列出全部接口", "GET /openapi.json describes the API",
    ),
    "method_wrong": (
        405, "这个地址不支持该方法", "This address does not take that method",
        "GET /openapi.json 列出全部接口", "GET /openapi.json describes the API",
    ),
    "already_there": (
        409, "{what} {id} 已存在", "The {what} {id} is already there",
        "换一个 id，或用 PUT 修改", "Choose another id, or change it with PUT",
    ),
    "version_old": (
        412, "已被别人改过（现在是版本 {current}）", "It was changed meanwhile (now at version {current})",
        "请重新读取，再带上新的 ETag 修改", "Read it again and repeat the change with the new ETag",
    ),
    "body_too_large": (
        413, "请求体超过 {limit} 字节", "The body is over {limit} bytes",
        "请分批发送", "Send it in parts",
    ),
    "media_type_wrong": (
        415, "请求体要用 application/json", "The body must be application/json",
        "请加上 Content-Type: application/json", "Send Content-Type: application/json",
    ),
    "host_foreign": (
        421, "这个主机名不属于本服务：{host}", "This service does not answer to the name {host}",
        "请用本机地址访问，或把主机名加入配置 api.hosts",
        "Use the loopback address, or add the name to api.hosts",
    ),
    "invalid": (
        422, "请求内容有误：{first}", "The request is not valid: {first}",
        "请按 errors 逐条修改", "Mend what `errors` lists",
    ),
    "slot_refused": (
        422, "排班不成立：{why}", "The slot cannot stand: {why}",
        "请修改后再试", "Mend the slot and try again",
    ),
    "version_missing": (
        428, "修改前要说明依据的版本", "An edit must name the version it rests on",
        "请先 GET，再把得到的 ETag 放进 If-Match", "GET it first and send its ETag as If-Match",
    ),
    "broken": (
        500, "服务内部出错", "The service failed on this",
        "请查看日志中的 {trace}，并反馈", "Look for {trace} in the log and report it",
    ),
    "store_failed": (
        503, "数据暂时存不下：{why}", "The data could not be kept: {why}",
        "请检查磁盘或 Redis，稍后再试", "Check the disk or Redis and try again",
    ),
    "no_picture": (
        503, "直播间 {room} 现在没有画面", "The room {room} has no picture now",
        "请先彩排或开播；若已开播，等几秒再试", "Rehearse or open it first; if it is open, try again soon",
    ),
}  # fmt: skip


class ProblemError(HTTPException):
    """An error that the caller is told about. `code` names it in the table above."""

    def __init__(self, code: str, *, headers: Mapping[str, str] | None = None, **params: Any) -> None:
        super().__init__(_TABLE[code][0], code, dict(headers or {}))
        self.code = code
        self.params = params


def language_of(request: Request, otherwise: str = "zh") -> str:
    """The reader's language: what the request asks for, else the house's."""
    wished = request.headers.get("accept-language", "").lower()
    first = wished.split(",")[0].strip()
    return first[:2] if first[:2] in ("zh", "en") else otherwise


def answer(request: Request, problem: ProblemError, more: Mapping[str, Any] | None = None) -> JSONResponse:
    """The response that tells of a problem."""
    zh = language_of(request, _house_language(request)) == "zh"
    status, title_zh, title_en, mend_zh, mend_en = _TABLE[problem.code]
    shown = {key: _short(value) for key, value in problem.params.items()}
    return body(
        request,
        status=status,
        code=problem.code,
        title=(title_zh if zh else title_en).format(**shown),
        mend=(mend_zh if zh else mend_en).format(**shown),
        more=more,
        headers=problem.headers,
    )


def body(
    request: Request,
    *,
    status: int,
    code: str,
    title: str,
    mend: str,
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem document."""
    document = {
        "type": f"urn:livehost:problem:{code.replace('_', '-')}",
        "title": title,
        "status": status,
        "mend": mend,
        "instance": request.url.path,
        **(more or {}),
    }
    return JSONResponse(_clean(document), status, dict(headers or {}), "application/problem+json")


def _house_language(request: Request) -> str:
    house = getattr(request.app.state, "house", None)
    return house.settings.language if house else "zh"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 120 else text[:119] + "…"


def _clean(value: Any) -> Any:
    """The value without lone surrogates, which JSON in UTF-8 cannot carry."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
