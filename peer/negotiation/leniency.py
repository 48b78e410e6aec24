"""The rules by which a peer's description is taken although it breaks a standard. PURE.

All leniency of `peer` stands here, one method for each member of `SdpLeniency`: what is done, why,
and from whom it is known. The rules rewrite lines before they are parsed strictly, so that nothing
behind this file knows of them; each use is noted, for the trace. Fingerprints, roles and sizes are
not touched by any rule that applies by default.
"""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from peer.configuration.sdp_leniency import SdpLeniency
from peer.errors import CandidateError
from peer.ice import CandidateFields
from peer.negotiation.codecs import described_codecs, media_first, shared_codecs
from peer.negotiation.keying import lacks_usable_key, needs_fingerprint
from peer.negotiation.sdp.attributes import MediaDirection, MediaLine, Origin, RtpMap
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.sdp.lines import Line, read_sections, words
from peer.negotiation.validation import is_supported
from peer.negotiation.without_ice import lacks_usable_ice, lacks_usable_mux
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from peer.configuration import SdpLimits
    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp.description import MediaSection

_DIRECTIONS = frozenset(MediaDirection)
_DATA_FORMAT = "webrtc-datachannel"
#: Longest foundation (RFC 8839 section 5.1).
_MAX_FOUNDATION = 32
#: Foundation that a candidate without one gets; those that share it are checked one by one (ours).
_NO_FOUNDATION = "0"
#: Least priority (RFC 8445 section 5.1.2.1).
_LEAST_PRIORITY = "1"
#: Looks at an offer for m-sections that lack something; one that still does is refused (ours).
_PASSES = 4
#: Uses of a leniency in a description that are told one by one, for the trace's sake (ours).
_TOLD = 16
#: Fields of a candidate in front of its extensions (RFC 8839 section 5.1).
_CANDIDATE_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Lenience:
    """One use of a leniency.

    Args:
        rule: The leniency.
        reason: What was done, in one sentence.
        line: The line as it came, or None where one is missing.
        line_number: Counted from 1, or None.
        mid: The m-section that was closed, where one was.
    """

    rule: SdpLeniency
    reason: str
    line: str | None = None
    line_number: int | None = None
    mid: str | None = None


def read_description(
    text: str,
    limits: SdpLimits,
    *,
    rules: Collection[SdpLeniency],
    max_candidates: int,
    known: Sequence[str | None] = (),
    is_answer: bool,
) -> tuple[Sdp, tuple[Lenience, ...]]:
    """Read a peer's description.

    Args:
        text: The description as it came.
        limits: Bounds of what is read.
        rules: The leniencies that apply.
        max_candidates: Most candidates of one m-section.
        known: Mids by their place: of our offer where this is the answer to it, else of the
            session.
        is_answer: Whether it is an answer, provisional or not.

    Returns:
        The description, and the leniencies that were used.

    Raises:
        SdpLimitError: A bound is exceeded.
        SdpSyntaxError: A line is malformed, or a line that must be there is missing.
        FingerprintError: A fingerprint is malformed.
    """
    reader = _Reader(read_sections(text, limits), max_candidates, known, is_answer=is_answer)
    for rule, apply in _RULES:
        if rule in rules:
            apply(reader)
    return Sdp.of(reader.sections), tuple(_told(reader.used))


def _told(used: Sequence[Lenience]) -> Iterator[Lenience]:
    """Give the first uses of each leniency, and the number of the others in one."""
    counted = Counter(each.rule for each in used)
    told: Counter[SdpLeniency] = Counter()
    for each in used:
        told[each.rule] += 1
        if told[each.rule] <= _TOLD:
            yield each
    for rule, number in counted.items():
        if number > _TOLD:
            yield Lenience(rule, f"{number - _TOLD} more lines, for reasons like these")


def without_unusable(
    offer: Sdp,
    *,
    profile: Profile,
    live: Collection[str],
) -> tuple[Sdp, tuple[Lenience, ...]]:
    """Close each new m-section of an offer that no DTLS-SRTP can be made of, such as plain RTP.

    RFC 9429 section 5.3.1 rejects an m-section that cannot be accepted, and not the offer. Gateways
    offer plain RTP beside, or in place of, what we take. One that was accepted before stays strict.

    Args:
        offer: The offer, as `read_description` gives it.
        profile: The fixed facts of our end: leniencies, best effort, and whether ICE and rtcp-mux
            are required.
        live: Mids of the m-sections in use.
    """
    used: list[Lenience] = []
    if SdpLeniency.UNUSABLE_SECTION not in profile.leniency:
        return offer, ()
    # Once more, as one that was rejected may have spoken for others of its BUNDLE group.
    for _ in range(_PASSES):
        closed: dict[int, MediaSection] = {}
        for index, section in enumerate(offer.media):
            if section.rejected or section.mid in live or not is_supported(section):
                continue
            lack = _lack(offer, section, profile)
            if lack is not None:
                closed[index] = _closed(section)
                reason = f"it is rejected: {lack}"
                used.append(_about(section, SdpLeniency.UNUSABLE_SECTION, reason))
        if not closed:
            break
        offer = offer.with_sections(closed)
    return offer, tuple(used)


def without_foreign_codecs(
    offer: Sdp, answer: Sdp, rules: Collection[SdpLeniency]
) -> tuple[Sdp, tuple[Lenience, ...]]:
    """Close each m-section of an answer that has none of the codecs offered.

    The other m-sections of the call work without it; browsers play those. Known from gateways that
    answer with the codec of their far end.
    """
    used: list[Lenience] = []
    if SdpLeniency.NO_COMMON_CODEC not in rules or len(offer.media) != len(answer.media):
        return answer, ()
    closed: dict[int, MediaSection] = {}
    for index, (ours, theirs) in enumerate(zip(offer.media, answer.media, strict=True)):
        kind = theirs.kind
        if theirs.rejected or ours.rejected or kind is None or ours.kind is not kind:
            continue
        shared = shared_codecs(described_codecs(theirs, kind), described_codecs(ours, kind))
        if not media_first(shared):
            closed[index] = _closed(theirs)
            reason = "it is closed: it has none of the codecs offered"
            used.append(_about(theirs, SdpLeniency.NO_COMMON_CODEC, reason))
    return answer.with_sections(closed), tuple(used)


def with_allowed_directions(
    offer: Sdp, answer: Sdp, rules: Collection[SdpLeniency]
) -> tuple[Sdp, tuple[Lenience, ...]]:
    """Narrow the direction of each m-section of an answer to what the offer allows.

    RFC 3264 section 6.1 has an answer narrow what was offered. Pion 3 answers a hold (`sendonly`)
    by `sendrecv`, and a track of ours that is gone (`recvonly`) by `recvonly`; libdatachannel
    answers every direction by its own. Not among the defaults: which end has it wrong is a guess.
    """
    used: list[Lenience] = []
    if SdpLeniency.WIDE_ANSWER not in rules or len(offer.media) != len(answer.media):
        return answer, ()
    narrowed: dict[int, MediaSection] = {}
    for index, (ours, theirs) in enumerate(zip(offer.media, answer.media, strict=True)):
        answered, offered = answer.direction(theirs), offer.direction(ours)
        allowed = answered.intersect(offered.reversed)
        if theirs.kind is None or theirs.rejected or allowed is answered:
            continue
        line = Line.attribute(allowed.value)
        narrowed[index] = theirs.without(*_DIRECTIONS).with_lines(line)
        reason = f"{answered} is read as {allowed}, as the offer is {offered}"
        used.append(_about(theirs, SdpLeniency.WIDE_ANSWER, reason))
    return answer.with_sections(narrowed), tuple(used)


def _lack(sdp: Sdp, section: MediaSection, profile: Profile) -> str | None:
    """Return what an m-section lacks for DTLS-SRTP on a path that we take, or None.

    One that is plain RTP, or has keys of SDES, lacks no fingerprint where the application takes
    that.

    One that is there and weak or malformed is no lack: the offer is refused for it by name.
    """
    if lacks_usable_ice(sdp, section, profile):
        return "it has no a=ice-ufrag or no a=ice-pwd"
    if needs_fingerprint(sdp, section, profile) and not sdp.transport_fingerprints(section):
        return "it has no a=fingerprint"
    if (fault := lacks_usable_key(sdp, section, profile)) is not None:
        return fault
    if lacks_usable_mux(sdp, section, profile):
        return "RTP and RTCP must share a port (a=rtcp-mux)"
    return None


def _closed(section: MediaSection) -> MediaSection:
    line = section.media_line
    return section.without("bundle-only").with_media_line(
        MediaLine(line.media, 0, None, line.protocol, line.formats)
    )


def _about(section: MediaSection, rule: SdpLeniency, reason: str) -> Lenience:
    head = section.lines[0]
    return Lenience(
        rule, f"m-section {section.mid!r}: {reason}", head.text, head.number, mid=section.mid
    )


def repaired_candidate(text: str) -> str | None:
    """Repair a candidate line, with or without `candidate:` in front, or give it up.

    Google Nest leaves the foundation empty, others write words with punctuation or end in an
    extension without a value; priority 0 is written by hand-made servers.

    Returns:
        The value of the attribute, or None where no candidate can be made of it.
    """
    body = text.removeprefix("a=").removeprefix("candidate:")
    fields = words(body)
    if body.startswith(" "):
        fields.insert(0, _NO_FOUNDATION)
    if len(fields) < _CANDIDATE_FIELDS:
        return None
    foundation = "".join(c for c in fields[0] if c.isascii() and (c.isalnum() or c in "+/"))
    fields[0] = foundation[:_MAX_FOUNDATION] or _NO_FOUNDATION
    if fields[3] == "0":
        fields[3] = _LEAST_PRIORITY
    if len(fields) % 2:
        fields.pop()
    repaired = " ".join(fields)
    try:
        CandidateFields.parse(repaired)
    except CandidateError:
        return None
    return repaired


class _Reader:
    """The lines of a description by section, which the rules rewrite.

    Args:
        sections: The session section and the m-sections, each with its lines.
        max_candidates: Most candidates of one m-section.
        known: Mids by their place.
        is_answer: Whether the description is an answer.
    """

    def __init__(
        self,
        sections: list[list[Line]],
        max_candidates: int,
        known: Sequence[str | None],
        *,
        is_answer: bool,
    ) -> None:
        self.sections = sections
        self.used: list[Lenience] = []
        self._max_candidates = max_candidates
        self._known = known
        self._is_answer = is_answer

    def spaces_and_case(self) -> None:
        """Take `a=rtcp-mux ` for `a=rtcp-mux`, and `a=setup:ACTPASS` for `actpass`.

        Literals of ABNF ignore case (RFC 5234 section 2.3). Known from gateways that are written by
        hand; browsers take both.
        """

        def mended(line: Line) -> Line:
            if line.type != "a":
                return line
            value = line.value.rstrip(" ") if ":" not in line.value else line.value
            name, colon, argument = value.partition(":")
            if name == "setup":
                value = f"{name}{colon}{argument.lower()}"
            return line if value == line.value else replace(line, value=value)

        self._rewrite(mended, SdpLeniency.SPACES_AND_CASE, "spaces and case are passed over")

    def origin(self) -> None:
        """Take an `o=` line with any session id and version; both are read as 0 then.

        RFC 8866 section 5.2 asks for digits, of which there may be many; nothing here depends on
        them. Known from SIP gateways.
        """

        def mended(line: Line) -> Line:
            fields = words(line.value)
            if line.type != "o" or len(fields) != len(words(str(Origin("-", 0, 0)))):
                return line
            try:
                Origin.parse(line.value)
            except ValueError:
                return replace(line, value=" ".join((fields[0], "0", "0", *fields[3:])))
            return line

        self._rewrite(mended, SdpLeniency.ORIGIN, "the session id and version are read as 0")

    def repeated_direction(self) -> None:
        """Let the last of several directions of a section hold, as libwebrtc does."""
        for section in self.sections:
            found = [line for line in section if line.type == "a" and line.value in _DIRECTIONS]
            reasons = [(line, "a later direction holds") for line in found[:-1]]
            self._drop(section, reasons, SdpLeniency.REPEATED_DIRECTION)

    def broken_rtpmap(self) -> None:
        """Pass over an `a=rtpmap` that cannot be read: its payload type is one of no codec."""
        for section in self.sections[1:]:
            if not _is_rtp(section):
                continue
            reasons: list[tuple[Line, str]] = []
            for line in [line for line in section if line.name == "rtpmap"]:
                try:
                    RtpMap.parse(line.argument)
                except ValueError as error:
                    reasons.append((line, str(error)))
            self._drop(section, reasons, SdpLeniency.BROKEN_RTPMAP)

    def opus_channels(self) -> None:
        """Take `opus/48000` for `opus/48000/2`.

        RFC 7587 section 7 writes two channels whatever is sent. Known from SIP phones and servers.
        """

        def mended(line: Line) -> Line:
            if line.name != "rtpmap" or not line.argument.lower().endswith(" opus/48000"):
                return line
            return replace(line, value=f"{line.value}/2")

        self._rewrite(mended, SdpLeniency.OPUS_CHANNELS, "Opus always has two channels in SDP")

    def old_data_form(self) -> None:
        """Take data channels as drafts before RFC 8841 wrote them.

        `m=application 9 DTLS/SCTP 5000` with `a=sctpmap:5000 webrtc-datachannel 1024` means what
        `UDP/DTLS/SCTP webrtc-datachannel` with `a=sctp-port:5000` does. The `a=sctpmap` stays, by
        which our answer knows that it is to be in the same form. Known from aiortc up to 1.13,
        Safari 12, Pion 1 and 2, Janus and Google Nest.
        """
        for section in self.sections[1:]:
            head = section[0]
            fields = words(head.value)
            if len(fields) != 4 or fields[0] != "application" or not fields[3].isdigit():
                continue
            maps = (words(line.argument) for line in section if line.name == "sctpmap")
            if fields[2] not in _OLD_DATA_PROTOCOLS or not any(
                each[:2] == [fields[3], _DATA_FORMAT] for each in maps
            ):
                continue
            section[0] = replace(head, value=" ".join((*fields[:3], _DATA_FORMAT)))
            if not any(line.name == "sctp-port" for line in section):
                section.append(replace(Line.attribute("sctp-port", fields[3]), eol=head.eol))
            self._note(
                SdpLeniency.OLD_DATA_FORM, "data channels are in the form of old drafts", head
            )

    def broken_candidate(self) -> None:
        """Repair a candidate that breaks the grammar, or pass over it; see `repaired_candidate`."""
        for section in self.sections[1:]:
            reasons: list[tuple[Line, str]] = []
            for place, line in enumerate(section):
                if line.name != "candidate":
                    continue
                try:
                    CandidateFields.parse(line.argument)
                except CandidateError as error:
                    better = repaired_candidate(line.argument)
                    if better is None:
                        reasons.append((line, error.reason))
                        continue
                    section[place] = replace(line, value=f"candidate:{better}")
                    reason = f"the candidate is repaired: {error.reason}"
                    self._note(SdpLeniency.BROKEN_CANDIDATE, reason, line)
            self._drop(section, reasons, SdpLeniency.BROKEN_CANDIDATE)

    def too_many_candidates(self) -> None:
        """Pass over candidates beyond the limit; the first are those with the best chances."""
        for section in self.sections[1:]:
            surplus = [line for line in section if line.name == "candidate"][self._max_candidates :]
            if surplus:
                reason = f"{len(surplus)} candidates beyond {self._max_candidates} are passed over"
                self._note(SdpLeniency.TOO_MANY_CANDIDATES, reason, surplus[0])
                _remove(section, surplus)

    def missing_mid(self) -> None:
        """Give an m-section without `a=mid` one.

        RFC 9429 section 5.10: the receiver makes one up where the peer is not a JSEP endpoint. At a
        place that is known the mid is the known one, so that answers pair, and later offers keep
        theirs. Known from FreeSWITCH, Asterisk (chan_sip), baresip and linphone.
        """
        used = {mid for mid in map(_mid, self.sections[1:]) if mid is not None}
        taken = used | {mid for mid in self._known if mid is not None}
        named = {mid for group in self._groups() for mid in group[1:]}
        free = (name for name in map(str, count()) if name not in taken)
        for place, section in enumerate(self.sections[1:]):
            if _mid(section) is not None:
                continue
            mid = self._known[place] if place < len(self._known) else None
            mid = None if mid in used else mid
            # A rejected one needs none, unless a group still names it (linphone), or an offer ends
            # with it what stood at its place (linphone takes its picture away so).
            if _has_port_0(section) and (mid is None or (self._is_answer and mid not in named)):
                continue
            if mid is None:
                mid = next(free)
            used.add(mid)
            taken.add(mid)
            section.append(replace(Line.attribute("mid", mid), eol=section[0].eol))
            self._note(
                SdpLeniency.MISSING_MID, f"the m-section has no a=mid and gets {mid!r}", section[0]
            )

    def mid_by_place(self) -> None:
        """Take an answer's m-section by its place where its mid is none of the offer's.

        Known from Janus 1.1, which answers a recycled m-section with the mid that it had before.
        """
        if not self._is_answer or len(self.sections) - 1 != len(self._known):
            return
        known, renamed = set(self._known), dict[str, str]()
        for mid, section in zip(self._known, self.sections[1:], strict=True):
            theirs = _mid(section)
            if mid is None or theirs is None or theirs == mid or theirs in known:
                continue
            place = next(i for i, line in enumerate(section) if line.name == "mid")
            self._note(
                SdpLeniency.MID_BY_PLACE, f"the answer's mid is read as {mid!r}", section[place]
            )
            section[place] = replace(section[place], value=f"mid:{mid}")
            renamed[theirs] = mid
        for i, line in enumerate(self.sections[0]):
            if renamed and line.name == "group":
                named = [renamed.get(word, word) for word in words(line.argument)]
                self.sections[0][i] = replace(line, value=f"group:{' '.join(named)}")

    def stray_bundle_only(self) -> None:
        """Read port 0 as a rejection where `a=bundle-only` stands in no BUNDLE group.

        RFC 9143 section 6 gives it a meaning within a group only. Known from linphone on resume.
        """
        bundled = {mid for group in self._groups() if group[:1] == ["BUNDLE"] for mid in group[1:]}
        for section in self.sections[1:]:
            if _mid(section) in bundled:
                continue
            found = [line for line in section if line.type == "a" and line.value == "bundle-only"]
            reasons = [(line, "it is in no BUNDLE group") for line in found]
            self._drop(section, reasons, SdpLeniency.STRAY_BUNDLE_ONLY)

    def missing_answer_setup(self) -> None:
        """Read an answer without `a=setup` as `active`.

        RFC 5763 section 5 wants one, and RFC 4145 section 4 would read none as `passive`; browsers
        read `active`, as these peers mean: FreeSWITCH 1.5, Asterisk 11. Not among the defaults.
        """
        session, *media = self.sections
        if not self._is_answer or any(line.name == "setup" for line in session):
            return
        for section in media:
            if _has_port_0(section) or any(line.name == "setup" for line in section):
                continue
            section.append(replace(Line.attribute("setup", "active"), eol=section[0].eol))
            self._note(
                SdpLeniency.MISSING_ANSWER_SETUP, "the answer has no a=setup: active", section[0]
            )

    def _groups(self) -> list[list[str]]:
        """List the semantics and the mids of each `a=group`."""
        return [words(line.argument) for line in self.sections[0] if line.name == "group"]

    def _rewrite(self, mended: Callable[[Line], Line], rule: SdpLeniency, reason: str) -> None:
        for section in self.sections:
            for place, line in enumerate(section):
                better = mended(line)
                if better is not line:
                    section[place] = better
                    self._note(rule, reason, line)

    def _drop(
        self, section: list[Line], reasons: Sequence[tuple[Line, str]], rule: SdpLeniency
    ) -> None:
        """Pass over lines of a section, each for its reason; all at once, as there may be many."""
        if reasons:
            _remove(section, [line for line, _ in reasons])
        for line, reason in reasons:
            self._note(rule, f"the line is passed over: {reason}", line)

    def _note(self, rule: SdpLeniency, reason: str, line: Line) -> None:
        self.used.append(Lenience(rule, reason, line.text, line.number))


#: Protocols of data channels that came with the old form (draft-ietf-mmusic-sctp-sdp-07, -21).
_OLD_DATA_PROTOCOLS = frozenset({"DTLS/SCTP", "UDP/DTLS/SCTP", "TCP/DTLS/SCTP"})

#: The rules in the order in which they apply: what others read is mended first.
_RULES: tuple[tuple[SdpLeniency, Callable[[_Reader], None]], ...] = (
    (SdpLeniency.SPACES_AND_CASE, _Reader.spaces_and_case),
    (SdpLeniency.ORIGIN, _Reader.origin),
    (SdpLeniency.REPEATED_DIRECTION, _Reader.repeated_direction),
    (SdpLeniency.BROKEN_RTPMAP, _Reader.broken_rtpmap),
    (SdpLeniency.OPUS_CHANNELS, _Reader.opus_channels),
    (SdpLeniency.OLD_DATA_FORM, _Reader.old_data_form),
    (SdpLeniency.BROKEN_CANDIDATE, _Reader.broken_candidate),
    (SdpLeniency.TOO_MANY_CANDIDATES, _Reader.too_many_candidates),
    (SdpLeniency.MISSING_MID, _Reader.missing_mid),
    (SdpLeniency.MID_BY_PLACE, _Reader.mid_by_place),
    (SdpLeniency.STRAY_BUNDLE_ONLY, _Reader.stray_bundle_only),
    (SdpLeniency.MISSING_ANSWER_SETUP, _Reader.missing_answer_setup),
)


def _mid(section: list[Line]) -> str | None:
    return next((line.argument.strip(" ") for line in section if line.name == "mid"), None)


def _has_port_0(section: list[Line]) -> bool:
    return words(section[0].value)[1:2] == ["0"]


def _remove(section: list[Line], lines: Sequence[Line]) -> None:
    """Remove these lines, and not others that say the same."""
    removed = {id(line) for line in lines}
    section[:] = [line for line in section if id(line) not in removed]


def _is_rtp(section: list[Line]) -> bool:
    try:
        return MediaLine.parse(section[0].value).is_rtp
    except ValueError:
        return False
