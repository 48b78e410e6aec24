"""Session descriptions (RFC 8866), read without loss and written back to the same text.

A description is its session section and its m-sections. What lines mean is read by views, which
are properties of a section (`section.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Self, TypeVar

from peer.configuration import SdpLimits
from peer.errors import SdpSyntaxError
from peer.ice import CandidateFields
from peer.negotiation.sdp.attributes import (
    ConnectionLine,
    ExtMap,
    Fmtp,
    Group,
    MediaDirection,
    MediaLine,
    Msid,
    Origin,
    RtcpFeedback,
    RtpMap,
    Ssrc,
    SsrcGroup,
)
from peer.negotiation.sdp.keying import shows_fingerprint, shows_keys
from peer.negotiation.sdp.lines import (
    CRLF,
    MAX_UINT64,
    Line,
    mid,
    number,
    read_sections,
)
from peer.negotiation.sdp.section import Section, view
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from peer.identity.fingerprints import Fingerprint
    from peer.negotiation.sdp.attributes import Setup

T = TypeVar("T")

#: Fewest words of an `a=rid`: the id and its direction (RFC 8851 section 10).
_RID_WORDS = 2
# Whether a section is RTP decides how its lines are read.
_M_LINE = ("m=",)
_KINDS = {kind.value: kind for kind in MediaKind}


def _once(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Read each of the last values once: m-sections mostly describe the same codecs."""
    kept = lru_cache(maxsize=128)(parse)
    # A long one is nobody's codec, and is not kept.
    return lambda text: kept(text) if len(text) <= 256 else parse(text)


_READ_RTPMAP, _READ_FMTP = _once(RtpMap.parse), _once(Fmtp.parse)
_READ_RTCP_FB, _READ_EXTMAP = _once(RtcpFeedback.parse), _once(ExtMap.parse)


@dataclass(frozen=True)
class SessionSection(Section):
    """The session section of a description: the lines before the first m-section."""

    def __post_init__(self) -> None:
        super().__post_init__()
        # What must be there is read where it is missing, too.
        self._read(("o=",))

    def _check(self) -> None:
        if not self.lines or self.lines[0].text != "v=0":
            first = self.lines[0] if self.lines else None
            raise SdpSyntaxError(
                "a description starts with v=0",
                line=first.text if first else None,
                line_number=first.number if first else None,
            )
        self._refuse_types("vm", place="the session part")
        if not self.of_type("s"):
            raise SdpSyntaxError("a description has an s= line")

    @view("o=")
    def origin(self) -> Origin:
        """Value of the one `o=` line."""
        lines = self.of_type("o")
        if not lines:
            raise SdpSyntaxError("a description has an o= line")
        if len(lines) > 1:
            self._refuse("a description has one o= line", lines[1])
        return self._parsed(lines[0], lines[0].value, Origin.parse)

    @view("group")
    def groups(self) -> tuple[Group, ...]:
        """Values of the `a=group` lines."""
        return self._every("group", Group.parse)

    @property
    def ice_lite(self) -> bool:
        """True where the peer is an ICE-lite implementation (RFC 8839 section 5.3)."""
        return self.has("ice-lite")

    @property
    def extmap_allow_mixed(self) -> bool:
        """True where one- and two-byte header extensions may mix (RFC 8285 section 6)."""
        return self.has("extmap-allow-mixed")

    @property
    def direction(self) -> MediaDirection | None:
        """Direction of m-sections that state none."""
        return self.stated_direction


@dataclass(frozen=True)
class MediaSection(Section):
    """One m-section of a description: an `m=` line and the lines up to the next."""

    def _check(self) -> None:
        if not self.lines or self.lines[0].type != "m":
            raise SdpSyntaxError("an m-section starts with an m= line")
        self._refuse_types("mvos", place="an m-section")

    def with_media_line(self, media_line: MediaLine) -> Self:
        """Give the section with another `m=` line."""
        return self._edited((Line("m", str(media_line)), *self.lines[1:]), changed=["m="])

    def with_connection(self, address: str) -> Self:
        """Give the section with one `c=` line, for an address."""
        kept = [line for line in self.lines if line.type != "c"]
        # RFC 8866 section 9: m=, then i=, then c=.
        place = next((i for i, line in enumerate(kept) if line.type not in "mi"), len(kept))
        connection = Line("c", str(ConnectionLine.of(address)))
        return self._edited((*kept[:place], connection, *kept[place:]), changed=["c="])

    def with_candidates(self, *candidates: CandidateFields) -> Self:
        """Give the section with `a=candidate` lines added at its end."""
        texts = (str(each).removeprefix("candidate:") for each in candidates)
        return self._edited(
            (*self.lines, *(Line.attribute("candidate", text) for text in texts)),
            changed=["candidate"],
            candidates=(*self.candidates, *candidates),
        )

    @view("m=")
    def media_line(self) -> MediaLine:
        """Value of the `m=` line."""
        return self._parsed(self.lines[0], self.lines[0].value, MediaLine.parse)

    @property
    def kind(self) -> MediaKind | None:
        """Kind of the media; None for neither audio nor video."""
        return _KINDS.get(self.media_line.media)

    @view("mid")
    def mid(self) -> str | None:
        """Value of `a=mid` (RFC 5888 section 4)."""
        return self._one("mid", mid)

    @property
    def rejected(self) -> bool:
        """True where the port is 0 without `a=bundle-only` (RFC 9143 section 6)."""
        return self.media_line.port == 0 and not self.bundle_only

    @property
    def bundle_only(self) -> bool:
        """True where the section lives only in its BUNDLE group."""
        return self.has("bundle-only")

    @property
    def direction(self) -> MediaDirection:
        """Direction stated here, or `sendrecv`; `Sdp.direction` also asks the session section."""
        return self.stated_direction or MediaDirection.SENDRECV

    @view("candidate")
    def candidates(self) -> tuple[CandidateFields, ...]:
        """Values of the `a=candidate` lines."""
        return self._every("candidate", CandidateFields.parse)

    @property
    def rtcp_mux(self) -> bool:
        """True where RTCP shares the port of RTP (RFC 5761)."""
        return self.has("rtcp-mux")

    @view("rtpmap", given=_M_LINE)
    def rtpmaps(self) -> tuple[RtpMap, ...]:
        """Values of the `a=rtpmap` lines; none where the section is not RTP."""
        return self._every_rtp("rtpmap", _READ_RTPMAP)

    @view("fmtp", given=_M_LINE)
    def fmtps(self) -> tuple[Fmtp, ...]:
        """Values of the `a=fmtp` lines; none where the section is not RTP."""
        return self._every_rtp("fmtp", _READ_FMTP)

    @view("rtcp-fb", given=_M_LINE)
    def rtcp_feedback(self) -> tuple[RtcpFeedback, ...]:
        """Values of the `a=rtcp-fb` lines; none where the section is not RTP."""
        return self._every_rtp("rtcp-fb", _READ_RTCP_FB)

    @view("extmap", given=_M_LINE)
    def extmaps(self) -> tuple[ExtMap, ...]:
        """Values of the `a=extmap` lines; none where the section is not RTP."""
        return self._every_rtp("extmap", _READ_EXTMAP)

    @view("msid")
    def msids(self) -> tuple[Msid, ...]:
        """Values of the `a=msid` lines."""
        return tuple(msid for msid in self._every("msid", _optional_msid) if msid is not None)

    @view("ssrc", given=_M_LINE)
    def ssrcs(self) -> tuple[Ssrc, ...]:
        """Values of the `a=ssrc` lines, one for each attribute of each SSRC."""
        return self._every_rtp("ssrc", Ssrc.parse)

    @view("ssrc-group", given=_M_LINE)
    def ssrc_groups(self) -> tuple[SsrcGroup, ...]:
        """Values of the `a=ssrc-group` lines."""
        return self._every_rtp("ssrc-group", SsrcGroup.parse)

    @view("rid", given=_M_LINE)
    def sent_rids(self) -> tuple[str, ...]:
        """Ids of the `a=rid` lines that say `send` (RFC 8851 section 4)."""
        rids = self._every_rtp("rid", str.split)
        return tuple(rid[0] for rid in rids if len(rid) >= _RID_WORDS and rid[1] == "send")

    @view("sctp-port")
    def sctp_port(self) -> int | None:
        """Value of `a=sctp-port` (RFC 8841 section 5)."""
        return self._one("sctp-port", _sctp_port)

    @view("max-message-size")
    def max_message_size(self) -> int | None:
        """Value of `a=max-message-size` in bytes; 0 is no limit (RFC 8841 section 6)."""
        return self._one("max-message-size", _max_message_size)

    def _every_rtp(self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        # Elsewhere the same names have other grammars, for example `a=fmtp:5000 streams=10`.
        return self._every(name, parse) if self.media_line.is_rtp else ()


def _optional_msid(text: str) -> Msid | None:
    # WebKit on GStreamer wrote an empty one for a track that only receives.
    return Msid.parse(text) if text.strip(" ") else None


def _sctp_port(text: str) -> int:
    return number(text.strip(" "), low=0, high=65535, name="SCTP port")


def _max_message_size(text: str) -> int:
    return number(text.strip(" "), low=0, high=MAX_UINT64, name="maximum message size")


_DEFAULT_LIMITS = SdpLimits()


@dataclass(frozen=True)
class Sdp:
    """A session description (RFC 8866): the session section and the m-sections.

    Descriptions compare equal by their lines.

    Raises:
        SdpSyntaxError: Two m-sections have the same mid.
    """

    session: SessionSection
    media: tuple[MediaSection, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for section in self.media:
            if section.mid is None:
                continue
            if section.mid in seen:
                line = section.attributes("mid")[0]
                raise SdpSyntaxError(
                    "two m-sections have the same mid",
                    line=line.text,
                    line_number=line.number,
                    mid=section.mid,
                )
            seen.add(section.mid)

    @classmethod
    def parse(cls, text: str, limits: SdpLimits = _DEFAULT_LIMITS) -> Self:
        """Read the text of a description.

        Args:
            text: Lines that end in CRLF or LF; the last may end in neither.
            limits: Bounds of what is read; `size` is in bytes of UTF-8.

        Raises:
            SdpLimitError: A bound is exceeded.
            SdpSyntaxError: A line is malformed, or a line that must be there is missing.
            FingerprintError: A fingerprint is malformed.
        """
        return cls.of(read_sections(text, limits))

    @classmethod
    def of(cls, sections: Sequence[Sequence[Line]]) -> Self:
        """Make a description of the lines of its session section and of each m-section.

        Raises:
            SdpSyntaxError: A line is malformed, or a line that must be there is missing.
            FingerprintError: A fingerprint is malformed.
        """
        session, *media = sections
        return cls(
            SessionSection(tuple(session)),
            tuple(MediaSection(tuple(lines)) for lines in media),
        )

    def __str__(self) -> str:
        lines = [*self.session.lines, *(line for section in self.media for line in section.lines)]
        # A line without an end was the last one; something may have been appended since.
        ended = (f"{line.text}{line.eol or CRLF}" for line in lines[:-1])
        return "".join((*ended, str(lines[-1])))

    @property
    def bundle_groups(self) -> tuple[Group, ...]:
        """The BUNDLE groups of the description (RFC 9143)."""
        return tuple(group for group in self.session.groups if group.semantics == "BUNDLE")

    def section(self, mid: str) -> MediaSection | None:
        """Find the m-section with a mid; None where there is none."""
        return self._sections.get(mid)

    def bundled(self, mid: str) -> tuple[str, ...]:
        """List the live m-sections that share a transport with this one, itself included.

        The tagged m-section, whose transport they share, stands first (RFC 9143 section 2).
        """
        return self._bundles.get(mid, (mid,))

    def with_session(self, session: SessionSection) -> Self:
        """Give the description with another session section."""
        return replace(self, session=session)

    def with_media(self, index: int, section: MediaSection) -> Self:
        """Give the description with another m-section at `index`, or one more at the end.

        Raises:
            IndexError: `index` is negative or beyond the end.
        """
        if not 0 <= index <= len(self.media):
            raise IndexError(f"there is no m-section {index}")
        return replace(self, media=(*self.media[:index], section, *self.media[index + 1 :]))

    def with_sections(self, changed: Mapping[int, MediaSection]) -> Self:
        """Give the description with other m-sections at some places, by their index."""
        if not changed:
            return self
        media = tuple(changed.get(i, section) for i, section in enumerate(self.media))
        return replace(self, media=media)

    def direction(self, section: MediaSection) -> MediaDirection:
        """Read the direction of an m-section, else of the session (RFC 8866 section 6.7)."""
        return section.stated_direction or self.session.direction or MediaDirection.SENDRECV

    def transport_setup(self, section: MediaSection) -> Setup | None:
        """Read the `a=setup` that holds for an m-section."""
        return next((s.setup for s in self._carriers(section) if s.setup), None)

    def transport_fingerprints(self, section: MediaSection) -> tuple[Fingerprint, ...]:
        """Read the fingerprints that hold for an m-section (RFC 8122 section 5)."""
        return next((s.fingerprints for s in self._carriers(section) if s.fingerprints), ())

    def transport_ice(self, section: MediaSection) -> tuple[str | None, str | None]:
        """Read the ICE username fragment and password that hold for an m-section."""
        carriers = self._carriers(section)
        return (
            next((s.ice_ufrag for s in carriers if s.ice_ufrag), None),
            next((s.ice_pwd for s in carriers if s.ice_pwd), None),
        )

    def transport_ice_options(self, section: MediaSection) -> tuple[str, ...]:
        """Read the ICE options of an m-section and of the session."""
        return tuple(dict.fromkeys((*self.session.ice_options, *section.ice_options)))

    def transport_tls_id(self, section: MediaSection) -> str | None:
        """Read the `a=tls-id` that holds for an m-section (RFC 8842 section 4)."""
        return next((s.tls_id for s in self._carriers(section) if s.tls_id), None)

    def transport_crypto(self, section: MediaSection) -> tuple[Line, ...]:
        """List the `a=crypto` that hold for an m-section; they are not read (RFC 4568)."""
        found = (s.attributes("crypto") for s in self._carriers(section)[:-1])
        return next(filter(None, found), ())

    def multiplexes_rtcp(self, section: MediaSection) -> bool:
        """Tell whether RTCP shares the port of RTP (RFC 5761)."""
        return any(carrier.has("rtcp-mux") for carrier in self._carriers(section))

    def _carriers(self, section: MediaSection) -> tuple[Section, ...]:
        """List the sections whose transport attributes hold for an m-section, the nearest first.

        RFC 9143 section 7.1.3 leaves them out of bundled m-sections, except of the tagged one.
        """
        tag = self._sections.get(self.bundled(section.mid)[0]) if section.mid else None
        return (section, self.session) if tag is None else (section, tag, self.session)

    @cached_property
    def keying_line(self) -> Line | None:
        """First line that shows a key management of SRTP, in a rejected m-section too."""
        sections = (self.session, *self.media)
        return next((line for s in sections for line in s.lines if shows_keys(line)), None)

    @cached_property
    def shows_fingerprint(self) -> bool:
        """True where any line shows a certificate, in a rejected m-section too."""
        sections = (self.session, *self.media)
        return any(shows_fingerprint(line) for s in sections for line in s.lines)

    @cached_property
    def _sections(self) -> dict[str, MediaSection]:
        return {section.mid: section for section in self.media if section.mid is not None}

    @cached_property
    def _bundles(self) -> dict[str, tuple[str, ...]]:
        live = {mid for mid, section in self._sections.items() if not section.rejected}
        groups = (tuple(m for m in group.mids if m in live) for group in self.bundle_groups)
        return {mid: members for members in groups for mid in members}
