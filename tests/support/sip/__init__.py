"""What tests of SIP share: messages, and links between pure cores in virtual time."""
