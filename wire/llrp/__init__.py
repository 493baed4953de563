"""LLRP 1.0.1 and 1.1, the protocol of fixed UHF readers: framing, codec, tag reports. Pure: no IO, no clock.

Where to look: `framer` cuts bytes into messages; `codec` turns any message into a navigable value and back, by
`tables`; `check` says whether a message is one that the standard allows; `tag_report` is the fast path for the one
message that comes all day; `limits` and `errors` hold bounds and faults.
"""
