"""Signing in, and which role a route asks for."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from livehost.api.keys import COOKIE, COOKIE_S, Caller, Keys, Role
from livehost.api.problems import ProblemError

router = APIRouter(tags=["sign in"])

_bearer = HTTPBearer(auto_error=False, description="A token of the configuration, with its role")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="What the page gets from /v1/login")


async def caller(
    request: Request,
    _a: Annotated[object, Security(_bearer)] = None,
    _b: Annotated[object, Security(_cookie)] = None,
) -> Caller:
    """Who asks, by bearer token or by the page's cookie."""
    keys: Keys = request.app.state.keys
    found = keys.by_bearer(request.headers.get("authorization", ""))
    found = found or keys.by_cookie(request.cookies.get(COOKIE, ""))
    if found is None:
        raise ProblemError("not_signed_in", headers={"WWW-Authenticate": 'Bearer realm="livehost"'})
    return found


def needs(role: Role) -> Any:
    """A dependency: the caller must have that role, or one that includes it."""

    async def check(who: Annotated[Caller, Depends(caller)]) -> Caller:
        if not who.role.may(role):
            raise ProblemError("role_too_low", wanted=role.value, role=who.role.value)
        return who

    return check


Viewer = Annotated[Caller, Depends(needs(Role.VIEWER))]
Operator = Annotated[Caller, Depends(needs(Role.OPERATOR))]
Duty = Annotated[Caller, Depends(needs(Role.DUTY))]


class Login(BaseModel):
    """A token, to be changed into a cookie."""

    model_config = ConfigDict(extra="forbid")
    token: SecretStr = Field(min_length=1, max_length=500)


@router.post("/login", status_code=204, summary="Change a token into the page's cookie")
async def login(request: Request, asked: Login) -> Response:
    """The cookie is HttpOnly and SameSite=Strict; it ends with its token."""
    keys: Keys = request.app.state.keys
    value = keys.cookie_for(asked.token.get_secret_value())
    if value is None:
        raise ProblemError("not_signed_in")
    response = Response(status_code=204)
    response.set_cookie(
        COOKIE,
        value,
        max_age=COOKIE_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/logout", status_code=204, summary="Take the page's cookie away")
async def logout() -> Response:
    """Other pages of the same token stay signed in."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response
