"""Offers and answers in the messages of one SIP dialog: which description is what. PURE.

RFC 3261 section 13.2.1, RFC 3262 section 5 and RFC 3311 section 5.1 say where an offer may stand
and where its answer; RFC 6337 section 2.2 has them in one table, which is `ANSWERED_IN` here.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, assert_never


class Carrier(Enum):
    """Message that may hold a session description."""

    INVITE = auto()
    #: An unreliable 1xx to INVITE.
    PROVISIONAL = auto()
    #: A reliable 1xx to INVITE (RFC 3262).
    RELIABLE = auto()
    #: A 2xx to INVITE.
    SUCCESS = auto()
    ACK = auto()
    PRACK = auto()
    #: A 2xx to PRACK.
    PRACK_SUCCESS = auto()
    UPDATE = auto()
    #: A 2xx to UPDATE.
    UPDATE_SUCCESS = auto()


class Meaning(Enum):
    """Part that a description in a message plays, or that there is none."""

    NOTHING = auto()
    OFFER = auto()
    ANSWER = auto()
    #: The answer to come, in a response that may be lost (RFC 3261 section 13.2.1).
    PREVIEW = auto()
    #: A description that came before, as a 2xx repeats the answer of a 183; it is ignored.
    REPETITION = auto()


class Exchange(Enum):
    """Progress of the present exchange of one offer and one answer."""

    STABLE = auto()
    #: We have sent an offer.
    LOCAL_OFFER = auto()
    #: The other end has sent an offer.
    REMOTE_OFFER = auto()


class OfferAnswerError(Exception):
    """A description stands where none may, or is missing where one must be.

    Attributes:
        status: Status code that refuses it, where it is in a request: 491 while an offer of ours
            waits, 500 while theirs does (RFC 3311 section 5.2), else 400.
    """

    def __init__(self, reason: str, *, status: int) -> None:
        self.status = status
        super().__init__(reason)


#: Messages that hold the answer to an offer, by the message that held the offer (RFC 6337 table 1).
ANSWERED_IN: Final[dict[Carrier, tuple[Carrier, ...]]] = {
    Carrier.INVITE: (Carrier.RELIABLE, Carrier.SUCCESS),
    Carrier.RELIABLE: (Carrier.PRACK,),
    Carrier.SUCCESS: (Carrier.ACK,),
    Carrier.PRACK: (Carrier.PRACK_SUCCESS,),
    Carrier.UPDATE: (Carrier.UPDATE_SUCCESS,),
}
#: Messages that have to hold the answer, if an offer waits for one there.
_LAST_CHANCE: Final = frozenset(
    {Carrier.SUCCESS, Carrier.ACK, Carrier.PRACK, Carrier.PRACK_SUCCESS, Carrier.UPDATE_SUCCESS}
)


class OfferAnswerState:
    """Exchange of offers and answers in one dialog, as one of its ends sees it.

    Attributes:
        exchange: Its progress.
        offered_in: Message that holds the offer of the present exchange; None between exchanges.
    """

    def __init__(self) -> None:
        self.exchange = Exchange.STABLE
        self.offered_in: Carrier | None = None
        #: An INVITE without an offer waits for one in a response.
        self._offer_due = False

    @property
    def is_offer_due(self) -> bool:
        """An INVITE held no offer, and no response has held one yet."""
        return self._offer_due

    def sent(self, carrier: Carrier, *, described: bool) -> Meaning:
        """Take note of a message that is sent, and say what its description is.

        Args:
            carrier: The message.
            described: It holds a description.

        Raises:
            OfferAnswerError: A description may not stand there, or has to; nothing changes.
        """
        return self._take(carrier, described=described, ours=Exchange.LOCAL_OFFER)

    def received(self, carrier: Carrier, *, described: bool) -> Meaning:
        """Take note of a message that came, and say what its description is.

        Args:
            carrier: The message.
            described: It holds a description.

        Raises:
            OfferAnswerError: A description may not stand there, or has to; nothing changes.
        """
        return self._take(carrier, described=described, ours=Exchange.REMOTE_OFFER)

    def refused(self) -> None:
        """Take note that the offer of the present exchange was refused, or its request failed."""
        self.exchange, self.offered_in, self._offer_due = Exchange.STABLE, None, False

    def answer_carrier(self) -> Carrier | None:
        """Message that has to hold our answer to the offer that came; None without an offer."""
        if self.exchange is not Exchange.REMOTE_OFFER or self.offered_in is None:
            return None
        return ANSWERED_IN[self.offered_in][-1]

    def _take(self, carrier: Carrier, *, described: bool, ours: Exchange) -> Meaning:
        # `ours` is the state after an offer by the end that sends this message.
        theirs = Exchange.LOCAL_OFFER if ours is Exchange.REMOTE_OFFER else Exchange.REMOTE_OFFER
        answers = self.offered_in is not None and carrier in ANSWERED_IN[self.offered_in]
        if self.exchange is theirs and answers:
            return self._answered(carrier, described=described)
        if not described:
            if carrier is Carrier.INVITE:
                self._require_stable(carrier)
                self._offer_due = True
            elif carrier is Carrier.SUCCESS and self._offer_due:
                raise OfferAnswerError("neither INVITE nor its 2xx holds an offer", status=400)
            return Meaning.NOTHING
        match carrier:
            case Carrier.PROVISIONAL:
                waits = self.exchange is theirs and self.offered_in is Carrier.INVITE
                return Meaning.PREVIEW if waits else Meaning.REPETITION
            case Carrier.RELIABLE | Carrier.SUCCESS:
                if not self._offer_due:
                    return Meaning.REPETITION
            case Carrier.ACK | Carrier.PRACK_SUCCESS | Carrier.UPDATE_SUCCESS:
                return Meaning.REPETITION
            case Carrier.INVITE | Carrier.PRACK | Carrier.UPDATE:
                self._require_stable(carrier)
            case _:
                assert_never(carrier)
        self.exchange, self.offered_in, self._offer_due = ours, carrier, False
        return Meaning.OFFER

    def _answered(self, carrier: Carrier, *, described: bool) -> Meaning:
        if described:
            self.exchange, self.offered_in = Exchange.STABLE, None
            return Meaning.ANSWER
        if carrier in _LAST_CHANCE:
            assert self.offered_in is not None
            raise OfferAnswerError(
                f"the offer in {self.offered_in.name} has no answer in {carrier.name}", status=400
            )
        return Meaning.NOTHING

    def _require_stable(self, carrier: Carrier) -> None:
        match self.exchange:
            case Exchange.STABLE if not self._offer_due or carrier is not Carrier.INVITE:
                return
            case Exchange.STABLE:
                raise OfferAnswerError("an INVITE without an offer is open", status=500)
            case Exchange.LOCAL_OFFER:
                raise OfferAnswerError(
                    f"an offer in {carrier.name} while one of ours has no answer", status=491
                )
            case Exchange.REMOTE_OFFER:
                raise OfferAnswerError(
                    f"an offer in {carrier.name} while theirs has no answer", status=500
                )
            case _:
                assert_never(self.exchange)
