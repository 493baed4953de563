"""The LLRP client: a session that knows no socket, and the thin transport around it.

Where to look: `session` is the state machine of one connection, `transitions` its table, `dialogue` what it asks and
reads out of the answers, `notification` what the reader tells unasked, `events` what the session tells its owner;
`capabilities` and `rospec` turn a profile's intent into what one reader is told to do; `looking` keeps account of
what was looked at; `reads` turns tag reports into reads on the host's clock; `transport` is the only file with a
socket. Standard: GS1 EPCglobal LLRP 1.1 (we speak version 1.0.1, which every 1.1 reader accepts).
"""
