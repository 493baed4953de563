"""Tag reports, the one message that comes all day: values, fast decoding, fast encoding.

`decode_tag_reports` for whoever hears a reader, `encode_tag_reports` for whoever plays one. The generic codec gives
the same facts (a test holds both to it) at a twentieth of the speed.
"""

from __future__ import annotations

from wire.llrp.report_decoding import ReportMemory, decode_tag_reports
from wire.llrp.report_encoding import ReportContent, encode_tag_reports
from wire.llrp.report_values import DecodedReports, TagReport

__all__ = [
    "DecodedReports",
    "ReportContent",
    "ReportMemory",
    "TagReport",
    "decode_tag_reports",
    "encode_tag_reports",
]
