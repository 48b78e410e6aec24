"""Defines the parts that an end may take in the first exchange of a call. PURE."""

from __future__ import annotations

from enum import StrEnum


class Opening(StrEnum):
    """Part that an end takes in the first exchange of a call (RFC 5763 sections 6.2 and 6.4).

    Members:
        OFFER: Offers as soon as there is something to offer, and answers an offer at once.
        EARLY_ANSWER: Rings. Answers an offer with a provisional answer, by which media may flow,
            and makes no offer and no final answer before its user has accepted.
        DELAYED_OFFER: Sends an invitation without a description, and makes no offer before the
            invited end has made one.
    """

    OFFER = "offer"
    EARLY_ANSWER = "early-answer"
    DELAYED_OFFER = "delayed-offer"
