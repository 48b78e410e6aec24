"""Edits of a description by its structure: what a peer may change from one offer to the next.

An edit does what a program could do, wisely or not, with a line that means something: the text
stays SDP nearly always, so that an edited offer gets beyond the grammar.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeAlias

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

#: Names of attributes in front of a payload type.
_CODEC_ATTRIBUTES = ("rtpmap", "fmtp", "rtcp-fb")
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_TRANSPORT = ("ice-ufrag", "ice-pwd", "fingerprint", "setup", "tls-id")
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_URIS = (
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "urn:3gpp:video-orientation",
)


@dataclass
class Draft:
    """The lines of a description by section, each without its end; the first m-section line is m=.

    Attributes:
        made: How many names were made up for it: mids, credentials, streams.
    """

    session: list[str]
    media: list[list[str]]
    made: int = field(default=0, compare=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a description that is well-formed."""
        sections: list[list[str]] = [[]]
        for line in text.splitlines():
            if line.startswith("m="):
                sections.append([])
            sections[-1].append(line)
        return cls(sections[0], sections[1:])

    def __str__(self) -> str:
        lines = [*self.session, *(line for section in self.media for line in section)]
        return "".join(f"{line}\r\n" for line in lines)

    def copy(self) -> Self:
        """Give one that may be edited without this one."""
        return copy.deepcopy(self)

    def fresh(self, rng: random.Random, length: int) -> str:
        """Make a name that was not there before."""
        self.made += 1
        name = "".join(rng.choice(_LETTERS) for _ in range(length - 3))
        return f"{name}{self.made % 1000:03d}"


def value(section: list[str], name: str) -> str | None:
    """The first value of an attribute of a section."""
    start = f"a={name}:"
    return next((line[len(start) :] for line in section if line.startswith(start)), None)


def set_value(section: list[str], name: str, new: str | None) -> None:
    """Replace all lines of an attribute by one, or by none."""
    start = f"a={name}:"
    kept = [line for line in section if not line.startswith(start)]
    section[:] = kept if new is None else [*kept, f"{start}{new}"]


def is_rejected(section: list[str]) -> bool:
    """Whether the port is 0 and the section not bundle-only."""
    return section[0].split()[1] == "0" and "a=bundle-only" not in section


def reject(section: list[str]) -> None:
    """Set the port to 0, and leave the mid only."""
    media, _, *rest = section[0].split(" ")
    mid = value(section, "mid")
    section[:] = [" ".join((media, "0", *rest)), *([f"a=mid:{mid}"] if mid else [])]


def groups(draft: Draft) -> list[list[str]]:
    """The mids of each BUNDLE group."""
    start = "a=group:BUNDLE"
    return [line[len(start) :].split() for line in draft.session if line.startswith(start)]


def set_groups(draft: Draft, new: list[list[str]]) -> None:
    """Replace the BUNDLE groups."""
    kept = [line for line in draft.session if not line.startswith("a=group:BUNDLE")]
    draft.session[:] = [*kept, *(f"a=group:BUNDLE {' '.join(mids)}" for mids in new)]


def renewed(
    draft: Draft, rng: random.Random, names: tuple[str, ...], which: list[list[str]]
) -> None:
    """Give transport attributes new values, the same in all these sections."""
    made = {
        "ice-ufrag": draft.fresh(rng, 8),
        "ice-pwd": draft.fresh(rng, 24),
        "tls-id": draft.fresh(rng, 24),
        "fingerprint": fingerprint(rng),
        "setup": rng.choice(("actpass", "active", "passive", "actpass")),
    }
    for section in which:
        for name in names:
            set_value(section, name, made[name])


def fingerprint(rng: random.Random) -> str:
    """The fingerprint of some certificate."""
    return "sha-256 " + ":".join(f"{byte:02X}" for byte in rng.randbytes(32))


Edit: TypeAlias = "Callable[[Draft, random.Random], None]"


def _live(draft: Draft) -> list[list[str]]:
    return [section for section in draft.media if not is_rejected(section)]


def _one(draft: Draft, rng: random.Random, *, kinds: str = "") -> list[str]:
    """Some live section; an empty one, to which nothing can be done, where there is none."""
    found = [s for s in _live(draft) if not kinds or s[0][2:7] in kinds.split()]
    return rng.choice(found) if found else ["m=none 9 none 0"]


def _swap_sections(draft: Draft, rng: random.Random) -> None:
    i, j = rng.randrange(len(draft.media)), rng.randrange(len(draft.media))
    draft.media[i], draft.media[j] = draft.media[j], draft.media[i]


def _change_mid(draft: Draft, rng: random.Random) -> None:
    section = rng.choice(draft.media)
    old = value(section, "mid")
    known = [mid for mid in (value(s, "mid") for s in draft.media) if mid]
    new = rng.choice([draft.fresh(rng, 5), "7", *known])
    set_value(section, "mid", new)
    if rng.random() < 0.7:
        set_groups(draft, [[new if m == old else m for m in mids] for mids in groups(draft)])


def _drop_mid(draft: Draft, rng: random.Random) -> None:
    section = rng.choice(draft.media)
    old = value(section, "mid")
    set_value(section, "mid", None)
    if rng.random() < 0.7:
        set_groups(draft, [[m for m in mids if m != old] for mids in groups(draft)])


def _renumber(section: list[str], old: str, new: str) -> None:
    head = section[0].split(" ")
    section[0] = " ".join((*head[:3], *(new if word == old else word for word in head[3:])))
    for i, line in enumerate(section):
        for name in _CODEC_ATTRIBUTES:
            start = f"a={name}:{old} "
            if line.startswith(start):
                section[i] = line = f"a={name}:{new} {line[len(start) :]}"
        if line.endswith(f"apt={old}"):
            section[i] = f"{line.rpartition('=')[0]}={new}"


def _payload_type(draft: Draft, rng: random.Random) -> None:
    section = _one(draft, rng, kinds="audio video")
    formats = section[0].split(" ")[3:]
    if not formats or formats == ["0"]:
        return
    old = rng.choice(formats)
    new = rng.choice([*map(str, (35, 50, 72, 96, 97, 98, 100, 111, 120, 127)), *formats])
    match rng.randrange(4):
        case 0:
            _renumber(section, old, "999")
            _renumber(section, new, old)
            _renumber(section, "999", new)
        case 1:
            head = section[0].split(" ")
            section[0] = " ".join(
                (*head[:3], *(f for f in formats if f != old or len(formats) == 1))
            )
        case 2:
            # The description of a codec under the number of another one.
            section[:] = [
                f"a=rtpmap:{old} {rng.choice(('VP8/90000', 'opus/48000/2', 'rtx/90000', 'x/8000'))}"
                if line.startswith(f"a=rtpmap:{old} ")
                else line
                for line in section
            ]
        case _:
            _renumber(section, old, new)


def _extension(draft: Draft, rng: random.Random) -> None:
    section = _one(draft, rng, kinds="audio video")
    found = [i for i, line in enumerate(section) if line.startswith("a=extmap:")]
    number = rng.choice((1, 2, 3, 4, 5, 14, 15, 200, 4096))
    match rng.randrange(3):
        case 0:
            section.append(f"a=extmap:{number} {rng.choice(_URIS)}")
        case 1 if found:
            place = rng.choice(found)
            section[place] = f"a=extmap:{number} {section[place].split(' ')[1]}"
        case _ if found:
            one, other = rng.choice(found), rng.choice(found)
            first, second = section[one].split(" ")[1], section[other].split(" ")[1]
            section[one] = f"{section[one].split(' ')[0]} {second}"
            section[other] = f"{section[other].split(' ')[0]} {first}"
        case _:
            pass


def _ssrc(draft: Draft, rng: random.Random) -> None:
    section = _one(draft, rng, kinds="audio video")
    other = _one(draft, rng, kinds="audio video")
    match rng.randrange(4):
        case 0:
            taken = [line for line in other if line.startswith("a=ssrc")]
            section[:] = [line for line in section if not line.startswith("a=ssrc")] + taken
        case 1:
            section.append(f"a=ssrc:{rng.choice((0, 1, 77, 2**32 - 1))} cname:x")
        case 2:
            one, two = rng.choice((1, 77)), rng.choice((1, 78))
            section.append(f"a=ssrc-group:{rng.choice(('FID', 'SIM', 'FEC-FR'))} {one} {two}")
        case _:
            section[:] = [line for line in section if not line.startswith("a=ssrc")]


def _candidates(draft: Draft, rng: random.Random) -> None:
    section = _one(draft, rng)
    many = rng.choice((1, 1, 2, 3, 1000 if rng.random() < 0.1 else 4))
    for i in range(many):
        section.append(
            f"a=candidate:{i} 1 udp {2130706431 - i} 192.0.2.{i % 250} {5000 + i} typ host"
        )
    match rng.randrange(6):
        case 0:
            section.append("a=candidate: 1 udp 0 192.0.2.1 5000 typ host")
        case 1:
            section.append("a=candidate:nothing")
        case 2:
            section.append("a=end-of-candidates")
        case 3:
            section.append(
                f"a=candidate:1 1 udp 1 192.0.2.9 9 typ host ufrag {draft.fresh(rng, 6)}"
            )
        case _:
            pass


def _transport(draft: Draft, rng: random.Random) -> None:
    names = rng.choice(
        (*((name,) for name in _TRANSPORT), ("ice-ufrag", "ice-pwd"), _TRANSPORT, _TRANSPORT[2:])
    )
    which = _live(draft) if rng.random() < 0.6 else [_one(draft, rng)]
    renewed(draft, rng, names, which)


def _transport_lacks(draft: Draft, rng: random.Random) -> None:
    which = _live(draft) if rng.random() < 0.5 else [_one(draft, rng)]
    name = rng.choice(_TRANSPORT)
    for section in which:
        set_value(section, name, None)


def _fingerprint(draft: Draft, rng: random.Random) -> None:
    section = _one(draft, rng)
    match rng.randrange(4):
        case 0:
            section.append(f"a=fingerprint:{fingerprint(rng)}")
        case 1:
            section.append("a=fingerprint:sha-1 " + ":".join(["AB"] * 20))
        case 2:
            set_value(section, "fingerprint", "sha-1 " + ":".join(["AB"] * 20))
        case _:
            draft.session.append(f"a=fingerprint:{fingerprint(rng)}")


def _at_session(draft: Draft, rng: random.Random) -> None:
    """Move a transport attribute of one section to the session."""
    section, name = _one(draft, rng), rng.choice(_TRANSPORT)
    found = value(section, name)
    if found is not None:
        set_value(draft.session, name, found)
        for each in _live(draft) if rng.random() < 0.5 else [section]:
            set_value(each, name, None)


def _groups(draft: Draft, rng: random.Random) -> None:
    known = [mid for mid in (value(s, "mid") for s in draft.media) if mid]
    present = groups(draft) or [known]
    match rng.randrange(6):
        case 0:
            set_groups(draft, [])
        case 1:
            set_groups(draft, [rng.sample(mids, len(mids)) for mids in present])
        case 2:
            place = rng.randrange(len(known) + 1)
            set_groups(draft, [mids for mids in (known[:place], known[place:]) if mids])
        case 3:
            set_groups(draft, [[*present[0], rng.choice([*known, "nobody"])]])
        case 4:
            set_groups(
                draft, [[m for m in mids if m != rng.choice(known or [""])] for mids in present]
            )
        case _:
            set_groups(draft, [[value(s, "mid") or "" for s in _live(draft)]])


def _msid(draft: Draft, rng: random.Random) -> None:
    section = _one(draft, rng, kinds="audio video")
    names = ("one", "two", "-", draft.fresh(rng, 5))
    new = f"{rng.choice(names)} {rng.choice(('track', draft.fresh(rng, 6)))}"
    set_value(section, "msid", rng.choice((new, new, None)))
    if rng.random() < 0.2:
        section.append(f"a=msid:{rng.choice(names)} track")


def _direction(draft: Draft, rng: random.Random) -> None:
    section = rng.choice([draft.session, *_live(draft), *_live(draft)])
    kept = [line for line in section if line[2:] not in _DIRECTIONS]
    section[:] = [*kept, f"a={rng.choice(_DIRECTIONS)}"]
    if rng.random() < 0.15:
        section.append(f"a={rng.choice(_DIRECTIONS)}")


def _rids(draft: Draft, rng: random.Random) -> None:
    section = _one(draft, rng, kinds="video audio")
    kept = [line for line in section if not line.startswith(("a=rid:", "a=simulcast:"))]
    rids = rng.sample(("hi", "lo", "q", "hi"), rng.randrange(4))
    section[:] = [*kept, *(f"a=rid:{rid} {rng.choice(('send', 'send', 'recv'))}" for rid in rids)]
    if rids:
        section.append(f"a=simulcast:send {';'.join(rids)}")


def _reject(draft: Draft, rng: random.Random) -> None:
    section = rng.choice(draft.media)
    mid = value(section, "mid")
    reject(section)
    if rng.random() < 0.8:
        set_groups(draft, [[m for m in mids if m != mid] for mids in groups(draft)])


def _new_section(draft: Draft, rng: random.Random, mid: str) -> list[str]:
    model = copy.deepcopy(_one(draft, rng))
    transport = [line for line in model if line[2:].partition(":")[0] in _TRANSPORT]
    match rng.randrange(4):
        case 0:
            model = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", *transport]
            model.append("a=sctp-port:5000")
        case 1:
            model = ["m=text 9 RTP/AVP 98", "a=rtpmap:98 t140/1000"]
        case _:
            model = [s for s in model if not s.startswith(("a=msid:", "a=ssrc", "a=candidate"))]
    set_value(model, "mid", mid)
    if rng.random() < 0.2:
        renewed(draft, rng, ("ice-ufrag", "ice-pwd"), [model])
    return model


def _recycle(draft: Draft, rng: random.Random) -> None:
    places = [i for i, section in enumerate(draft.media) if is_rejected(section)]
    if places:
        place = rng.choice(places)
        old = value(draft.media[place], "mid")
        mid = old if old and rng.random() < 0.3 else draft.fresh(rng, 5)
        draft.media[place] = _new_section(draft, rng, mid)
        _join(draft, rng, mid)


def _add(draft: Draft, rng: random.Random) -> None:
    mid = rng.choice((draft.fresh(rng, 5), str(len(draft.media)), "999999999999"))
    section = _new_section(draft, rng, mid)
    place = len(draft.media) if rng.random() < 0.9 else rng.randrange(len(draft.media))
    draft.media.insert(place, section)
    _join(draft, rng, mid)
    if rng.random() < 0.3:
        head = section[0].split(" ")
        section[0] = " ".join((head[0], "0", *head[2:]))
        section.append("a=bundle-only")


def _join(draft: Draft, rng: random.Random, mid: str) -> None:
    present = groups(draft)
    if present and rng.random() < 0.8:
        present[0] = [*(m for m in present[0] if m != mid), mid]
        set_groups(draft, present)


def _remove(draft: Draft, rng: random.Random) -> None:
    if len(draft.media) > 1:
        place = rng.choice((len(draft.media) - 1, rng.randrange(len(draft.media))))
        mid = value(draft.media.pop(place), "mid")
        set_groups(draft, [[m for m in mids if m != mid] for mids in groups(draft)])


def _flag(draft: Draft, rng: random.Random) -> None:
    section = _one(draft, rng)
    flag = rng.choice(("a=rtcp-mux", "a=bundle-only", "a=rtcp-rsize", "a=rtcp-mux "))
    if flag in section:
        section.remove(flag)
    else:
        section.append(flag)


def _protocol(draft: Draft, rng: random.Random) -> None:
    section = rng.choice(draft.media)
    head = section[0].split(" ")
    head[2] = rng.choice(("RTP/AVP", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF", "TCP/DTLS/SCTP", "x"))
    if rng.random() < 0.3:
        head[0] = rng.choice(("m=audio", "m=video", "m=application", "m=text"))
    section[0] = " ".join(head)


def _data(draft: Draft, rng: random.Random) -> None:
    section = _one(draft, rng, kinds="appli")
    name = rng.choice(("sctp-port", "max-message-size"))
    set_value(section, name, rng.choice((None, "0", "5001", "65535", "65536")))


def _session(draft: Draft, rng: random.Random) -> None:
    if rng.random() < 0.5:
        draft.session[1] = f"o=x {rng.choice((0, 1, 2**70))} {rng.randrange(9)} IN IP4 192.0.2.1"
    elif "a=ice-lite" in draft.session:
        draft.session.remove("a=ice-lite")
    else:
        draft.session.append("a=ice-lite")


#: The edits by name, those of transports and places the likeliest.
EDITS: dict[str, Edit] = {
    "swap sections": _swap_sections,
    "change a mid": _change_mid,
    "drop a mid": _drop_mid,
    "payload type": _payload_type,
    "extension id": _extension,
    "ssrc": _ssrc,
    "candidates": _candidates,
    "renew transport": _transport,
    "drop transport": _transport_lacks,
    "fingerprint": _fingerprint,
    "move to session": _at_session,
    "groups": _groups,
    "msid": _msid,
    "direction": _direction,
    "rids": _rids,
    "reject": _reject,
    "recycle": _recycle,
    "add": _add,
    "remove": _remove,
    "flag": _flag,
    "protocol": _protocol,
    "data": _data,
    "session": _session,
}
