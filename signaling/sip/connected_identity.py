"""Names of the two ends of a SIP call, where another one answers than was called (RFC 4916). PURE.

Who is called as one of a team, or by a forwarded call, says who it is in `From` of the next request
within the call; the tags, and so the dialog, stay the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.trust.names import canonical
from signaling.sip.grammar import parse_address
from signaling.sip.reliable import option_tags
from signaling.sip.replies import tag_of

if TYPE_CHECKING:
    from sipmessage import Request

    from signaling.sip.dialog import Dialog


def is_possible(dialog: Dialog, aor: str, invite: Request) -> bool:
    """Tell if requests of a called end can be from its own address.

    Where another address was called, such as that of a team, the caller has to take a change of
    `From` within the call (RFC 4916 section 4.2).

    Args:
        dialog: Dialog of the call.
        aor: Our address, as `From` outside of a dialog has it.
        invite: The first INVITE of the call.
    """
    return _is_own(dialog, aor) or "from-change" in option_tags(invite, "Supported")


def take_ours(dialog: Dialog, aor: str) -> None:
    """Let our requests within a call be from our own address from now on.

    Args:
        dialog: Dialog of the call.
        aor: Our address, as `From` outside of a dialog has it.
    """
    if not _is_own(dialog, aor):
        dialog.local = f"{aor};tag={dialog.id.local_tag}"


def take_theirs(dialog: Dialog, request: Request) -> None:
    """Let our requests within a call be to whom its last request is from.

    Args:
        dialog: Dialog of the call.
        request: A request within it; those alone that refresh its target change names.
    """
    sender = request.headers["From"]
    if request.method not in ("INVITE", "UPDATE"):
        return
    if tag_of(sender) == dialog.id.remote_tag and _name(sender) != _name(dialog.remote):
        dialog.remote = sender


def _is_own(dialog: Dialog, aor: str) -> bool:
    return _name(dialog.local) == _name(aor)


def _name(address: str) -> str:
    return canonical(str(parse_address(address).uri))
