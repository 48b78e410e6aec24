"""Dialogs of SIP: route sets, strict routers, target refresh, tags and numbers."""

from __future__ import annotations

import pytest

from signaling.sip.dialog import MAX_ROUTES, Dialog, DialogError
from signaling.sip.replies import reply_to
from tests.support.sip.messages import a_request

ROUTES = ["<sip:p1.example.org;lr;ftag=a%22b>, <sip:p2.example.org;lr>", "<sip:p3.example.org;lr>"]


def caller(*routes: str) -> Dialog:
    invite = a_request(branch="z9hG4bK1", sequence=7)
    response = reply_to(invite, 200, to_tag="called")
    response.headers.set("Contact", '"Bob, B." <sip:bob@192.0.2.4:5070;transport=tcp>;q=1')
    if routes:
        response.headers.setlist("Record-Route", list(routes))
    return Dialog.of_caller(invite, response)


def test_caller_sends_by_the_record_route_in_reverse_and_as_it_stands() -> None:
    request = caller(*ROUTES).request("BYE")
    assert request.headers.getlist("Route") == [
        "<sip:p3.example.org;lr>",
        "<sip:p2.example.org;lr>",
        "<sip:p1.example.org;lr;ftag=a%22b>",
    ]
    assert str(request.uri) == "sip:bob@192.0.2.4:5070;transport=tcp"
    assert request.headers["To"] == "<sip:bob@server.example.org>;tag=called"
    assert request.headers["From"] == '"Ann, at home" <sip:ann@client.example.org>;tag=caller'
    assert str(request.cseq) == "8 BYE"


def test_called_end_sends_by_the_record_route_in_order() -> None:
    invite = a_request(branch="z9hG4bK1", sequence=7)
    invite.headers.setlist("Record-Route", ROUTES)
    dialog = Dialog.of_called(invite, tag="called", contact="<sip:bob@192.0.2.4>")
    request = dialog.request("UPDATE")
    assert request.headers.getlist("Route")[0] == "<sip:p1.example.org;lr;ftag=a%22b>"
    assert str(request.uri) == "sip:ann@client.example.org:5060"
    assert request.headers["From"] == "<sip:bob@server.example.org>;tag=called"
    assert request.headers["To"].endswith(";tag=caller")
    assert request.headers["Contact"] == "<sip:bob@192.0.2.4>"
    assert str(request.cseq) == "1 UPDATE"


def test_strict_router_is_the_request_uri_and_the_target_the_last_route() -> None:
    request = caller("<sip:p2.example.org;lr>", "<sip:strict.example.org>").request("BYE")
    assert str(request.uri) == "sip:strict.example.org"
    assert request.headers.getlist("Route") == [
        "<sip:p2.example.org;lr>",
        "<sip:bob@192.0.2.4:5070;transport=tcp>",
    ]


def test_ack_has_the_number_and_the_credentials_of_its_invite() -> None:
    dialog = caller()
    invite = a_request(branch="z9hG4bK1", sequence=7)
    invite.headers.set("Proxy-Authorization", "Digest x")
    dialog.request("PRACK")
    ack = dialog.ack(invite, body=b"v=0", content_type="application/sdp")
    assert str(ack.cseq) == "7 ACK"
    assert ack.headers["Proxy-Authorization"] == "Digest x"
    assert ack.headers["Content-Type"] == "application/sdp"
    assert ack.headers.get("Contact") is None


def test_target_refresh_changes_the_target_and_not_the_route() -> None:
    dialog = caller(*ROUTES)
    update = a_request("UPDATE", branch="z9hG4bK2")
    update.headers.set("Contact", "<sip:moved@192.0.2.9>")
    update.headers.set("Record-Route", "<sip:other.example.org;lr>")
    dialog.refresh_target(update)
    request = dialog.request("BYE")
    assert str(request.uri) == "sip:moved@192.0.2.9"
    assert len(request.headers.getlist("Route")) == 3
    update.headers.set("Contact", "<<broken")
    dialog.refresh_target(update)
    assert str(dialog.remote_target) == "sip:moved@192.0.2.9"


def test_route_of_the_success_takes_the_place_of_the_early_one_and_stays() -> None:
    dialog = caller("<sip:early.example.org;lr>")
    success = reply_to(a_request(branch="z9hG4bK1"), 200, to_tag="called")
    success.headers.set("Record-Route", "<sip:final.example.org;lr>")
    dialog.confirm(success)
    assert dialog.route_set == ("<sip:final.example.org;lr>",)
    success.headers.set("Record-Route", "<sip:reinvite.example.org;lr>")
    dialog.confirm(success)
    assert dialog.route_set == ("<sip:final.example.org;lr>",)


def test_response_without_a_contact_leads_to_the_request_uri() -> None:
    invite = a_request(branch="z9hG4bK1")
    dialog = Dialog.of_caller(invite, reply_to(invite, 180, to_tag="called"))
    assert dialog.remote_target == invite.uri


def test_numbers_have_to_grow() -> None:
    dialog = caller()
    assert dialog.take_sequence(a_request("INFO", sequence=5))
    assert not dialog.take_sequence(a_request("INFO", sequence=5))
    assert not dialog.take_sequence(a_request("INFO", sequence=4))
    assert dialog.take_sequence(a_request("INFO", sequence=100))


@pytest.mark.parametrize(
    "route", ["<sip:a.example.org", "nothing", ", ".join(["<sip:a;lr>"] * (MAX_ROUTES + 1))]
)
def test_broken_or_endless_route_makes_no_dialog(route: str) -> None:
    invite = a_request(branch="z9hG4bK1")
    invite.headers.set("Record-Route", route)
    with pytest.raises(DialogError, match="Record-Route"):
        Dialog.of_called(invite, tag="called", contact="<sip:bob@192.0.2.4>")
