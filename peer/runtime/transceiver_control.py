"""Applies negotiated RTP parameters to the sender and receiver of one transceiver."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.engine.engine import RtpEngine
    from peer.rtp.inbound.control import ReceiverControl
    from peer.rtp.outbound.control import SenderControl
    from peer.rtp_parameters import ReceiveParameters, SendParameters
    from peer.transceiver import RtpTransceiver


class TransceiverControl:
    """The handle of a connection on one `RtpTransceiver`; programs get `transceiver` only.

    Args:
        key: The number of the transceiver in the session.
        transceiver: The transceiver as programs see it.
        sender: The handle on its sender.
        receiver: The handle on its receiver.

    Attributes:
        announced: Whether a `track` event has told of the receiver's track.
    """

    def __init__(
        self,
        key: int,
        transceiver: RtpTransceiver,
        sender: SenderControl,
        receiver: ReceiverControl,
    ) -> None:
        self.key = key
        self.transceiver = transceiver
        self.sender = sender
        self.receiver = receiver
        self.announced = False

    def __repr__(self) -> str:
        return f"<TransceiverControl {self.key} of {self.transceiver!r}>"

    def agree(self, send: SendParameters, receive: ReceiveParameters) -> None:
        """Note the parameters that a description agrees on, long before media can flow.

        webrtc-pc section 4.4.1.5 has `getParameters` give them as soon as it is applied.
        """
        self.sender.agree(send)
        self.receiver.agree(receive)

    def configure(
        self,
        engine: RtpEngine,
        send: SendParameters | None,
        receive: ReceiveParameters | None,
        *,
        verified: bool,
    ) -> None:
        """Send and receive over a transport with the parameters of an answer.

        Args:
            engine: The RTP engine of the transport.
            send: None pauses a sender that was started.
            receive: None pauses a receiver that was started.
            verified: Whether the transport shows media to be of the peer that signalled: all but
                plain RTP does.
        """
        # `stop` ends sender and receiver at once, long before the m-section is gone.
        if self.transceiver.direction == "stopped":
            return
        sender, receiver = self.sender, self.receiver
        if sender.started:
            sender.update(send)
        elif send is not None:
            sender.start(engine, send)
        if verified:
            receiver.verify()
        if receive is not None and receiver.started and receiver.engine is not engine:
            # Early media came over a transport that the answer then bundled away.
            receiver.move(engine, receive)
        elif receiver.started:
            receiver.update(receive)
        elif receive is not None:
            receiver.start(engine, receive, self.transceiver.sender.ssrc)

    def receive_early(self, engine: RtpEngine, parameters: ReceiveParameters) -> bool:
        """Receive media of a peer that is not verified yet, with the parameters of our offer.

        Returns:
            Whether the receiver has started: a stopped transceiver does not.
        """
        if self.transceiver.direction == "stopped":
            return False
        if self.receiver.started:
            self.receiver.move(engine, parameters)
        else:
            self.receiver.start(engine, parameters, self.transceiver.sender.ssrc)
        return True

    def move_receiver(self, former: RtpEngine, following: RtpEngine) -> None:
        """Let a receiver of early media go on over the transport that takes the place of another.

        The peer whose media it was has answered as a fork, which has receivers of its own.
        """
        parameters = self.receiver.parameters
        if self.receiver.engine is former and parameters is not None:
            self.receiver.move(following, parameters)

    def copy_settings(self, other: TransceiverControl) -> None:
        """Take what the application has set on the sender and receiver of another transceiver."""
        self.sender.copy_settings(other.sender)
        receiver = self.transceiver.receiver
        receiver.jitterBufferTarget = other.transceiver.receiver.jitterBufferTarget

    async def stop(self) -> None:
        """Stop the sender and the receiver for good; safe to call twice."""
        await self.sender.stop()
        await self.receiver.stop()
